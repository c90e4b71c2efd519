"""This installation of rolehop, as a line in the AWS config starts it."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.errors import UsageError
from rolehop.files import expand_home
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.app.context import App

_LAUNCHER = ("fastpath", "launcher.py")


@dataclass(frozen=True, slots=True)
class Installation:
    """The files that a line names."""

    script: str
    """The console script, absolute."""

    python: str | None = None
    """The interpreter, absolute, links not resolved: a virtual environment's is a link."""

    launcher: str | None = None
    """What the interpreter runs without site; ``None``, as ``python``: the script is run itself."""

    windows: bool = False

    def words(self, chain: str, config_file: str | None) -> tuple[str, ...]:
        """Return the command that answers for ``chain``; ``config_file`` is that of ``--config``."""
        start = (self.python, "-IS", self.launcher) if self.python and self.launcher else ()
        config = ("--config", config_file) if config_file else ()
        return (*start, self.script, "credential-process", *config, chain)


def named_config_file(app: App) -> str | None:
    """Return the config file that lines have to name, absolute: that of ``--config``, if any."""
    named = app.config_file
    return str(expand_home(named, app.home).absolute()) if named else None


def this_installation() -> Installation:
    """Return the running installation.

    The hot path is for Linux. Elsewhere the launcher would only start the script, so the line names
    that alone.

    Raises:
        UsageError: there is no console script.
    """
    windows = sys.platform == "win32"
    package = Path(__file__).parents[2]
    script = next(_scripts(package, "rolehop.exe" if windows else "rolehop"), None)
    if script is None:
        raise UsageError(
            "there is no console script rolehop that a line could start",
            cause=f"neither beside {sys.executable} nor where this Python puts scripts",
            fix="install rolehop with pip, pipx or uv",
        )
    if sys.platform != "linux":
        return Installation(script, windows=windows)
    return Installation(script, _own_python(), str(package.joinpath(*_LAUNCHER)))


def _scripts(package: Path, name: str) -> Iterator[str]:
    """Give the console scripts that may be this package's, the likeliest first.

    Beside an interpreter is the script of the package in its environment. A package elsewhere is
    the user's own, or a source tree: then the script that runs now is more likely.
    """
    running = Path(sys.argv[0] or os.devnull).absolute()
    beside = Path(sys.executable).parent / name
    user = Path(sysconfig.get_path("scripts", f"{os.name}_user"), name)
    named = [running] if running.name == name else []
    inside = package.is_relative_to(sys.prefix)
    for each in (beside, *named, user) if inside else (*named, user, beside):
        if os.access(each, os.X_OK) and each.is_file():
            yield str(each)


def _own_python() -> str:
    """Return the interpreter of this environment, by its usual name if it has that, too."""
    usual = Path(sys.executable).parent / "python"
    is_venv = sys.prefix != sys.base_prefix
    return str(usual) if is_venv and usual.exists() else sys.executable
