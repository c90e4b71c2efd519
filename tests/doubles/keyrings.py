"""Keyring back ends that behave well or badly, named by PYTHON_KEYRING_BACKEND or in a config.

`FileBacked` keeps its items in the folder that ROLEHOP_TEST_KEYRING names, so that several
processes see the same ones. It keeps made-up secrets of tests only.
"""

from __future__ import annotations

import _thread
import errno
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringLocked, PasswordDeleteError

WINDOWS_UNITS = 1_280
_ROLEHOP = (sys.executable, "-m", "rolehop")


class _Double(KeyringBackend):
    """keyring's own constructor has no types."""

    priority: float = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]


class InMemory(_Double):
    """Works; each object has its own items."""

    def __init__(self) -> None:
        super().__init__()
        self.items: dict[tuple[str, str], str] = {}
        self.not_text: set[tuple[str, str]] = set()
        """Items that another program filled with bytes."""

    def get_password(self, service: str, username: str) -> str | None:
        if (service, username) in self.not_text & self.items.keys():
            return b"\xff".decode()
        return self.items.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.items[service, username] = password
        self.not_text.discard((service, username))

    def delete_password(self, service: str, username: str) -> None:
        if self.items.pop((service, username), None) is None:
            raise PasswordDeleteError("no such password")


class Limited(InMemory):
    """Refuses values longer than Windows accepts, as pywin32 does."""

    limit = WINDOWS_UNITS

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2 * WINDOWS_UNITS:
            raise WindowsError1783
        super().set_password(service, username, password)


class WindowsError(Exception):
    """Shaped like pywintypes.error: no OSError, and no KeyringError either."""

    def __init__(self, winerror: int, function: str, strerror: str) -> None:
        super().__init__(winerror, function, strerror)
        self.winerror, self.strerror = winerror, strerror


WindowsError1783 = WindowsError(1783, "CredWrite", "The stub received bad data")


class FileBacked(_Double):
    """Works over several processes; one JSON file an item, replaced in one rename."""

    def get_password(self, service: str, username: str) -> str | None:
        try:
            item = json.loads(self._path(service, username).read_text())
        except FileNotFoundError:
            return None
        return str(item["password"])

    def set_password(self, service: str, username: str, password: str) -> None:
        path = self._path(service, username)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{os.getpid()}.{os.urandom(4).hex()}")
        beside.write_text(
            json.dumps({"service": service, "username": username, "password": password})
        )
        beside.replace(path)

    def delete_password(self, service: str, username: str) -> None:
        try:
            self._path(service, username).unlink()
        except FileNotFoundError:
            raise PasswordDeleteError("no such password") from None

    def services_of(self, username: str) -> list[str]:
        items = [
            json.loads(path.read_text())
            for path in Path(os.environ["ROLEHOP_TEST_KEYRING"]).glob("*.json")
        ]
        return [each["service"] for each in items if each["username"] == username]

    def _path(self, service: str, username: str) -> Path:
        name = f"{service}@{username}".replace("/", "%2F")
        return Path(os.environ["ROLEHOP_TEST_KEYRING"]) / f"{name}.json"


class Unlisted(FileBacked):
    """The same, but it lists nothing, as the keyrings of macOS and Windows."""

    services_of = None  # type: ignore[assignment]


class Counted(FileBacked):
    """`FileBacked` that writes a line for each read to the file `looks` beside its items."""

    def get_password(self, service: str, username: str) -> str | None:
        folder = Path(os.environ["ROLEHOP_TEST_KEYRING"])
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "looks").open("a") as file:
            file.write(f"{service}\n")
        return super().get_password(service, username)


class AsksToBeUnlocked(FileBacked):
    """`FileBacked` whose first call in a process waits until the file `unlocked` is beside the items."""

    def get_password(self, service: str, username: str) -> str | None:
        self._wait()
        return super().get_password(service, username)

    def set_password(self, service: str, username: str, password: str) -> None:
        self._wait()
        super().set_password(service, username, password)

    def delete_password(self, service: str, username: str) -> None:
        self._wait()
        super().delete_password(service, username)

    def _wait(self) -> None:
        folder = Path(os.environ["ROLEHOP_TEST_KEYRING"])
        (folder / "asks").touch()
        while not (folder / "unlocked").exists():
            time.sleep(0.02)


class KilledAfterWrite(FileBacked):
    """`FileBacked` whose process dies once it has written what ROLEHOP_TEST_KILL begins."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        if service.startswith(os.environ["ROLEHOP_TEST_KILL"]):
            os.kill(os.getpid(), signal.SIGKILL)


class InterruptedAfterWrite(FileBacked):
    """`FileBacked` during whose writes the person types Ctrl-C."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password)
        _thread.interrupt_main()


class KilledAfterStatus(FileBacked):
    """Ends its process as soon as a key is written, just before which somebody asked for status."""

    def set_password(self, service: str, username: str, password: str) -> None:
        if not service.startswith("rolehop/keys/"):
            return super().set_password(service, username, password)
        environ = {**os.environ, "PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.FileBacked"}
        with suppress(subprocess.TimeoutExpired):
            subprocess.run([*_ROLEHOP, "status"], env=environ, capture_output=True, timeout=3)
        super().set_password(service, username, password)
        os.kill(os.getpid(), signal.SIGKILL)


class LogsOutBeforeWrite(FileBacked):
    """`FileBacked` that starts ``rolehop logout --all`` and gives it time before each write."""

    def set_password(self, service: str, username: str, password: str) -> None:
        environ = {**os.environ, "PYTHON_KEYRING_BACKEND": f"{__name__}.FileBacked"}
        process = subprocess.Popen([*_ROLEHOP, "logout", "--all"], env=environ)
        with suppress(subprocess.TimeoutExpired):
            process.wait(2)
        super().set_password(service, username, password)
        process.wait()


class LimitedFileBacked(FileBacked):
    """`FileBacked` with Windows's limit."""

    limit = WINDOWS_UNITS

    def set_password(self, service: str, username: str, password: str) -> None:
        if len(password.encode("utf-16-le")) > 2 * WINDOWS_UNITS:
            raise WindowsError1783
        super().set_password(service, username, password)


class _Refusing(_Double):
    """Every call fails in the same way."""

    def get_password(self, service: str, username: str) -> str | None:
        raise self._error(service)

    def set_password(self, service: str, username: str, password: str) -> None:
        raise self._error(password)

    def delete_password(self, service: str, username: str) -> None:
        raise self._error(service)

    def _error(self, message: str) -> Exception:
        raise NotImplementedError


class Locked(_Refusing):
    """Locked, and the prompt was dismissed."""

    def _error(self, message: str) -> Exception:
        return KeyringLocked("Failed to unlock the collection!")


class Denied(_Refusing):
    """Present, but this process may not use it."""

    def _error(self, message: str) -> Exception:
        return PermissionError(errno.EACCES, "Permission denied")


class Broken(_Refusing):
    """Fails with an exception of no known class, which quotes the value it was given."""

    def _error(self, message: str) -> Exception:
        return RuntimeError(f"cannot handle {message}")


class Hanging(_Double):
    """Never answers."""

    def get_password(self, service: str, username: str) -> str | None:
        self._hang()
        return None

    def set_password(self, service: str, username: str, password: str) -> None:
        self._hang()

    def delete_password(self, service: str, username: str) -> None:
        self._hang()

    def _hang(self) -> None:
        while True:
            time.sleep(3600)


class Full(InMemory):
    """Reads and deletes, but has no space for anything new."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


class BrokenWrites(InMemory):
    """Reads and deletes; every write fails halfway, with the value in the message."""

    def set_password(self, service: str, username: str, password: str) -> None:
        raise RuntimeError(f"cannot store {password}")


class Weak(InMemory):
    """A back end that keyring itself does not recommend."""

    priority = 0.5
