"""``explain`` as a program: files in, verdicts out, exit codes, formats."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import _world
from tests.cli.world import ADMIN, CONFIG, HUB, World

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
            "empty.json": [],
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
    assert list(hop["mend"]) == [
        "account", "document", "change", "statement", "also", "otherwise"
    ]  # fmt: skip
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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_file_as_windows_writes_it_is_read(world: World, encoding: str) -> None:
    text = (world.home / "good.json").read_text()
    mark = "\ufeff" if encoding == "utf-16-be" else ""
    (world.home / "windows.json").write_bytes((mark + text).encode(encoding))
    done = world.rolehop(
        "explain", "admin", "--offline", *AS, *files("windows.json"), "--format", "json"
    )
    assert (done.code, done.json["verdict"]) == (0, "allowed"), done.err


def test_two_files_that_contradict_each_other_are_named(world: World) -> None:
    arguments = ["explain", "admin", "--offline", *AS]
    done = world.rolehop(*arguments, *files("good.json", "bad.json"))
    assert done.code == 3
    assert "good.json and bad.json contradict each other" in done.err
    assert f"the trust policy of {ADMIN}" in done.err.replace("\n", " ")
    assert world.rolehop(*arguments, *files("good.json", "good.json")).code == 0


def test_a_user_whose_groups_were_not_seen_may_not_be_called_allowed(world: World) -> None:
    whole = {key: each for key, each in USER.items() if key != "GroupList"}
    (world.home / "less.json").write_text(json.dumps({"UserDetailList": [whole]}))
    done = world.rolehop(
        *("explain", "hub", "--offline", *AS, "--format", "json"),
        *("--policies", "less.json", "--policies", "two.json"),
    )
    assert done.json["verdict"] == "unknown"
    assert done.json["hops"][0]["unknowns"] == ["permissions"]


def test_a_session_policy_of_awss_own_refuses_the_next_hop_and_plan_says_so(world: World) -> None:
    read_only = 'policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]'
    config = CONFIG.replace('role/Hub" }]', f'role/Hub", {read_only} }}]', 1)
    assert read_only in config
    world.config(config)
    try:
        done = world.rolehop(
            "explain", "admin", "--offline", *AS, *files("good.json"), "--format", "json"
        )
        planned = world.rolehop("plan", "admin", "--format", "json")
    finally:
        world.config()
    session = done.json["hops"][1]["lanes"][3]
    assert (session["lane"], session["verdict"]) == ("session", "refused")
    assert session["findings"][0]["reason"] == "action-not-listed"
    foreseen = planned.json["hops"][1]["will_fail"]
    assert "the session policy of hop 1 (ReadOnlyAccess) does not allow" in foreseen


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
        (["explain", "admin", "--context", "x=1"], "a service and a name"),
        (["explain", "admin", "--context", "aws:SourceIp=home"], "one IP address"),
        (["explain", "admin", "--context", "aws:SecureTransport=yes"], "true or false"),
        (["explain", "admin", "--context", "a:b=", "--context", "A:B=1"], "said to be absent"),
        (["explain", "admin", "--policies", "empty.json"], "tells of no user"),
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


def test_a_file_on_a_role_and_another_that_contradicts_it_are_named(world: World) -> None:
    (world.home / "role.json").write_text(json.dumps({"Role": role(HUB, ADMIN)}))
    done = world.rolehop("explain", "role", "role.json", "--offline", "--policies", "two.json")
    assert done.code == 3
    assert "role.json and two.json contradict each other" in done.err


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


def test_what_is_there_to_be_copied_is_never_folded(world: World) -> None:
    long = f"arn:aws:iam::333333333333:role/{'x' * 510}/{'N' * 64}"
    config = f'{CONFIG}\n[chains.long]\nfrom = "hub"\nhops = [{{ role = "{long}" }}]\n'
    (world.home / "long.toml").write_text(config)
    (world.home / "long.json").write_text(json.dumps({"RoleDetailList": [role(long, ALICE)]}))
    arguments = ("--config", "long.toml", "explain", "long", "--offline", *AS, *files("long.json"))
    done = world.rolehop("--color", "always", *arguments, env={"COLUMNS": "80"})
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
    assert '"AWS": "arn:aws:iam::222222222222:role/Hub"' in plain
    (copied,) = re.findall(r"^    \{\n.*?^    \}", plain, re.M | re.S)
    json.loads(copied)
    told = re.sub(r"^    \{\n.*?^    \}", "", plain, flags=re.M | re.S)
    assert max(map(len, told.splitlines())) <= 80
    open_hop = ("explain", "long", "--offline", *AS, *files())
    done = world.rolehop(
        "--color", "always", "--config", "long.toml", *open_hop, env={"COLUMNS": "60"}
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.out)
    assert f"\n        aws iam get-role --role-name {'N' * 64} > FILE\n" in plain
