"""A server that sends whatever bytes a test wants, as slowly as it wants."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

Script = Callable[[], Iterable[bytes]]


@contextmanager
def raw_server(script: Script) -> Iterator[str]:
    """Serve ``script`` to each connection once its request began; yield ``127.0.0.1:PORT``."""
    ended = threading.Event()
    server = socket.create_server(("127.0.0.1", 0), backlog=64)

    def talk(caller: socket.socket) -> None:
        with contextlib.suppress(OSError), caller:
            caller.recv(65536)
            for piece in script():
                if ended.is_set():
                    return
                caller.sendall(piece)
            # Closed with some of the request unread, it would take back what was sent.
            caller.shutdown(socket.SHUT_WR)
            while caller.recv(65536):
                pass

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = server.accept()
                threading.Thread(target=talk, args=(caller,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.getsockname()[1]}"
    finally:
        ended.set()
        server.close()


def slowly(data: bytes, seconds: float) -> Iterator[bytes]:
    """Give one byte at a time, ``seconds`` apart."""
    for byte in data:
        yield bytes([byte])
        time.sleep(seconds)


def endlessly(piece: bytes, seconds: float) -> Iterator[bytes]:
    """Give ``piece`` for ever, ``seconds`` apart."""
    while True:
        yield piece
        time.sleep(seconds)
