"""Files: those of the AWS CLI and the profiles in them, the state folder: who can read or change them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import backups_of, write_changes
from rolehop.app.host import read_file, state_folder
from rolehop.awsconfig.taken_over import without_secrets
from rolehop.base.advice import Advice, Argument, ShellCommand, posix_argument
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.base.file_access import may_change
from rolehop.base.files import UNFOLLOWING
from rolehop.base.text import pluralize
from rolehop.commands.doctor.finding import (
    DoctorFinding,
    Repair,
    broken,
    fine,
    from_error,
    look,
)
from rolehop.commands.profile.changes import ProfileOptions, plan_for
from rolehop.commands.profile.installed import (
    damaged_blocks,
    named_config_file,
    profile_rows,
    reinstall_commands,
    this_installation,
    unlisted_fleet_of,
)
from rolehop.config.listed_fleets import refresh_advice

if TYPE_CHECKING:
    from rolehop.app.aws_files import FileChange
    from rolehop.app.context import App
    from rolehop.base.file_access import Distrust
    from rolehop.commands.profile.installed import Installation, ProfileRow

TOPIC = "files"
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_TOKENS = frozenset(("aws_session_token", "aws_security_token"))


def check_aws_files(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the AWS config and credentials files."""
    try:
        profiles = app.aws_config.profiles
    except RolehopError as error:
        yield from_error(TOPIC, error)
        return
    found = [*_writable(app), *_readable(app, app.aws_files[1]), *_keys(app)]
    there = [str(file) for file in app.aws_files if _is_meant(file) and file.exists()]
    counted = f"{pluralize(len(profiles), 'AWS profile')} in {' and '.join(there)}"
    shown = counted if there else "no AWS profiles"
    yield from found or [fine(TOPIC, shown)]


def _is_meant(path: Path) -> bool:
    """True unless it is the null device, which people name to say that there is no such file."""
    return str(path) != os.devnull


def _writable(app: App) -> Iterator[DoctorFinding]:
    for path, bits in zip(
        app.aws_files, (_OTHERS_WRITE, _OTHERS_WRITE | _OTHERS_READ), strict=True
    ):
        file = read_file(path) if _is_meant(path) else None
        if file is not None and file.distrust is not None:
            yield broken(
                TOPIC,
                f"{path}: {file.distrust.reason}",
                "no profile is followed, nor a setting that leads elsewhere",
                file.distrust.advice(str(path)),
                _mode_changed(app, path, remove=bits) if _ends_by_chmod(file.distrust) else None,
            )


def _ends_by_chmod(distrust: Distrust) -> bool:
    return distrust.command.startswith("chmod") and not distrust.first and not distrust.at


def _readable(app: App, path: Path) -> Iterator[DoctorFinding]:
    """Others may read the credentials file; Windows keeps them out by the profile's own list."""
    is_there = sys.platform != "win32" and _is_meant(path) and path.exists()
    mode = path.stat().st_mode if is_there else 0
    if mode & _OTHERS_READ and not mode & _OTHERS_WRITE:  # else that is said already
        yield look(
            TOPIC,
            f"others can read {path}",
            "other users can read your keys",
            _chmod("600", path),
            _mode_changed(app, path, remove=_OTHERS_READ),
        )


def _chmod(mode: str, path: Path) -> Advice:
    return Advice(ShellCommand(f"chmod {mode} {posix_argument(str(path))}"))


def _mode_changed(app: App, path: Path, *, add: int = 0, remove: int = 0) -> Repair | None:
    """Return the change of the mode of what is at ``path`` now; ``None``: nothing of the user's own is.

    It is made to that very file, whatever comes to its place, and to no other bits of its mode.
    """
    if sys.platform == "win32" or not may_change(path, app.home):
        return None
    real = path.resolve()
    try:
        found = real.stat()
    except OSError:
        return None
    before = stat.S_IMODE(found.st_mode)

    def make() -> None:
        file = os.open(real, os.O_RDONLY | UNFOLLOWING)
        try:
            now = os.fstat(file)
            if not os.path.samestat(found, now):
                raise ConfigError(f"{path} has been replaced in the meantime", fix="run it again")
            os.fchmod(file, (stat.S_IMODE(now.st_mode) | add) & ~remove)
        finally:
            os.close(file)

    after = (before | add) & ~remove
    return Repair(str(path), (f"mode {before:04o}",), (f"mode {after:04o}",), make)


def _keys(app: App) -> Iterator[DoctorFinding]:
    """Keys of IAM users, which last; a token makes them temporary."""
    names = [
        name
        for name, section in app.aws_config.profiles.items()
        if section.get("aws_access_key_id") and not _TOKENS & section.keys()
    ]
    if names:
        yield look(
            TOPIC,
            f"{pluralize(len(names), 'AWS profile')} with keys in a file",
            "every program and every backup can read them; the keyring keeps them encrypted",
            "rolehop keys add --all-profiles",
            names=names,
        )
        return
    kept = [str(each) for each in backups_of(app.aws_files[1].resolve()) if _has_secret(each)]
    if kept:
        yield look(
            TOPIC,
            f"{', '.join(kept)} still {'has' if len(kept) == 1 else 'have'} keys"
            " that the file itself has no longer",
            "rolehop profile kept it before it changed the file; programs and backups can read it",
            Advice(ShellCommand(f"rm {' '.join(map(posix_argument, kept))}")),
        )


def _has_secret(path: Path) -> bool:
    try:
        file = read_file(path)
    except RolehopError:
        return False
    return file is not None and without_secrets(file.text) != file.text


def check_state(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the state folder and what is stored there."""
    folder = state_folder(app.environ)
    if app.state_problem is not None:
        yield _unused_state(app, folder, app.state_problem)
        return
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        yield broken(
            TOPIC,
            f"the state folder {folder} cannot be written",
            "sessions do not stay, so every command asks AWS again",
            _chmod("u+rwx", folder),
            _state_repair(app, folder, stat.S_IRWXU),
        )
        return
    if app.index.damaged:
        yield look(
            TOPIC,
            "the list of stored sessions is damaged",
            "sessions that it no longer names are made again, and stay in the keyring",
            "rolehop status",
        )
        return
    yield fine(TOPIC, f"only you can change the state folder {folder}")


def _state_repair(app: App, folder: Path, add: int = 0) -> Repair | None:
    """Return the change of the folder's own mode; ``None`` if it is no folder of the user's."""
    if sys.platform == "win32" or folder.is_symlink() or not folder.is_dir():
        return None
    return _mode_changed(app, folder, add=add, remove=_OTHERS_WRITE)


def _unused_state(app: App, folder: Path, problem: str) -> DoctorFinding:
    """Return what is to be said of a state folder that others rule, or one above it or in it."""
    is_its_own = problem.startswith((f"{folder}: ", f"{folder.resolve()}: "))
    repair = _state_repair(app, folder) if is_its_own else None
    others = "put that right: only you may change that folder, only you and root those above it"
    return broken(
        TOPIC,
        f"rolehop does not use the state folder: {problem}",
        "sessions do not stay, so every command asks AWS again",
        others if repair is None else _chmod("go-w", folder),
        repair,
    )


PROFILES = "profiles"
_PROFILES_SHOWN = 3


def check_profiles(app: App) -> Iterator[DoctorFinding]:
    """Yield the profiles through which no SDK gets an answer; those of one fault are one finding."""
    try:
        installation = this_installation()
        rows = profile_rows(app, (), installation)
        damaged = list(damaged_blocks(app))
    except UsageError as error:
        yield look(PROFILES, error.what, error.cause or "", error.fix or "")
        return
    except RolehopError:
        return  # the check of that file says it
    for path, damage in damaged:
        yield look(
            PROFILES,
            f"{path}:{damage.line}: {damage}",
            "until it has both markers, rolehop profile changes nothing in this file",
            "put both markers back, or delete the block by hand",
        )
    groups: dict[tuple[object, ...], list[ProfileRow]] = {}
    for row in rows:
        if row.problem:
            key = (row.file, row.problem, row.prefix, row.config_file, row.rewrite is None)
            groups.setdefault(key, []).append(row)
    for same in groups.values():
        yield _broken(app, same, installation)
    if rows and not groups and not damaged:
        yield fine(PROFILES, f"{pluralize(len(rows), 'AWS profile')} with rolehop's line")


def _broken(app: App, rows: Sequence[ProfileRow], installation: Installation) -> DoctorFinding:
    first, names = rows[0], ", ".join(f"'{row.profile}'" for row in rows[:_PROFILES_SHOWN])
    more = f" and {len(rows) - _PROFILES_SHOWN} more" if len(rows) > _PROFILES_SHOWN else ""
    which = f"AWS profile{'s' if len(rows) > 1 else ''} {names}{more}"
    names_chains = {row.chain for row in rows} <= _chains(app)
    command = next(reinstall_commands(rows), None)
    repairable = names_chains and first.config_file == named_config_file(app)
    return broken(
        PROFILES,
        f"{which} in {first.file}: {first.problem}",
        "every SDK that uses such a profile fails",
        command or _by_hand(app, first),
        _written_again(app, rows, installation) if repairable else None,
    )


def _chains(app: App) -> frozenset[str]:
    try:
        return frozenset(app.config.chains)
    except RolehopError:
        return frozenset()  # the config's own check says why


def _by_hand(app: App, row: ProfileRow) -> str:
    is_read = row.config_file == named_config_file(app)
    fleet = unlisted_fleet_of(app, row.chain) if is_read else None
    if fleet is not None:  # its chain may well be there
        return refresh_advice(fleet.name)
    if row.rewrite is not None:
        return f"write there: credential_process = {row.rewrite}"
    if row.installed:
        return Advice("rolehop profile remove ", Argument(row.profile))
    return "correct its credential_process"


def _written_again(
    app: App, rows: Sequence[ProfileRow], installation: Installation
) -> Repair | None:
    """Return the change that writes the lines of ``rows``, and all else that it would change."""
    first = rows[0]
    if first.prefix is None:
        return None
    chains = [app.config.chains[row.chain] for row in rows]
    in_credentials = first.file == app.aws_config.credentials_file
    options = ProfileOptions(first.prefix, credentials_file=in_credentials)

    def plan() -> Sequence[FileChange]:
        return plan_for(app, chains, options, installation).changes

    try:
        changes = plan()
    except RolehopError:  # which the command says, too
        return None
    if not changes or not all(may_change(each.file.path, app.home) for each in changes):
        return None
    shown = _changed_lines(changes)

    def make() -> None:
        now = plan()
        if _changed_lines(now) != shown:
            raise ConfigError(f"{first.file} has changed in the meantime", fix="run it again")
        write_changes(app, now)

    return Repair(" and ".join(str(change.file.path) for change in changes), *shown, make)


def _changed_lines(changes: Sequence[FileChange]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines that go, and those that come."""
    lines = [line for change in changes for line in change.diff.split("\n")[2:]]
    before, after = (tuple(each[1:] for each in lines if each.startswith(sign)) for sign in "-+")
    return before, after
