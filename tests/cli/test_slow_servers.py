"""A server that is slow, endless or absurd costs a program a bounded time and gives its exit code."""

from __future__ import annotations

import signal
from itertools import chain

import pytest

from tests.net.raw_server import Script, endlessly, raw_server
from tests.support.world import World

HEAD = b"HTTP/1.1 200 OK\r\n"


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda: chain([HEAD], endlessly(b"x: y\r\n", 0.5)), id="headers-without-end"),
        pytest.param(
            lambda: endlessly(b"HTTP/1.1 100 Continue\r\n\r\n", 0.5), id="100-continue-for-ever"
        ),
    ],
)
def test_a_credential_process_ends_before_go_kills_it(world: World, script: Script) -> None:
    with raw_server(script) as address:
        # `world` fails a program that takes longer than its guard timeout.
        done = world.rolehop(
            "credential-process", "admin", env={"AWS_ENDPOINT_URL_STS": f"http://{address}"}
        )
    assert (done.code, done.out) == (6, "")
    assert f"no answer from {address}" in done.err


def test_an_interrupted_walk_says_that_its_time_was_up(world: World) -> None:
    with raw_server(lambda: endlessly(b"", 0.5)) as address:
        process = world.start(
            *("rolehop", "credential-process", "admin"),
            env={"AWS_ENDPOINT_URL_STS": f"http://{address}"},
        )
        with process:
            while not list(world.state.glob("locks/*.lock")):
                assert process.poll() is None
            process.send_signal(signal.SIGALRM)  # the timer's own signal, early
            out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (6, "")
    assert "no session within 54 s" in err
    assert not list(world.state.glob("locks/*.lock"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"<a>" * 100_000, id="deep-xml"),
        pytest.param(b"[" * 100_000, id="deep-json"),
        pytest.param(b"\x00\xff" * 100, id="bytes"),
    ],
)
@pytest.mark.parametrize("length", ["", "9" * 5000])
def test_an_absurd_answer_of_sts_is_exit_6(world: World, body: bytes, length: str) -> None:
    header = f"Content-Length: {length}\r\n".encode() if length else b""
    answer = [HEAD + header + b"Connection: close\r\n\r\n", body]
    with raw_server(lambda: answer) as address:
        done = world.rolehop(
            "credential-process", "hub", env={"AWS_ENDPOINT_URL_STS": f"http://{address}"}
        )
    assert done.code == 6, done.err
    assert "unexpected happened" not in done.err
    assert "Traceback" not in done.err


def test_plain_http_to_another_machine_is_named_once(world: World) -> None:
    # A proxy on loopback stands in for the network: nothing leaves this machine.
    with raw_server(lambda: [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"]) as proxy:
        done = world.rolehop(
            "credential-process",
            "admin",
            env={
                "AWS_ENDPOINT_URL_STS": "http://sts.example.com",
                "HTTP_PROXY": f"http://{proxy}",
                "NO_PROXY": "",
            },
        )
    assert done.code == 6
    assert done.err.count("sts.example.com is called over plain http") == 1
