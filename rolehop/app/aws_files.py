"""The AWS files as they are changed: read with what may write them judged, shown as a diff, written whole.

One process at a time writes. Each content that a file had is kept beside it, without its secrets.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.awsconfig import AwsConfig, parse_aws_config
from rolehop.awsconfig.own_profiles import lines_of
from rolehop.awsconfig.taken_over import without_secrets
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError
from rolehop.base.file_access import way_problem
from rolehop.base.files import (
    PRIVATE_FILE,
    NotRegular,
    entries_of,
    put_new,
    read_own,
    read_trusted_plain,
    write_beside,
)
from rolehop.base.startup import Pattern
from rolehop.base.text import visible

if TYPE_CHECKING:
    from rolehop.app.context import App

BACKUP = ".rolehop-backup"
"""What the name of the first backup ends with; of later ones a number follows: ``-2``."""

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


def backups_of(real: Path) -> list[Path]:
    """Return the files that keep what the AWS file ``real`` was before each change, the oldest first."""
    first = real.name + BACKUP
    numbers = {each.name.removeprefix(first): each for each in entries_of(real.parent)}
    return [numbers[end] for end in sorted(numbers, key=_number) if _number(end)]


def _number(end: str) -> int:
    """Return which backup it is whose name ends so, from 1; 0: it is none."""
    if not end:
        return 1
    return int(end[1:]) if _NUMBERED.fullmatch(end) else 0


_NUMBERED = Pattern(r"-(?:[2-9]|[1-9][0-9]{1,8})")


def _keep(real: Path, data: bytes) -> None:
    """Write ``data`` into a new backup of ``real``, mode 0600, unless one has it.

    Raises:
        OSError: it cannot be written.
    """
    there = backups_of(real)
    for each in reversed(there):
        with suppress(OSError):
            if read_own(each, _LONGEST) == data:
                return
    number = _number(there[-1].name.removeprefix(real.name + BACKUP)) + 1 if there else 1
    end = f"-{number}" if number > 1 else ""
    write_beside(real.with_name(real.name + BACKUP + end), data, place=put_new)


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
    """Replace the content, and keep the old one in a backup, without the values of secrets.

    `is_removed_with` tells if the file goes.

    Raises:
        ConfigError: it cannot be written.
    """
    new = text.encode("utf-8")
    try:
        if file.data is not None:
            _keep(file.real, without_secrets(file.text).encode("utf-8"))
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


_MOST = 2000  # changed lines; difflib takes minutes for tens of thousands


def shown_diff(old: str, new: str, old_name: str, new_name: str) -> str:
    """Return a unified diff without context, which may hold keys; values of secrets are not shown."""
    old_name, new_name = visible(old_name), visible(new_name)
    before, after = _shown_lines(old), _shown_lines(new)
    same = _same_at_start(before, after)
    end = _same_at_start(before[same:][::-1], after[same:][::-1])
    changed = before[same : len(before) - end], after[same : len(after) - end]
    if sum(map(len, changed)) > _MOST:
        lines = _as_one(*changed, same, old_name, new_name)
    else:
        import difflib

        lines = difflib.unified_diff(before, after, old_name, new_name, n=0, lineterm="")
    return "".join(f"{each}\n" for each in lines)


def _as_one(
    old: Sequence[str], new: Sequence[str], at: int, old_name: str, new_name: str
) -> Iterator[str]:
    """Give the diff of what is changed as one hunk, after ``at`` lines that are not."""
    yield from (f"--- {old_name}", f"+++ {new_name}")
    yield f"@@ -{at + bool(old)},{len(old)} +{at + bool(new)},{len(new)} @@"
    yield from (f"-{each}" for each in old)
    yield from (f"+{each}" for each in new)


def _same_at_start(some: Sequence[str], others: Sequence[str]) -> int:
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _shown_lines(text: str) -> list[str]:
    return [each.rstrip("\r\n") for each in lines_of(without_secrets(text, "(not shown)"))]


@dataclass(frozen=True, slots=True)
class FileChange:
    """What becomes of one file."""

    file: AwsFile
    new: str
    profiles: tuple[str, ...]
    """The profiles that are written or removed."""

    @property
    def diff(self) -> str:
        """What changes, as a unified diff that shows no secret."""
        name = str(self.file.path)
        before = name if self.file.data is not None else "/dev/null"
        after = "/dev/null" if is_removed_with(self.file, self.new) else name
        return shown_diff(self.file.text, self.new, before, after)


def changed(file: AwsFile, text: str, names: Iterable[str], *, is_config: bool) -> FileChange:
    """Return the change, once everything but the profiles ``names`` is seen to mean what it meant.

    Raises:
        ConfigError: it would not.
    """
    ours = set(names)
    try:
        before = parsed(file.text, str(file.path), is_config=is_config)
    except ConfigError:  # only a removal comes here with a file that botocore refuses
        return FileChange(file, text, tuple(names))
    after = parsed(text, str(file.path), is_config=is_config)
    if _others(before, ours) != _others(after, ours):
        raise ConfigError(
            f"{file.path} is not changed",
            cause="lines after rolehop's block belong to a profile in it, and would to another one",
            fix="move them",
        )
    return FileChange(file, text, tuple(names))


def parsed(text: str, path: str, *, is_config: bool) -> AwsConfig:
    """Return what botocore reads in the text of one AWS file.

    Raises:
        ConfigError: it refuses the file.
    """
    text = text.removeprefix("\ufeff")
    if is_config:
        return parse_aws_config(text, None, config_file=path)
    return parse_aws_config(None, text, credentials_file=path)


def _others(parsed: AwsConfig, ours: set[str]) -> object:
    profiles = {name: keys for name, keys in parsed.profiles.items() if name not in ours}
    return profiles, parsed.sso_sessions, parsed.services, parsed.unprefixed


def text_of(path: Path) -> str:
    """Return the text of an AWS file; empty if it is not there.

    Raises:
        ConfigError: it cannot be read.
    """
    from rolehop.app.host import read_or_none

    # AWS_SHARED_CREDENTIALS_FILE=/dev/null is how people say that there is none.
    return "" if str(path) == os.devnull else read_or_none(path) or ""


def write_changes(
    app: App, changes: Sequence[FileChange], before: Callable[[], None] = lambda: None
) -> None:
    """Write the files in this order; one process at a time does, and calls ``before`` first.

    Raises:
        ConfigError: one cannot be written, or has changed since it was read.
    """
    with app.locks.hold("aws-files"):
        before()
        for each in changes:
            check_unchanged(each.file)
        for each in changes:
            write_aws_file(each.file, each.new)
