"""The session bus: who serves it, and whether the Secret Service on it is locked.

It must be a process of this user before it is shown a secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass
from rolehop.hotpath.dbus import BusTrouble, is_collection_locked, peer_uid

if TYPE_CHECKING:
    import socket

    from jeepney.io.blocking import DBusConnection

_SECONDS = 5.0
_SIGN_ON_SECONDS = 4.0  # less than a keyring call has: a bus that is silent is left for the next
_SOCKETS = ("path", "abstract")


def session_bus_address(environ: Mapping[str, str]) -> str | None:
    """Return the session bus's address, by the variable or the runtime folder; ``None``: no bus."""
    named = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if named:
        return named
    runtime = environ.get("XDG_RUNTIME_DIR")
    path = os.path.join(runtime, "bus") if runtime else ""  # noqa: PTH118 - an address, not a file
    return f"unix:path={path}" if path and os.path.exists(path) else None  # noqa: PTH110


@dataclass(frozen=True, slots=True)
class BusProblem:
    """Why the session bus must not be used."""

    text: str

    may_be_foreign: bool
    """Somebody else serves it, or may: whoever uses the bus would ask them."""


_FREE_BEFORE_OURS = BusProblem(
    "nobody serves the first address of the session bus, so that anybody could", True
)


def bus_problem(address: str) -> BusProblem | None:
    """Return why the bus at ``address`` must not be used; ``None``: this user serves it.

    ``address`` may be a list of several: clients try one after the other, so none of them may be
    another user's; nor may one before ours be free, since somebody could serve it by the time a
    client tries it. The kernel tells the owner of the socket (``SO_PEERCRED``). Elsewhere than on
    Linux nothing is checked: macOS and Windows store secrets without a bus.
    """
    if sys.platform != "linux":
        return None
    found = [_problem_at(each) for each in address.split(";") if each]
    foreign = [each for each in found if each is not None and each.may_be_foreign]
    if foreign:
        return foreign[0]
    if None in found:
        return _FREE_BEFORE_OURS if found[0] is not None else None
    return next(iter(found), BusProblem("there is no session bus", False))


def _problem_at(address: str) -> BusProblem | None:
    import socket

    socket_name = _socket_name(address)
    if socket_name is None:
        return BusProblem("the session bus cannot be checked: it is not a Unix socket", True)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(socket_name)
            uid = peer_uid(connection)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        return BusProblem(f"the session bus cannot be reached: {error.strerror}", False)
    except (OSError, ValueError) as error:  # e.g. it is there and does not answer
        return BusProblem(f"the session bus cannot be checked: {error}", True)
    if uid != os.geteuid():
        return BusProblem(f"the session bus is served by another user (number {uid})", True)
    return None


def _socket_name(address: str) -> bytes | None:
    """Return the path or abstract name of one address (D-Bus specification, "Server Addresses")."""
    from urllib.parse import unquote_to_bytes

    kind, _, rest = address.partition(":")
    pairs = [each.partition("=") for each in rest.split(",")]
    names = [(key, unquote_to_bytes(value)) for key, _, value in pairs if key in _SOCKETS]
    if kind != "unix" or len(names) != 1:
        return None
    return names[0][1] if names[0][0] == "path" else b"\0" + names[0][1]


def is_secret_service_locked(environ: Mapping[str, str]) -> bool:
    """True if the Secret Service certainly has to be unlocked before it is read."""
    if sys.platform != "linux":
        return False
    try:
        return is_collection_locked(session_bus_address(environ) or "")
    except (OSError, BusTrouble):
        return False


def is_ours(connected: socket.socket) -> bool:
    """True if a connection to a bus ends at a process of this user; elsewhere than on Linux, too."""
    return sys.platform != "linux" or peer_uid(connected) == os.geteuid()


def address_of(connected: socket.socket) -> str:
    """Return the D-Bus address at the other end, escaped (D-Bus specification, "Server Addresses")."""
    from urllib.parse import quote_from_bytes

    name = connected.getpeername()
    if isinstance(name, bytes):
        return f"unix:abstract={quote_from_bytes(name[1:])}"
    return f"unix:path={quote_from_bytes(os.fsencode(name))}"


def open_session_bus(seconds: float = _SIGN_ON_SECONDS) -> DBusConnection:
    """Sign on to the session bus as ``secretstorage.dbus_init`` does, which gives it one second.

    A busy machine takes longer, and then sessions would not be stored.

    Raises:
        SecretServiceNotAvailableException: there is no bus.
        TimeoutError: it did not answer within ``seconds``.
    """
    from jeepney.io.blocking import open_dbus_connection
    from secretstorage.exceptions import SecretServiceNotAvailableException
    from secretstorage.util import add_match_rules

    try:
        try:
            connection = open_dbus_connection(auth_timeout=seconds)
        except BlockingIOError:  # jeepney's, if the time was up before it asked: we were stopped
            connection = open_dbus_connection(auth_timeout=seconds)
        add_match_rules(connection)
    except KeyError as error:
        reason = f"Environment variable {error.args[0]} is unset"
        raise SecretServiceNotAvailableException(reason) from error
    except (ConnectionError, ValueError) as error:
        raise SecretServiceNotAvailableException(str(error)) from error
    return connection
