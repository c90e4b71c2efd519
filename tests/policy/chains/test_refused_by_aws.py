"""What AWS's own refusal says beside the documents: it is certain, and may name one policy.

Source: IAM user guide, "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from typing import Any

import pytest

from rolehop.base.dataclass import replace
from rolehop.policy import (
    NO_POLICY,
    NOT_VISIBLE,
    Attached,
    Context,
    Kind,
    Outcome,
    PolicySet,
    PolicyType,
    Reason,
    Request,
    Truth,
    Verdict,
    caller_from_arn,
    evaluate,
    parse_policy,
)
from rolehop.policy.access_denied import AccessDenied
from rolehop.policy.chain_model import AssumeRoleRequest, EvaluationContext
from rolehop.policy.chain_verdict import (
    AwsRefusal,
    ChainVerdict,
    Memo,
    has_policy,
    judge_chain,
    refused_by_aws,
)
from rolehop.policy.inventory import IamInventory
from rolehop.policy.requests import ChainScenario, FederatedCall, federated_request
from tests.policy.helpers.requests import ADMIN, HUB, KEYS, NOW
from tests.support.denials import KMS
from tests.support.policies import policy_text

BOB, ROLE = "arn:aws:iam::222222222222:user/bob", "arn:aws:iam::222222222222:role/T"
LIMIT = "arn:aws:iam::222222222222:policy/limit"
CALLED = f"User: {BOB} is not authorized to perform: sts:AssumeRole on resource: {ROLE}"
READ = f"User: {BOB} is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::b/x"
PERMISSIONS, TRUST, SCP = PolicyType.PERMISSIONS, PolicyType.TRUST, PolicyType.SCP
BOUNDARY, SESSION = PolicyType.BOUNDARY, PolicyType.SESSION
ANY: Any = {"Effect": "Allow", "Action": "*", "Resource": "*"}
DENY: Any = {**ANY, "Effect": "Deny"}
MAYBE: Any = {**ANY, "Condition": {"StringEquals": {"aws:SourceVpc": "x"}}}


@pytest.mark.parametrize(
    ("answer", "about_policies", "names", "policy_type"),
    [
        (AwsRefusal("AccessDenied", None), True, False, None),
        (AwsRefusal("AccessDeniedException", None), True, False, None),
        (AwsRefusal("ExpiredToken", None, "The token is expired"), False, False, None),
        (AwsRefusal("", None, CALLED), True, False, None),
        (AwsRefusal("", None, f"{CALLED} because no identity-based policy allows the"
                    " sts:AssumeRole action"), True, True, PERMISSIONS),
        # Of a role, AWS's "resource-based policy" is the trust policy; of another resource, its own.
        (AwsRefusal("", None, f"{CALLED} because no resource-based policy allows the"
                    " sts:AssumeRole action"), True, True, TRUST),
        (AwsRefusal("", None, f"{READ} because no resource-based policy allows the"
                    " s3:GetObject action"), True, True, TRUST),
        (AwsRefusal("", None, f"{READ} with an explicit deny in a VPC endpoint policy"),
         True, True, None),
        (AwsRefusal("", None, f"{READ} {KMS}"), True, True, None),  # one of three causes
        (AwsRefusal("", None, CALLED, event=AccessDenied(BOB, "sts:AssumeRole",
                    policy="service control policy")), True, True, SCP),
    ],
)  # fmt: skip
def test_what_a_refusal_says(
    answer: AwsRefusal, about_policies: bool, names: bool, policy_type: PolicyType | None
) -> None:
    assert (answer.about_policies, answer.names_policy) == (about_policies, names)
    assert answer.policy_type is policy_type


def shown(kind: Kind, *statements: Any, name: str = "inline policy p of user bob") -> PolicySet:
    text = policy_text(*statements)
    return PolicySet((Attached(name, parse_policy(text, kind), text),))


def by_documents(
    permissions: Any = ANY, boundary: PolicySet = NO_POLICY, session: PolicySet = NO_POLICY
) -> Verdict:
    trust = {"Effect": "Allow", "Action": "sts:*", "Principal": {"AWS": "222222222222"}}
    own = NOT_VISIBLE if permissions is None else shown(Kind.PERMISSIONS, permissions)
    return evaluate(
        Request(
            ROLE,
            caller_from_arn(BOB),
            Context({}),
            policies={
                TRUST: shown(Kind.TRUST, trust),
                PERMISSIONS: own,
                BOUNDARY: boundary,
                SESSION: session,
            },
        )
    )


def refusal(policy: str | None = None, arn: str | None = None) -> AwsRefusal:
    event = AccessDenied(BOB, "sts:AssumeRole", ROLE, policy, explicit=True, policy_arn=arn)
    return AwsRefusal("AccessDenied", NOW, CALLED, event=event)


IDENTITY, LIMITED = "identity-based policy", "permissions boundary"


@pytest.mark.parametrize(
    ("permissions", "policy", "outcome", "unknowns"),
    [
        # It was refused; why, is open if neither AWS nor the documents say so.
        (DENY, None, Outcome.REFUSED, ()),
        (DENY, LIMITED, Outcome.REFUSED, ()),
        (MAYBE, None, Outcome.REFUSED, ("aws-refusal", "aws:SourceVpc")),
        (MAYBE, IDENTITY, Outcome.REFUSED, ()),
        (None, IDENTITY, Outcome.REFUSED, ()),
        # Documents that allow it are not all, or not as they were.
        (ANY, None, Outcome.UNKNOWN, ("aws-refusal",)),
        (ANY, IDENTITY, Outcome.UNKNOWN, ("aws-refusal",)),
    ],
)
def test_a_call_that_aws_refused(
    permissions: Any, policy: str | None, outcome: Outcome, unknowns: tuple[str, ...]
) -> None:
    known = by_documents(permissions)
    found = refused_by_aws(known, refusal(policy), IamInventory())
    assert (found.outcome, found.unknowns, found.assuming) == (outcome, unknowns, ())


@pytest.mark.parametrize(
    ("permissions", "policy", "named", "said"),
    [
        (MAYBE, IDENTITY, PERMISSIONS, True),
        (None, IDENTITY, PERMISSIONS, True),
        (MAYBE, "service control policy", SCP, True),
        (MAYBE, None, PERMISSIONS, False),
        # What the documents are sure of stays as they say it.
        (DENY, IDENTITY, PERMISSIONS, False),
        (ANY, IDENTITY, PERMISSIONS, False),
    ],
)
def test_the_policy_that_aws_names_refuses(
    permissions: Any, policy: str | None, named: PolicyType, said: bool
) -> None:
    known = by_documents(permissions)
    found = refused_by_aws(known, refusal(policy, LIMIT), IamInventory())
    for before, after in zip(known.policies, found.policies, strict=True):
        if not said or after.name is not named:
            assert after == before
            continue
        first, *rest = after.findings
        assert (after.outcome, first.truth, first.reason) == (
            Outcome.REFUSED, Truth.FALSE, Reason.AWS_SAID
        )  # fmt: skip
        assert (first.element, first.wanted, tuple(rest)) == ("Document", LIMIT, before.findings)


RECORDS = IamInventory(managed={LIMIT: policy_text(DENY)})
OLD_LIMIT = shown(Kind.BOUNDARY, ANY, name="boundary limit of user bob")
OTHER = shown(Kind.BOUNDARY, ANY, name="boundary other of user bob")


@pytest.mark.parametrize(
    ("boundary", "policy", "arn", "records", "names"),
    [
        # Its text is at hand: it is judged by, in the place of one not seen, or beside others.
        (NOT_VISIBLE, LIMITED, LIMIT, RECORDS, ["policy limit"]),
        (OTHER, LIMITED, LIMIT, RECORDS, ["boundary other of user bob", "policy limit"]),
        # Not if it is judged already, if none can be there, if its text is unknown, or none is named.
        (OLD_LIMIT, LIMITED, LIMIT, RECORDS, ["boundary limit of user bob"]),
        (NO_POLICY, LIMITED, LIMIT, RECORDS, []),
        (OTHER, LIMITED, LIMIT, IamInventory(), ["boundary other of user bob"]),
        (OTHER, LIMITED, None, RECORDS, ["boundary other of user bob"]),
        (OTHER, "VPC endpoint policy", LIMIT, RECORDS, ["boundary other of user bob"]),
        (OTHER, None, LIMIT, RECORDS, ["boundary other of user bob"]),
    ],
)
def test_a_policy_that_aws_names_by_its_arn_is_judged_by(
    boundary: PolicySet, policy: str | None, arn: str | None, records: IamInventory, names: Any
) -> None:
    found = refused_by_aws(by_documents(boundary=boundary), refusal(policy, arn), records)
    judged = found.request.policy_set(BOUNDARY)
    assert [each.name for each in judged.documents] == names
    assert judged.missing == (("the others",) if boundary is NOT_VISIBLE else ())
    assert found.request.policies.keys() == {TRUST, PERMISSIONS, BOUNDARY, SESSION}
    refused = [each.name for each in found.refused]
    assert refused == ([BOUNDARY] if "policy limit" in names else refused)


def test_a_refusal_without_a_text_of_aws_leaves_the_policies_as_they_are() -> None:
    known = by_documents(MAYBE)
    found = refused_by_aws(known, AwsRefusal("AccessDenied", None), RECORDS)
    assert (found.policies, found.request) == (known.policies, known.request)
    assert (found.outcome, found.unknowns) == (Outcome.REFUSED, ("aws-refusal", "aws:SourceVpc"))


@pytest.mark.parametrize(
    ("name", "is_it"),
    [
        ("boundary limit of user bob", True),
        ("limit of user bob", True),
        ("policy limit", True),
        ("policy limits", False),
        ("policy limit2 of user bob", False),
        ("policy unlimit of user bob", False),
        ("nolimit", False),
    ],
)
def test_a_policy_is_found_by_its_whole_name(name: str, is_it: bool) -> None:
    assert has_policy(shown(Kind.BOUNDARY, ANY, name=name), LIMIT) is is_it
    assert has_policy(shown(Kind.BOUNDARY, ANY, name=name), f"{LIMIT[:-5]}team/limit") is is_it
    assert not has_policy(NO_POLICY, LIMIT)


def test_a_policy_that_aws_does_not_name_by_its_arn_is_no_text() -> None:
    found = refused_by_aws(by_documents(MAYBE), refusal(IDENTITY), IamInventory())
    said = next(each for each in found.policies if each.name is PERMISSIONS).findings[0]
    assert (said.reason, said.wanted) == (Reason.AWS_SAID, "")
    assert AwsRefusal("AccessDenied", None).message == ""


def chain(**more: Any) -> ChainScenario:
    hops = (AssumeRoleRequest(HUB, "s1"), AssumeRoleRequest(ADMIN, "s2"))
    missing = IamInventory(missing_roles=frozenset({str(ADMIN)}))
    return ChainScenario(KEYS, hops, EvaluationContext(missing, NOW), **more)


def outcomes(verdict: ChainVerdict) -> list[tuple[int, str]]:
    return [(each.number, each.verdict.outcome.value) for each in verdict.hops]


def test_chains_that_are_judged_together_are_judged_as_each_by_itself() -> None:
    memo = Memo()
    first = chain()
    call = FederatedCall(str(HUB), "sts:AssumeRoleWithSAML")
    others = [
        replace(first, hops=first.hops[:1]),
        replace(first, hops=(first.hops[0], AssumeRoleRequest(HUB, "s3"))),
        replace(first, hops=(AssumeRoleRequest(ADMIN, "s1"), first.hops[1])),
        first.with_region("eu-west-1"),
        replace(first, source_requests=(federated_request(call, first.context),)),
        first,
    ]
    for each in (first, *others):
        together, alone = judge_chain("c", "s", each, memo), judge_chain("c", "s", each)
        assert outcomes(together) == outcomes(alone)
        assert (together.chain, together.source) == ("c", "s")
        for one, other in zip(together.hops, alone.hops, strict=True):
            region = "aws:RequestedRegion"
            requests = one.verdict.request, other.verdict.request
            assert requests[0].caller == requests[1].caller
            assert requests[0].context.lookup(region) == requests[1].context.lookup(region)
    assert outcomes(judge_chain("c", "s", first)) == [(1, "unknown"), (2, "refused")]


def test_a_chain_is_as_its_worst_hop_and_a_refusal_of_aws_is_of_one_hop() -> None:
    verdict = judge_chain("c", "s", chain())
    assert verdict.outcome is Outcome.REFUSED
    known = replace(verdict, hops=verdict.hops[:1])
    assert known.outcome is Outcome.UNKNOWN
    assert replace(verdict, hops=()).outcome is Outcome.ALLOWED
    assert replace(verdict, hops=(), source_role_unknown=True).outcome is Outcome.UNKNOWN
    after = verdict.after_refusal(1, refusal())
    assert outcomes(after) == [(1, "refused"), (2, "refused")]
    assert [each.aws_refusal is not None for each in after.hops] == [True, False]
    assert after.hops[0].by_documents == verdict.hops[0].verdict
