"""Find and remove what rolehop has on this machine: profiles, start-up lines, sessions, sign-ins, keys, files."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import FileChange, write_changes
from rolehop.app.lost_index import is_lost_to_broken_config, load_index
from rolehop.base.advice import Advice
from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, NoTerminal, RolehopError, VaultError
from rolehop.base.file_access import may_change
from rolehop.base.files import entries_of, mode_of, write_beside
from rolehop.base.text import pluralize
from rolehop.commands.keys.access_keys import ends_at_aws
from rolehop.commands.keys.from_profile import MovedKeys, moved_keys, stored_pairs
from rolehop.commands.profile.changes import removal_changes
from rolehop.commands.serve.running import running_servers
from rolehop.commands.sessions.stored import forget_sessions
from rolehop.commands.shell.scripts import (
    init_script_path,
    runs_rolehop,
    startup_files,
    startup_text,
)
from rolehop.handover.shells.registry import dialect
from rolehop.hotpath.command_table import INIT_SHELLS
from rolehop.hotpath.record import seal_path

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolehop.app.context import App
    from rolehop.handover.shells.dialect import InitScript
    from rolehop.vault.index import Index

_OPENS = frozenset(
    {
        *("if", "elif", "else", "then", "for", "foreach", "while", "until", "do"),
        *("case", "switch", "begin", "function", "try", "with", "def", "select"),
    }
)
"""Words of shells that begin a block, which may not stay empty."""

_CLOSES = ("fi", "done", "esac", "end", "endif", "endsw", "}", ")")
_GOES_ON = ("\\", "`", "&&", "||", "|", "{", "(", ":", "then", "do", "else", "begin")


@dataclass(frozen=True, slots=True)
class StartupFile:
    """A start-up file that has lines for rolehop."""

    path: Path
    old: str
    """Its text; a byte that is not UTF-8 is a surrogate."""

    own: tuple[int, ...]
    """The numbers, from 0, of the lines that are exactly those which rolehop gives."""

    others: tuple[int, ...]
    """Those of other lines that run it: somebody has to change them by hand."""

    @property
    def own_lines(self) -> list[str]:
        """The lines that are taken out."""
        lines = self.old.split("\n")
        return [lines[each].strip() for each in self.own]


def startup_files_with_lines(app: App) -> Iterator[StartupFile]:
    """Give the start-up files of all shells that have a line for rolehop."""
    seen = set[Path]()
    scripts = [(shell, script) for shell in INIT_SHELLS if (script := dialect(shell).init)]
    for shell, script in scripts:
        for path in startup_files(app, shell, script):
            if path not in seen and (found := _read(app, path, _own_lines(shell, script), script)):
                seen.add(path)
                yield found


def _own_lines(shell: str, script: InitScript) -> set[str]:
    path = dialect(shell).quote(str(init_script_path(script)))
    return {script.eval_line or "", script.source_line.format(path)} - {""}


def _read(app: App, path: Path, own: set[str], script: InitScript) -> StartupFile | None:
    text = startup_text(path)
    if text is None:
        return None
    lines = text.split("\n")
    may = may_change(path, app.home)
    ours = tuple(
        number
        for number, line in enumerate(lines)
        if may and line.rstrip() in own and _stands_alone(lines[:number])
    )
    others = tuple(
        number
        for number, line in enumerate(lines)
        if number not in ours and runs_rolehop(line, script)
    )
    return StartupFile(path, text, ours, others) if ours or others else None


def _stands_alone(before: list[str]) -> bool:
    """True if the line after ``before`` is neither a block's first one nor part of a statement.

    Taken out, such a line could leave a file that its shell cannot read to its end.
    """
    codes = (line.strip() for line in reversed(before))
    last = next((line for line in codes if line and not line.startswith("#")), "")
    if last.endswith(_GOES_ON):
        return False
    words = last.split() or [""]
    return words[0] not in _OPENS or words[-1].endswith(_CLOSES)


def without_own_lines(file: StartupFile) -> str:
    """Return the text of a start-up file without the lines that are rolehop's own."""
    lines = file.old.split("\n")
    return "\n".join(line for number, line in enumerate(lines) if number not in file.own)


def take_out(file: StartupFile) -> None:
    """Write a start-up file without the lines that are rolehop's own; a link's target is changed.

    Raises:
        ConfigError: it has changed since it was read, or cannot be written.
    """
    real = file.path.resolve()
    try:
        if startup_text(real) != file.old:
            raise ConfigError(f"{file.path} has changed in the meantime", fix="run it again")
        new = without_own_lines(file).encode("utf-8", "surrogateescape")
        write_beside(real, new, mode=mode_of(real))
    except OSError as error:
        raise ConfigError(
            f"{file.path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="take the line out by hand",
        ) from None


def is_stored(index: Index) -> bool:
    """True if the index names something that is in a keyring."""
    return bool(index.sessions or index.orphans or index.sign_ins or index.keys)


def remove_state(app: App, folder: Path) -> bool:
    """Remove the state folder; return ``False`` if something is in it by now that is needed.

    Whoever waits for the index makes the folder anew.

    Raises:
        OSError: it cannot be removed; `rolehop.vault.index_file.IndexLocked`: another process
            keeps the index locked.
    """

    def is_needed() -> bool:
        return is_stored(app.index_store.load()) or config_in(app, folder) is not None

    return _remove_unless(app, folder, is_needed)


def config_in(app: App, folder: Path) -> Path | None:
    """Return a config that is in ``folder``, at any depth: the user's own, or any other TOML file."""
    named = (*app.config_roots[0], *app.aws_files)
    real = folder.resolve()
    inside = (each for each in named if each.resolve().is_relative_to(real) and each.exists())
    return next(inside, None) or next(folder.rglob("*.toml"), None)


def remove_if_only_looked_at(app: App) -> None:
    """Remove a state folder that has no more in it than looking for a lost index makes."""
    index = app.index_store.path
    made = {index.name, Path(seal_path(str(index))).name, "index.lock"}

    def has_more() -> bool:
        there = {each.name for each in entries_of(app.state_folder)}
        return is_stored(app.index_store.load()) or not there <= made

    with suppress(OSError):
        _remove_unless(app, app.state_folder, has_more)


def _remove_unless(app: App, folder: Path, is_needed: Callable[[], bool]) -> bool:
    """Remove ``folder`` while the index is locked, unless it is needed; return whether it is gone."""
    with app.index_store.held():
        if is_needed():
            return False
        if sys.platform != "win32":
            shutil.rmtree(folder)
    if sys.platform == "win32":  # there, a lock file that is open cannot be removed
        shutil.rmtree(folder)
    return True


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

    moved: tuple[MovedKeys, ...]
    """Those of them that came out of the AWS files, which can take them back."""

    scripts: tuple[Path, ...]
    """The start-up texts that were installed."""

    state: Path | None
    """The state folder; ``None``: there is none, it is not used, or it stays."""

    linked: Path | None
    """The state folder if it is a link: what it leads to may have files of others."""

    config: Path | None
    """A config that is in the state folder, which stays for that reason."""

    servers: int
    """How many servers run."""

    @property
    def is_empty(self) -> bool:
        """True if there is nothing to remove."""
        parts = (self.profiles, self.startup, self.sign_ins, self.keys, self.scripts, self.state)
        return not any(parts) and not self.sessions

    @property
    def others(self) -> list[str]:
        """The sources whose keys never were in an AWS file."""
        moved = {each.name for each in self.moved}
        return [name for name in self.keys if name not in moved]


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
    config = config_in(app, state) if state is not None and not is_link else None
    return Holdings(
        tuple(removal_changes(app, ())),
        tuple(startup_files_with_lines(app)),
        len(index.sessions) + len(index.orphans),
        tuple(index.sign_ins),
        tuple(index.keys),
        tuple(each for each in moved_keys(app) if each.name in index.keys),
        tuple(each for each in paths if each.is_file()),
        None if is_link or config is not None else state,
        state if is_link else None,
        config,
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
    for path, names in _by_file(found.moved).items():
        yield "moved keys", f"{names}, out of {path}"
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
    if found.config is not None:
        yield f"the state folder, in which a config is, stays: {found.config}"
    if config.is_file():
        yield f"your config stays: {config}"


def _by_file(moved: Sequence[MovedKeys]) -> dict[Path, str]:
    """Return the names of keys by the AWS file that they were moved out of."""
    names: dict[Path, dict[str, None]] = {}
    for each in moved:
        names.setdefault(each.path, {})[each.name] = None
    return {path: ", ".join(each) for path, each in names.items()}


@dataclass(frozen=True, slots=True)
class Consent:
    """What may become of IAM user keys."""

    moved: bool = False
    """Those that were moved out of AWS files go back into them, and out of the keyring."""

    others: bool = False
    """The others are removed from the keyring."""


_REGISTRATIONS = (".device", ".code")
"""What the vault calls the clients that a sign-in to Identity Center registered, after its name."""


def confirm_removal(app: App, found: Holdings) -> Consent:
    """Ask whether all of it may be removed, and apart what may become of IAM user keys.

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
        ConfigError: more is there by now than was shown.
    """
    consent = _consent(app, found)
    # Sessions come and go by themselves, in programs that run: they are no part of the question.
    shown = {*holding_lines(found)}
    for label, text in holding_lines(find_holdings(app)):
        if label != "sessions" and (label, text) not in shown:
            raise ConfigError(
                "nothing was removed: it is no longer what was shown",
                cause=f"{label}: {text}",
                fix="run it again",
            )
    return consent


def _consent(app: App, found: Holdings) -> Consent:
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes

    try:
        answer = ask_yes_or_no(app.person, "Remove all of this?")
    except NoTerminal as error:
        error.fix = "run it in a terminal, or add --yes (and --keys, for IAM user keys)"
        raise
    if not is_yes(answer):
        raise declined("nothing was removed", answer, "answer y to remove it")
    return Consent(_may_go_back(app, found), _may_go(app, found.others))


def _may_go_back(app: App, found: Holdings) -> bool:
    from rolehop.app.ports import ask_yes_or_no, is_yes

    if not found.moved:
        return False
    files = _by_file(found.moved)
    into = " and ".join(f"{names} into {path}" for path, names in files.items())
    question = f"Put the keys of {into} again, as plain text? Else they stay in the keyring."
    return is_yes(ask_yes_or_no(app.person, question))


def _may_go(app: App, keys: Sequence[str]) -> bool:
    from rolehop.app.ports import ask_yes_or_no, is_yes

    if not keys:
        return False
    question = (
        f"The IAM user keys of {', '.join(keys)}, too? They stay valid at AWS, but nobody can show"
        " their secrets again."
    )
    return is_yes(ask_yes_or_no(app.person, question))


def remove_all(app: App, found: Holdings, consent: Consent) -> Iterator[str]:
    """Remove what was ``found``; give a line for each part that is gone or had to stay.

    Without consent IAM user keys stay, and with them the state folder, which says where they are.

    Raises:
        ConfigError: a file has changed or cannot be written: nothing after it was removed.
        VaultError: the keyring failed: the state folder stays.
    """
    back = yield from _remove_profiles(app, found, consent)
    for file in found.startup:
        if file.own:
            take_out(file)
            yield f"removed: {pluralize(len(file.own), 'line')} of {file.path}"
    forgotten = forget_sessions(app, None)
    if forgotten.count:
        yield f"removed: {pluralize(forgotten.count, 'session')}"
    app.vault.seals.forget()  # chooses the keyring, too
    app.vault.forget_trial()
    elsewhere = _sign_ins_elsewhere(app)
    here = [name for name in found.sign_ins if name not in elsewhere]
    for name in here:
        _end_sign_in(app, name)
    if here:
        yield f"removed: {pluralize(len(here), 'sign-in')}"
    left = forgotten.left()
    left += [f"sign-ins in {each}" for each in sorted({*elsewhere.values()})]
    go = {*back, *(found.others if consent.others else ())}
    ended, kept = _remove_keys(app, [name for name in found.keys if name in go], back)
    kept += [name for name in found.keys if name not in go]
    yield from ended
    left += [f"the keys of {each}" for each in kept]
    yield from _remove_files(app, found, left)


def _remove_profiles(app: App, found: Holdings, consent: Consent) -> Generator[str, None, set[str]]:
    """Write the AWS files as they were; return the keys that are in them again, by their names."""
    pairs = dict[str, Credentials]()
    if consent.moved:
        try:
            pairs = stored_pairs(app, found.moved)
        except VaultError as error:
            yield f"left out of their files: the keys that were moved ({error.what})"
    changes = tuple(removal_changes(app, (), pairs)) if pairs else found.profiles
    if changes:
        write_changes(app, changes)
    if found.profiles:
        count = sum(len(each.profiles) for each in found.profiles)
        yield f"removed: {pluralize(count, 'profile')}"
    left = {each.name for each in moved_keys(app)}
    back = {name for name in pairs if name not in left}
    for path, names in _by_file([e for e in found.moved if e.name in back]).items():
        yield f"put back: the keys of {names}, into {path}"
    return back


def _sign_ins_elsewhere(app: App) -> dict[str, str]:
    """Return the sign-ins that the keyring in use does not have, each with what has it.

    To be called when a keyring is in use; without one it has none of them.
    """
    index, in_use = app.index, app.vault.backend
    ends = index.sign_in_ends
    named = {name: ends[name].backend if name in ends else None for name in index.sign_ins}
    return {
        name: backend or "a keyring that is not in use"
        for name, backend in named.items()
        if in_use is None or backend not in {None, in_use}
    }


def _end_sign_in(app: App, name: str) -> None:
    """Forget a sign-in; at the provider it ends by itself, or by ``source logout``."""
    for each in (name, *(f"{name}{kind}" for kind in _REGISTRATIONS)):
        app.vault.tokens.remove(each)


def _remove_keys(
    app: App, names: Sequence[str], back: Collection[str]
) -> tuple[list[str], list[str]]:
    """Remove the keys; return what to say of each that is gone, and those that stay.

    Of those that are ``back`` in their file there is nothing to say.
    """
    gone: list[str] = []
    kept: list[str] = []
    key_ids = {name: entry.access_key_id for name, entry in app.index.keys.items()}
    for name in names:
        try:
            is_removed = app.vault.keys.remove(name)
        except RolehopError as error:
            kept.append(f"{name} ({error.what})")
            continue
        if is_removed and name in key_ids and name not in back:
            said = f"removed: the key of {name}, still valid at AWS; to end it there: "
            gone.append(Advice(said, ends_at_aws(app, name, key_ids[name])))
    return gone, kept


def _remove_files(app: App, found: Holdings, left: list[str]) -> Iterator[str]:
    try:
        for path in found.scripts:
            path.unlink(missing_ok=True)
            yield f"removed: {path}"
        if left:
            yield f"left: {', '.join(left)}, and the state folder, which says where they are"
        elif found.state is not None:
            if remove_state(app, found.state):
                yield f"removed: {found.state}"
            else:
                yield "left: the state folder, which names what another rolehop stored just now"
    except OSError as error:
        raise ConfigError(
            f"{error.filename or found.state} cannot be removed",
            cause=(error.strerror or str(error)).lower(),
            fix=getattr(error, "fix", "remove it by hand"),
        ) from None
