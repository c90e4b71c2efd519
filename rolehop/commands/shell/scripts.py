"""What a shell is given: its completion and its start-up text, their place, and a subshell with a session.

Also what it had before: the chain that it left, and whether its start-up file has our line.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import rolehop
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.file_access import distrust_of_folder
from rolehop.base.files import read_own, read_regular, write_beside
from rolehop.base.text import clean
from rolehop.handover.environment import SHELL_LEVEL, child_environment
from rolehop.handover.shells.dialect import InitScript, SubshellStart
from rolehop.handover.shells.registry import dialect, for_process_name, parent_shell

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.handover.environment import Change
    from rolehop.plan.walk_options import WalkOptions

_COMPLETION_FILES = {
    "bash": "rolehop.bash",
    "zsh": "_rolehop",
    "fish": "rolehop.fish",
    "powershell": "rolehop.ps1",
}


def completion_script(shell: str) -> str:
    """Return the completion script for ``shell``, one of ``command_table.COMPLETION_SHELLS``."""
    return completions_folder().joinpath(_COMPLETION_FILES[shell]).read_text(encoding="utf-8")


def completions_folder() -> Path:
    """Return the folder of the completion scripts: in an installed package, beside it in a checkout."""
    package = Path(rolehop.__file__).parent
    inside = package / "completions"
    return inside if inside.is_dir() else package.with_name("completions")


def init_script(app: App, shell: str) -> str:
    """Return the text for the start-up file of ``shell``; empty if there is none for that shell."""
    script = dialect(shell).init
    if script is None:
        return ""
    completion = completion_script(shell) if shell in _COMPLETION_FILES else None
    return script.text(_colors(app), completion)


def _colors(app: App) -> dict[str, str]:
    """Return each chain that has a colour; none if the config is broken: a shell still starts."""
    try:
        chains = app.config.chains
    except RolehopError:
        app.note("the config cannot be read, so prompts have no colours: rolehop config check")
        return {}
    return {name: chain.color for name, chain in chains.items() if chain.color}


@dataclass(frozen=True, slots=True)
class InstalledScript:
    """A start-up text that was written to a file."""

    path: Path
    startup_file: str
    """The shell's own, e.g. ``~/.bashrc``."""

    source_line: str
    """The line of the start-up file that reads it."""


def init_script_path(script: InitScript) -> Path:
    """Return where the start-up text of a shell is installed: the user's data folder."""
    import platformdirs

    folder = Path(platformdirs.user_data_dir("rolehop", appauthor=False))
    return folder / f"init{script.extension}"


def install_init_script(app: App, shell: str) -> InstalledScript | None:
    """Write the start-up text of ``shell`` to the user's data folder; ``None``: it has none.

    Raises:
        ConfigError: it cannot be written, or others could put another text there.
        UsageError: the folder's name has a line end, which a start-up file cannot quote.
    """
    script = dialect(shell).init
    if script is None:
        return None
    path = init_script_path(script)
    if not str(path).isprintable():
        raise UsageError("the data folder's name is not printable", fix="set XDG_DATA_HOME")
    distrust = distrust_of_folder(path.parent)
    if distrust is not None:  # each new shell would run what they put there
        fix = distrust.advice(str(path.parent))
        raise ConfigError(f"{path} is not written", cause=str(distrust), fix=fix)
    try:
        write_beside(path, init_script(app, shell))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", cause=error.strerror) from None
    line = script.source_line.format(dialect(shell).quote(str(path)))
    return InstalledScript(path, script.startup_file, line)


@dataclass(frozen=True, slots=True)
class ShellProgram:
    """A shell to start with a session."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]


def prepare_subshell(app: App, program: str | None, session: tuple[Change, ...]) -> ShellProgram:
    """Return how a shell is started with ``session`` in its environment.

    ``program`` ``None``: the user's own shell.

    Files that show the chain in its prompt are written. If that is not possible, a note says so
    and the shell starts without.
    """
    program = program or _default_shell(app)
    start = _with_prompt(app, program)
    changes = (
        *session,
        (SHELL_LEVEL, str(_level(app) + 1)),
        *start.changes,
    )
    return ShellProgram((program, *start.arguments), child_environment(app.variables, changes))


def _default_shell(app: App) -> str:
    if os.name == "nt":
        return app.environ.get("COMSPEC") or "cmd"
    return app.environ.get("SHELL") or "sh"


def _level(app: App) -> int:
    """Return how many rolehop shells are nested around this process."""
    text = app.environ.get(SHELL_LEVEL, "")
    return int(text) if text.isascii() and text.isdecimal() else 0


def _with_prompt(app: App, program: str) -> SubshellStart:
    shell = for_process_name(program)
    subshell = dialect(shell).subshell if shell else None
    if shell is None or subshell is None:
        app.note(f"{program} does not show the chain in its prompt: ROLEHOP_CHAIN names it")
        return SubshellStart()
    folder = app.state_folder / "shell"
    try:
        start = subshell(folder, init_script(app, shell), app.environ)
        _write_changed(folder, start.files)
    except (OSError, UnicodeError, RolehopError):
        app.note("the prompt does not show the chain: its files cannot be written")
        return SubshellStart()
    return start


def _write_changed(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files whose text has changed; shells that run may be reading them.

    A file that another user could have written is replaced, whatever it says: it could change
    between now and the moment when the shell reads it.
    """
    for name, text in files.items():
        if not _holds(folder / name, text):
            write_beside(folder / name, text)


def _holds(path: Path, text: str) -> bool:
    data = text.encode()
    try:
        return read_own(path, len(data)) == data
    except OSError:
        return False


def previous_walk(app: App, options: WalkOptions) -> tuple[str, WalkOptions]:
    """Return the chain that this shell had before, or left, and the flags to walk it with.

    These are the flags that it was assumed with, carried on: it must not come back able to do more.

    Raises:
        UsageError: there was none.
        ConfigError: it had flags, and they are not known any more.
    """
    from rolehop.app.guard import asks_reason
    from rolehop.app.narrowing import carry_on, flags_of_session
    from rolehop.handover.environment import PREVIOUS, PREVIOUS_FLAGS, PREVIOUS_KEY

    name, had = app.environ.get(PREVIOUS), app.environ.get(PREVIOUS_FLAGS, "")
    if not name:
        raise UsageError(
            "there is no chain to go back to",
            cause="this shell has left no chain, and had no other than its present one",
            fix="rolehop list",
        )
    try:
        made_with = flags_of_session(app, app.environ.get(PREVIOUS_KEY, ""), had)
    except ValueError as error:
        raise ConfigError(
            f"'{name}' is not assumed again: it had flags that are not known any more",
            cause=str(error),
            fix=Advice("rolehop assume ", Argument(name), f" {clean(had)}".rstrip()),
        ) from None
    if made_with is None:
        return name, options
    required = asks_reason(app, [name])
    return name, carry_on(app, made_with, options, reason_required=required)


_LONGEST = 16 * 1024 * 1024  # bytes of a start-up file

_OTHERS = {"bash": ("~/.bash_profile", "~/.profile", "~/.bash_aliases"), "zsh": ("~/.zprofile",)}
"""Start-up files besides the usual one, in which the line may be as well."""


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


def startup_text(path: Path) -> str | None:
    """Return the text of a start-up file, in which a byte that is not UTF-8 is a surrogate.

    ``None``: there is none, or it cannot be read.
    """
    try:
        return read_regular(path, _LONGEST).decode("utf-8", "surrogateescape")
    except OSError:
        return None


def _has_line(path: Path, script: InitScript) -> bool:
    lines = (startup_text(path) or "").split("\n")
    return any(runs_rolehop(line, script) for line in lines)


def runs_rolehop(line: str, script: InitScript) -> bool:
    """True if a line of a start-up file runs what ``rolehop init`` gives."""
    wanted = ("rolehop init", f"rolehop/init{script.extension}")
    return not _is_comment(line) and any(each in line for each in wanted)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")
