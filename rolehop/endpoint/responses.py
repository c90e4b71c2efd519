"""Answers of the endpoint, as bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping

from rolehop.startup.dataclass import dataclass, field

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
