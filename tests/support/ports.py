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


def free_port() -> int:
    """Return a port on which nothing listens, of those that no connection gets by itself."""
    while True:
        port = random.randrange(10_000, 30_000)  # noqa: S311 - no secret
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
