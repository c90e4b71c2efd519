"""A real Secret Service without a desktop: gnome-keyring in a private D-Bus session.

with start_secret_service(folder) as service:
    subprocess.run([...], env={**needed_variables(), **service.environ})
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import secretstorage
from jeepney import DBusErrorResponse, Message, message_bus
from jeepney.bus import get_bus
from jeepney.io.blocking import DBusConnection, Proxy, prep_socket
from keyring.backends.SecretService import Keyring

from rolehop.hotpath import dbus
from rolehop.vault.secret_service import find_collection
from rolehop.vault.session_bus import open_session_bus
from rolehop.vault.sessions import KeyringVault
from rolehop.vault.storage import BackendHandle
from tests.support.environment import ROOT, needed_variables

BACKEND = "keyring.backends.SecretService.Keyring"
PROGRAMS = ("dbus-daemon", "gnome-keyring-daemon", "setpriv")
_READY = 60.0  # seconds for a daemon to be ready on a busy machine, or to lock
PATIENCE = 60.0  # seconds for an answer

# The system's session.conf, less the folders of services that a bus starts when they are called:
# in place of a daemon that has ended, it would start one that nobody has unlocked.
_NO_SERVICES = """
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:tmpdir=/tmp</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""
_LOCK = """
from contextlib import closing
from rolehop.vault.secret_service import find_collection
from rolehop.vault.session_bus import open_session_bus
with closing(open_session_bus(60)) as bus:
    find_collection(bus).lock()
"""


class PatientConnection(DBusConnection):  # type: ignore[misc]  # jeepney has no types
    """A connection to the bus at ``address`` on which no answer is waited for longer than `PATIENCE`.

    The library waits for ever, and a daemon that hangs would make its test hang, too.
    """

    def __init__(self, address: str) -> None:
        super().__init__(prep_socket(get_bus(address), timeout=PATIENCE))

    def receive(self, *, timeout: float | None = None) -> Message:
        """Return the next message.

        Raises:
            TimeoutError: there was none.
        """
        return super().receive(timeout=PATIENCE if timeout is None else timeout)


def be_patient(seconds: float = PATIENCE) -> None:
    """Let this process wait ``seconds`` for a keyring: longer than the program does.

    A daemon that stands still for seconds, on a machine that stalls, is not one that hangs.
    """
    made: tuple[Any, ...] = (KeyringVault, BackendHandle)
    for each in made:
        each.__init__.__kwdefaults__["quick_seconds"] = seconds
    dbus.read_secrets.__defaults__ = (seconds, None)
    dbus.is_collection_locked.__defaults__ = (seconds,)
    open_session_bus.__defaults__ = (seconds,)


class LibraryKeyring(Keyring):
    """keyring's own back end, but for a first call that does not crash gnome-keyring."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it open

    def get_preferred_collection(self) -> secretstorage.Collection:
        """Return the default collection on a new connection, as the library does."""
        return find_collection(open_session_bus(PATIENCE))


def missing() -> str | None:
    """Return why no Secret Service can be started here, or ``None``."""
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(absent)}" if absent else None


@dataclass
class SecretService:
    """A running Secret Service."""

    environ: dict[str, str]
    """HOME, XDG_* and DBUS_SESSION_BUS_ADDRESS for whoever uses it."""

    password: str = "made up"

    _daemon: int | None = None
    """A pidfd of the daemon that was unlocked last."""

    def full_environ(self) -> dict[str, str]:
        """Return the whole environment of a program in the private session."""
        return {**needed_variables(), "LC_ALL": "C.UTF-8", **self.environ}

    def lock(self) -> None:
        """Lock the login collection; there is nobody to answer a prompt."""
        subprocess.run(
            [sys.executable, "-W", "error", "-c", _LOCK],
            env={**self.full_environ(), "PYTHONPATH": str(ROOT)},
            check=True,
            timeout=_READY,
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
            timeout=_READY,
        )
        self.forget()
        self._daemon = os.pidfd_open(_daemon_of(self.environ["DBUS_SESSION_BUS_ADDRESS"]))

    def kill(self) -> None:
        """Kill the daemon."""
        assert self._daemon is not None
        signal.pidfd_send_signal(self._daemon, signal.SIGKILL)
        select.select([self._daemon], [], [])

    def is_lost(self) -> bool:
        """True if the daemon has ended, which costs a system call to know."""
        return self._daemon is not None and bool(select.select([self._daemon], [], [], 0)[0])

    def forget(self) -> None:
        """Watch the daemon no longer."""
        daemon, self._daemon = self._daemon, None
        if daemon is not None:
            os.close(daemon)


def _daemon_of(address: str) -> int:
    """Return the process ID of the service's daemon, which takes its name when it is ready."""
    until = time.monotonic() + _READY
    with PatientConnection(address) as connection:
        bus = Proxy(message_bus, connection)
        while True:
            try:
                found: tuple[int] = bus.GetConnectionUnixProcessID("org.freedesktop.secrets")
            except DBusErrorResponse:
                if time.monotonic() > until:
                    raise
                time.sleep(0.005)
            else:
                return found[0]


@contextmanager
def start_secret_service(folder: Path, *, locked: bool = False) -> Iterator[SecretService]:
    """Start a Secret Service whose home is in ``folder`` (a short path, since it holds sockets).

    ``locked``: it is started by the first call to it. Nobody gave a password, so there is no
    collection and none can be made.
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
    config = folder / "bus.conf"
    config.write_text(_NO_SERVICES)
    bus = _start_bus(
        SecretService(environ).full_environ(), "--session" if locked else f"--config-file={config}"
    )
    assert bus.stdout is not None
    environ["DBUS_SESSION_BUS_ADDRESS"] = bus.stdout.readline().decode().strip()
    service = SecretService(environ)
    try:
        if not locked:
            service.unlock()
            _write_once(environ["DBUS_SESSION_BUS_ADDRESS"])
        yield service
    finally:
        service.forget()
        _end(bus)


def _write_once(address: str) -> None:
    """Store an item and delete it: the first one derives keys, which a busy machine does slowly.

    It would count against the few seconds that rolehop gives a keyring.
    """
    with PatientConnection(address) as connection:
        collection = find_collection(connection)
        collection.create_item("first", {"first": "item"}, b"none").delete()


def _start_bus(environ: dict[str, str], config: str) -> subprocess.Popen[bytes]:
    environ.pop("DBUS_SESSION_BUS_ADDRESS", None)
    return subprocess.Popen(
        # It ends with the tests, also if they are killed, and the keyring's daemon ends with it.
        ["setpriv", "--pdeathsig=TERM", "dbus-daemon", config, "--nofork", "--print-address"],
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
