"""Parse one HTTP request; what no SDK sends is refused."""

from __future__ import annotations

from collections.abc import Mapping

from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern

LONGEST_HEAD = 16 * 1024  # bytes
_MOST_HEADERS = 64

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 - RFC 9110, 5.6.2
_REQUEST_LINE = Pattern(rf"({_TOKEN}) ([!-~]+) HTTP/1\.([01])")
_HEADER = Pattern(rf"({_TOKEN}):[ \t]*([\t\x20-\x7e\x80-\xff]*)")


class BadRequest(Exception):
    """The bytes are no request that is served here; ``status`` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(frozen=True, slots=True)
class IncomingRequest:
    """One request without its body."""

    method: str
    target: str
    """As it was sent: path and query."""

    headers: Mapping[str, tuple[str, ...]]
    """Values by the name in lower case, in the order sent."""

    stays_open: bool
    """Whether the connection stays open after the answer."""

    has_body: bool

    def __repr__(self) -> str:
        return f"IncomingRequest({self.method})"  # a header holds the token


def take_request(data: bytearray) -> IncomingRequest | None:
    """Remove the first request from ``data``; ``None`` if it is not complete yet.

    Raises:
        BadRequest: it is none, or too long.
    """
    end = data.find(b"\r\n\r\n", 0, LONGEST_HEAD)
    if end < 0:
        if len(data) >= LONGEST_HEAD:
            raise BadRequest(431)
        return None
    head = data[:end].decode("latin-1")
    del data[: end + 4]
    first, *lines = head.split("\r\n")
    found = _REQUEST_LINE.fullmatch(first)
    if found is None:
        raise BadRequest(400)
    headers = _headers(lines)
    return IncomingRequest(
        method=found[1],
        target=found[2],
        headers=headers,
        stays_open=found[3] == "1" and not _asks_to_close(headers),
        has_body=headers.get("content-length", ("0",)) != ("0",) or "transfer-encoding" in headers,
    )


def _headers(lines: list[str]) -> dict[str, tuple[str, ...]]:
    if len(lines) > _MOST_HEADERS:
        raise BadRequest(431)
    headers: dict[str, tuple[str, ...]] = {}
    for line in lines:
        found = _HEADER.fullmatch(line)
        if found is None:  # a continued line, too: RFC 9112, 5.2, lets a server refuse it
            raise BadRequest(400)
        name = found[1].lower()
        headers[name] = (*headers.get(name, ()), found[2].rstrip(" \t"))
    return headers


def _asks_to_close(headers: Mapping[str, tuple[str, ...]]) -> bool:
    return any(
        word.strip().lower() == "close"
        for value in headers.get("connection", ())
        for word in value.split(",")
    )
