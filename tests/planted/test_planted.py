"""No command, whatever happens to it, lets a secret out, also with ``--debug``."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.planted.hunt import forms, found_in, has_code, texts_below
from tests.planted.plant import CODE, INHERITED, Planted, planted
from tests.planted.rows import FAILURES, ROWS, Failure, Row
from tests.support.commands import commands
from tests.support.world import Done, temporary_world


@pytest.fixture(scope="module")
def world() -> Iterator[Planted]:
    with temporary_world() as world, planted(world) as made:
        yield made


def test_every_command_has_a_row() -> None:
    assert [name for name, _ in commands()] == list(ROWS)


@pytest.mark.parametrize("name", ROWS)
def test_no_secret_comes_out(name: str, world: Planted) -> None:
    row = ROWS[name]
    found: dict[str, set[str]] = {}
    for reason, failure in FAILURES.items():
        fits = (row.calls or not failure.of_aws) and (row.asks_all or not failure.hangs)
        if reason == "success" or (row.fails and fits):
            for line in row.lines[: 1 if failure.is_early else None]:
                leaked = _leaked_by(line, row, failure, world, is_success=reason == "success")
                found |= {f"{reason}: {line}: {place}": names for place, names in leaked.items()}
    assert found == {}


def _leaked_by(
    line: str, row: Row, failure: Failure, world: Planted, *, is_success: bool
) -> dict[str, set[str]]:
    """Run a command; the names of the secrets that came out, by the place where they are."""
    world.restore()
    if _OF_FILE & {*line.split()}:
        world.write_keys()
    env = failure.arrange(world) or {}
    arguments = [each.replace("MINE", str(world.mine)) for each in line.split()]
    arguments.insert(len(line.partition(" -- ")[0].split()), "--debug")
    done = world.run(arguments, env, conditions=failure.conditions)
    if is_success:
        assert done.code == (row.code if line == row.lines[-1] else 0), done.err
    found = _found(row, done, world)
    if _OF_FILE & {*line.split()}:  # they are there until they have been moved
        kept = found.get(str(world.credentials_file), set())
        kept -= {name for name in kept if name.endswith(world.world.alice.arn)}
        if is_success:
            assert world.world.alice.key.secret not in world.credentials_file.read_text()
    return {place: names for place, names in found.items() if names}


_OF_FILE = {"--from-profile", "--take-over"}
"""Options of commands that move keys out of an AWS file."""


def _found(row: Row, done: Done, world: Planted) -> dict[str, set[str]]:
    secrets = world.secrets()
    secrets |= {
        f"server's token {number}": token
        for number, token in enumerate(re.findall(r"AUTHORIZATION_TOKEN='?([\w-]{20,})", done.out))
    }
    texts = {"stderr": done.err, **dict(texts_below(world.folders))}
    found = {place: _in(text, secrets) for place, text in texts.items()}
    for place, text in texts_below([world.spied]):
        found[place] = _in(text, secrets)
        if place.endswith(".environment"):  # of a program that rolehop started
            found[place] -= INHERITED | world.handed_over(text)
    found["stdout"] = found_in(done.out, secrets) - world.handed_over(done.out)
    if row.prints:
        found["stdout"] = {each for each in found["stdout"] if not each.startswith(row.prints)}
    return found


def _in(text: str, secrets: dict[str, str]) -> set[str]:
    return found_in(text, secrets) | ({"MFA code"} if has_code(text, CODE) else set())


def test_the_hunt_finds_a_secret_in_every_form() -> None:
    secret = 'a/secret+with"signs and 40 characters...'
    assert found_in(f'{{"x": "{secret}"}}', {"it": secret}) == {"it"}
    for each in forms(secret):
        assert found_in(f"before {each} after", {"it": secret}) == {"it"}
    assert has_code(f"code: {CODE}.", CODE) is False
    assert has_code(f"code {CODE}", CODE)
