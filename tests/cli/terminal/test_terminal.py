"""``assume`` with its output on a terminal, and chains that require a confirmation."""

from __future__ import annotations

import pytest

from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import found_in
from tests.support.world import CONFIG, SCRIPT, World

CAUTIOUS = CONFIG.replace("labels =", "confirm = true\nlabels =")


def test_assume_on_a_terminal_shows_a_summary_without_secrets_and_the_line_to_type(
    world: World,
) -> None:
    with OnTerminal(world, SCRIPT, "assume", "admin", stdout_too=True) as person:
        done = person.ended()
        shown = person.shown
    assert done.code == 0, done.err
    assert "admin is ready: arn:aws:sts::333333333333:assumed-role/Admin/me" in shown
    assert 'eval "$(rolehop assume admin)"' in shown
    assert found_in(shown + done.err, world) == []


@pytest.mark.parametrize("command", [("assume",), ("export",), ("exec",)])
def test_a_chain_that_confirms_asks_on_the_terminal(world: World, command: tuple[str, ...]) -> None:
    world.config(CAUTIOUS)
    more = ("--", "echo", "ran") if command == ("exec",) else ()
    with OnTerminal(world, SCRIPT, *command, "admin", *more) as person:
        person.expect(
            "admin (Admin in prod) gives you role Admin in account 333333333333. Continue? [y/N] "
        )
        person.types("y")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.out == "ran\n" or "AWS_SESSION_TOKEN" in done.out


def test_anything_but_yes_ends_it_before_any_call(world: World) -> None:
    world.config(CAUTIOUS)
    with OnTerminal(world, SCRIPT, "assume", "admin") as person:
        person.expect("[y/N] ")
        person.types("n")
        done = person.ended()
    assert (done.code, done.out) == (130, "false\n")
    assert "chain 'admin' was not confirmed, so nothing was done" in done.err
    assert world.sts.calls == []


def test_without_a_terminal_a_confirmation_is_an_error(world: World) -> None:
    world.config(CAUTIOUS)
    done = world.rolehop("assume", "admin")
    assert (done.code, done.out) == (8, "false\n")
    assert "chain 'admin' has confirm = true" in done.err
    assert world.sts.calls == []
