"""Files with keys or commands in them, and the state folder: who can read or change them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.host import read_file, state_folder
from rolehop.app.profiles.aws_file import backup_of
from rolehop.errors import ConfigError, RolehopError
from rolehop.show.doctor.finding import DoctorFinding, Repair, broken, fine, from_error, look
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.files.access import Distrust

TOPIC = "files"
_OTHERS_READ = stat.S_IRGRP | stat.S_IROTH
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH
_TOKENS = frozenset(("aws_session_token", "aws_security_token"))
_SHOWN = 3


def check_aws_files(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the AWS config and credentials files."""
    try:
        profiles = app.aws_config.profiles
    except RolehopError as error:
        yield from_error(TOPIC, error)
        return
    found = [*_writable(app), *_readable(app.aws_files[1]), *_keys(app)]
    there = [str(each) for each in app.aws_files if each.exists()]
    counted = f"{pluralize(len(profiles), 'AWS profile')} in {' and '.join(there)}"
    shown = counted if there else "no AWS profiles"
    yield from found or [fine(TOPIC, shown)]


def _writable(app: App) -> Iterator[DoctorFinding]:
    for path, bits in zip(
        app.aws_files, (_OTHERS_WRITE, _OTHERS_WRITE | _OTHERS_READ), strict=True
    ):
        file = read_file(path)
        if file is not None and file.distrust is not None:
            yield broken(
                TOPIC,
                f"{path}: {file.distrust.reason}",
                "no command in it is run, and none of its settings that lead elsewhere is followed",
                file.distrust.advice(str(path)),
                _mode_changed(path, remove=bits) if _ends_by_chmod(file.distrust) else None,
            )


def _ends_by_chmod(distrust: Distrust) -> bool:
    return distrust.command.startswith("chmod") and not distrust.first


def _readable(path: Path) -> Iterator[DoctorFinding]:
    """Others may read the credentials file; Windows keeps them out by the profile's own list."""
    mode = path.stat().st_mode if sys.platform != "win32" and path.exists() else 0
    if mode & _OTHERS_READ and not mode & _OTHERS_WRITE:  # else that is said already
        yield look(
            TOPIC,
            f"others on this machine can read {path}",
            "keys in it are theirs as well",
            Advice("chmod 600 ", Argument(str(path))),
            _mode_changed(path, remove=_OTHERS_READ),
        )


def _mode_changed(path: Path, *, add: int = 0, remove: int = 0) -> Repair | None:
    """Return the change of the mode of what is at ``path`` now; ``None``: there is nothing.

    It is made to that very file, whatever comes to its place, and to no other bits of its mode.
    """
    real = path.resolve()
    try:
        found = real.stat()
    except OSError:
        return None
    before = stat.S_IMODE(found.st_mode)

    def make() -> None:
        file = os.open(real, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        yield look(
            TOPIC,
            f"AWS profiles with keys in a file: {shown}",
            "every program and every backup can read them; the keyring keeps them encrypted",
            "rolehop keys add NAME, then delete them there",
        )
        return
    kept = backup_of(app.aws_files[1].resolve())
    if _has_secret(kept):
        yield look(
            TOPIC,
            f"{kept} still has keys that the file itself has no longer",
            "rolehop profile kept it before it changed the file; programs and backups can read it",
            Advice("rm ", Argument(str(kept))),
        )


def _has_secret(path: Path) -> bool:
    try:
        file = read_file(path)
    except RolehopError:
        return False
    return file is not None and "aws_secret_access_key" in file.text.lower()


def check_state(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the state folder and what is stored there."""
    folder = state_folder(app.environ)
    if app.state_problem is not None:
        yield _unused_state(folder, app.state_problem)
        return
    if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
        yield broken(
            TOPIC,
            f"the state folder {folder} cannot be written",
            "no session is kept, so that every command asks AWS again",
            Advice("chmod u+rwx ", Argument(str(folder))),
            _state_repair(folder, stat.S_IRWXU),
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
    yield fine(TOPIC, f"the state folder {folder} is yours alone")


def _state_repair(folder: Path, add: int = 0) -> Repair | None:
    """Return the change of the folder's own mode; ``None`` if it is no folder of the user's."""
    if sys.platform == "win32":
        return None
    try:
        found = folder.lstat()
    except OSError:
        return None
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return None
    return _mode_changed(folder, add=add, remove=_OTHERS_WRITE)


def _unused_state(folder: Path, problem: str) -> DoctorFinding:
    """Return what is to be said of a state folder that others rule, or one above it or in it."""
    is_its_own = problem.startswith((f"{folder}: ", f"{folder.resolve()}: "))
    repair = _state_repair(folder) if is_its_own else None
    others = "put that right: only you may change that folder, only you and root those above it"
    return broken(
        TOPIC,
        f"the state folder is not used: {problem}",
        "no session is kept, so that every command asks AWS again",
        others if repair is None else Advice("chmod go-w ", Argument(str(folder))),
        repair,
    )
