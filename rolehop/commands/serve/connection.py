"""One connection of the endpoint: what came in, what goes out, and until when it may take."""

from __future__ import annotations

import json
import math
import socket
import time
from collections.abc import Callable, Collection, Mapping

from rolehop.base.dataclass import dataclass, field
from rolehop.base.startup import Pattern

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


_REASONS = {
    200: "OK",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}

_MORE = {405: "Allow: GET\r\n", 503: "Retry-After: 1\r\n"}

# The same body for every request that is refused before anything is looked up.
_REFUSED = {
    400: ("BadRequest", "this is no request that rolehop serves"),
    401: ("AccessDenied", "the Authorization header does not have the token of this server"),
    403: ("AccessDenied", "requests for other hosts, from pages and through proxies are refused"),
    404: ("NotFound", "there is no such path; a chain is at /chains/NAME"),
    405: ("MethodNotAllowed", "only GET is served"),
    429: ("TooManyRequests", "too many connections at once"),
    431: ("RequestTooLarge", "the request is too large"),
}


@dataclass(frozen=True, slots=True)
class Response:
    """A status and a body."""

    status: int
    body: bytes = field(repr=False)  # may hold a session
    content_type: str = "application/json"
    more: str = ""
    """More headers, each with its line end."""
    is_public: bool = False
    """Anybody gets it, without the token."""

    def as_bytes(self, *, stays_open: bool, has_body: bool = True) -> bytes:
        """Return the whole response; without its body it answers a HEAD."""
        connection = "" if stays_open else "Connection: close\r\n"
        return (
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\nContent-Type: {self.content_type}\r\n"
            f"Cache-Control: no-store\r\nContent-Length: {len(self.body)}\r\n"
            f"{_MORE.get(self.status, '')}{self.more}{connection}\r\n"
        ).encode() + (self.body if has_body else b"")


def refusal(status: int, message: str | None = None) -> Response:
    """Return the answer to a request that is refused for what it is; ``None``: the usual message."""
    code, usual = _REFUSED[status]
    return public_document(status, _error(code, message or usual))


def failure(status: int, code: str, message: str) -> Response:
    """Return an error; SDKs read its ``code`` and ``message`` or ``Code`` and ``Message``."""
    return Response(status, json.dumps(_error(code, message)).encode())


def public_document(status: int, content: Mapping[str, object]) -> Response:
    """Return a response with a JSON object that anybody may have."""
    return Response(status, json.dumps(content).encode(), is_public=True)


def _error(code: str, message: str) -> dict[str, object]:
    return {"code": code, "message": message, "Code": code, "Message": message}


Answer = Callable[[IncomingRequest, Collection[str]], "Response | None"]
"""Answers a request that came to one of some hosts; ``None``: the answer is known in a moment."""

# Seconds.
HEAD_SECONDS = 5.0
"""For a whole request, from its first byte, and for a first one: against slow senders."""

WRITE_SECONDS = 5.0

IDLE_SECONDS = 60.0
"""Until the next request, of a client that has not shown the token; nobody else is cut for being
idle, but if there is no room (`.loop`)."""

HOLD_SECONDS = 0.75
"""For an answer that is known in a moment; the SDK for JavaScript waits one second."""

_DRAIN_SECONDS = 1.0
"""For the client to read the last answer before the connection is closed."""

_CHUNK = 16 * 1024
_MOST_OUT = 64 * 1024


class Connection:
    """One client's connection; every method returns at once.

    Attributes:
        deadline: when its time is up (`time.monotonic`); ``inf``: never.
        idle_since: when the last answer was sent; nothing has come since if it `is_idle`.
        has_token: a request on it had the token.
        held: the request whose answer is known in a moment, if there is one.
        is_over: nothing is left to do but to close it.
    """

    __slots__ = (
        "_hosts",
        "_in",
        "_last",
        "_out",
        "_socket",
        "deadline",
        "has_token",
        "held",
        "idle_since",
        "is_over",
    )

    def __init__(self, client: socket.socket, hosts: Collection[str]) -> None:
        client.setblocking(False)
        self._socket = client
        self._hosts = hosts
        self._in = bytearray()
        self._out = bytearray()
        self._last = False  # no answer follows those in _out
        self.idle_since = time.monotonic()
        self.deadline = self.idle_since + HEAD_SECONDS
        self.has_token = False
        self.held: IncomingRequest | None = None
        self.is_over = False

    @property
    def is_idle(self) -> bool:
        """True between two requests."""
        return not (self._in or self._out or self.held or self._last)

    @property
    def wants_to_read(self) -> bool:
        """True if more can be taken in now."""
        return self.held is None and len(self._out) < _MOST_OUT

    @property
    def wants_to_write(self) -> bool:
        """True if something has to go out."""
        return bool(self._out)

    def close(self) -> None:
        """Close it; what was not sent is lost."""
        self._socket.close()

    def read(self, answer: Answer) -> None:
        """Take in what has come, and answer each request that is complete."""
        try:
            data = self._socket.recv(_CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b""
        if not data:
            self.is_over = True
        elif not self._last:  # else the client is still sending what was refused
            if not self._in:
                self.deadline = time.monotonic() + HEAD_SECONDS
            self._in += data
            self.advance(answer)

    def advance(self, answer: Answer) -> None:
        """Answer the held request if that is possible now, then those that have come since."""
        try:
            while not self._last and self._has_room():
                request = self.held or take_request(self._in)
                if request is None:
                    break
                response = answer(request, self._hosts)
                self.has_token |= response is None or not response.is_public
                if response is None:
                    if self.held is None:
                        self.held = request
                        self.deadline = time.monotonic() + HOLD_SECONDS
                    break
                self.held = None
                self._put(
                    response,
                    stays_open=request.stays_open and not request.has_body,
                    has_body=request.method != "HEAD",
                )
        except BadRequest as error:
            self.refuse(error.status)
        self.send()

    def _has_room(self) -> bool:
        """True if one more answer can be put behind those that were not sent yet."""
        if len(self._out) >= _MOST_OUT:
            self.send()  # no event comes later for what goes out whole now
        return len(self._out) < _MOST_OUT and not self.is_over

    def refuse(self, status: int) -> None:
        """Answer with an error, after which nothing more is read."""
        self._put(refusal(status), stays_open=False)

    def _put(self, response: Response, *, stays_open: bool, has_body: bool = True) -> None:
        self._out += response.as_bytes(stays_open=stays_open, has_body=has_body)
        self._last = not stays_open
        if self._last:
            self._in.clear()

    def send(self) -> None:
        """Send what can be sent now."""
        if not self._out:
            return
        try:
            sent = self._socket.send(self._out)
        except (BlockingIOError, InterruptedError):
            sent = 0
        except OSError:
            self.is_over = True
            return
        del self._out[:sent]
        now = time.monotonic()
        if self.held is not None:
            return  # its answer has a deadline of its own
        if self._out:
            self.deadline = now + WRITE_SECONDS
        elif self._last:
            # Closed at once, a connection with unread bytes is reset, and the answer lost.
            self.deadline = now + _DRAIN_SECONDS
            self._end_sending()
        else:
            self.idle_since = now
            idle = math.inf if self.has_token else IDLE_SECONDS
            self.deadline = now + (HEAD_SECONDS if self._in else idle)

    def _end_sending(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.is_over = True
