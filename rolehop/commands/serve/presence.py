"""Where a running server is asked which one it is, or to change: an abstract Unix socket (Linux).

No lost file or folder hides it. Its name has the state folder's path, as a digest, and the name of
the server's note. The kernel tells which user and which process listens there, and frees the name
when that one ends.
"""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.digest import sha256_hex

if TYPE_CHECKING:
    import socket

_SOCKETS = Path("/proc/net/unix")
_SECONDS = 1.0
PATIENCE = 10.0
"""Seconds for a server to do what it is asked for."""

_LONGEST = 1 << 22  # bytes


class Presence:
    """The socket of one server of this process; none where the system has no such."""

    def __init__(self, state_folder: Path, name: str) -> None:
        """Listen; ``name`` is that of the server's note."""
        self.socket: socket.socket | None = None
        if sys.platform != "linux":
            return
        import socket

        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(_prefix(state_folder) + name.encode())
            listener.listen()
        except OSError:  # a sandbox
            listener.close()
            return
        listener.setblocking(False)
        self.socket = listener

    def answer(self, reply: Callable[[bytes], str]) -> None:
        """Reply to whoever has connected, if it is this user; to be called when one has.

        ``reply`` gets what was asked, in a thread of its own: a client may be slow.
        """
        with suppress(OSError):
            if self.socket is not None:
                client, _ = self.socket.accept()
                try:
                    threading.Thread(target=_reply, args=(client, reply), daemon=True).start()
                except RuntimeError:  # no thread can be started now
                    client.close()

    def close(self) -> None:
        """Listen no longer."""
        if self.socket is not None:
            self.socket.close()


def _reply(client: socket.socket, reply: Callable[[bytes], str]) -> None:
    with client, suppress(OSError):
        client.settimeout(_SECONDS)
        if _peer(client)[1] == os.geteuid():
            client.sendall(reply(_all_of(client)).encode())


def present_servers(state_folder: Path) -> dict[str, int]:
    """Return the process of each server of this user that runs, by the name of its note.

    0: a process that is not seen from here, as of a container.
    """
    prefix = _prefix(state_folder)
    marked = b"@" + prefix[1:]
    try:
        lines = _SOCKETS.read_bytes().splitlines()
    except OSError:
        return {}
    found = {line.partition(marked)[2] for line in lines if marked in line} - {b""}
    asked = {name.decode(errors="replace"): _process_at(prefix + name) for name in found}
    return {name: process for name, process in asked.items() if process is not None}


def asked(state_folder: Path, name: str, request: bytes = b"") -> bytes:
    """Return what a server replies to ``request``; to none: what it tells of itself.

    Raises:
        OSError: it does not answer.
    """
    import socket

    with _connected(_prefix(state_folder) + name.encode()) as client:
        client.settimeout(PATIENCE if request else _SECONDS)
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return _all_of(client)


def _all_of(connected: socket.socket) -> bytes:
    data = b""
    while len(data) < _LONGEST and (part := connected.recv(1 << 16)):
        data += part
    return data


def _prefix(state_folder: Path) -> bytes:
    digest = sha256_hex(os.fsencode(state_folder.absolute()))[:16]
    return f"\0rolehop/{digest}/".encode()


def _process_at(address: bytes) -> int | None:
    """Return the process that listens; ``None``: it is another user's, or has ended."""
    try:
        with _connected(address) as client:
            process, user = _peer(client)
    except OSError:
        return None
    return process if user == os.geteuid() else None


def _connected(address: bytes) -> socket.socket:
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, "this system has no way to ask a server")
    import socket  # as hardly ever: most machines have no server

    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(_SECONDS)
    try:
        client.connect(address)
        if _peer(client)[1] != os.geteuid():
            raise PermissionError("another user listens")
    except OSError:
        client.close()
        raise
    return client


def _peer(connected: socket.socket) -> tuple[int, int]:
    """Return the process and the user at the other end."""
    if sys.platform != "linux":
        raise OSError("this system does not tell who listens")
    import socket

    # struct ucred: process, user, group (unix(7))
    found = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
    return int.from_bytes(found[:4], sys.byteorder), int.from_bytes(found[4:8], sys.byteorder)
