"""``explain --last``: the hop that STS refused, as it was asked."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.commands.explain.documents import AS, files, world_with_documents
from tests.support.denials import ENDINGS, SCP_ARN
from tests.support.policies import policy
from tests.support.world import ADMIN, CONFIG, HUB, World


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        yield world


def test_the_last_refused_hop_is_explained(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    walked = world.rolehop("credential-process", "admin")
    assert walked.code == 5
    assert "AWS says only AccessDenied\n  rolehop explain --last\n" in walked.err
    done = world.rolehop(
        "explain", "--last", "--offline", *AS, *files("bad.json"), "--format", "json"
    )
    assert done.code == 5
    assert [hop["hop"] for hop in done.json["hops"]] == [2]
    note = world.state / "last-refusal.json"
    saved = json.loads(note.read_text())
    assert (saved["chain"], saved["hop"], saved["code"]) == ("admin", 2, "AccessDenied")
    assert note.stat().st_mode & 0o777 == 0o600


def last(world: World, *more: str) -> Any:
    arguments = ("--offline", *AS, *files("good.json"), "--format", "json", *more)
    return world.rolehop("explain", "--last", *arguments)


def test_the_last_refused_hop_is_explained_as_it_was_asked(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[HUB], actions=("sts:AssumeRole",))
    walked = world.rolehop("export", "admin", "--tag", "team=x")
    assert walked.code == 5
    assert "; more: rolehop explain --last\n" in walked.err
    (hop,) = last(world).json["hops"]
    assert hop["verdict"] == "refused"
    assert hop["lanes"][0]["findings"][0]["found"] == "sts:TagSession"
    # The config has no such tag, so no change of it is proposed.
    assert (hop["mend"]["account"], hop["mend"]["otherwise"]) == ("333333333333", None)
    # The flags of a walk can be named as well.
    arguments = ("explain", "admin", "--offline", *AS, *files("good.json"), "--format", "json")
    flagged = world.rolehop(*arguments, "--tag", "team=x").json["hops"]
    assert flagged[1] == hop
    assert world.rolehop(*arguments).json["verdict"] == "allowed"
    # A later success clears it.
    assert world.rolehop("export", "admin").code == 0
    over = last(world)
    assert over.code == 2
    assert "no refused hop is known" in over.err


def test_a_call_that_sts_refused_is_never_called_allowed(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=["444444444444"])
    assert (
        world.rolehop("export", "admin", "--source-identity", "bob", "--duration", "15m").code == 5
    )
    arguments = ("--offline", *AS, "--context", "aws:SourceIp=203.0.113.9")
    whole = json.loads((world.home / "good.json").read_text())
    statement = whole["RoleDetailList"][0]["AssumeRolePolicyDocument"]["Statement"][0]
    statement["Action"] = "sts:*"
    (world.home / "wide.json").write_text(json.dumps(whole))
    user = json.loads((world.home / "two.json").read_text())
    user["RoleDetailList"][0]["RolePolicyList"][0]["PolicyDocument"]["Statement"][0]["Action"] = "*"
    (world.home / "two-wide.json").write_text(json.dumps(user))
    given = [f"--policies={name}" for name in ("one.json", "two-wide.json", "wide.json")]
    shown = world.rolehop("explain", "--last", *arguments, *given)
    said = " ".join(shown.out.split())
    assert "hop 2: AWS refused Admin in 333333333333 at 20" in said
    assert (
        "which all that is seen here allows so something refused it that is not seen here" in said
    )
    assert max(map(len, shown.out.splitlines())) <= 80
    found = world.rolehop("explain", "--last", *arguments, *given, "--format", "json", "--strict")
    assert (found.code, found.json["verdict"]) == (5, "unknown")
    assert found.json["hops"][0]["unknowns"] == ["aws-refusal"]
    assert world.rolehop("explain", "--last", *arguments, *given).code == 5
    same = ("explain", "admin", "--source-identity", "bob", "--duration", "15m")
    again = world.rolehop(*same, *arguments, *given, "--format", "json").json
    assert again["hops"][1] == found.json["hops"][0]


def refuse(world: World, chain: str, role: str, words: str | None) -> None:
    """Walk ``chain``, whose ``role`` AWS refuses; its message ends in ``words``."""
    world.rolehop("logout", "--all")
    world.sts.world.refused_with = {} if words is None else {role: words}
    assert world.rolehop("export", chain).code == 5


@pytest.mark.parametrize(("ending", "policy", "explicit", "lane"), ENDINGS)
def test_the_policy_that_aws_names_is_the_lane_that_refuses(
    world: World, ending: str, policy: str, explicit: bool, lane: str
) -> None:
    world.sts.world.role(ADMIN, trusts=[HUB])
    refuse(world, "admin", ADMIN, ending)
    done = world.rolehop("explain", "--last", "--offline", "--format", "json")
    assert (done.code, done.json["verdict"]) == (5, "refused")
    (hop,) = done.json["hops"]
    lane = {"resource": "trust"}.get(lane, lane)
    said = hop["aws_said"]
    assert (said["lane"], said["explicit"], said["policy"]) == (lane, explicit, None)
    assert said["message"].endswith(ending.format(action="sts:AssumeRole"))
    assert said["caller"] == "arn:aws:sts::222222222222:assumed-role/Hub/me"
    assert hop["unknowns"] == []
    refusing = [each["lane"] for each in hop["lanes"] if each["verdict"] == "refused"]
    assert refusing == ([] if lane == "endpoint" else [lane])
    shown = world.rolehop("explain", "--last", "--offline")
    assert shown.code == 5
    assert "refuses (AWS said)" in shown.out
    assert f'"User: {said["caller"]} is not' in shown.out
    assert "to fix it, " in shown.out
    assert len(shown.out.splitlines()) <= 24
    # What is to be copied is in one line, which any shell takes.
    read = [each for each in shown.out.splitlines() if "aws organizations" not in each]
    assert max(map(len, read)) <= 80
    assert not any(each.endswith("\\") for each in shown.out.splitlines())


def test_a_refusal_without_a_reason_says_what_would_show_it(world: World) -> None:
    world.sts.world.role(HUB, trusts=[])
    refuse(world, "hub", HUB, None)
    shown = world.rolehop("explain", "--last", "--offline")
    assert shown.code == 5
    assert shown.out.startswith(
        "✗ hub, hop 1: AWS refused Hub in 222222222222, and does not say why"
    )
    assert "caller    arn:aws:iam::111111111111:user/alice" in shown.out  # AWS named her
    assert "with credentials of account 222222222222" in shown.out
    assert "\n  rolehop explain --last --policies Hub.json\n" in shown.out
    assert shown.out.endswith(
        "not seen: trust policy, caller's permissions, caller's boundary, SCP, RCP\n"
    )


def test_an_scp_that_aws_names_by_its_arn_is_shown_with_the_command_that_prints_it(
    world: World,
) -> None:
    world.sts.world.role(HUB, trusts=[world.alice.arn])
    refuse(world, "hub", HUB, f"with an explicit deny in a service control policy: {SCP_ARN}")
    shown = world.rolehop("explain", "--last", "--offline").out
    assert "aws organizations describe-policy --policy-id p-ab12cd34 > FILE" in shown
    assert "--scp 111111111111=FILE" in shown
    # Beside an SCP that allows it: the one that AWS names is not it, or was changed.
    (world.home / "all.json").write_text(
        json.dumps(policy({"Effect": "Allow", "Action": "*", "Resource": "*"}))
    )
    given = ("--offline", *AS, *files("good.json"), "--scp", "all.json")
    shown = world.rolehop("explain", "--last", *given).out
    assert "aws organizations describe-policy --policy-id p-ab12cd34 > FILE" in shown
    assert "what is seen now allows it: it changed since" in " ".join(shown.split())
    assert "aws iam" not in shown
    refuse(world, "hub", HUB, "with an explicit deny in a service control policy")
    brief = world.rolehop("explain", "--last", "--offline").out
    assert brief.startswith("✗ hub, hop 1: an SCP denies alice sts:AssumeRole on Hub in 2222")
    assert "not which. To see it, with a chain to the management account:" in " ".join(
        brief.split()
    )
    assert "\n  rolehop explain --last --organization CHAIN\n" in brief
    shown = " ".join(world.rolehop("-v", "explain", "--last", "--offline").out.split())
    assert "list-policies-for-target --target-id 111111111111 --filter SERVICE" in shown
    assert "as --scp 111111111111=FILE; --organization CHAIN, with a chain" in shown
    text = (
        "User: anonymous is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/k"
        " with an explicit deny in a resource control policy"
    ).replace("anonymous", world.alice.arn)
    shown = world.rolehop("explain", "--error", text, "--offline", "--as", world.alice.arn).out
    assert "as --rcp FILE;" in shown


def test_a_policy_that_aws_names_by_its_arn_is_judged_if_its_text_is_at_hand(world: World) -> None:
    arn = "arn:aws:iam::111111111111:policy/NoHub"
    deny = {"Sid": "Stop", "Effect": "Deny", "Action": "sts:*", "Resource": "*"}
    version = {"VersionId": "v1", "IsDefaultVersion": True, "Document": policy(deny)}
    exported = {
        "Policies": [{"Arn": arn, "DefaultVersionId": "v1", "PolicyVersionList": [version]}]
    }
    (world.home / "named.json").write_text(json.dumps(exported))
    refuse(world, "hub", HUB, f"with an explicit deny in an identity-based policy: {arn}")
    done = world.rolehop("explain", "--last", "--offline", "--policies", "named.json")
    assert 'Deny statement 1 "Stop"' in done.out
    assert "in policy NoHub" in done.out


def test_the_note_holds_no_secret_and_what_is_shown_is_visible(world: World) -> None:
    secret = world.alice.key.secret
    refuse(world, "hub", HUB, f"because \x85{secret}\u202e")
    stored = (world.state / "last-refusal.json").read_text()
    assert secret not in stored
    assert "[hidden]" in stored
    shown = world.rolehop("explain", "--last", "--offline")
    assert "\x85" not in shown.out
    assert "\u202e" not in shown.out


def test_what_was_refused_is_shown_though_the_config_no_longer_says_what_it_was(
    world: World,
) -> None:
    refuse(world, "hub", HUB, "with an explicit deny in a permissions boundary")
    try:
        for config, why in (
            (CONFIG.split("[chains")[0], "no chain or AWS profile is called 'hub'"),
            ("x = [", "1 problem in config.toml"),
        ):
            world.config(config)
            done = world.rolehop("explain", "--last")
            assert done.code == 5, done.err
            assert done.out.startswith("✗ hub, hop 1: AWS refused it\n")
            assert "caller    arn:aws:iam::111111111111:user/alice\n" in done.out
            shown = " ".join(done.out.split())
            assert "to fix it, have the account's administrators narrow the Deny" in shown
            assert f"rolehop cannot judge its policies: {why}" in shown
            found = world.rolehop("explain", "--last", "--format", "json").json
            assert (found["verdict"], found["hops"][0]["aws_said"]["lane"]) == (
                "refused",
                "boundary",
            )
    finally:
        world.config(CONFIG)
