"""Texts and files for shells, subshells, and the chain that a shell or a folder stands for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import rolehop
from rolehop.advice import Advice, Argument
from rolehop.errors import ConfigError, Declined, RolehopError, UsageError
from rolehop.files import read_own, write_beside
from rolehop.handover.child_environment import child_environment
from rolehop.handover.environment import SHELL_LEVEL
from rolehop.shells.dialect import InitScript, SubshellStart
from rolehop.shells.registry import dialect, for_process_name
from rolehop.startup.dataclass import dataclass, replace
from rolehop.text import clean

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.handover.environment import Change
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.state.folder_chains import FolderChain

_COMPLETION_FILES = {
    "bash": "rolehop.bash",
    "zsh": "_rolehop",
    "fish": "rolehop.fish",
    "powershell": "rolehop.ps1",
}


def completion_script(shell: str) -> str:
    """Return the completion script for ``shell``, one of ``command_table.COMPLETION_SHELLS``."""
    folder = Path(rolehop.__file__).with_name("completions")
    return folder.joinpath(_COMPLETION_FILES[shell]).read_text(encoding="utf-8")


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
        ConfigError: it cannot be written.
        UsageError: the folder's name has a line end, which a start-up file cannot quote.
    """
    script = dialect(shell).init
    if script is None:
        return None
    path = init_script_path(script)
    if not str(path).isprintable():
        raise UsageError("the data folder's name is not printable", fix="set XDG_DATA_HOME")
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

    These are the flags that it was assumed with, each unless ``options`` say something else: it
    must not come back able to do more.

    Raises:
        UsageError: there was none.
        ConfigError: it had flags, and they are not known any more.
    """
    from rolehop.handover.environment import PREVIOUS, PREVIOUS_FLAGS, PREVIOUS_KEY
    from rolehop.state.walk_flags import load_shell_flags

    name, had = app.environ.get(PREVIOUS), app.environ.get(PREVIOUS_FLAGS, "")
    if not name:
        raise UsageError(
            "there is no chain to go back to",
            cause="this shell has left no chain, and had no other than its present one",
            fix="rolehop list",
        )
    key = app.environ.get(PREVIOUS_KEY, "")
    try:
        stored = load_shell_flags(app.state_folder, key, had)
    except ValueError as error:
        raise ConfigError(
            f"'{name}' is not assumed again: it had flags that are not known any more",
            cause=str(error),
            fix=Advice("rolehop assume ", Argument(name), f" {clean(had)}".rstrip()),
        ) from None
    if options.region is None:
        options = replace(options, region=_region_given(had))
    if stored is None:
        return name, options
    typed = {field: value for field, value in options.hop_values.items() if value}
    return name, options.with_hop_values({**stored.hop_values, **typed})


def _region_given(flags: str) -> str | None:
    """Return the region that the flags of a shell's variable name; ``None``: none that a flag gives."""
    from rolehop.handover.environment import region_flags
    from rolehop.plan.walk_options import read_options

    for each in region_flags(flags):
        with contextlib.suppress(ValueError):
            return read_options({"region": each.partition("=")[2]}).region
    return None


def chain_of_folder(app: App, *, attended: bool, typed: str) -> str | None:
    """Return the chain that a file .rolehop names for the working folder, if there is one.

    The file is followed after a question, once for each content of it and each way of the chain.
    ``attended``: there is a terminal; without one it is not followed. ``typed`` is the command that
    takes the name instead, e.g. ``assume CHAIN``.

    Raises:
        ConfigError: the file must not be followed, or names no chain.
        UsageError: there is no terminal.
        Declined: the answer was not yes.
    """
    from rolehop.app.planning import resolve_chain
    from rolehop.state.folder_chains import is_confirmed, remember_confirmed

    found = _folder_chain(app)
    if found is None:
        return None
    name = found.chain
    if name not in app.config.chains and name not in app.aws_config.profiles:
        raise ConfigError(
            f"{clean(str(found.path))} names '{clean(name)}', and no chain is called so",
            fix="correct the file; rolehop list shows the chains",
        )
    if not attended:
        from rolehop.app.config_files import with_same_config

        before, _, after = typed.partition("CHAIN")
        raise UsageError(
            "no chain is named",
            cause=f"{clean(str(found.path))} names '{clean(name)}', which counts only in a terminal",
            fix=with_same_config(app, before, Argument(name), after),
        )
    resolved = resolve_chain(app, name)
    way = (resolved.source.name, *(str(role) for role, _ in resolved.hops))
    if not is_confirmed(app.state_folder, found, way):
        _confirm_folder(app, found)
        with contextlib.suppress(OSError):  # then it is asked again
            remember_confirmed(app.state_folder, found, way)
    return name


def _folder_chain(app: App) -> FolderChain | None:
    from rolehop.state.folder_chains import find_folder_file, read_folder_chain

    try:
        path = find_folder_file(Path.cwd(), Path(os.path.realpath(app.home)))
    except FileNotFoundError:  # the working folder is gone
        return None
    if path is None:
        return None
    try:
        return read_folder_chain(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{clean(str(path))} is not followed",
            cause=reason,
            fix="name a chain, or correct the file",
        ) from None


def _confirm_folder(app: App, found: FolderChain) -> None:
    from rolehop.app.planning import goal_of
    from rolehop.app.ports import is_yes

    goal = goal_of(app, found.chain)
    question = f"{found.path} names chain '{found.chain}': {goal}. Use it here? [y/N] "
    answer = app.person.ask(clean(question), needed="a confirmation")
    if not is_yes(answer):
        raise Declined(f"chain '{found.chain}' was not confirmed, so nothing was done")
