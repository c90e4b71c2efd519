"""An endpoint on loopback that runs, and chains without sessions of their own.

with serving() as served:
    status, headers, body = served.ask("/chains/admin")
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rolehop.commands.serve.connection import Response, failure
from rolehop.commands.serve.loop import ListeningSocket, Loop, listen_on_port
from rolehop.commands.serve.rules import MetadataService, Rules, SessionForm

TOKEN = "the-token"
SESSION = b'{"AccessKeyId": "ASIA"}'
LARGE = SESSION.ljust(10_000)


class Chains:
    """One chain that is there, one that fails, and one that has to be waited for."""

    def __init__(self) -> None:
        self.is_ready = False
        self.is_waited_for = threading.Event()
        self.asked: list[tuple[str, str]] = []
        self.form: SessionForm | None = None

    def __contains__(self, chain: object) -> bool:
        return chain in ("admin", "spokes/444444444444", "broken", "late", "large")

    def answer(self, chain: str, client: str, form: SessionForm, *, final: bool) -> Response | None:
        self.asked.append((chain, client))
        self.form = form
        if chain == "broken":
            return failure(400, "CredentialsNotAvailable", "a sign-in is needed")
        if chain == "late" and not self.is_ready:
            self.is_waited_for.set()
            return failure(503, "TemporarilyUnavailable", "wait") if final else None
        return Response(200, LARGE if chain == "large" else SESSION)


class Served:
    """An endpoint that runs."""

    def __init__(self, listener: ListeningSocket, chains: Chains, loop: Loop) -> None:
        self.port = listener.port
        self.chains = chains
        self.loop = loop

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def ask(
        self, path: str = "/chains/admin", method: str = "GET", **changes: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        """Send one request, some headers changed or left out; return status, headers and body."""
        with self.connect() as client:
            client.sendall(self.request(path, method, **changes))
            return parsed(received(client))

    def request(self, path: str, method: str = "GET", **changes: str | None) -> bytes:
        headers = {"Host": f"127.0.0.1:{self.port}", "Authorization": TOKEN, "User-Agent": "test"}
        given = {**headers, "Connection": "close", **changes}
        lines = [f"{name.replace('_', '-')}: {text}" for name, text in given.items() if text]
        request = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
        return request.replace("{port}", str(self.port)).encode()


def received(client: socket.socket) -> bytes:
    """Return what comes until the other side closes; with unread bytes the kernel resets instead."""
    data = b""
    with suppress(ConnectionResetError):
        while part := client.recv(65536):
            data += part
    return data


def parsed(data: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body


@contextmanager
def serving(*, imds: str | None = None) -> Iterator[Served]:
    listener, chains = listen_on_port(0), Chains()
    metadata = MetadataService(imds, chains) if imds else None
    rules = Rules(lambda given: given == TOKEN.encode(), chains, 42, metadata)
    with listener.socket, Loop([listener], rules.answer, lambda: 30.0) as running:
        thread = threading.Thread(target=running.run)
        thread.start()
        try:
            yield Served(listener, chains, running)
        finally:
            running.stop()
            running.wake()
            thread.join()
