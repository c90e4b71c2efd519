"""A server of a chain whose config changes: the old session is handed out no more."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

import pytest

from tests.commands.serve.server import Server, serving
from tests.support.world import CONFIG, HUB, World

_LOOKS = 1.1  # seconds: a server looks at its files no more often than once a second


def first_answer(server: Server) -> tuple[int, dict[str, str]]:
    """Return what a client gets that asks after the change, and again while it is to wait."""
    time.sleep(_LOOKS)
    while (found := server.get())[0] == 503:
        time.sleep(0.05)
    return found[0], json.loads(found[1])


def role_of(world: World, session: dict[str, str]) -> str:
    return world.sts.world.keys[session["AccessKeyId"]].arn.split("/")[1]


def test_a_chain_that_leads_to_another_role_is_walked_as_that(world: World) -> None:
    with serving(world, "admin") as server:
        assert role_of(world, first_answer(server)[1]) == "Admin"
        world.config(CONFIG.replace("333333333333:role/Admin", "444444444444:role/Audit"))
        status, session = first_answer(server)
        assert (status, role_of(world, session)) == (200, "Audit")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("[chains.admin]", "[chains.other]"), "admin"),
        (lambda text: text.replace("[chains.admin]", "[chains.admin]\nconfirm = true"), "confirm"),
        (lambda text: text.replace("[chains.admin]", "[chains.admin]\nreason = true"), "reason"),
        (lambda text: text + "[chains.admin]\n", "config"),
    ],
    ids=["gone", "confirm", "reason", "broken"],
)
def test_a_chain_that_is_gone_or_asks_is_refused(
    world: World, change: Callable[[str], str], words: str
) -> None:
    with serving(world, "admin") as server:
        assert first_answer(server)[0] == 200
        calls = len(world.sts.calls)
        world.config(change(CONFIG))
        status, error = first_answer(server)
        assert status == 400
        assert words in error["message"]
        world.config(CONFIG)  # put right again
        assert first_answer(server)[0] == 200
        assert len(world.sts.calls) == calls  # from the keyring


def test_a_chain_never_goes_on_as_an_aws_profile_of_its_name(world: World) -> None:
    """A config that is replaced may be gone for a moment; the profile leads elsewhere, unasked."""
    world.aws_config(f"[profile admin]\ncredential_source = Environment\nrole_arn = {HUB}\n")
    with serving(world, "admin") as server:
        assert first_answer(server)[0] == 200
        world.config_file.rename(world.config_file.with_suffix(".bak"))
        status, error = first_answer(server)
        assert (status, "is no longer in the config" in error["message"]) == (400, True)


def test_a_change_that_leads_to_the_same_role_calls_nobody(world: World) -> None:
    with serving(world, "admin") as server:
        before = first_answer(server)
        calls = len(world.sts.calls)
        world.config(f"# a comment\n{CONFIG}")
        assert first_answer(server) == before
        assert len(world.sts.calls) == calls
