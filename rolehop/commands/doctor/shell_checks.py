"""The shell that asked, whether it has rolehop's function; and which rolehop is installed."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.errors import UsageError
from rolehop.base.file_access import may_change
from rolehop.base.files import append_line, make_private_folder, read_trusted
from rolehop.commands.doctor.finding import DoctorFinding, Repair, fine, look
from rolehop.commands.profile.installed import this_installation
from rolehop.commands.shell.scripts import _has_line, _path_of, startup_files
from rolehop.handover.environment import CHAIN, SHELL_LEVEL
from rolehop.handover.shells.registry import dialect, parent_shell

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.handover.shells.dialect import InitScript

TOPIC = "shell"


def check_shell(app: App) -> Iterator[DoctorFinding]:
    """Yield whether this shell has rolehop's function, as far as its start-up files tell."""
    shell = parent_shell()
    script = dialect(shell).init if shell else None
    if shell is None or script is None:
        yield fine(TOPIC, "no shell here that assume could change")
    elif app.variables.get(SHELL_LEVEL) or app.variables.get(CHAIN):
        yield fine(TOPIC, f"this {shell} has a chain's session already")
    elif any(_has_line(path, script) for path in startup_files(app, shell, script)):
        yield fine(TOPIC, f"assume changes this {shell}, by {script.startup_file}")
    else:
        yield _missing(app, shell, script)


def _missing(app: App, shell: str, script: InitScript) -> DoctorFinding:
    if script.eval_line is None:
        fix, repair = f"rolehop init {shell} --install", None
    else:
        fix = f"add this line to {script.startup_file}: {script.eval_line}"
        repair = _line_added(app, _path_of(app, script.startup_file), script.eval_line, script)
    return look(
        TOPIC,
        f"{script.startup_file} has no line for rolehop",
        "rolehop assume then prints what eval has to run, instead of changing the shell",
        fix,
        repair,
    )


def _line_added(app: App, path: Path | None, line: str, script: InitScript) -> Repair | None:
    """Return the change that appends the line; ``None``: somebody has to do it by hand."""
    if path is None or not may_change(path, app.home):
        return None
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        return None
    if file is not None and file.distrust is not None:
        return None
    target = path.resolve()  # a link of somebody who keeps such files in a repository

    def make() -> None:
        make_private_folder(target.parent)
        if not _has_line(target, script):  # the question may have been open for long
            append_line(target, line)

    return Repair(str(path), (), (line,), make)


INSTALLATION = "program"
_PACKAGES = ("boto3", "keyring")


def check_installation(app: App) -> Iterator[DoctorFinding]:
    """Yield the versions, the system, and another rolehop that is found first."""
    packages = " · ".join(f"{each} {version(each)}" for each in _PACKAGES)
    python = f"Python {platform.python_version()}"
    system = f"{platform.system()} {platform.release()}"
    yield fine(INSTALLATION, f"rolehop {version('rolehop')} · {python} · {packages}", system)
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
            INSTALLATION,
            "there is no rolehop on PATH",
            "AWS profiles with credential_process = rolehop …, and shells, do not find it",
            f"add {own.parent} to PATH",
        )
    elif Path(found).resolve() != own.resolve():
        yield look(
            INSTALLATION,
            f"another rolehop comes first on PATH: {found}",
            f"this one is {own}; shells and SDKs start the other",
            "remove one of them, or change the order of PATH",
        )
