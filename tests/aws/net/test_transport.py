"""Exchanges end in time, whatever a server does; waits between attempts are those it asks for."""

from __future__ import annotations

import gc
import os
import resource
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import chain, pairwise
from types import SimpleNamespace

import pytest
from botocore.awsrequest import AWSRequest

from rolehop.aws.net.addresses import is_exposed
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import ConnectionFailure, FailureKind
from rolehop.aws.net.transport import CALL_SECONDS, HttpResponse, Transport, send_with_retries
from rolehop.base import time_limit as limits
from rolehop.base.threads import call_within
from rolehop.base.time_limit import seconds_left, time_limit, time_limit_paused
from tests.aws.net.raw_server import Script, endlessly, raw_server, slowly

# The whole exchange has a second; no single read ever waits for more than a twentieth of one.
HURRIED = ClientSettings("eu-west-1", connect_timeout_seconds=0.5, read_timeout_seconds=0.5)
STEP = 0.05
GUARD_SECONDS = 120
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


def _exchange(url: str, settings: ClientSettings = HURRIED) -> HttpResponse | ConnectionFailure:
    transport = Transport(url, settings, proxies=False)
    request = AWSRequest("POST", f"{url}/", data=b"x", stream_output=True)
    return call_within(GUARD_SECONDS, lambda: transport.exchange(request, 1_000_000))


def _outcome(
    script: Script, exchange: Callable[[str], HttpResponse | ConnectionFailure]
) -> HttpResponse | ConnectionFailure:
    """Return the outcome at a server that never paused for as long as a read may take.

    It pauses like that on a machine that stalls, which is then tried again.
    """
    for _ in range(60):
        times = [time.monotonic()]

        def timed(times: list[float] = times) -> Iterator[bytes]:
            for piece in script():
                times.append(time.monotonic())
                yield piece

        with raw_server(timed) as address:
            outcome = exchange(address)
        times.append(time.monotonic())
        if max(later - earlier for earlier, later in pairwise(times)) < 8 * STEP:
            return outcome
    raise AssertionError("the machine stalls all the time")


def _kind(outcome: HttpResponse | ConnectionFailure) -> FailureKind | HttpResponse:
    return outcome.kind if isinstance(outcome, ConnectionFailure) else outcome


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda: slowly(OK, STEP), id="a-status-line-a-byte-at-a-time"),
        pytest.param(
            lambda: chain([b"HTTP/1.1 200 OK\r\n"], endlessly(b"x: y\r\n", STEP)),
            id="headers-without-end",
        ),
        pytest.param(
            lambda: endlessly(b"HTTP/1.1 100 Continue\r\n\r\n", STEP), id="100-continue-for-ever"
        ),
        pytest.param(lambda: chain([OK], endlessly(b"x", STEP)), id="a-body-a-byte-at-a-time"),
        pytest.param(
            lambda: chain(
                [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"],
                endlessly(b"1\r\nx\r\n", STEP),
            ),
            id="chunks-without-end",
        ),
    ],
)
def test_a_slow_answer_is_given_up_as_a_whole(script: Script) -> None:
    assert (
        _kind(_outcome(script, lambda address: _exchange(f"http://{address}")))
        is FailureKind.TOO_SLOW
    )


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n", OK, b""], ids=["headers", "body", "status"]
)
def test_an_exchange_that_is_given_up_leaves_no_connection_and_no_thread(head: bytes) -> None:
    closed = list[threading.Event]()

    def script() -> Iterator[bytes]:
        closed.append(threading.Event())
        try:
            yield head
            yield from endlessly(b"x", STEP)
        finally:
            closed[-1].set()

    def exchange(address: str) -> HttpResponse | ConnectionFailure:
        outcome = _exchange(f"http://{address}")
        assert closed[-1].wait(GUARD_SECONDS)
        return outcome

    assert _kind(_outcome(script, exchange)) is FailureKind.TOO_SLOW
    for thread in threading.enumerate():
        if thread.name.endswith("(run)"):  # of `call_within`
            thread.join(GUARD_SECONDS)
            assert not thread.is_alive()


def test_a_stalled_tls_handshake_is_given_up() -> None:
    with raw_server(lambda: endlessly(b"", STEP)) as address:
        outcome = _exchange(f"https://{address}")
    assert isinstance(outcome, ConnectionFailure)


def test_a_proxy_whose_tunnel_never_opens_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    url = "https://sts.eu-west-1.amazonaws.com"

    def exchange(proxy: str) -> HttpResponse | ConnectionFailure:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        transport = Transport(url, HURRIED)
        request = AWSRequest("POST", f"{url}/", data=b"x", stream_output=True)
        return call_within(GUARD_SECONDS, lambda: transport.exchange(request, 1000))

    answer = b"HTTP/1.1 200 Connection established\r\n"
    assert _kind(_outcome(lambda: slowly(answer, STEP), exchange)) is FailureKind.TOO_SLOW


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 4000, "-5", "1e3", "٣"])
def test_an_absurd_content_length_is_no_crash(length: str) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    with raw_server(lambda: [head.encode(), b"body"]) as address:
        outcome = _exchange(f"http://{address}", ClientSettings("eu-west-1"))
    if isinstance(outcome, HttpResponse):
        assert outcome.body in (b"body", b"")
    else:
        assert outcome.kind in (FailureKind.CLOSED, FailureKind.OTHER)


def _throttled(after: str) -> HttpResponse:
    return HttpResponse(503, {"retry-after": after}, b"")


def test_a_request_counts_as_sent_once_its_connection_stands() -> None:
    with raw_server(lambda: iter([b"no HTTP\r\n\r\n"])) as at:
        answered, no_tls = _exchange(f"http://{at}"), _exchange(f"https://{at}")
    refused = _exchange("http://127.0.0.1:1")
    found = [each for each in (answered, no_tls, refused) if isinstance(each, ConnectionFailure)]
    assert [each.connected for each in found] == [True, False, False]


HOST = "sts.example"


@pytest.mark.parametrize(
    ("after", "least", "most"),
    [
        ("7", 7, 7),
        ("3600", 20, 20),
        ("9" * 5000, 20, 20),
        ("-1", 0, 1),
        ("Wed, 25 Nov 2026 01:00:00 GMT", 0, 1),
        ("", 0, 1),
    ],
)
def test_retry_after_is_heeded_within_bounds(after: str, least: float, most: float) -> None:
    waits: list[float] = []
    outcome, made = send_with_retries(
        lambda: _throttled(after), lambda _, made: made < 2, waits.append, HOST
    )
    assert (outcome, made) == (_throttled(after), 2)
    assert least <= waits[0] <= most


def test_a_wait_that_the_call_has_no_time_for_is_not_begun() -> None:
    waits: list[float] = []
    with time_limit(5):
        _, made = send_with_retries(
            lambda: _throttled("7"), lambda _, made: True, waits.append, HOST
        )
    assert (made, waits) == (1, [])


def test_an_exchange_has_no_more_time_than_its_thread() -> None:
    settings = ClientSettings("eu-west-1", connect_timeout_seconds=50, read_timeout_seconds=50)
    with raw_server(lambda: slowly(OK, STEP)) as address, time_limit(0.5):
        transport = Transport(f"http://{address}", settings, proxies=False)
        request = AWSRequest("GET", f"http://{address}/", stream_output=True)
        assert _kind(transport.exchange(request, 1000)) is FailureKind.TOO_SLOW


class TestTimeLimit:
    """Limits nest, belong to a thread, and do not count the time of a person."""

    def test_an_inner_limit_never_extends_an_outer_one(self) -> None:
        assert seconds_left(CALL_SECONDS) == CALL_SECONDS
        with time_limit(5_000):
            with time_limit(100_000):
                assert 1_000 < seconds_left(1_000_000) <= 5_000
            with time_limit(1_000):
                assert 0 < seconds_left(1_000_000) <= 1_000
            assert 1_000 < seconds_left(1_000_000) <= 5_000
        assert seconds_left(3) == 3

    def test_another_thread_has_none(self) -> None:
        found: list[float] = []
        with time_limit(60):
            thread = threading.Thread(target=lambda: found.append(seconds_left(77)))
            thread.start()
            thread.join()
        assert found == [77]

    def test_a_pause_is_not_counted(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now = [1_000.0]
        monkeypatch.setattr(limits, "time", SimpleNamespace(monotonic=lambda: now[0]))
        with time_limit(5):
            now[0] += 1
            with time_limit_paused():
                now[0] += 500
            assert seconds_left(1_000) == 4


@pytest.mark.parametrize(
    ("url", "exposed"),
    [
        ("http://sts.example.com", True),
        ("http://10.0.0.7:4566", True),
        ("http://169.254.169.253", True),
        ("http://[fe80::1]", True),
        ("http://localhost.example.com", True),
        ("https://sts.example.com", False),
        ("http://localhost:4566", False),
        ("http://127.0.0.1:4566", False),
        ("http://127.8.9.1", False),
        ("http://[::1]:4566", False),
        ("http://169.254.169.254", False),
        ("http://169.254.170.2", False),
        ("http://169.254.170.23", False),
        ("http://[fd00:ec2::254]", False),
        ("http://[fd00:ec2::23]", False),
    ],
)
def test_what_crosses_a_network_in_the_clear(url: str, exposed: bool) -> None:
    assert is_exposed(url) is exposed


@pytest.fixture(autouse=True)
def _sockets_that_python_leaves() -> Iterator[None]:
    """Wait for those that CPython leaves to the collector: shut down while TLS takes them over.

    On a machine that stalls there (``ssl.SSLSocket._create``), its warning would be another test's.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "unclosed <ssl.SSLSocket", ResourceWarning)
        yield
        for thread in threading.enumerate():
            if thread.name.endswith("(run)"):  # of `call_within`
                thread.join(GUARD_SECONDS)
        gc.collect()


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def test_it_says_that_no_more_files_may_be_open_and_leaves_none_open() -> None:
    """The connection stands, and there is no second handle of it to be had."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}"
        before = resource.getrlimit(resource.RLIMIT_NOFILE)
        lowest = os.dup(server.fileno())
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + 1, before[1]))
        try:
            outcome = _exchange(url)
            os.close(os.dup(server.fileno()))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert isinstance(outcome, ConnectionFailure)
    assert outcome.kind is FailureKind.NO_FILES
