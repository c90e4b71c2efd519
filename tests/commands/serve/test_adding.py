"""``serve --add`` and ``--drop``: more and fewer chains of a server that runs, on its port and with its token."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime

import pytest

from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.commands.serve.control import obey
from rolehop.commands.serve.presence import Presence, asked, present_servers
from rolehop.commands.serve.running import ServerRow, as_note
from rolehop.commands.serve.server import Server as ServerOfChains
from rolehop.commands.serve.server import ServerSettings
from rolehop.plan.walk_options import WalkOptions
from rolehop.vault.notes import Seal
from rolehop.vault.notes import as_note as as_text
from tests.commands.serve.server import Server, serving
from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import found_in
from tests.support.world import CONFIG, HUB, PYTHON, SCRIPT, World

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
    assert world.rolehop("serve", "--drop", "account:4*").code == 0
    assert chains(world) == ["spokes/555555555555"]
    every = world.rolehop("serve", "--drop", "spokes")
    assert (every.code, "nothing would be served any more" in every.err) == (2, True)


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
        b"[" * 100_000,
    ],
)
def test_what_is_no_request_changes_nothing(world: World, served: Server, request_: bytes) -> None:
    (name,) = present_servers(world.state)
    assert asked(world.state, name, request_) == b"this is no request of rolehop's"
    assert chains(world) == ["own"]
    assert served.get("/chains/own")[0] == 200


_TELLS = """
import json, os, sys
from pathlib import Path
from rolehop.app.context import App
from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.commands.serve.control import obey
from rolehop.commands.serve.presence import asked, present_servers
from rolehop.vault.notes import Seal, as_note
state, home = Path(sys.argv[1]), Path(os.environ["HOME"])
(name,) = present_servers(state)
text = as_note(json.loads(sys.argv[2]))
if len(sys.argv) > 3:
    text = Seal(App(os.environ, home).vault.seals, "request", sys.argv[3] or name).added_to(text)
print(asked(state, name, text.encode()).decode())
"""
_ADDS_ADMIN: Mapping[str, object] = {
    "add": "admin",
    "key": "",
    "options": {},
    "confirmed": [],
    "reason": None,
}


def telling(world: World, request: Mapping[str, object], *sealed_for: str) -> list[str]:
    """Return a program that says what a server replies; ``sealed_for`` one, empty for that one."""
    return [PYTHON, "-c", _TELLS, str(world.state), json.dumps(request), *sealed_for]


@pytest.mark.parametrize("request_", [_ADDS_ADMIN, {"drop": ["own"]}])
def test_a_program_that_cannot_read_the_keyring_changes_nothing(
    world: World, served: Server, request_: Mapping[str, object]
) -> None:
    for sealed_for in ((), ("another-server",)):
        said = world.run(*telling(world, request_, *sealed_for))
        assert "nothing proves that rolehop asks for this" in said.out, said.err
    assert chains(world) == ["own"]
    assert served.get("/chains/own")[0] == 200


def test_a_process_that_brings_no_proof_adds_no_guarded_chain(world: World) -> None:
    world.config(CONFIG.replace("[chains.admin]", "[chains.admin]\nconfirm = true"))
    with serving(world, "own") as served:
        assert "confirm" in world.run(*telling(world, _ADDS_ADMIN, "")).out
        assert served.get("/chains/admin")[0] == 404


def test_a_commands_server_serves_that_command_its_chain_and_nothing_else(world: World) -> None:
    """A program that has a read-only endpoint must not get the whole role by asking for it."""
    tells = telling(world, _ADDS_ADMIN, "")
    done = world.rolehop("exec", "admin", "--read-only", "--server", "--", *tells)
    assert (done.code, "belongs to a command" in done.out) == (0, True), done.err


def test_a_chain_that_is_served_narrowed_is_not_added_wider(world: World) -> None:
    with serving(world, "admin", "--read-only", "--tag", "team=x") as served:
        before = served.get()
        for flags in ((), ("--read-only",), ("--tag", "team=x")):
            done = world.rolehop("serve", "--add", "admin", *flags)
            assert done.code == 1
            assert "admin is served with --read-only, --tag" in done.err
        assert served.get() == before
        done = world.rolehop("serve", "--add", "admin", "--read-only", "--tag", "team=x")
        assert done.code == 0, done.err


class _LooksTogether(ServerOfChains):
    """Looks whether a chain is served at the moment when another request does, if that can be."""

    def options_of(self, chain: str) -> WalkOptions | None:
        found = super().options_of(chain)
        with suppress(threading.BrokenBarrierError):
            _BOTH.wait(1)
        return found


_BOTH = threading.Barrier(2)


class _Nobody:
    def report_problem(self, chain: str, problem: object) -> None:
        """Nobody is told."""

    def report_caller(self, chain: str, arn: str) -> None:
        """Likewise."""


def test_of_two_requests_at_once_the_later_one_sees_what_the_other_has_done(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a chain that is served narrowed would be served whole a moment later."""
    for name, value in world.environ.items():
        monkeypatch.setenv(name, value)
    app, replies = App(world.environ, world.home), list[str]()
    assert world.rolehop("exec", "hub", "--", "true").code == 0  # the seals have their key
    with _LooksTogether(app, ServerSettings(), _Nobody()) as server:

        def adds(read_only: bool) -> None:
            options = WalkOptions(read_only=read_only)
            key = Planning(app).plan("admin", options, app.source_callers).key
            request = {**_ADDS_ADMIN, "key": key, "options": options.hop_values}
            text = Seal(app.vault.seals, "request", "this").added_to(as_text(request))
            replies.append(obey(app, server, "this", text.encode()))

        threads = [threading.Thread(target=adds, args=(each,)) for each in (True, False)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    assert sorted(reply == "done" for reply in replies) == [False, True], replies
    assert any("admin is served with" in reply for reply in replies)


def test_a_chain_that_leads_elsewhere_from_the_servers_place_is_not_added(
    world: World, served: Server
) -> None:
    """Its first session would be of one principal, and the next ones of another."""
    bob = world.sts.world.user("111111111111", "bob")
    other = world.home / "other.toml"
    other.write_text(CONFIG.replace("role/Admin", "role/Other"), encoding="utf-8")
    world.sts.world.role("arn:aws:iam::333333333333:role/Other", trusts=[HUB])
    done = world.rolehop("--config", str(other), "serve", "--add", "admin")
    assert done.code == 1
    assert "admin would lead elsewhere from here" in done.err
    done = world.rolehop("serve", "--add", "own", env=bob.environ)
    assert "own would lead elsewhere from here" in done.err
    assert chains(world) == ["own"]


def test_no_secret_is_told_to_whoever_listens_as_a_server(world: World) -> None:
    """A program without a keyring can listen there, and be taken for one."""
    heard: list[bytes] = []
    now = datetime.now(UTC)
    row = ServerRow(os.getpid(), now, "serve", "http://127.0.0.1:1", None, 0, (), ())

    def replies(request: bytes) -> str:
        heard.append(request)
        return "done" if request else as_text(as_note(row, None))

    def listens() -> None:
        while True:
            presence.answer(replies)

    presence = Presence(world.state, "1-aaaaaaaa")
    assert presence.socket is not None
    presence.socket.setblocking(True)
    threading.Thread(target=listens, daemon=True).start()
    done = world.rolehop("serve", "--add", "admin")
    assert done.code == 0, done.err
    said = b"".join(heard).decode()
    assert '"add":"admin"' in said
    assert found_in(said, world) == []
