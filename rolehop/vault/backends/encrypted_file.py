"""The encrypted file of ``keyrings.alt``, in its own format: written whole, and never half read.

The library empties its one file and then writes it again. A full disk or a killed process loses all
that is in it then, and so do two that write at once: keys of IAM users, too, which cannot be got
again. Here one process at a time writes, and the new file takes the place of the old one.

What cannot be decrypted is an item that was changed, or all of the file under another passphrase.
The library stores a reference to tell, but not if it was given the passphrase by the variable.
"""

from __future__ import annotations

import atexit
import configparser
import os
import sys
import time
from base64 import decodebytes, encodebytes
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from io import StringIO
from pathlib import Path

from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError
from keyrings.alt.escape import escape
from keyrings.alt.file import EncryptedKeyring

from rolehop.files import PRIVATE_FILE, make_private_folder, read_regular, write_beside
from rolehop.vault.backends.password_store import HalfWritten

_LONGEST = 1 << 26  # bytes
_SECONDS = 4.0  # to wait for others who write; the vault waits for 5
_NAP = 0.01
_REFERENCE = ("keyring-setting", "password reference", "password reference value")
_SETTINGS = escape(_REFERENCE[0])
# What its library raises for an item that was changed, or for another passphrase.
_UNREADABLE = (AssertionError, ValueError, LookupError, TypeError, AttributeError)

Items = configparser.RawConfigParser


class EncryptedFile(EncryptedKeyring):  # type: ignore[misc]  # it has no types
    """Items of ``keyrings.alt.file.EncryptedKeyring``."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        """Take the passphrase, ``keyring_key``, from ``properties``, by name; without one, it asks."""
        super().__init__()
        for name, value in properties.items():
            setattr(self, name, value)

    def get_password(self, service: str, username: str) -> str | None:
        """Return the text, ``None`` if there is none.

        Raises:
            HalfWritten: it was changed.
            KeyringLocked: the file has another passphrase.
            KeyringError: the file is none of its kind.
            OSError: it cannot be read.
        """
        _ = self.keyring_key  # which may ask for it
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
        """Store the text. Raises as `get_password`; KeyringError if others write for too long."""
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
        items = Items()
        try:
            items.read_string(read_regular(self._path, _LONGEST).decode())
        except FileNotFoundError:
            pass
        except (configparser.Error, UnicodeDecodeError):
            raise KeyringError(
                "its file is damaged: put it back from a backup, or remove it"
            ) from None
        return items

    def _put(self, items: Items, service: str, username: str, password: str) -> None:
        text = encodebytes(self.encrypt(password.encode())).decode()
        self._set(items, service, username, f"\n{text}")

    def _set(self, items: Items, service: str, name: str, value: str) -> None:
        section = escape(service)
        if not items.has_section(section):
            items.add_section(section)
        items.set(section, escape(name), value)

    def _unlock(self) -> None:
        with _asked():
            super()._unlock()

    def _init_file(self) -> None:
        with _asked():
            super()._init_file()

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
        """Raise KeyringLocked if there are items, and none of them has the passphrase."""
        plain = (_SETTINGS, escape("scheme")), (_SETTINGS, escape("version"))
        names = [(at, name) for at in items.sections() for name in items.options(at)]
        names.sort(key=lambda each: each[0] != _SETTINGS)  # the reference comes first
        coded = [items.get(*each) for each in names if each not in plain]
        if coded and all(self._decrypted(each) is None for each in coded):
            raise KeyringLocked("it has another passphrase")

    def _change(self, change: Callable[[Items], None]) -> None:
        path = self._path
        with _alone(path):
            items, text = self._items(), StringIO()
            change(items)
            items.write(text)
            write_beside(path, text.getvalue())


@contextmanager
def _asked() -> Iterator[None]:
    """Let the library ask on the terminal, whose echo comes back even if nobody waits for it any more.

    Without a terminal it would take a line of standard input, which is for somebody else.

    Raises:
        KeyringLocked: there is no terminal, or the answer is wrong.
    """
    with _terminal_kept():
        try:
            yield
        except (ValueError, EOFError):
            raise KeyringLocked("it has another passphrase") from None


if sys.platform == "win32":

    def _alone(path: Path) -> AbstractContextManager[None]:
        return nullcontext()  # a file that is open, as a locked one is, cannot be replaced

    def _terminal_kept() -> AbstractContextManager[None]:
        return nullcontext()  # the library asks the console

else:
    import fcntl
    import termios

    @contextmanager
    def _alone(path: Path) -> Iterator[None]:
        """Lock the file at ``path`` while it is replaced; a file system without locks has none.

        Raises:
            KeyringError: others held it all the time.
            OSError: it cannot be opened.
        """
        file = _locked(path)
        try:
            yield
        finally:
            os.close(file)

    def _locked(path: Path) -> int:
        make_private_folder(path.parent)
        deadline = time.monotonic() + _SECONDS
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NONBLOCK", 0)
        while True:
            file = os.open(path, flags, PRIVATE_FILE)
            try:
                if not _is_locked(file, deadline):
                    raise KeyringError("other processes write its file all the time")
                if _is_at(file, path):
                    return file
            except BaseException:
                os.close(file)
                raise
            os.close(file)  # another process has replaced it

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
            raise KeyringLocked("there is no terminal to ask for its passphrase") from None
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
