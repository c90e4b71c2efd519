"""Chains with one wrong thing each: it is named first, and every way out convinces the double."""

from __future__ import annotations

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import Outcome, PolicyType, Reason
from rolehop.policy.chain_verdict import Memo, judge_chain
from rolehop.policy.remedies.config_changes import ConfigChange
from rolehop.policy.remedies.policy_change import ChangeKind, Owner, PolicyChange
from tests.policy.helpers.broken_chains import BROKEN, Breaks, broken
from tests.policy.helpers.chains import double_accepts, explained, healthy, made, scenario

every_broken_chain = pytest.mark.parametrize(
    ("breaks", "hop", "policy", "reason", "begins"), BROKEN.values(), ids=BROKEN
)


def test_the_healthy_chain_is_allowed_and_accepted() -> None:
    verdicts = [hop.verdict for hop in explained(healthy())]
    assert [verdict.outcome for verdict in verdicts] == [Outcome.ALLOWED] * 2
    assert {verdict.assuming for verdict in verdicts} == {("scp", "rcp")}
    assert double_accepts(healthy())


@every_broken_chain
def test_the_wrong_thing_is_named_first(
    breaks: Breaks, hop: int, policy: PolicyType, reason: Reason, begins: object
) -> None:
    verdicts = [each.verdict for each in explained(broken(breaks))]
    outcomes = [verdict.outcome for verdict in verdicts]
    assert outcomes[hop - 1] is Outcome.REFUSED
    assert outcomes[: hop - 1] == [Outcome.ALLOWED] * (hop - 1)
    verdict = verdicts[hop - 1]
    assert [each.name for each in verdict.refused] == [policy]
    assert verdict.first_wrong is not None
    assert verdict.first_wrong.reason is reason


@every_broken_chain
def test_chains_that_share_hops_are_judged_as_each_alone(
    breaks: Breaks, hop: int, policy: PolicyType, reason: Reason, begins: object
) -> None:
    whole = scenario(broken(breaks))
    first, last = whole.hops
    chains = [
        *(replace(whole, hops=hops) for hops in ((first,), (last,), (first, first), whole.hops)),
        whole.with_hop(1, replace(first, session_name="other")),
        whole.with_hop(1, replace(first, tags=(("team", "blue"),), transitive_tags=("team",))),
        whole.with_region("us-east-1"),
        replace(whole, start=replace(whole.start, mfa=True)),
    ]
    memo = Memo()
    for chain in (*chains, *chains):
        alone, together = (judge_chain("chain", "me", chain, each) for each in (None, memo))
        said = [
            [
                (e.outcome, e.policies, e.unknowns, e.assuming)
                for hop in judged.hops
                for e in (hop.verdict,)
            ]
            for judged in (alone, together)
        ]
        assert said[0] == said[1]


@every_broken_chain
def test_each_remedy_satisfies_evaluator_and_double(
    breaks: Breaks, hop: int, policy: PolicyType, reason: Reason, begins: tuple[object, ...]
) -> None:
    case = broken(breaks)
    assert not double_accepts(case)
    found = explained(case)[hop - 1].remedies()
    first = [remedy.steps[0] for remedy in found]
    assert begins == tuple(
        dict(step.keys) if isinstance(step, ConfigChange) else step.kind.value for step in first
    )
    for remedy in found:
        with_policy_changes = made(case, remedy)
        assert [each.verdict.outcome for each in explained(with_policy_changes)] == [
            Outcome.ALLOWED
        ] * 2
        assert double_accepts(with_policy_changes)


@every_broken_chain
def test_a_deny_is_never_answered_by_adding_and_the_right_one_is_asked(
    breaks: Breaks, hop: int, policy: PolicyType, reason: Reason, begins: object
) -> None:
    for remedy in explained(broken(breaks))[hop - 1].remedies():
        of_lane = [
            each
            for each in remedy.steps
            if isinstance(each, PolicyChange) and each.policy_type is policy
        ]
        if reason is Reason.EXPLICIT_DENY and of_lane:
            assert of_lane[0].kind is not ChangeKind.ADD
        callers = {1: "111111111111", 2: "222222222222"}
        roles = {1: "222222222222", 2: "333333333333"}
        for change in (each for each in remedy.steps if isinstance(each, PolicyChange)):
            of_role = change.policy_type in (PolicyType.TRUST, PolicyType.RCP)
            member = (roles if of_role else callers)[change.hop]
            owner = {
                PolicyType.SCP: Owner.ORGANIZATION,
                PolicyType.RCP: Owner.ORGANIZATION,
                PolicyType.SESSION: Owner.CONFIG,
            }.get(change.policy_type, Owner.ACCOUNT)
            assert (change.member, change.owner) == (member, owner)
            assert change.account == (member if owner is Owner.ACCOUNT else None)
