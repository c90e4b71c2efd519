"""What is longer than the terminal is shown by the person's pager, and only on a terminal."""

from __future__ import annotations

import sys

import pytest

from tests.support.hostile import invisible_in
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, SCRIPT, World

MANY = CONFIG + "".join(
    f'[chains.more-{number}]\nfrom = "hub"\nhops = [{{ role = "333333333333:role/R{number}" }}]\n'
    for number in range(60)
)
SHOWS = f"""{sys.executable} -c 'import os, sys
print("pager", os.environ.get("LESS"), len(sys.stdin.read().splitlines()))'"""


def shown(world: World, env: dict[str, str | None], *words: str) -> tuple[int, str]:
    world.config(MANY)
    world.more = {"TERM": "xterm", **{name: value for name, value in env.items() if value}}
    if env.get("PAGER") == "":
        world.more["PAGER"] = ""
    with OnTerminal(world, SCRIPT, *words, rows=24, columns=80, stdout_too=True) as on:
        done = on.ended()
        return done.code, on.shown


def test_a_long_list_goes_to_the_pager_with_its_options(world: World) -> None:
    code, text = shown(world, {"PAGER": SHOWS}, "list")
    assert code == 0
    assert "pager FRX 6" in text
    assert "pager -i" in shown(world, {"PAGER": SHOWS, "LESS": "-i"}, "list")[1]


@pytest.mark.parametrize("env", [{"PAGER": ""}, {"PAGER": "no-such-pager"}, {"PAGER": "'"}])
def test_without_a_pager_all_of_it_is_written(env: dict[str, str | None], world: World) -> None:
    code, text = shown(world, env, "list")
    assert (code, "more-59" in text) == (0, True)


def test_what_fits_or_is_for_a_program_is_not_paged(world: World) -> None:
    assert "pager" not in shown(world, {"PAGER": SHOWS}, "list", "more-1*")[1]
    assert "pager" not in shown(world, {"PAGER": SHOWS}, "list", "--format", "json")[1]
    assert "pager" not in world.rolehop("list", env={"PAGER": SHOWS, "TERM": "xterm"}).out


def test_a_pager_that_is_left_early_is_no_error(world: World) -> None:
    code, text = shown(world, {"PAGER": "true"}, "list")
    assert (code, text.strip()) == (0, "")


def test_a_pager_gets_visible_text_as_a_terminal_does(world: World) -> None:
    """What a person agrees to shows nothing hidden, whoever has changed the lines that go."""
    world.config(MANY)
    assert world.rolehop("profile", "install", "--yes", "--output", "json").code == 0
    path = world.home / ".aws" / "config"
    path.write_text(path.read_text().replace("output = json", "output = a\x1b[8mb\u202ec"))
    code, text = shown(world, {"PAGER": "cat"}, "profile", "remove", "--yes")
    assert (code, "-output = a[8mbc" in text) == (0, True)
    assert invisible_in(text) == ""
