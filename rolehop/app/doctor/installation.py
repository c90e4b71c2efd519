"""The program itself: versions, and whether shells and SDKs find this one."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.profiles.installation import this_installation
from rolehop.errors import UsageError
from rolehop.show.doctor.finding import DoctorFinding, fine, look

if TYPE_CHECKING:
    from rolehop.app.context import App

TOPIC = "program"
_PACKAGES = ("boto3", "keyring", "click", "rich")


def check_installation(app: App) -> Iterator[DoctorFinding]:
    """Yield the versions, the system, and another rolehop that is found first."""
    packages = ", ".join(f"{each} {version(each)}" for each in _PACKAGES)
    system = f"{platform.system()} {platform.release()}"
    python = f"Python {platform.python_version()}"
    yield fine(TOPIC, f"rolehop {version('rolehop')}, {system}, {python}, {packages}")
    if sys.platform != "win32":
        yield from _on_path(app)


def _on_path(app: App) -> Iterator[DoctorFinding]:
    try:
        own = Path(this_installation().script)
    except UsageError:
        return  # the check of the profiles says it
    found = shutil.which("rolehop", path=app.variables.get("PATH", ""))
    if found is None:
        yield look(
            TOPIC,
            "there is no rolehop on PATH",
            "AWS profiles with credential_process = rolehop …, and shells, do not find it",
            f"add {own.parent} to PATH",
        )
    elif Path(found).resolve() != own.resolve():
        yield look(
            TOPIC,
            f"another rolehop comes first on PATH: {found}",
            f"this one is {own}; shells and SDKs start the other",
            "remove one of them, or change the order of PATH",
        )
