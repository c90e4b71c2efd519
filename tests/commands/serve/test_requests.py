"""The parser of the endpoint takes what SDKs send, and refuses everything else."""

from __future__ import annotations

import pytest

from rolehop.commands.serve.connection import BadRequest, take_request

GOOD = "GET /chains/admin HTTP/1.1\r\nHost: 127.0.0.1:1\r\n"


def status_of(text: str) -> int | None:
    """Return with what the text is refused; ``None``: it is not."""
    try:
        take_request(bytearray(text.encode("latin-1")))
    except BadRequest as refused:
        return refused.status
    return None


def test_a_request_has_its_headers_in_lower_case_and_order() -> None:
    data = bytearray(f"{GOOD}X-A: 1\r\nx-a:\t2 \r\n\r\nGET".encode())
    request = take_request(data)
    assert request is not None
    assert (request.method, request.target) == ("GET", "/chains/admin")
    assert dict(request.headers) == {"host": ("127.0.0.1:1",), "x-a": ("1", "2")}
    assert request.stays_open
    assert not request.has_body
    assert data == b"GET"  # the next one's begin
    assert take_request(data) is None


@pytest.mark.parametrize(
    ("more", "stays_open", "has_body"),
    [
        ("Connection: keep-alive\r\n", True, False),
        ("Connection: TE, Close\r\n", False, False),
        ("Content-Length: 0\r\n", True, False),
        ("Content-Length: 5\r\n", True, True),
        ("Content-Length: 0\r\nContent-Length: 5\r\n", True, True),
        ("Content-Length: +0\r\n", True, True),
        ("Transfer-Encoding: chunked\r\n", True, True),
    ],
)
def test_a_request_says_whether_more_follows(more: str, stays_open: bool, has_body: bool) -> None:
    request = take_request(bytearray(f"{GOOD}{more}\r\n".encode()))
    assert request is not None
    assert (request.stays_open, request.has_body) == (stays_open, has_body)


@pytest.mark.parametrize(
    "text",
    [
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET /\r\n\r\n",
        "GET /\xe4 HTTP/1.1\r\n\r\n",
        "G\x00T / HTTP/1.1\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\nX-A: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\x00b\r\n\r\n",
        "GET / HTTP/1.1\r\n: x\r\n\r\n",
        "\x16\x03\x01\x02\x00\r\n\r\n",  # a TLS greeting
    ],
)
def test_what_no_sdk_sends_is_refused(text: str) -> None:
    assert status_of(text) == 400


def test_a_head_has_a_limit() -> None:
    assert status_of(f"{GOOD}X: {'a' * 17_000}") == 431
    assert status_of(GOOD + "X: 1\r\n" * 70 + "\r\n") == 431
    assert status_of(f"{GOOD}X: {'a' * 8_000}\r\n\r\n") is None


def test_a_request_does_not_show_its_token() -> None:
    request = take_request(bytearray(f"{GOOD}Authorization: s3cret\r\n\r\n".encode()))
    assert "s3cret" not in repr(request)
