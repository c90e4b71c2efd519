"""What rolehop has on this machine: profiles, start-up lines, sessions, sign-ins, keys, files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.profiles.changes import FileChange, removal_changes
from rolehop.app.serving.running import running_servers
from rolehop.app.shell_scripts import init_script_path
from rolehop.app.stored.lost_index import is_lost_to_broken_config, load_index
from rolehop.app.uninstall.startup_lines import StartupFile, startup_files_with_lines
from rolehop.app.uninstall.state_folder import is_stored, remove_if_only_looked_at
from rolehop.errors import ConfigError
from rolehop.shells.registry import INIT_SHELLS, dialect
from rolehop.startup.dataclass import dataclass
from rolehop.text import pluralize

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rolehop.app.context import App


@dataclass(frozen=True, slots=True)
class Holdings:
    """What is there."""

    profiles: tuple[FileChange, ...]
    startup: tuple[StartupFile, ...]
    sessions: int
    sign_ins: tuple[str, ...]
    """By the names that the vault has for them."""

    keys: tuple[str, ...]
    """The sources that have IAM user keys in the keyring."""

    scripts: tuple[Path, ...]
    """The start-up texts that were installed."""

    state: Path | None
    """The state folder; ``None``: there is none, it is not used, or it is a link."""

    linked: Path | None
    """The state folder if it is a link: what it leads to may have files of others."""

    servers: int
    """How many servers run."""

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to remove."""
        parts = (self.profiles, self.startup, self.sign_ins, self.keys, self.scripts, self.state)
        return not any(parts) and not self.sessions


def find_holdings(app: App) -> Holdings:
    """Return what is there; nothing is asked of AWS.

    Raises:
        ConfigError: an AWS file cannot be changed; the index was lost, and the config is broken.
        VaultError: the keyring failed while a lost index was rebuilt.
    """
    is_used = app.state_problem is None
    was_there = is_used and app.state_folder.is_dir()
    index = load_index(app) if is_used else app.index
    if is_lost_to_broken_config(app, index):
        raise ConfigError(
            "nothing was removed: what is stored cannot be seen",
            cause="the list of it was lost, and the config that says what to look for is broken",
            fix="correct the config, and repeat the command",
        )
    if is_used and not (was_there or is_stored(index)):
        remove_if_only_looked_at(app)
    scripts = [dialect(shell).init for shell in INIT_SHELLS]
    paths = dict.fromkeys(init_script_path(each) for each in scripts if each is not None)
    state = app.state_folder if was_there or (is_used and is_stored(index)) else None
    is_link = state is not None and state.is_symlink()
    return Holdings(
        tuple(removal_changes(app, ())),
        tuple(startup_files_with_lines(app)),
        len(index.sessions) + len(index.orphans),
        tuple(index.sign_ins),
        tuple(index.keys),
        tuple(each for each in paths if each.is_file()),
        None if is_link else state,
        state if is_link else None,
        len(running_servers(app, ())),
    )


def holding_lines(found: Holdings) -> Iterator[tuple[str, str]]:
    """Give what is removed, a label and a text each."""
    for change in found.profiles:
        yield "AWS profiles", f"{', '.join(change.profiles)}, {change.file.path}"
    for file in found.startup:
        for line in file.own_lines:
            yield "start-up line", f"{file.path}: {line}"
    if found.sessions:
        yield "sessions", f"{found.sessions}, in the keyring"
    if found.sign_ins:
        yield "sign-ins", f"{len(found.sign_ins)}, in the keyring"
    if found.keys:
        yield "IAM user keys", f"{', '.join(found.keys)}, in the keyring"
    for path in (*found.scripts, *((found.state,) if found.state else ())):
        yield "files", str(path)


def left_lines(found: Holdings, config: Path) -> Iterator[str]:
    """Give what stays: what somebody has to do by hand."""
    for file in found.startup:
        yield from (f"runs rolehop, too: {file.path}:{number + 1}" for number in file.others)
    if found.servers:
        goes = "goes" if found.servers == 1 else "go"
        yield f"{pluralize(found.servers, 'server')} of rolehop {goes} on: rolehop serve --stop"
    if found.linked is not None:
        yield f"a link, which stays with what it leads to: {found.linked} -> {found.linked.resolve()}"
    if config.is_file():
        yield f"your config stays: {config}"
