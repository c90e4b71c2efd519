"""``routes`` as a program: files in, ways out, ready to paste and to keep."""

from __future__ import annotations

import json

import pytest

from tests.cli.test_explain import ALICE, USER, role
from tests.cli.world import ADMIN, CONFIG, HUB, World

ADMIN_SHORT = "333333333333:role/Admin"


@pytest.fixture
def documents(world: World) -> tuple[str, ...]:
    file = world.home / "all.json"
    roles = [role(HUB, ALICE), role(ADMIN, HUB)]
    file.write_text(json.dumps({"UserDetailList": [USER], "RoleDetailList": roles}))
    return ("--policies", "all.json", "--as", ALICE)


@pytest.mark.parametrize("to", [ADMIN, ADMIN_SHORT, "333333333333", "admin"])
def test_all_that_names_a_role_leads_to_it(
    to: str, world: World, documents: tuple[str, ...]
) -> None:
    done = world.rolehop("routes", to, *documents, "--format", "json")
    assert (done.code, done.err) == (0, "")
    found = done.json
    assert list(found) == ["schema", "to", "routes", "more", "complete"]
    assert (found["schema"], found["to"], found["more"]) == ("rolehop.routes/1", to, False)
    (route,) = found["routes"]
    assert list(route) == ["source", "verdict", "hops", "unknowns", "assuming", "chain"]
    assert (route["source"], route["verdict"]) == ("me", "allowed")
    assert [(hop["hop"], hop["role"]) for hop in route["hops"]] == [(1, HUB), (2, ADMIN)]


def test_a_way_is_written_as_a_chain_that_plans(world: World, documents: tuple[str, ...]) -> None:
    world.config(CONFIG + "# mine")
    done = world.rolehop("routes", ADMIN, *documents, "--write", "found")
    assert done.code == 0, done.err
    text = world.config_file.read_text()
    assert text.startswith(CONFIG + "# mine\n\n[chains.found]\n")
    assert "[chains.found]" in done.out
    plan = world.rolehop("plan", "found", "--format", "json").json
    assert [hop["role"] for hop in plan["hops"]] == [HUB, ADMIN]


@pytest.mark.parametrize("name", ["admin", "no/such name"])
def test_no_name_is_overwritten_and_no_bad_one_written(
    name: str, world: World, documents: tuple[str, ...]
) -> None:
    done = world.rolehop("routes", ADMIN, *documents, "--write", name)
    assert done.code in (2, 3)
    assert world.config_file.read_text() == CONFIG


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("routes", ADMIN), 2, "nobody knows who the source is"),
        (("routes", ADMIN, "--from", "nobody"), 2, "no source is called 'nobody'"),
        (("routes", "999999999999", "--as", ALICE), 2, "no role of account 999999999999"),
        (("routes", "a:role/!", "--as", ALICE), 2, "nothing to go to"),
    ],
)
def test_what_cannot_be_searched_is_said(
    arguments: tuple[str, ...], code: int, said: str, world: World
) -> None:
    done = world.rolehop(*arguments)
    assert done.code == code
    assert said in done.err


def test_what_is_not_known_is_named(world: World) -> None:
    done = world.rolehop("routes", HUB, "--as", ALICE)
    assert done.code == 0, done.err
    assert "can't tell" in done.out
    assert "not known: trust" in done.out


def test_where_there_is_no_way_it_exits_5(world: World, documents: tuple[str, ...]) -> None:
    (world.home / "shut.json").write_text(json.dumps({"RoleDetailList": [role(HUB, ADMIN)]}))
    done = world.rolehop("routes", HUB, *documents, "--policies", "shut.json")
    assert done.code == 5
    assert "no route to" in done.out
