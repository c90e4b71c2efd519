"""The instance metadata service of EC2, version 2: who gets a token, and what it opens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from rolehop.commands.serve.connection import IncomingRequest, Response
from rolehop.commands.serve.loop import listen_on_port
from rolehop.commands.serve.rules import HOP_LIMIT, MetadataService, SessionForm
from tests.commands.serve.served import SESSION, TOKEN, Chains, Served, serving

ROLE = "spokes%2F444444444444"
FOLDER = SessionForm.INSTANCE.value
TTL = "X_Aws_Ec2_Metadata_Token_Ttl_Seconds"


@pytest.fixture(scope="module")
def instance() -> Iterator[Served]:
    with serving(imds="spokes/444444444444") as served:
        yield served


def token(instance: Served, seconds: int = 60) -> str:
    status, headers, body = instance.ask("/latest/api/token", "PUT", **{TTL: str(seconds)})
    assert (status, headers[TTL.replace("_", "-").lower()]) == (200, str(seconds))
    return body.decode()


def with_token(text: str | None) -> dict[str, Any]:
    return {"Authorization": None, "X_Aws_Ec2_Metadata_Token": text}


def test_a_token_opens_the_role_and_nothing_else(instance: Served) -> None:
    given = with_token(token(instance))
    for path in (FOLDER, FOLDER.removesuffix("/")):
        assert instance.ask(path, **given)[::2] == (200, ROLE.encode())
    assert instance.ask(FOLDER + ROLE, **given)[::2] == (200, SESSION)
    assert instance.chains.form is SessionForm.INSTANCE
    for path in (f"{FOLDER}admin", "/latest/meta-data/", "/latest/api/token", f"{FOLDER}%FF"):
        assert instance.ask(path, **given)[0] == 404
    assert instance.ask("/chains/admin", **given)[0] == 401


def test_an_address_with_a_last_slash_is_asked_for_two(instance: Served) -> None:
    """By AWS's SDK for JavaScript, version 2."""
    status, _, text = instance.ask("//latest/api/token", "PUT", **{TTL: "60"})
    given = with_token(text.decode())
    assert (status, instance.ask(f"/{FOLDER}", **given)[2]) == (200, ROLE.encode())
    assert instance.ask(f"/{FOLDER}{ROLE}", **given)[::2] == (200, SESSION)
    assert instance.ask(f"//{FOLDER}", **{**given, "Authorization": TOKEN})[0] == 404


@pytest.mark.parametrize(
    ("status", "path", "method", "changes"),
    [
        (401, FOLDER + ROLE, "GET", {}),  # version 1
        (401, FOLDER + ROLE, "GET", {"Authorization": TOKEN}),
        (401, FOLDER + ROLE, "GET", with_token("99999999-00-00")),
        (401, FOLDER + ROLE, "GET", with_token("\xe9-\xe9")),
        (400, "/latest/api/token", "PUT", {}),
        (400, "/latest/api/token", "PUT", {TTL: "0"}),
        (400, "/latest/api/token", "PUT", {TTL: "21601"}),
        (400, "/latest/api/token", "PUT", {TTL: "1e3"}),
        (400, "/latest/api/token", "PUT", {TTL: f"6\r\n{TTL.replace('_', '-')}: 0"}),
        (403, "/latest/api/token", "PUT", {TTL: "60", "X_Forwarded_For": "10.0.0.1"}),
        (403, "/latest/api/token", "PUT", {TTL: "60", "Host": "169.254.169.254"}),
        (403, "/latest/api/token", "PUT", {TTL: "60", "Origin": "http://attacker.example"}),
        (405, "/latest/meta-data/", "PUT", {TTL: "60"}),
        (405, "/latest/api/token", "POST", {TTL: "60"}),
        (405, "/chains/admin", "PUT", {TTL: "60"}),
    ],
)  # fmt: skip
def test_without_one_nothing_is_answered(
    instance: Served, status: int, path: str, method: str, changes: dict[str, Any]
) -> None:
    asked = list(instance.chains.asked)
    assert instance.ask(path, method, **{"Authorization": None, **changes})[0] == status
    assert instance.chains.asked == asked


def test_half_a_token_twice_opens_nothing(instance: Served) -> None:
    text = token(instance)
    twice = f"{text[:9]}\r\nX-aws-ec2-metadata-token: {text[9:]}"
    status, _, body = instance.ask(FOLDER, **with_token(twice))
    assert status == 401
    assert b"x-aws-ec2-metadata-token does not have" in body


def test_a_token_ends() -> None:
    now = [1000.5]
    metadata = MetadataService("admin", Chains(), lambda: now[0])

    def ask(method: str, path: str, name: str, value: str) -> Response:
        headers = {name: (value,)}
        request = IncomingRequest(method, path, headers, stays_open=True, has_body=False)
        response = metadata.answer(request, final=True)
        assert response is not None
        return response

    given = ask("PUT", "/latest/api/token", TTL.replace("_", "-").lower(), "60").body.decode()
    for later, status in ((59, 200), (60, 401)):
        now[0] = 1000.5 + later
        assert ask("GET", FOLDER, "x-aws-ec2-metadata-token", given).status == status


def test_answers_are_not_forwarded() -> None:
    """Whoever is behind a router, or a container's bridge, gets no packet of the answer."""
    with (
        listen_on_port(0, HOP_LIMIT).socket as listener,
        socket.create_connection(listener.getsockname()),
        listener.accept()[0] as accepted,
    ):
        assert accepted.getsockopt(socket.IPPROTO_IP, socket.IP_TTL) == 1
