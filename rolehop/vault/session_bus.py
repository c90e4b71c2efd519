"""Who serves the session bus: it must be a process of this user before it is shown a secret."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from rolehop.fastpath.dbus import BusTrouble, path_of, peer_uid

_SECONDS = 5.0


def session_bus_address(environ: Mapping[str, str]) -> str | None:
    """Return the session bus's address, by the variable or the runtime folder; ``None``: no bus."""
    named = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if named:
        return named
    runtime = environ.get("XDG_RUNTIME_DIR")
    path = os.path.join(runtime, "bus") if runtime else ""  # noqa: PTH118 - an address, not a file
    return f"unix:path={path}" if path and os.path.exists(path) else None  # noqa: PTH110


def bus_problem(address: str) -> str | None:
    """Say why the bus at ``address`` must not be used; ``None``: this user serves it.

    The kernel tells the owner of the socket (``SO_PEERCRED``). Elsewhere than on Linux nothing is
    checked: macOS and Windows keep secrets without a bus.
    """
    if sys.platform != "linux":
        return None
    first = address.partition(";")[0]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(path_of(unquote_to_bytes(first).decode("utf-8", "surrogateescape")))
            uid = peer_uid(connection)
    except (OSError, BusTrouble, ValueError) as error:
        return f"the session bus cannot be reached: {error}"
    if uid != os.geteuid():
        return f"the session bus is served by another user (number {uid})"
    return None
