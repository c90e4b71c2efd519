"""The fixes that ``explain`` proposes are applied, and the strict STS then lets the chain through."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial

import pytest

from tests.commands.explain import documents as shared
from tests.commands.explain.documents import ALICE, explain_offline, write_roles
from tests.support.policies import policy, policy_text
from tests.support.world import ADMIN, AUDITS, CONFIG, HUB, World

role = partial(shared.role, sid="")


def lines_below(text: str, lead: str) -> Sequence[str]:
    """Return the lines to copy that follow ``lead``, which may be folded."""
    after = text[text.index(lead) :].partition(":\n")[2].splitlines()
    count = next((n for n, line in enumerate(after) if not line.startswith("    ")), len(after))
    return [line.strip() for line in after[:count]]


def test_the_proposed_external_id_lets_the_chain_through(world: World) -> None:
    world.sts.world.role(ADMIN, trusts=[HUB], external_id="x-42")
    asked = {"StringEquals": {"sts:ExternalId": "x-42"}}
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, **asked))
    refused = explain_offline(world, "admin")
    assert (refused.code, world.rolehop("export", "admin").code) == (5, 5)
    lead = "to fix it, write in the config of rolehop, at hop 2 (no. 1 of chain 'admin')"
    lines = lines_below(refused.out, lead)
    assert lines == ['external_id = "x-42"']
    written = 'role = "333333333333:role/Admin"\n'
    world.config(CONFIG.replace(written, "\n".join((written, *lines, ""))))
    assert explain_offline(world, "admin").code == 0
    assert world.rolehop("export", "admin").code == 0


@pytest.mark.parametrize("denied", [False, True], ids=["wanted", "denied without"])
def test_the_proposed_mfa_serial_lets_the_chain_through(world: World, denied: bool) -> None:
    device, deny = world.device, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    hub = role(HUB, ALICE, **({} if denied else deny))
    if denied:
        hub["AssumeRolePolicyDocument"]["Statement"].append(
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "sts:AssumeRole",
                "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}},
            }
        )
    world.sts.world.role(HUB, policy=hub["AssumeRolePolicyDocument"])
    write_roles(world, hub)
    refused = explain_offline(world, "hub")
    assert (refused.code, world.rolehop("export", "hub").code) == (5, 5)
    lines = lines_below(refused.out, "to fix it, write in the config of rolehop, at source 'me'")
    assert lines == ['mfa_serial = "auto"']
    written = 'type = "environment"\n'
    world.config(CONFIG.replace(written, "\n".join((written, *lines, ""))))
    assert explain_offline(world, "hub").code == 0
    code = device.code(datetime.now(UTC))
    assert world.rolehop("export", "hub", "--mfa-stdin", input=f"{code}\n").code == 0


def test_the_json_has_the_config_alone_if_an_external_id_is_required(world: World) -> None:
    asked = {"StringEquals": {"sts:ExternalId": "x-42"}}
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, **asked))
    change = explain_offline(world, "admin", "--format", "json").json["hops"][1]["mend"]
    assert change == {
        "account": None,
        "document": "config of rolehop: hop 2 (no. 1 of chain 'admin')",
        "change": "add",
        "statement": {"external_id": "x-42"},
        "hop": 2,
        "lane": None,
        "index": None,
        "warnings": [],
        "also": [],
        "otherwise": None,  # an external ID is never waived
    }


def test_the_json_names_the_statement_and_policy_that_change(world: World) -> None:
    bob = "arn:aws:iam::111111111111:user/bob"
    write_roles(world, role(HUB, bob), role(ADMIN, HUB))
    change = explain_offline(world, "admin", "--format", "json").json["hops"][0]["mend"]
    assert change == {
        "account": "222222222222",
        "document": "trust policy of role Hub",
        "change": "replace",
        "statement": {
            "Effect": "Allow",
            "Principal": {"AWS": [bob, ALICE]},
            "Action": "sts:AssumeRole",
        },
        "hop": 1,
        "lane": "trust",
        "index": 1,
        "warnings": [],
        "also": [],
        "otherwise": None,
    }


def test_the_json_has_the_form_of_an_external_id_and_never_an_invented_one(world: World) -> None:
    asked = {"StringLike": {"sts:ExternalId": "cust-*"}}
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, **asked))
    change = explain_offline(world, "admin", "--format", "json").json["hops"][1]["mend"]
    assert change["statement"] == {"external_id": "cust-…"}


def test_a_policy_that_is_not_there_yet_is_created(world: World) -> None:
    write_roles(world, role(HUB, ALICE))
    details = json.loads((world.home / "all.json").read_text(encoding="utf-8"))
    details["UserDetailList"][0]["UserPolicyList"] = []
    (world.home / "all.json").write_text(json.dumps(details), encoding="utf-8")
    text = " ".join(explain_offline(world, "hub").out.split())
    assert "account 111111111111 creates a new inline policy of user alice, with: {" in text


def test_the_organization_and_not_the_member_changes_its_policy(world: World) -> None:
    write_roles(world, role(HUB, ALICE))
    everything = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    scp = policy(everything, {"Effect": "Deny", "Action": "*", "Resource": "*"})
    (world.home / "scp.json").write_text(json.dumps(scp), encoding="utf-8")
    more = ("--scp", "scp.json")
    change = explain_offline(world, "hub", *more, "--format", "json").json["hops"][0]["mend"]
    step: dict[str, object] = {
        "account": None,
        "document": "service control policy of the organization of account 111111111111",
    }
    step |= {"hop": 1, "lane": "scp"}
    deny = {"Effect": "Deny", "Action": "sts:AssumeRole"}
    spared = {"ArnNotEquals": {"aws:PrincipalArn": ALICE}}
    added = {**step, "change": "add", "index": None, "warnings": []}
    assert change == {
        **step,
        "change": "replace",
        "index": 2,
        "warnings": ["warning: part 1 of 3; only together do they deny what it denied"],
        "statement": {"Effect": "Deny", "NotAction": "sts:AssumeRole", "Resource": "*"},
        "also": [
            {**added, "statement": {**deny, "NotResource": HUB}},
            {**added, "statement": {**deny, "Resource": HUB, "Condition": spared}},
        ],
        "otherwise": None,
    }
    text = " ".join(explain_offline(world, "hub", *more).out.split())
    assert "the management account of the organization of 111111111111" in text


def test_the_session_policy_is_the_users_to_change(world: World) -> None:
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB))
    reads = policy_text({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    hop = '{ role = "arn:aws:iam::222222222222:role/Hub" }'
    assert hop in CONFIG
    world.config(CONFIG.replace(hop, f"{hop[:-2]}, policy = '{reads}' }}"))
    change = explain_offline(world, "admin", "--format", "json").json["hops"][1]["mend"]
    assert (change["account"], change["change"]) == (None, "add")
    assert change["document"] == "config of rolehop: session policy of hop 1 of chain 'hub'"
    text = " ".join(explain_offline(world, "admin").out.split())
    lead = (
        "to fix it, add to the session policy (in the config of rolehop, at hop 1 of chain 'hub':"
        " policy, or its policy_file):"
    )
    assert lead in text


def test_a_fleet_and_an_aws_profile_are_config_locations_too(world: World) -> None:
    asked = {"StringEquals": {"sts:ExternalId": "x-42"}}
    write_roles(world, role(HUB, ALICE), *(role(each, HUB, **asked) for each in AUDITS))
    lead = "to fix it, write in the config of rolehop, at fleet 'spokes'"
    assert lines_below(explain_offline(world, "spokes/444444444444").out, lead) == [
        'external_id = "x-42"'
    ]
    world.aws_credentials(
        f"[base]\naws_access_key_id = {world.alice.key.access_key_id}\n"
        f"aws_secret_access_key = {world.alice.key.secret}\n"
    )
    world.aws_config(f"[profile ops]\nrole_arn = {HUB}\nsource_profile = base\n")
    write_roles(world, role(HUB, ALICE, **asked))
    refused = explain_offline(world, "ops")
    text = " ".join(refused.out.split())
    assert (
        f"write in the AWS config, at the profile with role_arn = {HUB}: external_id = x-42" in text
    )
    asked = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    write_roles(world, role(HUB, ALICE, **asked))
    assert "mfa_serial = auto" not in explain_offline(world, "ops").out


def test_tags_are_pinned_only_if_asked(world: World) -> None:
    write_roles(world, role(HUB, "arn:aws:iam::111111111111:role/Other"))
    tagged = ("hub", "--tag", "team=blue", "--format", "json")
    for more, pinned in (((), False), (("--pin-tags",), True)):
        hop = explain_offline(world, *tagged, *more).json["hops"][0]
        written = json.dumps(hop["mend"])
        assert ("aws:RequestTag/team" in written) is pinned, written


def test_a_wrong_region_is_fixed_by_another(world: World) -> None:
    asked = {"StringEquals": {"aws:RequestedRegion": "ap-south-1"}}
    write_roles(world, role(HUB, ALICE), role(ADMIN, HUB, **asked))
    lead = "to fix it, write in the config of rolehop, at chain 'admin'"
    assert lines_below(explain_offline(world, "admin").out, lead) == ['region = "ap-south-1"']
