"""Answers of services that make no sense end in the exit code for them, never in an accident."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from tests.aws.net.raw_server import raw_server
from tests.support.source_servers import (
    Source,
    container,
    github,
    identity_center,
    profile,
    roles_anywhere,
    use_source,
)
from tests.support.world import HUB, Done, World

KEYS = {"AccessKeyId": "ASIAMACHINE000000001", "SecretAccessKey": "secret"}

# Both ends of the calendar, with time zones that lead beyond them.
ENDS = [
    pytest.param("0001-01-01T00:00:00+23:59", id="the-first-day"),
    pytest.param("9999-12-31T23:59:59-23:59", id="the-last-day"),
    pytest.param("9999-12-31T23:59:59Z", id="the-last-second"),
]
# Milliseconds since the epoch.
EPOCH_ENDS = [
    pytest.param(sign * 10**digits, id=f"{sign}e{digits}")
    for sign in (1, -1)
    for digits in (17, 400)
]
BODIES = [
    pytest.param(b"<a>" * 100_000, id="deep-xml"),
    pytest.param(b"<a>" * 100_000 + b"</a>" * 100_000, id="deep-complete-xml"),
    pytest.param(b"[" * 100_000, id="deep-json"),
    pytest.param(b'{"a":' * 100_000 + b"1" + b"}" * 100_000, id="deep-complete-json"),
    pytest.param(b'{"expiration": ' + b"9" * 5000 + b"}", id="a-number-of-5000-digits"),
    pytest.param(b"\x00\xff" * 100, id="no-text"),
]


def _answer(body: bytes, length: str = "", status: str = "200 OK") -> bytes:
    declared = length or str(len(body))
    head = f"HTTP/1.1 {status}\r\nContent-Length: {declared}\r\nConnection: close\r\n\r\n"
    return head.encode() + body


def _check(done: Done, code: int = 6) -> None:
    assert (done.code, done.out) == (code, ""), done.err
    assert "unexpected happened" not in done.err
    assert "Traceback" not in done.err


def _own(world: World, source: Source, answer: bytes) -> Done:
    with raw_server(lambda: [answer]) as address:
        env = {"AWS_MAX_ATTEMPTS": "1", **source(world, f"http://{address}")}
        return world.rolehop("credential-process", "own", env=env)


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("length", ["", "9" * 5000], ids=["", "and-a-length-of-5000-digits"])
def test_an_absurd_answer_of_sts_is_exit_6(world: World, body: bytes, length: str) -> None:
    with raw_server(lambda: [_answer(body, length)]) as address:
        env = {"AWS_ENDPOINT_URL_STS": f"http://{address}", "AWS_MAX_ATTEMPTS": "1"}
        _check(world.rolehop("credential-process", "hub", env=env))


@pytest.mark.parametrize("end", ENDS)
def test_a_session_of_sts_at_an_end_of_the_calendar_is_exit_6(world: World, end: str) -> None:
    body = (
        "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
        f"<Expiration>{end}</Expiration><AccessKeyId>ASIAMACHINE000000001</AccessKeyId>"
        "<SecretAccessKey>secret</SecretAccessKey><SessionToken>token</SessionToken>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
    with raw_server(lambda: [_answer(body.encode())]) as address:
        env = {"AWS_ENDPOINT_URL_STS": f"http://{address}"}
        done = world.rolehop("credential-process", "hub", env=env)
    _check(done)
    assert "expiration" in done.err or "expires" in done.err


@pytest.mark.parametrize(
    "date", ["Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00 +2359", "x" * 5000]
)
def test_a_clock_of_aws_at_an_end_of_the_calendar_does_not_count(world: World, date: str) -> None:
    head = f"HTTP/1.1 403 Forbidden\r\nDate: {date}\r\nContent-Length: "
    body = "<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
    with raw_server(lambda: [f"{head}{len(body)}\r\n\r\n{body}".encode()]) as address:
        env = {"AWS_ENDPOINT_URL_STS": f"http://{address}"}
        done = world.rolehop("credential-process", "hub", env=env)
    _check(done, 5)


@pytest.mark.parametrize("body", BODIES[2:])
@pytest.mark.parametrize("source", [container, github, roles_anywhere, profile, identity_center])
def test_an_absurd_answer_of_a_sources_service_is_exit_6(
    world: World, source: Source, body: bytes
) -> None:
    _check(_own(world, source, _answer(body, "9" * 5000)))


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("source", [container, roles_anywhere])
def test_a_sources_session_at_an_end_of_the_calendar_is_exit_6(
    world: World, source: Source, end: str
) -> None:
    keys: Mapping[str, object] = {**KEYS, "Token": "token", "Expiration": end}
    body = keys
    if source is roles_anywhere:
        low = {"accessKeyId": KEYS["AccessKeyId"], "secretAccessKey": "secret"}
        last = {"sessionToken": "token", "expiration": end}
        body = {"credentialSet": [{"credentials": {**low, **last}}]}
    _check(_own(world, source, _answer(json.dumps(body).encode())))


@pytest.mark.parametrize("end", EPOCH_ENDS)
def test_an_identity_center_session_at_an_end_of_time_is_exit_6(world: World, end: int) -> None:
    low = {"accessKeyId": KEYS["AccessKeyId"], "secretAccessKey": "secret"}
    body = {"roleCredentials": {**low, "sessionToken": "token", "expiration": end}}
    _check(_own(world, identity_center, _answer(json.dumps(body).encode())))


def test_an_identity_center_session_of_3000_years_is_exit_6(world: World) -> None:
    low = {"accessKeyId": KEYS["AccessKeyId"], "secretAccessKey": "secret"}
    body = {"roleCredentials": {**low, "sessionToken": "token", "expiration": 10**14}}
    _check(_own(world, identity_center, _answer(json.dumps(body).encode())))


def _token(**claims: float) -> str:
    parts = (
        {"alg": "RS256"},
        {"iss": "https://i", "sub": "s", "aud": "sts.amazonaws.com", **claims},
    )
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in encoded) + ".c2ln"


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize(
    "time",
    [-62_135_596_800, 253_402_300_799, 10.0**18, -(10**18), 10**400, float("inf"), float("nan")],
)
def test_a_token_with_a_time_at_an_end_of_the_calendar_is_no_accident(
    world: World, claim: str, time: float
) -> None:
    use_source(world, f'type = "web-identity"\nrole = "{HUB}"\ntoken_env = "TOKEN"')
    exp = {"exp": datetime.now(UTC).timestamp() + 600}
    env = {"TOKEN": _token(**{**exp, claim: time})}
    done = world.rolehop("credential-process", "own", env=env)
    _check(done, done.code)
    assert done.code in (4, 5), done.err  # rolehop refuses the token, or STS does


@pytest.mark.parametrize("end", ENDS)
def test_an_assertion_with_a_time_at_an_end_of_the_calendar_is_no_accident(
    world: World, end: str
) -> None:
    provider = "arn:aws:iam::222222222222:saml-provider/Corp"
    assertion = (
        f'<Response><Assertion><Issuer>i</Issuer><Conditions NotBefore="{end}" NotOnOrAfter="{end}"/>'
        '<AttributeStatement><Attribute Name="https://aws.amazon.com/SAML/Attributes/Role">'
        f"<AttributeValue>{HUB},{provider}</AttributeValue></Attribute></AttributeStatement>"
        "</Assertion></Response>"
    )
    use_source(world, f'type = "saml"\nrole = "{HUB}"\nassertion_env = "ASSERTION"')
    done = world.rolehop("credential-process", "own", env={"ASSERTION": assertion})
    _check(done, done.code)
    assert done.code in (4, 5), done.err


@pytest.mark.parametrize("end", ENDS)
def test_a_session_in_the_environment_at_an_end_of_the_calendar_is_no_accident(
    world: World, end: str
) -> None:
    env = {"AWS_SESSION_TOKEN": "token", "AWS_CREDENTIAL_EXPIRATION": end}
    done = world.rolehop("credential-process", "hub", env=env)
    _check(done, done.code)
    assert done.code in (4, 5), done.err


@pytest.mark.parametrize("end", ENDS)
def test_a_program_whose_session_is_at_an_end_of_the_calendar_is_exit_4(
    world: World, end: str
) -> None:
    document = {"Version": 1, **KEYS, "SessionToken": "token", "Expiration": end}
    text = repr(json.dumps(document))
    use_source(
        world, f"type = 'process'\ncommand = ['{sys.executable}', '-c', '''print({text})''']"
    )
    _check(world.rolehop("credential-process", "own"), 4)
