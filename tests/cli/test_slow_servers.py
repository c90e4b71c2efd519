"""A server that is slow, endless or absurd costs a program a bounded time and gives its exit code.

Limits are scaled down, so that a test takes seconds. What a test asserts is that the program ended
by itself, before the guard timeout.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import chain

import pytest

from tests.aws.net.raw_server import Script, endlessly, raw_server, slowly
from tests.support.source_servers import (
    START_URL,
    Source,
    container,
    github,
    identity_center,
    instance,
    profile,
    roles_anywhere,
    saml,
    use_source,
    web_token,
)
from tests.support.world import HUB, Done, World, ended

HEAD = b"HTTP/1.1 200 OK\r\n"
LENGTH = b"Content-Length: 100000\r\n\r\n"
STEP = 0.02  # seconds between two pieces: far below any limit of one read
GUARD_SECONDS = 90

# A whole call gets half a second instead of 40, and work under a lock does.
HURRIED_CALLS = """
from rolehop.aws.net import transport
transport.CALL_SECONDS = 0.5
"""
HURRIED_LOCKS = """
from rolehop.vault import locks
locks.HELD_SECONDS = 0.5
"""
RUN = "\nfrom rolehop.__main__ import main\nmain()"

SCRIPTS = [
    pytest.param(lambda: slowly(HEAD + LENGTH, STEP), id="one-byte-at-a-time"),
    pytest.param(lambda: chain([HEAD], endlessly(b"x: y\r\n", STEP)), id="endless-headers"),
    pytest.param(lambda: endlessly(b"HTTP/1.1 100 Continue\r\n\r\n", STEP), id="endless-continue"),
    pytest.param(lambda: chain([HEAD + LENGTH], endlessly(b"<", STEP)), id="slow-body"),
]

SOURCES = (instance, container, github, web_token, saml, identity_center, profile, roles_anywhere)


def hurried(
    world: World, *arguments: str, env: Mapping[str, str | None], limits: str = HURRIED_CALLS
) -> Done:
    """Run rolehop with ``limits`` scaled down; it is killed after the guard timeout."""
    with world.fork(*arguments, env=env, before=limits) as process:
        return ended(process, seconds=GUARD_SECONDS)


@pytest.mark.parametrize("limits", [HURRIED_CALLS, HURRIED_LOCKS], ids=["a-call", "a-lock"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_slow_sts_ends_a_walk_in_time(world: World, script: Script, limits: str) -> None:
    with raw_server(script) as address:
        env = {"AWS_ENDPOINT_URL_STS": f"http://{address}"}
        done = hurried(world, "credential-process", "admin", env=env, limits=limits)
    assert (done.code, done.out) == (6, ""), done.err
    assert f"no answer from {address}" in done.err
    assert not list(world.state.glob("locks/*.lock"))


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda: endlessly(b"", STEP), id="silence"),
        # A TLS record of 16 KB, which never gets complete.
        pytest.param(
            lambda: chain([b"\x16\x03\x03\x40\x00\x02\x00\x3f\xfc"], endlessly(b"\x03", STEP)),
            id="one-byte-at-a-time",
        ),
    ],
)
def test_a_stalled_tls_handshake_ends_a_walk_in_time(world: World, script: Script) -> None:
    with raw_server(script) as address:
        env = {"AWS_ENDPOINT_URL_STS": f"https://{address}"}
        done = hurried(world, "credential-process", "admin", env=env)
    assert (done.code, done.out) == (6, ""), done.err


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda: slowly(HEAD + b"\r\n", 2 * STEP), id="one-byte-at-a-time"),
        pytest.param(lambda: chain([HEAD], endlessly(b"x: y\r\n", STEP)), id="endless-headers"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_proxy_whose_tunnel_never_opens_ends_a_walk_in_time(
    world: World, script: Script, scheme: str
) -> None:
    with raw_server(script) as address:
        env = {
            "AWS_ENDPOINT_URL_STS": "https://sts.example.com",
            "HTTPS_PROXY": f"{scheme}://{address}",
            "NO_PROXY": "",
        }
        done = hurried(world, "credential-process", "admin", env=env)
    assert (done.code, done.out) == (6, ""), done.err


@pytest.mark.parametrize("script", SCRIPTS[1::2])
@pytest.mark.parametrize("source", SOURCES)
def test_a_slow_service_of_a_source_ends_a_walk_in_time(
    world: World, source: Source, script: Script
) -> None:
    with raw_server(script) as address:
        env = source(world, f"http://{address}")
        done = hurried(world, "credential-process", "own", env=env)
    assert (done.code, done.out) == (6, ""), done.err


@pytest.mark.parametrize("script", SCRIPTS[1::2])
def test_a_slow_sign_in_service_ends_a_sign_in_in_time(world: World, script: Script) -> None:
    use_source(
        world,
        f'type = "identity-center"\nstart_url = "{START_URL}"\nflow = "device"\n'
        'sso_region = "eu-west-1"\naccount = "111111111111"\nrole = "Developer"',
    )
    with raw_server(script) as address:
        env = {"AWS_ENDPOINT_URL_SSO_OIDC": f"http://{address}"}
        done = hurried(world, "source", "login", "s", env=env)
    assert done.code == 6, done.err


@pytest.mark.parametrize("script", SCRIPTS[1::2])
def test_a_slow_iam_ends_a_rotation_in_time(world: World, script: Script) -> None:
    keys = f"{world.alice.key.access_key_id}\n{world.alice.key.secret}\n"
    use_source(world, 'type = "keys"')
    assert world.rolehop("keys", "add", "s", "--stdin", input=keys).code == 0
    with raw_server(script) as address:
        env = {"AWS_ENDPOINT_URL_IAM": f"http://{address}"}
        done = hurried(world, "keys", "rotate", "s", env=env)
    assert done.code == 6, done.err


@pytest.mark.parametrize("script", SCRIPTS[1::2])
def test_a_slow_iam_ends_an_explanation_in_time(world: World, script: Script) -> None:
    assert world.rolehop("export", "hub").code == 0
    with raw_server(script) as address:
        done = hurried(world, "explain", "admin", env={"AWS_ENDPOINT_URL_IAM": f"http://{address}"})
    assert "no answer from" in done.out + done.err, done.err


@pytest.mark.parametrize("script", SCRIPTS[1::2])
def test_a_slow_issuer_ends_a_sign_in_in_time(world: World, script: Script) -> None:
    with raw_server(script) as address:
        issuer = f'issuer = "http://{address}"\nclient_id = "rolehop"'
        use_source(world, f'type = "web-identity"\nrole = "{HUB}"\n{issuer}')
        done = hurried(world, "source", "login", "s", env={})
    assert done.code == 6, done.err


# The program's own timer, set to ring once the walk holds its lock.
EARLY = """
import os, signal, threading, time
from pathlib import Path
def ring():
    while not list(Path(os.environ["LOCKS"]).glob("*.lock")):
        time.sleep(0.01)
    signal.setitimer(signal.ITIMER_REAL, 0.01, signal.getitimer(signal.ITIMER_REAL)[1])
threading.Thread(target=ring, daemon=True).start()
"""


def test_an_interrupted_walk_says_that_its_time_was_up(world: World) -> None:
    with raw_server(lambda: endlessly(b"", 0.5)) as address:
        done = hurried(
            world,
            *("credential-process", "admin"),
            env={"AWS_ENDPOINT_URL_STS": f"http://{address}", "LOCKS": str(world.state / "locks")},
            limits=EARLY,
        )
    assert (done.code, done.out) == (6, "")
    assert "no session within 54 s" in done.err
    assert not list(world.state.glob("locks/*.lock"))


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


# The program itself, which says how long it would wait between two attempts instead of waiting. The
# thread that tells of slow waits sleeps for a second at a time.
WAITS = """
import sys, time
sleep = time.sleep
time.sleep = lambda seconds: sleep(1) if seconds == 1 else print("waits", seconds, file=sys.stderr)
"""


@pytest.mark.parametrize("status", ["503 Service Unavailable", "429 Too Many Requests"])
def test_a_wait_that_sts_asks_for_is_respected(world: World, status: str) -> None:
    answer = f"HTTP/1.1 {status}\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n".encode()
    with raw_server(lambda: [answer]) as address:
        env = {"AWS_ENDPOINT_URL_STS": f"http://{address}", "AWS_MAX_ATTEMPTS": "2"}
        # It is imported anew, since its functions know the sleep of before.
        done = world.run(sys.executable, "-c", WAITS + RUN, "credential-process", "hub", env=env)
    assert done.code == 6, done.err
    assert "waits 7.0" in done.err


# The program itself; at its end a thread writes more than a pipe holds, as one that waits may do.
TALKATIVE = """
import array, atexit, fcntl, sys, termios, threading
def talk():
    threading.Thread(target=lambda: sys.stderr.write("waits" * 50_000), daemon=True).start()
    written = array.array("i", [0])
    while not written[0]:
        fcntl.ioctl(2, termios.FIONREAD, written)
atexit.register(talk)
"""


def test_a_thread_that_still_writes_does_not_abort_the_end(shared_world: World) -> None:
    """Python ends such a process by SIGABRT: the thread has the buffer that it flushes."""
    script = (sys.executable, "-c", TALKATIVE + RUN, "--help")
    with shared_world.start(*script) as process:  # stderr is read only when it is over
        assert process.wait(GUARD_SECONDS) == 0
        assert ended(process, seconds=GUARD_SECONDS).out.startswith("Usage: rolehop")
