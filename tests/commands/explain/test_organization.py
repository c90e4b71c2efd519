"""SCPs and RCPs read live from Organizations, level by level, and kept with their age."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rolehop.base.digest import checked_line
from tests.commands.explain.documents import AS, files, world_with_documents
from tests.doubles.accounts.organizations import ROOT, Organization
from tests.support.policies import policy
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import ADMIN, CONFIG, SCRIPT, World

ORG = "arn:aws:iam::999999999999:role/OrgReader"
_CHAIN = f"""
[chains.org]
source = "me"
hops = [{{ role = "{ORG}" }}]
"""
DENY = policy({"Effect": "Deny", "Action": "sts:AssumeRole", "Resource": ADMIN})
GIVEN = (*AS, *files("good.json"))


@pytest.fixture
def world() -> Iterator[World]:
    with world_with_documents() as world:
        world.config(CONFIG + _CHAIN)
        world.sts.world.role(ORG, trusts=[world.alice.arn])
        organization = world.sts.world.organization
        organization.readers.add(ORG)
        for child, parent in (
            ("ou-ab12-workloads", ROOT),
            ("ou-ab12-prod", "ou-ab12-workloads"),
            ("111111111111", ROOT),
            ("222222222222", "ou-ab12-prod"),
            ("333333333333", "ou-ab12-prod"),
        ):
            organization.add(child, parent)
        assert world.rolehop("export", "org").code == 0
        yield world


def lanes(world: World, *arguments: str) -> dict[str, Any]:
    """Return the lanes of the last hop of chain admin."""
    done = world.rolehop("explain", "admin", *GIVEN, *arguments, "--format", "json")
    assert done.code in (0, 5), done.err
    return {each["lane"]: each for each in done.json["hops"][-1]["lanes"]}


LIVE = ("--organization", "org")


def org(world: World) -> Organization:
    return world.sts.world.organization


def test_every_level_must_allow_and_any_may_deny(world: World) -> None:
    found = lanes(world, *LIVE)
    assert (found["scp"]["verdict"], found["rcp"]["verdict"]) == ("allowed", "allowed")
    lines = world.rolehop("history", "--format", "json").json["lines"]
    outcomes = {each["action"]: each["outcome"] for each in lines}
    assert outcomes["organizations:DescribeOrganization"] == "ok"
    assert outcomes["organizations:ListPoliciesForTarget"] == "ok"
    # Three a page at this OU, so that there is a second page.
    org(world).attach("ou-ab12-workloads", "One", policy())
    denying = org(world).attach("ou-ab12-workloads", "NoAdmin", DENY)
    found = lanes(world, *LIVE)
    assert found["scp"]["verdict"] == "refused"
    shown = world.rolehop("explain", "admin", *GIVEN, *LIVE)
    assert shown.code == 5
    assert "in SCP NoAdmin at OU Workloads" in shown.out
    org(world).attached["ou-ab12-workloads"].remove(denying)
    # An OU on which nothing allows it, whatever root and account allow.
    org(world).attached["ou-ab12-prod"] = []
    org(world).attach(
        "ou-ab12-prod", "OnlyS3", policy({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    )
    found = lanes(world, *LIVE)
    assert found["scp"]["verdict"] == "refused"
    assert found["scp"]["findings"][0]["wanted"] == "s3:*"


def test_an_action_is_judged_in_the_account_that_the_source_s_config_names(world: World) -> None:
    portal = (
        '[sources.portal]\ntype = "identity-center"\nsso_region = "eu-west-1"\n'
        'start_url = "https://x.awsapps.com/start"\naccount = "111111111111"\nrole = "Dev"\n'
        '[chains.dev]\nsource = "portal"\n'
    )
    web = (
        '[sources.ci]\ntype = "web-identity"\ntoken_env = "TOKEN"\nrole = "111111111111:role/Ci"\n'
        '[chains.ci]\nsource = "ci"\n'
    )
    world.config(f"{CONFIG}{_CHAIN}\n{portal}{web}")
    org(world).attach(
        "111111111111", "NoS3", policy({"Effect": "Deny", "Action": "s3:*", "Resource": "*"})
    )
    for chain in ("dev", "ci"):
        done = world.rolehop("explain", chain, "--action", "s3:GetObject", *LIVE)
        assert "SCP NoS3 at account" in " ".join(done.out.split()), done.out + done.err


def test_rcps_of_the_role_s_account_count(world: World) -> None:
    deny = policy({"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Resource": "*"})
    org(world).attach("333333333333", "Perimeter", deny, kind="RESOURCE")
    found = lanes(world, *LIVE)
    assert (found["scp"]["verdict"], found["rcp"]["verdict"]) == ("allowed", "refused")
    org(world).enabled.remove("RESOURCE_CONTROL_POLICY")
    assert lanes(world, *LIVE)["rcp"]["verdict"] == "not-applicable"


def test_the_management_account_is_exempt(world: World) -> None:
    org(world).attach(ROOT, "NoAdmin", DENY)
    assert lanes(world, *LIVE)["scp"]["verdict"] == "refused"
    org(world).management = "222222222222"
    assert lanes(world, *LIVE)["scp"]["verdict"] == "not-applicable"


def test_an_account_of_another_organization_stays_open(world: World) -> None:
    del org(world).parents["222222222222"]
    assert lanes(world, *LIVE)["scp"]["verdict"] == "not-visible"


def test_what_was_read_is_kept_and_its_age_shown(world: World) -> None:
    org(world).attach(ROOT, "NoAdmin", DENY)
    lanes(world, *LIVE)
    calls = len(org(world).calls)
    later = world.rolehop("explain", "admin", *GIVEN, "--offline")
    assert later.code == 5
    assert "SCPs and RCPs are those that chain 'org' read " in later.err
    assert len(org(world).calls) == calls
    check = world.rolehop("check", "admin", *GIVEN)
    assert "refused by the SCP" in check.out
    assert world.rolehop("routes", ADMIN, *GIVEN).code == 5
    assert len(org(world).calls) == calls
    note = world.state / "organization.json"
    assert note.stat().st_mode & 0o777 == 0o600
    old = json.loads(note.read_text())
    del old["check"]
    old["at"] = (datetime.now(UTC) - timedelta(days=8)).isoformat()
    note.write_text(checked_line(json.dumps(old)))
    assert lanes(world, "--offline")["scp"]["verdict"] == "not-visible"
    note.write_text("{}")
    assert lanes(world, "--offline")["scp"]["verdict"] == "not-visible"


def test_the_config_names_the_chain_and_reads_at_most_once_an_hour(world: World) -> None:
    world.config(f'{CONFIG}{_CHAIN}\n[organization]\nfrom = "org"\n')
    org(world).attach(ROOT, "NoAdmin", DENY)
    assert lanes(world)["scp"]["verdict"] == "refused"
    calls = len(org(world).calls)
    assert lanes(world)["scp"]["verdict"] == "refused"
    assert len(org(world).calls) == calls


def test_a_chain_that_may_not_read_it_or_has_no_session_is_said(world: World) -> None:
    org(world).readers.clear()
    done = world.rolehop("explain", "admin", *GIVEN, *LIVE)
    assert done.code == 0
    assert "hop 2  " in done.out
    said = "the organization is not read: chain 'org' may not read the organization"
    assert [said in each for each in done.err.splitlines()].count(True) == 1
    world.rolehop("logout", "org")
    done = world.rolehop("explain", "admin", *GIVEN, *LIVE)
    assert done.code == 4
    assert "rolehop assume org" in done.err
    world.config(f'{CONFIG}{_CHAIN}\n[organization]\nfrom = "org"\n')
    done = world.rolehop("explain", "admin", *GIVEN)
    assert "the organization is not read: no session of chain 'org' is stored" in done.err


def test_a_refused_walk_names_first_what_the_organization_settles(world: World) -> None:
    org(world).attach(ROOT, "NoAdmin", DENY)
    lanes(world, *LIVE)
    world.sts.world.role(ADMIN, trusts=[])
    walked = world.rolehop("export", "admin")
    assert walked.code == 5
    assert "\n  cause  the SCP refuses it (SCP NoAdmin at root r-ab12)" in walked.err
    assert walked.err.endswith("; AWS says only AccessDenied\n  rolehop explain --last\n")


def test_a_chain_that_asks_is_asked_for_once_a_run(world: World) -> None:
    """Rolehop reads with its session; nobody is handed it."""
    world.config(CONFIG + _CHAIN.replace("hops", "confirm = true\nhops"))
    done = world.rolehop("explain", "admin", *GIVEN, *LIVE)
    assert (done.code, done.out) == (8, ""), done.err
    assert "chain 'org' has confirm = true" in done.err
    for answer, code in (("n", 130), ("y", 0)):
        with OnTerminal(world, SCRIPT, "check", *GIVEN, *LIVE) as person:
            person.expect("[y/N] ")
            person.types(answer)
            done = person.ended()
            assert person.shown.count("[y/N]") == 1
        assert done.code in (code, 5), done.err
