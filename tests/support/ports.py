"""Ports of this machine."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress


@contextmanager
def refusing_port() -> Iterator[int]:
    """Give a port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        yield taken.getsockname()[1]


@contextmanager
def held_port() -> Iterator[int]:
    """Give a port for a server of rolehop, of those that no connection gets by itself.

    On Linux a server may listen on it, since both sockets say that they share the address.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        yield _bound(held)


def _bound(held: socket.socket) -> int:
    while True:
        port = random.randrange(10_000, 30_000)  # noqa: S311 - no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))  # so that nobody else holds it in this way
            probe.close()
            held.bind(("127.0.0.1", port))
            return port
