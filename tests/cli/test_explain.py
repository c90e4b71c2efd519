"""``explain`` and ``check`` as programs: files in, verdicts out, exit codes, formats."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import _world
from tests.cli.world import ADMIN, HUB, World

ALICE = "arn:aws:iam::111111111111:user/alice"
AS = ("--as", ALICE)


def policy(*statements: Any) -> Any:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(**elements: Any) -> Any:
    return {"Effect": "Allow", "Action": "sts:AssumeRole", **elements}


def role(arn: str, trusts: str, **condition: Any) -> Any:
    statement = allow(Sid="Who", Principal={"AWS": trusts})
    if condition:
        statement["Condition"] = condition
    return {
        "Arn": arn,
        "RoleId": "AROAEXAMPLE",
        "AssumeRolePolicyDocument": policy(statement),
        "RolePolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource="*"))}],
        "AttachedManagedPolicies": [],
    }


USER = {
    "Arn": ALICE,
    "UserId": "AIDAEXAMPLE",
    "UserPolicyList": [{"PolicyName": "go", "PolicyDocument": policy(allow(Resource=HUB))}],
    "AttachedManagedPolicies": [],
    "GroupList": [],
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with _world() as world:
        files = {
            "one.json": {"UserDetailList": [USER]},
            "two.json": {"RoleDetailList": [role(HUB, ALICE)]},
            "good.json": {"RoleDetailList": [role(ADMIN, HUB)]},
            "bad.json": {
                "RoleDetailList": [role(ADMIN, HUB, StringEquals={"sts:ExternalId": "x-1"})]
            },
            "open.json": {
                "RoleDetailList": [role(ADMIN, HUB, IpAddress={"aws:SourceIp": "203.0.113.0/24"})]
            },
            "scp.json": policy({"Effect": "Deny", "Action": "sts:*", "Resource": "*"}),
        }
        for name, content in files.items():
            (world.home / name).write_text(json.dumps(content))
        yield world


def files(*names: str) -> list[str]:
    given = ("one.json", "two.json", *names)
    return [part for name in given for part in ("--policies", name)]


def test_the_whole_tree_has_the_shape_that_is_promised(world: World) -> None:
    done = world.rolehop(
        "explain", "admin", "--offline", *AS, *files("bad.json"), "--format", "json"
    )
    assert (done.code, done.err) == (5, "")
    found = done.json
    assert list(found) == ["schema", "chain", "source", "verdict", "hops"]
    assert (found["schema"], found["chain"], found["source"]) == (
        "rolehop.explain/1",
        "admin",
        "me",
    )
    assert found["verdict"] == "refused"
    hop = found["hops"][1]
    assert list(hop) == [
        "hop", "role", "caller", "verdict", "lanes", "unknowns", "assuming", "mend"
    ]  # fmt: skip
    assert (hop["hop"], hop["role"]) == (2, ADMIN)
    assert hop["caller"] == "arn:aws:sts::222222222222:assumed-role/Hub/me"
    assert [lane["lane"] for lane in hop["lanes"]] == [
        "trust", "permissions", "boundary", "session", "scp", "rcp"
    ]  # fmt: skip
    assert [lane["verdict"] for lane in hop["lanes"]] == [
        "refused", "allowed", "not-applicable", "not-applicable", "not-visible", "not-visible"
    ]  # fmt: skip
    trust = hop["lanes"][0]
    assert trust["statement"] == {"sid": "Who", "index": 1, "effect": "Allow"}
    assert trust["findings"][0] == {
        "element": "Condition StringEquals sts:ExternalId",
        "truth": "false",
        "reason": "key-absent",
        "wanted": "x-1",
        "found": None,
    }
    assert hop["mend"] == {
        "account": "333333333333",
        "document": "trust policy of role Admin",
        "change": "add",
        "statement": {"Effect": "Allow", "Principal": {"AWS": HUB}, "Action": "sts:AssumeRole"},
    }
    first = found["hops"][0]
    assert (first["verdict"], first["assuming"], first["mend"]) == ("allowed", ["scp", "rcp"], None)


@pytest.mark.parametrize(
    ("more", "code", "verdict"),
    [
        (files("good.json"), 0, "allowed"),
        (files("bad.json"), 5, "refused"),
        (files("open.json"), 0, "unknown"),
        ([*files("open.json"), "--strict"], 5, "unknown"),
        ([*files("open.json"), "--context", "aws:SourceIp=203.0.113.9"], 0, "allowed"),
        ([*files("open.json"), "--context", "aws:SourceIp=198.51.100.1"], 5, "refused"),
        ([*files("open.json"), "--context", "aws:SourceIp="], 5, "refused"),
        ([*files("good.json"), "--scp", "scp.json"], 5, "refused"),
        ([*files("good.json"), "--scp", "999999999999=scp.json"], 0, "allowed"),
        ([], 0, "unknown"),
    ],
)
def test_exit_codes(world: World, more: list[str], code: int, verdict: str) -> None:
    done = world.rolehop("explain", "admin", "--offline", *AS, *more, "--format", "json")
    assert (done.code, done.json["verdict"]) == (code, verdict), done.err


def test_no_call_is_made_offline(world: World) -> None:
    before = len(world.sts.calls)
    world.rolehop("explain", "admin", "--offline", *files("good.json"))
    assert len(world.sts.calls) == before


def test_online_the_source_is_asked_who_it_is(world: World) -> None:
    done = world.rolehop("explain", "admin", *files("good.json"), "--format", "json")
    assert (done.code, done.json["verdict"]) == (0, "allowed"), done.err
    assert done.json["hops"][0]["caller"] == ALICE


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["explain"], "explain wants one chain"),
        (["explain", "admin", "--as", "me"], "--as wants the ARN"),
        (["explain", "admin", "--context", "x"], "--context wants KEY=VALUE"),
        (["explain", "admin", "--policies", "none.json"], "none.json cannot be read"),
        (["explain", "admin", "--policies", "scp.json"], "no output that rolehop understands"),
        (["explain", "role", "Hub", "--offline"], "not the ARN of a role"),
    ],
)
def test_usage(world: World, arguments: list[str], says: str) -> None:
    done = world.rolehop(*arguments)
    assert done.code == 2
    assert says in done.err


def test_a_role_in_plain_sentences(world: World) -> None:
    done = world.rolehop("explain", "role", HUB, "--offline", "--policies", "two.json")
    assert done.code == 0
    assert "user alice of 111111111111 may call sts:AssumeRole" in done.out
    of_file = world.rolehop("explain", "role", "two.json", "--offline")
    assert of_file.out == done.out
    shown = world.rolehop("explain", "role", "two.json", "--offline", "--format", "json")
    assert shown.json["schema"] == "rolehop.role/1"


def test_the_last_refused_hop_is_explained(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    walked = world.rolehop("credential-process", "admin")
    assert walked.code == 5
    assert "rolehop explain admin" in walked.err
    done = world.rolehop(
        "explain", "--last", "--offline", *AS, *files("bad.json"), "--format", "json"
    )
    assert done.code == 5
    assert [hop["hop"] for hop in done.json["hops"]] == [2]
    note = json.loads((world.state / "refused.json").read_text())
    assert note == {"chain": "admin", "hop": 2, "code": "AccessDenied"}


class TestCheck:
    def test_every_chain_or_those_named(self, world: World) -> None:
        every = world.rolehop("check", *AS, *files("bad.json"), "--format", "json")
        assert every.code == 5
        assert every.json["schema"] == "rolehop.check/1"
        verdicts = {each["chain"]: each["verdict"] for each in every.json["chains"]}
        assert verdicts == {
            "own": "allowed",
            "hub": "allowed",
            "admin": "refused",
            "spokes/444444444444": "unknown",
            "spokes/555555555555": "unknown",
        }
        assert world.rolehop("check", "hub", *AS, *files("bad.json")).code == 0

    def test_text_fits_and_counts(self, world: World) -> None:
        done = world.rolehop("check", *AS, *files("bad.json"))
        assert "5 chains, 1 refused, 2 can't tell" in done.out
        assert max(map(len, done.out.splitlines())) <= 80

    def test_junit(self, world: World) -> None:
        done = world.rolehop("check", *AS, *files("bad.json"), "--format", "junit")
        suites = {suite.get("name"): suite for suite in ET.fromstring(done.out)}  # noqa: S314 - ours
        assert suites["admin"].get("failures") == "1"
        failure = suites["admin"].find("testcase/failure")
        assert failure is not None
        assert "external ID" in (failure.get("message") or "")
        assert suites["spokes/444444444444"].get("skipped") == "1"

    def test_sarif(self, world: World) -> None:
        done = world.rolehop("check", "admin", *AS, *files("bad.json"), "--format", "sarif")
        assert done.json["version"] == "2.1.0"
        (result,) = done.json["runs"][0]["results"]
        assert (result["ruleId"], result["level"]) == ("hop-refused", "error")
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"]
        assert Path(place.removeprefix("file://")) == world.config_file

    def test_a_broken_config_is_exit_3(self, world: World) -> None:
        (world.home / "broken.toml").write_text("version = 1\n[chains.x]\nsource = 'no'\n")
        done = world.rolehop("check", "--offline", "--config", "broken.toml")
        assert done.code == 3
