"""``explain --error`` and ``explain --decode``: what AWS said about a call of any service."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest

from tests.commands.explain.documents import AS, files, world_with_documents
from tests.support.world import ADMIN, HUB, World

SESSION = "arn:aws:sts::333333333333:assumed-role/Admin/me"
BUCKET = "arn:aws:s3:::logs/day one.gz"
DENIED = f'User: {SESSION} is not authorized to perform: s3:GetObject on resource: "{BUCKET}"'
LACKS = " because no resource-based policy allows the s3:GetObject action"


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with world_with_documents() as world:
        yield world


def test_a_text_of_any_service_says_who_was_refused_what_by_which_policy(world: World) -> None:
    done = world.rolehop("explain", "--error", DENIED + LACKS, "--format", "json")
    assert done.code == 5
    found = done.json
    judged = found.pop("judged")
    assert (judged["action"], judged["verdict"]) == ("s3:GetObject", "refused")
    assert [lane["verdict"] for lane in judged["lanes"]][:2] == ["refused", "not-visible"]
    assert found == {
        "schema": "rolehop.denied/1",
        "caller": SESSION,
        "action": "s3:GetObject",
        "resource": BUCKET,
        "lane": "resource",
        "explicit": False,
        "reason": "because no resource-based policy allows s3:GetObject",
        "policy": None,
        "encoded": None,
        "chain": "admin",
        "fix": (
            "have the resource's owner allow s3:GetObject to role Admin of 333333333333 in the own"
            f" policy of {BUCKET}"
        ),
        "hop": None,
    }
    shown = world.rolehop("explain", "--error", DENIED + LACKS)
    assert shown.code == 5
    assert shown.out.startswith("✗ admin, s3:GetObject: the resource's own policy does not allow ")
    assert "  resource policy       ✗ refuses (AWS said)\n" in shown.out
    assert "to fix it, have the resource's owner allow" in shown.out
    blocked = "because public policies are blocked by a setting"
    shown = world.rolehop("explain", "--error", f"{DENIED} {blocked}")
    assert f'judge: "{blocked}"' in " ".join(shown.out.split())
    assert "does not say" not in shown.out
    other = DENIED.replace("333333333333", "999999999999") + LACKS
    shown = world.rolehop("explain", "--error", other)
    assert shown.out.startswith(
        "✗ s3:GetObject: no resource-based policy allows it\n  to fix it, have the resource's owner allow"
    )
    assert "chain " not in shown.out


def test_a_text_is_read_from_stdin_as_a_program_printed_it(world: World) -> None:
    printed = f"\nAn error occurred (AccessDenied) when calling GetObject: {DENIED}{LACKS}\n"
    assert "s3:GetObject" in world.rolehop("explain", "--error", "-", input=printed).out
    # PowerShell 5 writes such files.
    in_utf16 = printed.encode("utf-16").decode("utf-8", "surrogateescape")
    shown = world.rolehop("explain", "--error", "-", input=in_utf16).out
    assert '  AWS said  "User: ' in shown
    assert "An error occurred" not in shown
    two = world.rolehop("explain", "--error", "-", input=printed + printed.replace("Get", "Put"))
    assert "this is the first error of the text; it has 1 other" in two.out


def test_a_text_that_only_its_encoded_message_explains_says_how_to_decode_it(world: World) -> None:
    text = (
        "You are not authorized to perform this operation. Encoded authorization failure message: "
    )
    done = world.rolehop("explain", "--error", f"{text}ab_C-1")
    assert done.code == 5
    assert "    rolehop explain --decode=ab_C-1\n" in done.out
    found = world.rolehop("explain", "--error", f"{text}ab_C-1", "--format", "json").json
    assert (found["encoded"], found["action"], found["caller"]) == ("ab_C-1", None, None)
    of_chain = world.rolehop("explain", "--error", f"{DENIED}. {text}ab_C-1", "--offline").out
    assert "    rolehop explain admin --decode=ab_C-1\n" in of_chain


def test_a_deny_that_aws_does_not_locate_and_another_session_stay_as_aws_said(world: World) -> None:
    other = SESSION.replace("/me", "/bob")
    text = DENIED.replace(SESSION, other) + " with an explicit deny"
    shown = world.rolehop("explain", "--error", text, "--offline").out
    assert f"  caller    {other}\n" in shown
    assert "with a Deny, and does not say in which policy" in " ".join(shown.split())
    assert "to fix it, find the Deny" in " ".join(shown.split())


def test_a_text_about_a_hop_of_a_chain_is_judged_as_that_hop(world: World) -> None:
    hub = "arn:aws:sts::222222222222:assumed-role/Hub/me"
    text = f"User: {hub} is not authorized to perform: sts:AssumeRole on resource: {ADMIN}"
    given = ("--offline", *AS, *files("bad.json"))
    done = world.rolehop("explain", "--error", text, *given, "--format", "json")
    assert (done.code, done.json["chain"]) == (5, "admin")
    hop = done.json["hop"]
    assert (hop["hop"], hop["role"], hop["aws_said"]["message"]) == (2, ADMIN, text)
    assert hop["lanes"][0]["findings"][0]["wanted"] == "x-1"
    shown = world.rolehop("explain", "--error", text, *given)
    assert shown.out.startswith(
        "✗ admin, hop 2: the trust policy of Admin in 333333333333 does not"
    )
    assert "to fix it" in shown.out
    first = (
        f"User: {world.alice.arn} is not authorized to perform: sts:AssumeRole on resource: {HUB}"
    )
    assert (
        world.rolehop("explain", "--error", first, *given, "--format", "json").json["hop"]["hop"]
        == 1
    )


def test_a_call_of_a_session_is_judged_as_explain_action_judges_it(world: World) -> None:
    given = ("--offline", *AS, *files("good.json"), "--format", "json")
    asked = ("--action", "s3:GetObject", "--resource", BUCKET)
    expected = world.rolehop("explain", "admin", *given, *asked).json["actions"][0]
    judged = world.rolehop("explain", "--error", DENIED, *given).json["judged"]
    assert judged["verdict"] == "refused"
    assert [judged[key] for key in ("lanes", "deciding")] == [
        expected[key] for key in ("lanes", "deciding")
    ]
    # Who is no session of a hop may be the source itself.
    text = DENIED.replace(SESSION, world.alice.arn)
    found = world.rolehop("explain", "--error", text, *given).json
    assert (found["chain"], found["judged"]["action"]) == ("own", "s3:GetObject")


def assume_hub(caller: str) -> str:
    return f"User: {caller} is not authorized to perform: sts:AssumeRole on resource: {HUB}"


def test_the_caller_of_hop_1_is_who_the_source_is(world: World) -> None:
    def chain_and_hop(caller: str, *given: str) -> tuple[str | None, int | None]:
        found = world.rolehop(
            "explain", "--error", assume_hub(caller), *given, "--format", "json"
        ).json
        return found["chain"], found["hop"] and found["hop"]["hop"]

    # Not whoever is a user: with its keys at hand, AWS says whose they are.
    assert chain_and_hop("arn:aws:iam::999999999999:user/alice") == (None, None)
    assert chain_and_hop(world.alice.arn) == ("hub", 1)
    given = ("--offline", "--as", "arn:aws:iam::111111111111:role/team/Dev")
    session = "arn:aws:sts::111111111111:assumed-role/Dev/me"
    assert chain_and_hop(session, *given) == ("hub", 1)
    assert chain_and_hop(session.replace("Dev", "Ops"), *given) == (None, None)


def test_what_a_chain_was_refused_without_a_reason_has_a_next_step(world: World) -> None:
    """Also if a chain's session made the call, and none of its policies can be seen."""
    session = "User: arn:aws:sts::222222222222:assumed-role/Hub/me is not authorized to perform:"
    for call, expected in (
        (
            "sts:AssumeRole on resource: arn:aws:iam::777777777777:role/X",
            "to fix it, check in this order:\n  1 does the role exist",
        ),
        (
            "sts:AssumeRole on resource: arn:aws:iam::777777777777:user/bob",
            "to fix it, name a role:",
        ),
        (
            "eks:DescribeCluster on resource: arn:aws:eks:eu-west-1:222222222222:cluster/c",
            (
                "most often nothing allows it; to fix it, allow eks:DescribeCluster on"
                " arn:aws:eks:eu-west-1:222222222222:cluster/c to role Hub"
            ),
        ),
        (
            "ec2:DescribeVpcs because no identity-based policy allows the ec2:DescribeVpcs action",
            "to fix it, allow ec2:DescribeVpcs on * in the policies of role Hub",
        ),
    ):
        given = ("--offline", "--as", world.alice.arn)
        done = world.rolehop("explain", "--error", f"{session} {call}", *given)
        answer = done.out.partition("\n\n")[0]
        assert expected in answer or expected in " ".join(answer.split()), done.out


def test_credentials_that_aws_refuses_are_no_matter_of_policies(world: World) -> None:
    text = "An error occurred (ExpiredToken) when calling the ListBuckets operation: it is expired"
    done = world.rolehop("explain", "--error", text)
    assert done.code == 2
    assert "AWS refused the credentials, not the call: ExpiredToken" in done.err
    assert "rolehop exec CHAIN -- COMMAND" in done.err


def test_other_texts_are_refused(world: World) -> None:
    done = world.rolehop("explain", "--error", "Hello")
    assert done.code == 2
    assert "this is not an access-denied message of AWS" in done.err
    text = (
        "An error occurred (AccessDenied) when calling the ListObjectsV2 operation: Access Denied"
    )
    done = world.rolehop("explain", "--error", text)
    assert done.code == 2
    assert "rolehop explain CHAIN --action s3:ListBucket --resource ARN" in done.err
    assert world.rolehop("explain", "--error", DENIED, "--tag", "a=b").code == 2
    both = world.rolehop("explain", "--error", DENIED, "--action", "s3:GetObject")
    assert (both.code, "--error and --action do not go together" in both.err) == (2, True)


def encoded(message: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(message).encode()).decode()


MESSAGE = {
    "allowed": False,
    "explicitDeny": True,
    "matchedStatements": {"items": [{"statementId": "NoEc2", "effect": "DENY"}]},
    "context": {
        "principal": {"id": "AROA:me", "arn": SESSION},
        "action": "ec2:RunInstances",
        "resource": "arn:aws:ec2:eu-west-1:333333333333:instance/*",
        "conditions": {
            "items": [{"key": "ec2:Region", "values": {"items": [{"value": "eu-west-1"}]}}]
        },
    },
}


def test_an_encoded_message_is_decoded_with_the_session_of_a_chain(world: World) -> None:
    assert world.rolehop("explain", "admin", "--decode", encoded(MESSAGE)).code == 4
    assert world.rolehop("credential-process", "admin").code == 0
    done = world.rolehop("explain", "admin", "--decode", encoded(MESSAGE), "--offline")
    assert len(done.out.splitlines()) <= 24
    assert done.code == 5
    assert world.sts.calls[-1].signer == SESSION
    # Its caller is a session of a chain: its policies are shown as for --error.
    assert "✗ admin, ec2:RunInstances: AWS refused" in done.out
    assert "with a Deny, and does not say in which policy" in " ".join(done.out.split())
    for part in ("a Deny matches", SESSION, "ec2:RunInstances", "NoEc2", "ec2:Region = eu-west-1"):
        assert part in done.out
    text = f"You are not authorized. Encoded authorization failure message: {encoded(MESSAGE)}\n"
    given = ("--offline", "--format", "json")
    found = world.rolehop("explain", "admin", "--decode", "-", *given, input=text).json
    assert (found["message"], found["chain"], found["hop"]) == (MESSAGE, "admin", None)
    assert found["judged"]["verdict"] == "refused"


@pytest.mark.parametrize("guard", ["confirm = true", 'reason = "required"'])
def test_a_guarded_chain_decodes_nothing_unasked(world: World, guard: str) -> None:
    assert world.rolehop("credential-process", "admin").code == 0
    before, calls = world.config_file.read_text(), len(world.sts.calls)
    world.config(before.replace("[chains.admin]\n", f"[chains.admin]\n{guard}\n"))
    try:
        done = world.rolehop("explain", "admin", "--decode", encoded(MESSAGE))
    finally:
        world.config(before)
    assert (done.code, done.out) == (8, ""), done.err
    assert guard in done.err
    assert "  try    run it in a terminal" in done.err
    assert len(world.sts.calls) == calls


def test_the_credentials_of_this_shell_decode_a_message_too(world: World) -> None:
    assert world.rolehop("explain", "--decode", encoded(MESSAGE), "--offline").code == 5
    allowed = encoded({**MESSAGE, "allowed": True})
    assert world.rolehop("explain", "--decode", allowed, "--offline").code == 0
    broken = world.rolehop("explain", "--decode", "abcd")
    assert "copy all of it" in broken.err
    assert "sts:DecodeAuthorizationMessage" not in broken.err
    assert world.sts.calls[-1].signer == world.alice.arn
    assert world.rolehop("explain", "--decode", encoded("x")).code == 6
    world.sts.world.denied.add("sts:DecodeAuthorizationMessage")
    refused = world.rolehop("explain", "--decode", encoded(MESSAGE))
    assert refused.code == 5
    assert "allow sts:DecodeAuthorizationMessage" in refused.err


def test_a_chain_beside_the_text_is_the_only_one_that_is_looked_at(world: World) -> None:
    done = world.rolehop("explain", "admin", "--error", DENIED + LACKS, "--format", "json")
    assert (done.code, done.json["chain"], done.json["judged"]["action"]) == (
        5,
        "admin",
        "s3:GetObject",
    )
    other = DENIED.replace("333333333333", "999999999999") + LACKS
    done = world.rolehop("explain", "admin", "--error", other)
    assert done.code == 2
    assert "no session of admin made this call" in done.err
    assert "role Admin of 999999999999" in done.err
    done = world.rolehop("explain", "nobody", "--error", DENIED)
    assert done.code == 3
    assert "nobody" in done.err
    done = world.rolehop("explain", "admin", "hub", "--error", DENIED)
    assert "stand beside at most a chain" in done.err


def test_a_caller_that_was_cut_out_is_the_chain_s_last_session_or_before_its_hop(
    world: World,
) -> None:
    cut = DENIED.replace(SESSION, "***") + LACKS
    done = world.rolehop("explain", "admin", "--error", cut, "--offline", "--format", "json")
    assert (done.json["chain"], done.json["judged"]["action"]) == ("admin", "s3:GetObject")
    text = f"User: *** is not authorized to perform: sts:AssumeRole on resource: {ADMIN}"
    done = world.rolehop("explain", "admin", "--error", text, "--offline", "--format", "json")
    assert (done.json["chain"], done.json["hop"]["hop"]) == ("admin", 2)
    encoded = "You are not authorized. Encoded authorization failure message: ab_C-1"
    done = world.rolehop("explain", "admin", "--error", encoded)
    assert "    rolehop explain admin --decode=ab_C-1\n" in done.out
