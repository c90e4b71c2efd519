"""``serve --add`` and ``--drop``: more and fewer chains of a server that runs, on its port and with its token."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from rolehop.commands.serve.presence import asked, present_servers
from tests.commands.serve.server import Server, serving
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, SCRIPT, World

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets")


@pytest.fixture
def served(world: World) -> Iterator[Server]:
    with serving(world, "own") as server:
        yield server


def chains(world: World) -> list[str]:
    (found,) = world.rolehop("status", "--format", "json").json["servers"]
    return [each["chain"] for each in found["chains"]]


def test_a_chain_is_added_and_dropped(world: World, served: Server) -> None:
    assert served.get("/chains/admin")[0] == 404
    done = world.rolehop("serve", "--add", "admin", "spokes/*")
    assert (done.code, done.out) == (0, "")
    assert f"{served.blocks[0]['AWS_CONTAINER_CREDENTIALS_FULL_URI'][:-4]}/admin" in done.err
    status, body = served.get("/chains/admin")
    assert status == 200
    key = world.sts.world.keys[json.loads(body)["AccessKeyId"]]
    assert key.arn.endswith("assumed-role/Admin/me")
    (shown,) = world.rolehop("status", "--format", "json").json["servers"]
    assert [each["chain"] for each in shown["chains"]] == [
        *("own", "admin", "spokes/444444444444", "spokes/555555555555")
    ]
    assert (shown["chains"][1]["arn"], shown["chains"][1]["account"]) == (key.arn, "333333333333")
    assert world.rolehop("serve", "--drop", "own", "admin").code == 0
    assert served.get("/chains/admin")[0] == served.get("/chains/own")[0] == 404
    assert chains(world) == ["spokes/444444444444", "spokes/555555555555"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--add"], "no chain is named"),
        (["--add", "admin", "--port", "1"], "no server runs on port 1"),
        (["--add", "--stop", "admin"], "three commands"),
        (["--drop", "admin"], "admin is not served"),
        (["--drop", "own"], "nothing would be served any more"),
    ],
)
def test_what_cannot_be_changed_is_said(
    world: World, served: Server, arguments: list[str], words: str
) -> None:
    done = world.rolehop("serve", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert served.get("/chains/own")[0] == 200


def test_without_a_server_there_is_nothing_to_add_to(world: World) -> None:
    done = world.rolehop("serve", "--add", "admin")
    assert done.code == 2
    assert "no server runs" in done.err


def test_a_guarded_chain_is_asked_for_in_the_terminal_that_adds_it(world: World) -> None:
    world.config(CONFIG.replace("[chains.admin]", "[chains.admin]\nconfirm = true"))
    with serving(world, "own") as served:
        assert world.rolehop("serve", "--add", "admin").code == 8
        with OnTerminal(world, SCRIPT, "serve", "--add", "admin") as person:
            person.expect("[y/N] ")
            person.types("n")
            assert person.ended().code == 130
        assert served.get("/chains/admin")[0] == 404
        with OnTerminal(world, SCRIPT, "serve", "--add", "admin") as person:
            person.expect("[y/N] ")
            person.types("y")
            assert person.ended().code == 0
        assert served.get("/chains/admin")[0] == 200


@pytest.mark.parametrize(
    "request_",
    [
        b"{}",
        b"[]",
        b"add",
        b'{"drop": 1}',
        b'{"add": "admin"}',
        b'{"add": "admin", "session": "", "region": null, "options": {}, "confirmed": [], "reason": null}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_changes_nothing(world: World, served: Server, request_: bytes) -> None:
    (name,) = present_servers(world.state)
    assert asked(world.state, name, request_) == b"this is no request of rolehop's"
    assert chains(world) == ["own"]
    assert served.get("/chains/own")[0] == 200


def test_a_process_that_brings_no_proof_adds_no_guarded_chain(world: World) -> None:
    world.config(CONFIG.replace("[chains.admin]", "[chains.admin]\nconfirm = true"))
    with serving(world, "own") as served:
        (name,) = present_servers(world.state)
        request: dict[str, object] = {
            "add": "admin",
            "session": "",
            "region": None,
            "options": {},
            "confirmed": [],
        }
        said = asked(world.state, name, json.dumps({**request, "reason": None}).encode())
        assert b"confirm" in said
        assert served.get("/chains/admin")[0] == 404
