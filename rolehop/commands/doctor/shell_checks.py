"""The shell that asked: whether its start-up file makes `rolehop assume` change the shell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.files import append_line, read_trusted
from rolehop.handover.environment import CHAIN, SHELL_LEVEL
from rolehop.shells.parent_process import parent_shell
from rolehop.shells.registry import dialect
from rolehop.show.doctor.finding import DoctorFinding, Repair, fine, look

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.shells.dialect import InitScript

TOPIC = "shell"
_OTHERS = {"bash": ("~/.bash_profile", "~/.profile", "~/.bash_aliases"), "zsh": ("~/.zprofile",)}
"""Start-up files besides the usual one, in which the line may be as well."""


def check_shell(app: App) -> Iterator[DoctorFinding]:
    """Yield whether this shell has rolehop's function, as far as its start-up files tell."""
    shell = parent_shell()
    script = dialect(shell).init if shell else None
    if shell is None or script is None:
        yield fine(TOPIC, "it was not started by a shell that has a function for it")
    elif app.variables.get(SHELL_LEVEL) or app.variables.get(CHAIN):
        yield fine(TOPIC, f"this {shell} has a chain's session already")
    elif any(_has_line(path, script) for path in startup_files(app, shell, script)):
        yield fine(TOPIC, f"rolehop assume changes this {shell}, by {script.startup_file}")
    else:
        yield _missing(app, shell, script)


def missing_startup_line(app: App) -> tuple[str, str] | None:
    """Return the start-up file of the shell that asked, and the line that it lacks for rolehop.

    ``None``: it lacks none, or it is no shell that has one.
    """
    shell = parent_shell()
    script = dialect(shell).init if shell else None
    if shell is None or script is None or script.eval_line is None:
        return None
    if any(_has_line(path, script) for path in startup_files(app, shell, script)):
        return None
    return script.startup_file, script.eval_line


def _missing(app: App, shell: str, script: InitScript) -> DoctorFinding:
    if script.eval_line is None:
        fix, repair = f"rolehop init {shell} --install", None
    else:
        fix = f"add this line to {script.startup_file}: {script.eval_line}"
        repair = _line_added(_path_of(app, script.startup_file), script.eval_line, script)
    return look(
        TOPIC,
        f"{script.startup_file} has no line for rolehop",
        "rolehop assume then prints what eval has to run, instead of changing the shell",
        fix,
        repair,
    )


def startup_files(app: App, shell: str, script: InitScript) -> Iterator[Path]:
    """Give the start-up files of a shell in which its line may be."""
    for name in (script.startup_file, *_OTHERS.get(shell, ())):
        path = _path_of(app, name)
        if path is not None:
            yield path


def _path_of(app: App, name: str) -> Path | None:
    """Return the path of a start-up file, by the variables that its shell follows."""
    folder = app.variables.get("ZDOTDIR")
    if folder and name.startswith("~/.z"):
        return Path(folder, name[2:])
    settings = app.variables.get("XDG_CONFIG_HOME")
    if settings and name.startswith("~/.config/"):
        return Path(settings, name.removeprefix("~/.config/"))
    return app.home / name[2:] if name.startswith("~/") else None


def _has_line(path: Path, script: InitScript) -> bool:
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        return False
    lines = (file.text if file else "").splitlines()
    return any(runs_rolehop(line, script) for line in lines)


def runs_rolehop(line: str, script: InitScript) -> bool:
    """True if a line of a start-up file runs what ``rolehop init`` gives."""
    wanted = ("rolehop init", f"rolehop/init{script.extension}")
    return not _is_comment(line) and any(each in line for each in wanted)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _line_added(path: Path | None, line: str, script: InitScript) -> Repair | None:
    """Return the change that appends the line; ``None``: somebody has to do it by hand."""
    if path is None:
        return None
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        return None
    if file is not None and file.distrust is not None:
        return None
    target = path.resolve()  # a link of somebody who keeps such files in a repository

    def make() -> None:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not _has_line(target, script):  # the question may have been open for long
            append_line(target, line)

    return Repair(str(path), (), (line,), make)
