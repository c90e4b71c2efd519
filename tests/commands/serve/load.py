"""Many requests over many connections at once, with the time that each took."""

from __future__ import annotations

import selectors
import socket
import time
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class Load:
    """What became of the requests."""

    seconds: list[float] = field(default_factory=list)
    bodies: set[bytes] = field(default_factory=set)
    statuses: dict[int, int] = field(default_factory=dict)

    def percentile(self, share: float) -> float:
        """Return the seconds that this share of all requests did not exceed."""
        return sorted(self.seconds)[int(len(self.seconds) * share)]


def load(uri: str, token: str, requests: int, connections: int) -> Load:
    """Send ``requests`` over ``connections``, each sending the next when the last is answered."""
    parts = urlsplit(uri)
    request = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUser-Agent: load\r\n"
        f"Accept: application/json\r\nAuthorization: {token}\r\n\r\n"
    ).encode()
    found, left = Load(), requests
    with selectors.DefaultSelector() as selector:
        for _ in range(min(connections, requests)):
            client = socket.create_connection((parts.hostname or "", parts.port or 0))
            client.sendall(request)
            left -= 1
            selector.register(client, selectors.EVENT_READ, [time.perf_counter(), b""])
        while selector.get_map():
            for key, _ in selector.select(30):
                client = key.fileobj  # type: ignore[assignment]
                key.data[1] += client.recv(65536)
                if not _is_whole(key.data[1]):
                    continue
                _note(found, key.data)
                if left:
                    left -= 1
                    key.data[:] = [time.perf_counter(), b""]
                    client.sendall(request)
                else:
                    selector.unregister(client)
                    client.close()
    return found


def _is_whole(data: bytes) -> bool:
    head, end, body = data.partition(b"\r\n\r\n")
    assert data, "closed without an answer"
    return bool(end) and len(body) >= int(head.lower().partition(b"content-length: ")[2].split()[0])


def _note(found: Load, data: list[object]) -> None:
    begun, answer = data
    assert isinstance(begun, float)
    assert isinstance(answer, bytes)
    found.seconds.append(time.perf_counter() - begun)
    status = int(answer.split()[1])
    found.statuses[status] = found.statuses.get(status, 0) + 1
    found.bodies.add(answer.partition(b"\r\n\r\n")[2])
