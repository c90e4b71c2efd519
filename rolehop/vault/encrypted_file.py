"""The encrypted file of ``keyrings.alt``, in its own format: written whole, and never half read.

The library empties its one file and then writes it again. A full disk or a killed process loses all
that is in it then, and so do two that write at once: keys of IAM users, too, which cannot be got
again. Here one process at a time writes, and the new file takes the place of the old one. Programs
that use the library know no lock: what they are writing just now is read when it is whole.

What cannot be decrypted is an item that was changed, or all of the file under another passphrase.
The library stores a reference to tell, but not if it was given the passphrase by the variable.

Errors name the file, and say what to do about it: nobody else does.
"""

from __future__ import annotations

import atexit
import configparser
import errno
import getpass
import os
import stat
import sys
import time
from base64 import decodebytes, encodebytes
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from io import StringIO
from pathlib import Path

from keyring.errors import PasswordDeleteError
from keyrings.alt.escape import escape
from keyrings.alt.file import EncryptedKeyring

from rolehop.base.advice import Advice, ShellCommand
from rolehop.base.errors import VaultBroken, VaultFull, VaultLocked
from rolehop.base.files import PRIVATE_FILE, make_private_folder, read_regular, write_beside
from rolehop.vault.password_store import HalfWritten

_LONGEST = 1 << 26  # bytes
_SECONDS = 4.0  # to wait for others who write; the vault waits for 5
_NAP = 0.01
_LIBRARY_SECONDS = 1.0  # to wait until the library has written the file, which takes milliseconds
_MOMENT = 0.5  # seconds
_KEY = "keyring_key"
_REFERENCE = ("keyring-setting", "password reference", "password reference value")
_SETTINGS = escape(_REFERENCE[0])

# What its library raises for an item that was changed, or for another passphrase.
_UNREADABLE = (
    AssertionError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    RecursionError,
)

_LOST = Advice(
    "put it back from a backup; or move it away, which loses its keys and sessions, then ",
    ShellCommand("rolehop keys add SOURCE"),
)

_FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
_REGULAR = "it must be a regular file that you may read and write, in a folder of yours with room"
Items = configparser.RawConfigParser


class EncryptedFile(EncryptedKeyring):  # type: ignore[misc]  # it has no types
    """Items of ``keyrings.alt.file.EncryptedKeyring``."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        """Take the passphrase, ``keyring_key``, from ``properties``, by name; without one, it asks.

        A blank one, as of a variable that somebody forgot to fill, is none. The library accepts
        it here, but not if it is typed.
        """
        super().__init__()
        for name, value in properties.items():
            if name != _KEY or value.strip():
                setattr(self, name, value)

    def get_password(self, service: str, username: str) -> str | None:
        """Return the text, ``None`` if there is none.

        Raises:
            HalfWritten: it was changed.
            VaultLocked: the file has another passphrase, or nobody gave one.
            VaultError: it cannot be read, or is none of its kind.
        """
        _ = self.keyring_key  # which may ask for it, also if no item is there: see `Storage.wake`
        items = self._items()
        coded = items.get(escape(service), escape(username), fallback=None)
        if coded is None:
            return None
        found = self._decrypted(coded)
        if found is None:
            self._check_passphrase(items)
            raise HalfWritten("it was changed since it was stored")
        return found

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store the text. Raises as `get_password`; VaultBroken if others write for too long."""
        _ = self.keyring_key  # which may ask for it; then it writes the reference

        def put(items: Items) -> None:
            self._check_passphrase(items)
            if not items.has_option(_SETTINGS, escape(_REFERENCE[1])):
                self._put(items, *_REFERENCE)
            self._put(items, service, username, password)

        self._change(put)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the text, for which no passphrase is needed.

        Raises: as `set_password`; PasswordDeleteError if there is none.
        """

        def remove(items: Items) -> None:
            name = escape(service)
            if not items.has_section(name) or not items.remove_option(name, escape(username)):
                raise PasswordDeleteError("no such password")
            if not items.options(name):
                items.remove_section(name)

        self._change(remove)

    @property
    def _path(self) -> Path:
        return Path(os.path.realpath(self.file_path))  # a link to it stays

    def _items(self) -> Items:
        path, items = self._path, Items()
        try:
            with _explained(path):
                items.read_string(_read_whole(path).decode())
        except FileNotFoundError:
            pass
        except (configparser.Error, UnicodeDecodeError):
            raise VaultBroken("the keyring failed", cause=f"{path} is damaged", fix=_LOST) from None
        return items

    def _put(self, items: Items, service: str, username: str, password: str) -> None:
        text = encodebytes(self.encrypt(password.encode())).decode()
        self._set(items, service, username, f"\n{text}")

    def _set(self, items: Items, service: str, name: str, value: str) -> None:
        section = escape(service)
        if not items.has_section(section):
            items.add_section(section)
        items.set(section, escape(name), value)

    def _check_file(self) -> bool:
        """True if it has items: then the library asks for their passphrase, else for a new one."""
        return bool(self._items().sections())

    def _unlock(self) -> None:
        with _asked():
            typed = getpass.getpass("Please enter password for encrypted keyring: ")
        self.keyring_key = typed
        self._check_passphrase(self._items())

    def _init_file(self) -> None:
        with _asked():
            super()._init_file()

    def _create_cipher(self, password: str, salt: bytes, IV: bytes) -> object:  # noqa: N803
        try:
            return super()._create_cipher(password, salt, IV)
        except UnicodeEncodeError:  # of the passphrase, as Latin-1
            cause = "keyrings.alt takes no passphrase with characters that Latin-1 lacks"
            raise _locked(cause) from None

    def _write_config_value(self, service: str, key: str, value: str) -> None:
        """Write a setting of the file, as the library does for a new one."""

        def put(items: Items) -> None:
            self._set(items, service, key, value)

        self._change(put)

    def _decrypted(self, coded: str) -> str | None:
        try:
            text: str = self.decrypt(decodebytes(coded.encode())).decode()
        except _UNREADABLE:
            return None
        return text

    def _check_passphrase(self, items: Items) -> None:
        """Raise VaultLocked if there are items, and none of them has the passphrase."""
        plain = (_SETTINGS, escape("scheme")), (_SETTINGS, escape("version"))
        names = [(at, name) for at in items.sections() for name in items.options(at)]
        names.sort(key=lambda each: each[0] != _SETTINGS)  # the reference comes first
        coded = [items.get(*each) for each in names if each not in plain]
        if coded and all(self._decrypted(each) is None for each in coded):
            raise _locked(f"{self._path} has another passphrase than the one that was given")

    def _change(self, change: Callable[[Items], None]) -> None:
        path = self._path
        with _explained(path), _alone(path):
            items, text = self._items(), StringIO()
            change(items)
            items.write(text)
            write_beside(path, text.getvalue(), place=_put_in_place)


def _locked(cause: str) -> VaultLocked:
    return VaultLocked("the keyring is locked", cause=cause)


def _busy(path: Path) -> VaultBroken:
    cause = f"other processes write {path} all the time"
    return VaultBroken("the keyring failed", cause=cause, fix="try again when they are done")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Name the file in what the system says of it, but that it is not there."""
    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        cause = f"{path}: {(error.strerror or type(error).__name__).lower()}"
        if error.errno in _FULL:
            fix = f"make room on the disk of {path}"
            raise VaultFull("the keyring has no room left", cause=cause, fix=fix) from None
        raise VaultBroken("the keyring failed", cause=cause, fix=_REGULAR) from None


def _read_whole(path: Path) -> bytes:
    """Return the file's bytes, when the library has written them; raises OSError as `read_regular`."""
    deadline = time.monotonic() + _LIBRARY_SECONDS
    while True:
        data = read_regular(path, _LONGEST)
        found = path.stat()
        is_whole = len(data) == found.st_size and not _may_be_unfinished(found)
        if is_whole or time.monotonic() >= deadline:
            return data
        time.sleep(_NAP)


def _may_be_unfinished(found: os.stat_result) -> bool:
    """True if the library may be writing the file.

    It empties it first, which can be seen before its new time (ext4). What is written here has a
    time in whole seconds, and an empty file made here that of 1970.
    """
    if found.st_size == 0:
        return found.st_mtime != 0
    return found.st_mtime_ns % 10**9 != 0 and abs(time.time() - found.st_mtime) < _MOMENT


def _whole_seconds() -> tuple[int, int]:
    now = int(time.time())
    return now, now


def _put_in_place(new: Path, old: Path) -> None:
    _settle(new, old)
    new.replace(old)


@contextmanager
def _asked() -> Iterator[None]:
    """Let the library ask on the terminal, whose echo comes back even if nobody waits for it any more.

    Without a terminal it would take a line of standard input, which is for somebody else.

    Raises:
        VaultLocked: there is no terminal, or no answer.
    """
    with _terminal_kept():
        try:
            yield
        except EOFError:
            raise _locked("nobody gave its passphrase") from None


if sys.platform == "win32":

    def _alone(path: Path) -> AbstractContextManager[None]:
        return nullcontext()  # a file that is open, as a locked one is, cannot be replaced

    def _terminal_kept() -> AbstractContextManager[None]:
        return nullcontext()  # the library asks the console

    def _settle(new: Path, _old: Path) -> None:
        os.utime(new, times=_whole_seconds())

else:
    import fcntl
    import termios

    @contextmanager
    def _alone(path: Path) -> Iterator[None]:
        """Lock the file at ``path`` while it is replaced; a file system without locks has none.

        Raises:
            VaultBroken: others held it all the time.
            OSError: it cannot be opened.
        """
        file = _open_locked(path)
        try:
            yield
        finally:
            os.close(file)

    def _open_locked(path: Path) -> int:
        make_private_folder(path.parent)
        deadline = time.monotonic() + _SECONDS
        while True:
            file = _opened(path)
            try:
                if not _is_locked(file, deadline):
                    raise _busy(path)
                if _is_at(file, path):
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # another process has replaced it

    def _opened(path: Path) -> int:
        flags = os.O_RDWR | os.O_NONBLOCK
        try:
            file = os.open(path, flags | os.O_CREAT | os.O_EXCL, PRIVATE_FILE)
        except FileExistsError:
            return os.open(path, flags)
        os.utime(file, (0, 0))  # the library does not write it: see `_may_be_unfinished`
        return file

    def _is_at(file: int, path: Path) -> bool:
        try:
            return os.path.samestat(os.fstat(file), path.stat())
        except FileNotFoundError:
            return False

    @contextmanager
    def _terminal_kept() -> Iterator[None]:
        try:
            terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
        except OSError:
            raise _locked("there is no terminal to ask for its passphrase") from None
        before = termios.tcgetattr(terminal)
        restore = partial(termios.tcsetattr, terminal, termios.TCSANOW, before)
        atexit.register(restore)  # the program may end while the library still waits
        try:
            yield
        finally:
            atexit.unregister(restore)
            restore()
            os.close(terminal)

    def _is_locked(file: int, deadline: float) -> bool:
        """Lock an open file; ``False``: not before ``deadline``, of ``time.monotonic``."""
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_NAP)
            except OSError:
                return True
            else:
                return True

    def _settle(new: Path, old: Path) -> None:
        """Give the new file its time, and to the user of the old one: root may work in their home.

        They could put another file, or a link to one, in the place of the new one.
        """
        file = os.open(new, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            os.utime(file, times=_whole_seconds())
            found, owner = os.fstat(file), old.stat()
            is_own = stat.S_ISREG(found.st_mode) and (found.st_uid, found.st_nlink) == (0, 1)
            if is_own and os.geteuid() == 0:
                with suppress(OSError):  # a user that does not exist in this container
                    os.fchown(file, owner.st_uid, owner.st_gid)
        finally:
            os.close(file)
