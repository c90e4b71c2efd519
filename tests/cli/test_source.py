"""`rolehop source`: what is listed, proved and told for sources of any type."""

from __future__ import annotations

import shutil

import pytest

from rolehop.cli.person import browser_commands, has_browser
from tests.cli.on_terminal import OnTerminal
from tests.cli.world import SCRIPT, World

CONFIG = """\
version = 1
[sources.me]
type = "environment"
description = "whoever is here"
[sources.kept]
type = "keys"
[sources.pinned]
type = "environment"
principal = "arn:aws:iam::111111111111:user/bob"
[chains.own]
source = "me"
"""


@pytest.fixture
def proved(world: World) -> World:
    world.config(CONFIG)
    return world


def test_the_list_says_what_is_ready_and_what_is_not_without_a_call(proved: World) -> None:
    done = proved.rolehop("source", "list", "--format", "json")
    assert done.code == 0, done.err
    told = {each["name"]: each for each in done.json["sources"]}
    assert told["me"]["state"] == "ready"
    assert told["me"]["chains"] == ["own"]
    assert told["kept"]["state"] == "not ready"
    assert "keys add kept" in told["kept"]["problem"]
    assert proved.sts.calls == []


def test_the_list_as_a_table_has_a_line_for_each(proved: World) -> None:
    done = proved.rolehop("source", "list")
    assert done.code == 0, done.err
    for name in ("me", "kept", "pinned", "environment", "keys", "whoever is here"):
        assert name in done.out


def test_user_keys_are_told_to_allow_a_longer_first_hop(proved: World) -> None:
    done = proved.rolehop("source", "test", "me", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["arn"] == proved.alice.arn
    assert done.json["expires_at"] is None
    assert done.json["next_hop_ceiling"] == 43_200


def test_a_test_shows_the_identity_and_what_follows_from_it(proved: World) -> None:
    done = proved.rolehop("source", "test", "me")
    assert done.code == 0, done.err
    assert proved.alice.arn in done.out
    assert "these are IAM user keys" in done.out


def test_another_principal_than_the_pinned_one_is_shown_and_refused(proved: World) -> None:
    done = proved.rolehop("source", "test", "pinned")
    assert done.code == 4
    assert proved.alice.arn in done.out
    assert "user/bob" in done.err


def test_a_failure_is_a_document_too(proved: World) -> None:
    done = proved.rolehop("source", "test", "kept", "--format", "json")
    assert done.code == 4
    assert done.json["arn"] is None
    assert "no keys are in the vault" in done.json["error"]


@pytest.mark.parametrize("verb", ["login", "logout"])
def test_sources_that_nobody_signs_in_to_say_so(proved: World, verb: str) -> None:
    done = proved.rolehop("source", verb, "me")
    assert done.code == 2
    assert "nobody signs in to source 'me'" in done.err


@pytest.mark.parametrize("verb", ["test", "login", "logout"])
def test_an_unknown_name_is_answered_with_the_nearest(proved: World, verb: str) -> None:
    done = proved.rolehop("source", verb, "pined")
    assert done.code == 3
    assert "pinned" in done.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_names_of_sources_are_completed(proved: World) -> None:
    done = proved.rolehop(
        "completion", "--", "source", "test", "", env={"_ROLEHOP_COMPLETE": "bash"}
    )
    assert done.code == 0, done.err
    assert {"me", "kept", "pinned"} <= set(done.out.split())


def test_on_a_terminal_the_table_is_drawn_too(proved: World) -> None:
    with OnTerminal(proved, SCRIPT, "source", "list", stdout_too=True) as person:
        person.expect("pinned")
        assert person.ended().code == 0


@pytest.mark.parametrize(
    ("environ", "platform", "found"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", False),
        ({}, "win32", True),
    ],
)
def test_a_browser_is_expected_where_somebody_sits(
    environ: dict[str, str], platform: str, found: bool
) -> None:
    assert has_browser(environ, platform) is found


@pytest.mark.parametrize(
    ("environ", "platform", "first"),
    [
        ({"BROWSER": "firefox --new-tab %s"}, "linux", ("firefox", "--new-tab", "URL")),
        ({"BROWSER": "firefox:chromium"}, "linux", ("firefox", "URL")),
        ({}, "linux", ("xdg-open", "URL")),
        ({}, "darwin", ("open", "URL")),
        ({}, "win32", ("rundll32", "url.dll,FileProtocolHandler", "URL")),
    ],
)
def test_an_address_goes_to_the_browser_as_one_argument(
    environ: dict[str, str], platform: str, first: tuple[str, ...]
) -> None:
    assert browser_commands("URL", environ, platform)[0] == first
