"""The JSON of every table: exactly the documented keys, whatever their values."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.support.world import ADMIN, AUDITS, CONFIG, HUB, MFA_SERIAL, World, temporary_world

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def walked(shared_world: World) -> World:
    """A world where admin was walked and the spokes were not."""
    assert shared_world.rolehop("credential-process", "admin").code == 0
    return shared_world


def json_of(world: World, *arguments: str) -> Any:
    done = world.rolehop(*arguments, "--format", "json")
    assert (done.code, done.err) == (0, ""), done.err
    assert done.out.endswith("}\n")
    return done.json


def test_list(walked: World) -> None:
    found = json_of(walked, "list")
    assert list(found) == ["schema", "chains"]
    assert found["schema"] == "rolehop.list/1"
    by_name = {chain["name"]: chain for chain in found["chains"]}
    assert list(by_name) == ["own", "hub", "admin", "spokes/444444444444", "spokes/555555555555"]
    for chain in by_name.values():
        assert list(chain) == [
            "name",
            "description",
            "source",
            "from",
            "fleet",
            "labels",
            "hops",
            "account",
            "account_name",
            "role",
            "tags",
            "ou",
            "cached_until",
        ]
    assert TIME.fullmatch(by_name["admin"].pop("cached_until"))
    assert by_name["admin"] == {
        "name": "admin",
        "account": "333333333333",
        "account_name": None,
        "role": "Admin",
        "tags": None,
        "ou": None,
        "description": "Admin in prod",
        "source": "me",
        "from": "hub",
        "fleet": None,
        "labels": {"env": "prod"},
        "hops": [HUB, ADMIN],
    }
    spoke = by_name["spokes/444444444444"]
    assert (spoke["fleet"], spoke["hops"], spoke["cached_until"]) == (
        "spokes",
        [HUB, AUDITS[0]],
        None,
    )
    assert [chain["name"] for chain in json_of(walked, "list", "spokes/*")["chains"]] == [
        "spokes/444444444444",
        "spokes/555555555555",
    ]


HOP_KEYS = [
    "hop",
    "role",
    "account",
    "session_name",
    "duration",
    "ceiling",
    "mfa",
    "cache",
    "expires_at",
    "notes",
    "will_fail",
]


def test_plan(walked: World) -> None:
    found = json_of(walked, "plan", "admin")
    assert list(found) == ["schema", "chain", "source", "hops", "scope"]
    assert found["scope"] is None
    assert found["schema"] == "rolehop.plan/1"
    assert found["source"] == {"name": "me", "type": "environment"}
    assert [list(hop) for hop in found["hops"]] == [HOP_KEYS, HOP_KEYS]
    assert TIME.fullmatch(found["hops"][1].pop("expires_at"))
    assert found["hops"][1] == {
        "hop": 2,
        "role": ADMIN,
        "account": "333333333333",
        "session_name": "me",
        "duration": 3600,
        "ceiling": 3600,
        "mfa": "none",
        "cache": "fresh",
        "notes": [],
        "will_fail": None,
    }
    fresh = json_of(walked, "plan", "spokes/444444444444")["hops"]
    assert [(hop["cache"], hop["ceiling"]) for hop in fresh] == [("fresh", 43_200), ("none", 3600)]
    assert fresh[1]["expires_at"] is None


def test_show_has_every_setting(walked: World) -> None:
    found = json_of(walked, "show", "admin")
    hub, admin = found.pop("hops")
    assert found == {
        "schema": "rolehop.show/1",
        "account": "333333333333",
        "account_name": None,
        "role": "Admin",
        "chain": "admin",
        "description": "Admin in prod",
        "source": {"name": "me", "type": "environment", "principal": None},
        "from": "hub",
        "fleet": None,
        "labels": {"env": "prod"},
        "tags": None,
        "ou": None,
        "sts_region": "eu-west-1",
        "sts_endpoint": walked.sts.url,
        "region": "eu-west-1",
        "min_ttl": 960,
        "confirm": False,
        "reason": None,
        "reason_in": "session_name",
        "color": None,
        "notes": [],
        "scope": None,
    }
    planned = json_of(walked, "plan", "admin")["hops"]
    for hop, of_plan in zip((hub, admin), planned, strict=True):
        assert {key: hop[key] for key in of_plan} == of_plan
    assert (hub["chain"], admin["chain"]) == ("hub", "admin")
    more = sorted(set(admin) - set(HOP_KEYS))
    assert {key: admin[key] for key in more} == {
        "account_name": None,
        "chain": "admin",
        "external_id": False,
        "mfa_serial": None,
        "policy": None,
        "policy_arns": [],
        "source_identity": None,
        "tags": {},
        "transitive_tags": [],
    }
    every = ("renewed below    16 min left (min_ttl)", "confirm          –", "external ID      –")
    shown = walked.rolehop("show", "admin", "-v").out
    assert [each for each in every if each not in shown] == []
    assert [each for each in every if each in walked.rolehop("show", "admin").out] == []


def test_a_color_is_said_once(world: World) -> None:
    world.config(CONFIG.replace('labels = { env = "prod" }', 'color = "red"'))
    assert re.findall(r"\bcolor.*", world.rolehop("show", "admin").out) == ["color         red"]
    assert "color" not in world.rolehop("plan", "admin").out


def test_a_plan_predicts_failures_and_shows_where_mfa_is_used(world: World) -> None:
    world.config(CONFIG.replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"', 1))
    hops = json_of(world, "plan", "admin")["hops"]
    assert [hop["mfa"] for hop in hops] == ["session", "none"]
    done = world.rolehop("plan", "hub", "--format", "json", env={"AWS_ACCESS_KEY_ID": None})
    assert done.json["hops"][0]["will_fail"] == (
        "there are no credentials in the environment: AWS_ACCESS_KEY_ID is not set"
    )
    assert world.sts.calls == []


def test_status(walked: World) -> None:
    found = json_of(walked, "status")
    assert list(found) == [
        "schema",
        "sessions",
        "sign_ins",
        "hidden",
        "credential_process",
        "servers",
    ]
    assert found["schema"] == "rolehop.status/1"
    assert (found["sign_ins"], found["hidden"], found["credential_process"]) == ([], [], [])
    hub, admin = found["sessions"]
    for session in (hub, admin):
        assert list(session) == [
            "chains",
            "hop",
            "role",
            "arn",
            "expires_at",
            "seconds_left",
            "parent",
            "backend",
            "session_name",
            "read_only",
            "policy_arns",
            "session_policy",
            "narrowed",
            "source_identity",
            "tags",
        ]
        assert TIME.fullmatch(session["expires_at"])
        assert 3000 < session["seconds_left"] <= 3600
        assert session["backend"] == walked.backend
    assert (hub["hop"], hub["role"], hub["parent"]) == (1, HUB, None)
    assert (admin["hop"], admin["role"], admin["chains"]) == (2, ADMIN, ["admin"])
    assert admin["arn"] == "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert admin["parent"]


def test_a_lost_index_is_rebuilt_by_status(world: World) -> None:
    world.rolehop("credential-process", "admin")
    before = json_of(world, "status")["sessions"]
    (world.state / "index.json").unlink()
    after = json_of(world, "status")["sessions"]
    assert [each["role"] for each in after] == [each["role"] for each in before] == [HUB, ADMIN]
    assert [each["arn"] for each in after] == [each["arn"] for each in before]
    index = world.state / "index.json"
    text = index.read_text()
    key = next(iter(json.loads(text)["sessions"]))
    # The latter by a bit, which makes another session of one.
    for damaged in ("{", text.replace(key, f"{ord(key[0]) ^ 1:c}{key[1:]}")):
        index.write_text(damaged)
        done = world.rolehop("status", "--format", "json")
        assert [each["role"] for each in done.json["sessions"]] == [HUB, ADMIN]
        assert "the list of stored sessions was damaged" in done.err
        assert world.rolehop("status").err == ""
    assert len(world.sts.calls) == 2


def test_whoami(walked: World) -> None:
    found = json_of(walked, "whoami", "admin", "-q")
    keys = ["schema", "chain", "arn", "account", "user_id", "expires_at", "narrowed"]
    assert list(found) == keys
    assert (found["schema"], found["chain"], found["account"]) == (
        "rolehop.whoami/1",
        "admin",
        "333333333333",
    )
    assert found["user_id"].endswith(":me")
    assert TIME.fullmatch(found["expires_at"])
    shell = json_of(walked, "whoami")
    assert (shell["chain"], shell["arn"], shell["expires_at"]) == (None, walked.alice.arn, None)


def test_keys_list(world: World) -> None:
    assert world.rolehop("keys", "add", "me", "--from-env").code == 0
    (key,) = json_of(world, "keys", "list")["keys"]
    assert key["name"] == "me"
    assert key["access_key_id"] == world.alice.key.access_key_id


@pytest.mark.parametrize("arguments", [["plan", "admn"], ["list", "--config", "/nowhere.toml"]])
def test_errors(walked: World, arguments: list[str]) -> None:
    done = walked.rolehop(*arguments, "--format", "json")
    assert (done.code, done.out) == (3, "")
    found = json.loads(done.err)
    assert list(found) == ["schema", "code", "what", "cause", "fix", "chain", "hop"]
    assert (found["schema"], found["code"]) == ("rolehop.error/1", 3)


@pytest.mark.parametrize(
    "arguments", [["list"], ["plan", "admin"], ["show", "admin"], ["status"], ["whoami", "admin"]]
)
def test_tables_are_plain_if_stdout_is_no_terminal(walked: World, arguments: list[str]) -> None:
    done = walked.rolehop(*arguments)
    assert done.code == 0, done.err
    assert "\x1b" not in done.out + done.err
    assert done.out.strip()
    assert max(map(len, done.out.splitlines())) <= 80


def test_a_checked_config_as_json() -> None:
    with temporary_world() as world:
        found = world.rolehop("config", "check", "--format", "json").json
        assert found == {
            "schema": "rolehop.config/1",
            "well_formed": True,
            "files": [str(world.config_file)],
            "chains": 5,
            "sources": 1,
            "problems": [],
            "suspicious": [],
        }
        world.config(CONFIG.replace('"environment"', '"enviroment"'))
        broken = world.rolehop("config", "check", "--format", "json")
        assert (broken.code, broken.json["well_formed"]) == (3, False)
        (problem,) = broken.json["problems"]
        assert (problem["line"], problem["column"], problem["key"]) == (6, None, "sources.me.type")
        assert "enviroment" in problem["text"]
