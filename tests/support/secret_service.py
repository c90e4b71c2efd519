"""A real Secret Service without a desktop: gnome-keyring in a private D-Bus session.

with start_secret_service(folder) as service:
    subprocess.run([...], env={**needed_variables(), **service.environ})
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import secretstorage
from jeepney.io.blocking import open_dbus_connection  # type: ignore[import-untyped]

from tests.support.environment import needed_variables

BACKEND = "keyring.backends.SecretService.Keyring"
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon")

_LOCK = """
import secretstorage
from contextlib import closing
with closing(secretstorage.dbus_init()) as bus:
    secretstorage.get_default_collection(bus).lock()
"""


def missing() -> str | None:
    """Return why no Secret Service can be started here, or ``None``."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


@dataclass(frozen=True)
class SecretService:
    """A running Secret Service."""

    environ: dict[str, str]
    """HOME, XDG_* and DBUS_SESSION_BUS_ADDRESS for whoever uses it."""

    password: str = "made up"

    def full_environ(self) -> dict[str, str]:
        """Return the whole environment of a program in the private session."""
        return {**needed_variables(), "LC_ALL": "C.UTF-8", **self.environ}

    def lock(self) -> None:
        """Lock the login collection; there is nobody to answer a prompt."""
        subprocess.run(
            [sys.executable, "-W", "error", "-c", _LOCK], env=self.full_environ(), check=True
        )

    def unlock(self) -> None:
        """Start the daemon with the password, which makes the collection or unlocks it.

        It goes to the background when it is ready, and ends when its bus ends.
        """
        subprocess.run(
            ["gnome-keyring-daemon", "--replace", "--unlock", "--components=secrets"],
            input=self.password.encode(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=self.full_environ(),
            check=True,
        )


@contextmanager
def start_secret_service(folder: Path, *, locked: bool = False) -> Iterator[SecretService]:
    """Start a Secret Service whose home is in ``folder`` (a short path, since it holds sockets).

    ``locked``: nobody gave a password, so there is no collection and none can be made.
    """
    environ = {
        "HOME": str(folder / "home"),
        "XDG_RUNTIME_DIR": str(folder / "run"),
        "XDG_DATA_HOME": str(folder / "home" / ".local" / "share"),
        "XDG_CONFIG_HOME": str(folder / "home" / ".config"),
        "XDG_STATE_HOME": str(folder / "home" / ".local" / "state"),
        "XDG_CACHE_HOME": str(folder / "home" / ".cache"),
    }
    for path in environ.values():
        Path(path).mkdir(mode=0o700, parents=True, exist_ok=True)
    bus = _start_bus(SecretService(environ).full_environ())
    assert bus.stdout is not None
    environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
    service = SecretService(environ)
    try:
        if not locked:
            service.unlock()
            _write_once(environ["DBUS_SESSION_BUS_ADDRESS"])
        yield service
    finally:
        _end(bus)


def _write_once(address: str) -> None:
    """Store an item and delete it: the first one derives keys, which a busy machine does slowly.

    It would count against the few seconds that rolehop gives a keyring.
    """
    with open_dbus_connection(bus=address) as connection:
        collection = secretstorage.get_default_collection(connection)
        collection.create_item("first", {"first": "item"}, b"none").delete()


def _start_bus(environ: dict[str, str]) -> subprocess.Popen[bytes]:
    environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
    return subprocess.Popen(
        ["dbus-daemon", "--session", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
    )


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(5)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
    if program.stdout is not None:
        program.stdout.close()
