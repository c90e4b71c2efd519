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
from rolehop.errors import RolehopError
from rolehop.show.doctor.finding import DoctorFinding, Repair, broken, fine, from_error, look

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
    shown = f"{len(profiles)} AWS profiles in {' and '.join(there)}" if there else "no AWS profiles"
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
                _without(path, bits) if _ends_by_chmod(file.distrust) else None,
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
            _without(path, _OTHERS_READ),
        )


def _without(path: Path, bits: int) -> Repair:
    """Return the change that takes ``bits`` from the mode of ``path``."""
    before = stat.S_IMODE(path.stat().st_mode)

    def make() -> None:
        # The file itself, not what a link that came meanwhile leads to.
        file = os.open(path.resolve(), os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fchmod(file, before & ~bits)
        finally:
            os.close(file)

    return Repair(str(path), (f"mode {before:04o}",), (f"mode {before & ~bits:04o}",), make)


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


def check_state(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the state folder and what is stored there."""
    folder = state_folder(app.environ)
    if app.state_problem is not None:
        yield broken(
            TOPIC,
            f"the state folder is not used: {app.state_problem}",
            "no session is kept, so that every command asks AWS again",
            Advice("chmod go-w ", Argument(str(folder))),
            _state_repair(folder),
        )
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
            "rolehop logout --all",
        )
        return
    yield fine(TOPIC, f"the state folder {folder} is yours alone")


def _state_repair(folder: Path, add: int = 0) -> Repair | None:
    """Return the change of the folder's own mode, if that is what is wrong."""
    from rolehop.files.access import is_own

    found = folder.lstat() if folder.exists() else None
    if found is None or not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        return None
    mode = stat.S_IMODE(found.st_mode)
    wanted = (mode | add) & ~_OTHERS_WRITE
    if wanted == mode or (not add and is_own(found)):
        return None

    def make() -> None:
        opened = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)
        try:
            os.fchmod(opened, wanted)
        finally:
            os.close(opened)

    return Repair(str(folder), (f"mode {mode:04o}",), (f"mode {wanted:04o}",), make)
