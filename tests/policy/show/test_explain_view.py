"""An explanation fits a terminal of 80 columns, and says what to do."""

from __future__ import annotations

import json
import re
from random import Random

import pytest

from rolehop.base.arn import RoleArn
from rolehop.base.dataclass import replace
from rolehop.commands.explain.check_view import checks_view
from rolehop.commands.explain.ci_reports import as_junit
from rolehop.commands.explain.view import verdict_view
from rolehop.policy.chain_model import EvaluationContext, StartingCredentials
from rolehop.policy.chain_verdict import AwsRefusal, judge_chain
from rolehop.policy.inventory import IamInventory
from rolehop.policy.requests import ChainScenario
from rolehop.terminal.drawing import as_text
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import explain_refusal
from tests.policy.helpers.broken_chains import BROKEN, Breaks, also, broken, sets
from tests.policy.helpers.chains import (
    ADMIN,
    HUB,
    NOW,
    healthy,
    may,
    records,
    scenario,
    trusts,
)
from tests.policy.helpers.reading import PYTHON, checked_text, judged, shown
from tests.policy.helpers.worlds import ALL_KEYS, LANES, as_request, make_world
from tests.support.policies import policy


@pytest.mark.parametrize("breaks", [each[0] for each in BROKEN.values()], ids=BROKEN)
@pytest.mark.parametrize("verbose", [False, True], ids=["short", "verbose"])
def test_an_explanation_fits_and_says_what_to_do(breaks: Breaks, verbose: bool) -> None:
    text = shown(broken(breaks), verbose=verbose)
    assert max(map(len, text.splitlines())) <= 80
    assert verbose or len(text.splitlines()) <= 24
    assert "✗ chain, hop " in text
    assert "to fix it, " in text


HUB_SESSION = "arn:aws:sts::222222222222:assumed-role/Hub/s1"
WITHOUT_SESSION_POLICY = "because no session policy allows the sts:AssumeRole action"
MANY = [f"arn:aws:iam::4444444444{n}:role/Deploy" for n in range(10, 50)]
ALLOWS_S3 = may("*", "s3:*")
EVERYTHING = may("*", "*")
FULL = {
    "a list of principals": (sets("trust-admin", trusts(MANY)), f'      "{HUB}"'),
    "a list of exceptions": (
        sets(
            "trust-admin",
            trusts(HUB),
            {**trusts("*", ArnNotLike={"aws:PrincipalArn": MANY}), "Effect": "Deny"},
        ),
        f'      "{HUB}"',
    ),
    "a list of resources": (
        sets("hub", {**may("*"), "Resource": MANY}),
        '      "arn:aws:iam::333333333333:role/Admin"',
    ),
    "a list of what is denied": (
        sets("trust-admin", trusts(HUB), {**trusts([HUB, *MANY]), "Effect": "Deny"}),
        f'      "{HUB}"',
    ),
    "every policy": (
        also(
            sets("trust-hub", trusts(MANY)),
            sets("alice", ALLOWS_S3),
            sets("trust-admin", trusts(MANY)),
            sets("hub", ALLOWS_S3),
            sets("boundary-hub", ALLOWS_S3),
            sets("scp-111111111111", ALLOWS_S3),
            sets("scp-222222222222", EVERYTHING, {**EVERYTHING, "Effect": "Deny"}),
        ),
        "hop 2  ✗ would be refused (-v)  arn:aws:iam::333333333333:role/Admin",
    ),
    "many tags that the caller lacks": (
        sets(
            "trust-admin",
            trusts(HUB, StringEquals={f"aws:PrincipalTag/t{n}": "a" for n in range(30)}),
        ),
        "      and 29 more reasons (-v)",
    ),
    "several conditions, and long values": (
        sets(
            "trust-admin",
            trusts(
                HUB,
                Bool={"aws:MultiFactorAuthPresent": "true"},
                StringEquals={
                    "sts:ExternalId": "x" * 200,
                    "sts:SourceIdentity": "ann",
                    "sts:RoleSessionName": "n" * 64,
                    "aws:PrincipalTag/team": "blue",
                },
            ),
        ),
        "      and 4 more reasons (-v)",
    ),
    "many conditions": (
        sets(
            "trust-admin",
            trusts(HUB, StringEquals={f"aws:RequestTag/t{n}": "a" * 40 for n in range(30)}),
        ),
        "      and 29 more reasons (-v)",
    ),
}


@pytest.mark.parametrize(("breaks", "has"), FULL.values(), ids=FULL)
def test_the_longest_explanation_is_one_screen_and_all_of_it_is_shown_on_request(
    breaks: Breaks, has: str
) -> None:
    case = broken(breaks)
    text = shown(case)
    assert rows_of(text) <= 24, text
    assert has in text.splitlines(), text
    assert "(-v" not in shown(case, verbose=True)
    # Nor is it longer with what AWS said, of the whole chain and of the hop alone.
    verdict = judged(case)
    for ending in (WITHOUT_SESSION_POLICY, "because of the moon " * 9):
        message = f"User: {HUB_SESSION} is not authorized to perform: sts:AssumeRole on resource: {ADMIN} {ending}"
        fix = explain_refusal(StsRefusal("AccessDenied", message)).fix
        refused = verdict.after_refusal(2, AwsRefusal("AccessDenied", NOW, message, fix))
        text = checked_text(verdict_view(refused, verbose=False))
        assert rows_of(text) <= 24, text
        assert "and 0 more" not in text


def rows_of(text: str) -> int:
    """Return how many rows of a terminal with 80 columns a text takes."""
    return sum(max(1, -(-len(each) // 80)) for each in text.splitlines())


@pytest.mark.parametrize("seed", range(40))
def test_whatever_is_judged_reads_well(seed: int) -> None:
    rng = Random(f"words {seed}")  # noqa: S311 - no secret is drawn
    names = [*ALL_KEYS, *LANES]
    for _ in range(12):
        unknown = frozenset(rng.sample(names, rng.choice([0, 2, 8])))
        request = as_request(make_world(rng), unknown)
        whole = ChainScenario(
            StartingCredentials(None),
            (),
            EvaluationContext(IamInventory(), NOW),
            source_requests=(request,),
        )
        verdict = judge_chain("chain", "me", whole)
        for verbose in (False, True):
            checked_text(verdict_view(verdict, verbose=verbose))
        lines = checked_text(checks_view([verdict])).splitlines()
        assert max(len(each) for each in lines if not each.startswith("chain ")) <= 80
        assert not PYTHON.search(as_junit([verdict], strict=True))


def test_without_documents_it_names_the_commands_that_would_show_them() -> None:
    text = shown(healthy(), IamInventory(), verbose=True)
    assert "can't tell" in text
    assert "with credentials of account 333333333333:" in text
    assert "        aws iam get-role --role-name Admin > FILE\n" in text
    assert "with credentials of account 222222222222:" in text
    # Once for permissions and boundary of each caller.
    assert text.count("aws iam get-account-authorization-details > FILE\n") == 2
    assert text.count("to see it: the same command") == 2
    assert "next: " not in as_text(checks_view([judged(healthy(), IamInventory())]))


def test_many_hops_of_which_nothing_is_known_are_one_screen() -> None:
    asked = scenario(healthy())
    setting = EvaluationContext(IamInventory(), NOW)
    for times in (1, 2, 20):
        whole = replace(asked, hops=asked.hops * times, context=setting)
        verdict = judge_chain("chain", "me", whole)
        lines = checked_text(verdict_view(verdict, verbose=False)).splitlines()
        assert len(lines) <= 24
        assert lines[0].startswith("? chain, hop 1: can't tell whether AWS would allow alice")
        assert ("more hops (-v)" in lines[-1]) is (times == 20)


def test_many_hops_beside_a_refused_one_whose_fix_has_a_long_line_are_one_screen() -> None:
    case = broken(sets("trust-admin", trusts("444444444444")))
    found = records(case)
    asked, setting = scenario(case), EvaluationContext(found, NOW)
    far = RoleArn.parse(f"arn:aws:iam::222222222222:role/{'p/' * 30}Hub")
    entities = {**found.entities, str(far): replace(found.entities[HUB], arn=str(far))}
    setting = replace(setting, inventory=replace(found, entities=entities))
    hops = (replace(asked.hops[0], role=far), asked.hops[1])
    verdict = judge_chain("chain", "me", replace(asked, hops=hops * 8, context=setting))
    text = checked_text(verdict_view(verdict, verbose=False))
    assert "✗ chain, hop " in text
    assert max(map(len, text.splitlines())) > 80
    assert rows_of(text) <= 24, text


def test_an_allowed_hop_says_what_is_assumed() -> None:
    assert "assuming that no SCP or RCP refuses the call" in shown(healthy())


LONG = f"arn:aws:iam::333333333333:role/{'x' * 510}/{'N' * 64}"


def test_long_arns_are_folded_to_be_read_and_whole_to_be_copied() -> None:
    case = healthy()
    case.documents["trust-admin"] = policy(trusts(LONG))
    case.documents["hub"] = policy(may(LONG))
    text = shown(case, verbose=True)
    assert LONG in "".join(text.split())
    copied = [json.loads(each) for each in re.findall(r"^    \{\n.*?^    \}$", text, re.M | re.S)]
    assert [each["Effect"] for each in copied] == ["Allow", "Allow"]
    folded = re.sub(r"^    \{\n.*?^    \}$", "", text, flags=re.M | re.S)
    assert max(map(len, folded.splitlines())) <= 80
