"""Texts and files for shells: start-up scripts, completion scripts, and subshells."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import rolehop
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.files import read_own, write_beside
from rolehop.shells.dialect import SubshellStart
from rolehop.shells.registry import dialect, for_process_name

if TYPE_CHECKING:
    from rolehop.app.context import App

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


def install_init_script(name: str, text: str) -> Path:
    """Write a script as file ``name`` of the user's data folder; return its path.

    Raises:
        ConfigError: it cannot be written.
        UsageError: the folder's name has a line end, which a start-up file cannot quote.
    """
    import platformdirs

    path = Path(platformdirs.user_data_dir("rolehop", appauthor=False)) / name
    if not str(path).isprintable():
        raise UsageError("the data folder's name is not printable", fix="set XDG_DATA_HOME")
    try:
        write_beside(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", cause=error.strerror) from None
    return path


def default_shell(app: App) -> str:
    """Return the program that ``rolehop shell`` starts if none is named."""
    if os.name == "nt":
        return app.environ.get("COMSPEC") or "cmd"
    return app.environ.get("SHELL") or "sh"


def prepare_subshell(app: App, program: str) -> SubshellStart:
    """Return how ``program`` is started so that its prompt shows the chain; write its files.

    If that is not possible, a note says so and the shell starts without.
    """
    shell = for_process_name(program)
    subshell = dialect(shell).subshell if shell else None
    if shell is None or subshell is None:
        app.note(f"{program} has no mark in its prompt: ROLEHOP_CHAIN names the chain")
        return SubshellStart()
    folder = app.state_folder / "shell"
    try:
        start = subshell(folder, init_script(app, shell), app.environ)
        _write_changed(folder, start.files)
    except (OSError, UnicodeError, RolehopError):
        app.note("the prompt has no mark: its files cannot be written")
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
