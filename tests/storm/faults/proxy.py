"""A proxy between rolehop and the STS double that does something wrong with the next answers."""

from __future__ import annotations

import http.client
import socket
import struct
import threading
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

_LONGEST = 300.0  # seconds that a client may take, or the double


@dataclass(frozen=True)
class Answer:
    """What the double answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def raw(self) -> bytes:
        """The answer as it is sent, with its length."""
        return answer_of(self.body, self.status, **self.headers)


def answer_of(body: bytes, status: int = 200, **headers: str) -> bytes:
    """Return a whole HTTP answer; ``Content_Length`` and the like may be given."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    fields = {"Content-Type": "text/xml", "Content-Length": str(len(body)), **named}
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Some Reason\r\n{lines}\r\n".encode("latin-1") + body


class Exchange:
    """One request that has arrived, to be answered by a fault."""

    def __init__(self, proxy: Proxy, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        self.proxy = proxy
        self._handler = handler
        self._body = body
        params = parse_qs(body.decode())
        self.role = params.get("RoleArn", [""])[0]
        self.action = params.get("Action", [""])[0]

    def forward(self) -> Answer:
        """Let the double carry the call out, and return its answer."""
        handler = self._handler
        connection = http.client.HTTPConnection(self.proxy.behind, timeout=_LONGEST)
        try:
            connection.request("POST", handler.path, self._body, dict(handler.headers.items()))
            found = connection.getresponse()
            kept = ("Date", "Content-Type")
            headers = {name: value for name, value in found.getheaders() if name in kept}
            answer = Answer(found.status, headers, found.read())
        finally:
            connection.close()
        if answer.status == 200:
            self.proxy.answers.setdefault(self.role, answer)
        return answer

    def send(self, data: bytes) -> None:
        """Send exactly this; a client that has gone is none of the proxy's business."""
        with suppress(OSError):
            self._handler.connection.sendall(data)

    def cut(self) -> None:
        """Close the connection, as a peer does that has ended."""
        self._handler.close_connection = True
        with suppress(OSError):
            self._handler.connection.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        """Close the connection, as a peer does that has crashed."""
        self._handler.close_connection = True
        linger = struct.pack("ii", 1, 0)
        with suppress(OSError):
            self._handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self._handler.connection.close()

    def wait_until_gone(self) -> None:
        """Wait until the client has closed the connection."""
        with suppress(OSError):
            self._handler.connection.settimeout(_LONGEST)
            self._handler.connection.recv(1)

    def wait(self, seconds: float) -> None:
        """Wait; shorter if the proxy closes."""
        self.proxy.closing.wait(seconds)


Fault = Callable[[Exchange], None]


def pass_on(exchange: Exchange) -> None:
    """Answer as the double does."""
    exchange.send(exchange.forward().raw)


@dataclass
class Proxy:
    """A context manager. ``target`` is the double's URL."""

    target: str
    answers: dict[str, Answer] = field(default_factory=dict)
    """The first answer to a call for a role that succeeded, by the role."""

    closing: threading.Event = field(default_factory=threading.Event)
    injected: int = 0
    """How many faults were acted out."""

    _next: deque[Fault] = field(default_factory=deque)
    _always: Fault | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self.behind = urlsplit(self.target).netloc
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"proxy": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def next(self, *faults: Fault) -> None:
        """Answer the next calls with these faults, one each."""
        with self._lock:
            self._next.extend(faults)

    def always(self, fault: Fault) -> None:
        """Answer each call with this fault until `recover`."""
        with self._lock:
            self._always = fault

    def recover(self) -> int:
        """Answer properly from now on; return how many faults were acted out since the last time."""
        with self._lock:
            self._next.clear()
            self._always = None
            injected, self.injected = self.injected, 0
            return injected

    def fault(self) -> Fault:
        with self._lock:
            fault = self._next.popleft() if self._next else self._always
            self.injected += fault not in (None, pass_on)
            return fault or pass_on


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of the storm."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    proxy: Proxy

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.proxy.fault()(Exchange(self.proxy, self, body))

    def log_message(self, format: str, *args: Any) -> None:
        pass
