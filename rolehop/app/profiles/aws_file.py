"""One of the two AWS files: read as it is, judged, and written back with a backup beside it."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rolehop.errors import ConfigError
from rolehop.files import PRIVATE_FILE, NotRegular, read_trusted_plain, write_beside
from rolehop.files.access import way_problem
from rolehop.startup.dataclass import dataclass

BACKUP = ".rolehop-backup"
_LONGEST = 16 * 1024 * 1024  # bytes
_MOST_LINKS = 40


@dataclass(frozen=True, slots=True)
class AwsFile:
    """A file's content and place."""

    path: Path
    """As the user names it; it may be a link."""

    real: Path
    """The file itself, which is replaced; a link to it stays."""

    data: bytes | None
    """``None``: it is not there."""

    mode: int = PRIVATE_FILE

    @property
    def text(self) -> str:
        """The content with its line ends; empty if the file is not there.

        Raises:
            ConfigError: it is not UTF-8.
        """
        try:
            return (self.data or b"").decode("utf-8")
        except UnicodeDecodeError:
            raise ConfigError(
                f"{self.path} is not changed: it is not UTF-8",
                cause="the AWS CLI and boto3 cannot read it either",
                fix="save it as UTF-8",
            ) from None

    @property
    def backup(self) -> Path:
        """Where the content is kept as it was before the last change."""
        return backup_of(self.real)


def backup_of(real: Path) -> Path:
    """Return where the content of the AWS file ``real`` is kept before it is changed."""
    return real.with_name(real.name + BACKUP)


def read_aws_file(path: Path, home: Path) -> AwsFile:
    """Read the file at ``path``, which a link may lead to, and check that nobody else rules it.

    Raises:
        ConfigError: it cannot be read, is no regular file of one name, belongs to somebody else, or
            others can write it, its folder or a link on the way.
    """
    path = path.absolute()
    if str(path) == os.devnull:
        raise _refused(path, "the environment says that there is no such file")
    real = _real_path(path)
    for folder in {path.parent, real.parent}:
        problem = way_problem(folder, home)
        if problem is not None:
            raise _refused(path, problem)
    try:
        data, distrust = read_trusted_plain(real, _LONGEST)
        found = real.lstat()
    except FileNotFoundError:
        return AwsFile(path, real, None)
    except (OSError, NotRegular) as error:
        raise _refused(path, (error.strerror or str(error)).lower()) from None
    if distrust is not None:
        raise _refused(path, str(distrust), distrust.advice(str(real)))
    if hasattr(os, "geteuid") and found.st_uid != os.geteuid():
        raise _refused(path, "it is not yours, and would be if it were replaced")
    return AwsFile(path, real, data, stat.S_IMODE(found.st_mode))


def check_unchanged(file: AwsFile) -> None:
    """Check that the file is what it was when it was read.

    Raises:
        ConfigError: it is not.
    """
    try:
        same = read_trusted_plain(file.real, _LONGEST)[0] == file.data
    except FileNotFoundError:
        same = file.data is None
    except OSError:
        same = False
    if not same:
        raise ConfigError(f"{file.path} has changed in the meantime", fix="run it again")


def is_removed_with(file: AwsFile, text: str) -> bool:
    """True if writing ``text`` removes the file, as nothing is left in it.

    It may have been there, empty, before the first profile. What a link leads to stays, empty.
    """
    return not text and file.data is not None and not file.path.is_symlink()


def write_aws_file(file: AwsFile, text: str) -> None:
    """Replace the content, and keep the old one beside it, mode 0600; `is_removed_with` tells if it goes.

    Raises:
        ConfigError: it cannot be written.
    """
    new = text.encode("utf-8")
    try:
        if file.data is not None:
            write_beside(file.backup, file.data)
        if is_removed_with(file, text):
            file.real.unlink()
        else:
            write_beside(file.real, new, mode=file.mode)
    except OSError as error:
        raise _refused(file.path, (error.strerror or str(error)).lower()) from None


def _real_path(path: Path) -> Path:
    """Follow links from ``path``; each must be the user's or root's.

    Raises:
        ConfigError: one is somebody else's, or they lead round in a circle.
    """
    at = path
    for _ in range(_MOST_LINKS):
        if not at.is_symlink():
            return Path(os.path.realpath(at.parent), at.name)
        if hasattr(os, "geteuid") and at.lstat().st_uid not in (os.geteuid(), 0):
            raise _refused(path, f"{at} is a link of another user")
        at = at.parent / at.readlink()
    raise _refused(path, "too many symbolic links")


def _refused(path: Path, cause: str, fix: str = "put that right, then run it again") -> ConfigError:
    return ConfigError(f"{path} is not changed", cause=cause, fix=fix)
