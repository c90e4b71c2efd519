"""A session bus that says whatever a test wants, whatever it is asked."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self

RETURN, ERROR, SIGNAL = 2, 3, 4
SESSION, ITEM = "/org/freedesktop/secrets/session/s1", "/org/freedesktop/secrets/item/1"
OK = b"OK 0123456789abcdef\r\n"


def number(value: int) -> bytes:
    return value.to_bytes(4, "little")


def text(value: str) -> bytes:
    data = value.encode()
    return number(len(data)) + data + b"\0"


def padded(data: bytes, boundary: int) -> bytes:
    return data + b"\0" * (-len(data) % boundary)


def message(reply_to: int, body: bytes, *, kind: int = RETURN, order: bytes = b"l") -> bytes:
    """Return one message; its header has a sender before the serial, as dbus-daemon's have."""
    fields = padded(b"\x07\x01s\0" + text(":1.5"), 8) + b"\x05\x01u\0" + number(reply_to)
    start = order + bytes([kind, 1, 1]) + number(len(body)) + number(9) + number(len(fields))
    return padded(start + fields, 8) + body


HELLO = message(1, text(":1.7"))
KNOWN = message(2, text("/"))
OPENED = message(3, b"\x01s\0\0" + number(0) + b"\0\0\0\0" + text(SESSION)) + message(
    4, text("/org/freedesktop/secrets/collection/login")
)
FOUND = message(5, number(len(text(ITEM))) + text(ITEM))
NOTHING_FOUND = message(5, number(0))


def secret(value: bytes) -> bytes:
    """Return the answer to GetSecret: session, parameters, value, content type."""
    head = padded(text(SESSION), 4) + number(0)
    body = padded(head + number(len(value)) + value, 4) + text("text/plain")
    return message(6, body)


def conversation(value: bytes = b"a secret") -> bytes:
    """Return all that a good bus says when there is an item."""
    return OK + HELLO + KNOWN + OPENED + FOUND + secret(value)


class FakeBus:
    """Listens in ``folder``; sends ``says`` to whoever comes, then hangs up, or holds the line."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "bus"
        self.says = b""
        self.holds = False
        self.again = b""
        """Sent over and over after ``says``, as long as somebody listens."""

    @property
    def address(self) -> str:
        return f"unix:path={self._path}"

    def __enter__(self) -> Self:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(self._path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self._talk(connection)

    def _talk(self, connection: socket.socket) -> None:
        connection.sendall(self.says)
        while self.again:
            connection.sendall(self.again)
        if not self.holds:
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass
