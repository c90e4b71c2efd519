"""Find who may pass a role to an AWS service: ``iam:PassRole``, evaluated like any other call.

A role can be passed only within its account. The passer's permissions, boundary and SCPs decide;
the role's trust policy matters only when the service assumes the role (IAM user guide, "Grant a user permissions to pass a role to an AWS
service").
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rolehop.arn import account_of
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.findings import Truth
from rolehop.policy.evaluation.model import NO_POLICY, Outcome, PolicyType, Request
from rolehop.policy.evaluation.principals import Caller, caller_from_arn, session_of
from rolehop.policy.evaluation.statements import Call, judge_documents
from rolehop.policy.inventory.inventory import Entity, IamInventory
from rolehop.policy.language.parser import Effect
from rolehop.policy.language.request_context import Context
from rolehop.startup.dataclass import dataclass

ACTION = "iam:PassRole"


@dataclass(frozen=True, slots=True)
class Passer:
    """A user or role that can, or possibly can, pass the role to these services."""

    arn: str
    services: tuple[str, ...]
    outcome: Outcome
    """Allowed, or unknown."""

    unknowns: tuple[str, ...]
    """What would settle it, as in a verdict; empty if it is allowed."""


@dataclass(frozen=True, slots=True)
class PassRoleReport:
    """Who may pass a role, as far as the inventory shows."""

    passers: tuple[Passer, ...] = ()
    """Certain ones first."""

    unseen: tuple[str, ...] = ()
    """ARNs of users and roles whose permissions are not, or only partly, in the inventory."""


def find_passers(records: IamInventory, role: Entity, services: Sequence[str]) -> PassRoleReport:
    """Return who may pass ``role`` to any of ``services``.

    A group cannot call: its policies count for each of its users.
    """
    passers: list[Passer] = []
    unseen: list[str] = []
    for entity in records.entities.values():
        if account_of(entity.arn) != account_of(role.arn) or ":group/" in entity.arn:
            continue
        requests = {each: _request(records, entity, role, each) for each in services}
        able = {each: found for each, found in requests.items() if _may_be_allowed(found)}
        passers.extend(_passers(entity.arn, able))
        if not able and records.permissions(entity.arn).missing:
            unseen.append(entity.arn)
    passers.sort(key=lambda passer: passer.outcome is not Outcome.ALLOWED)
    return PassRoleReport(tuple(passers), tuple(unseen))


def _passers(arn: str, requests: dict[str, Request]) -> Iterator[Passer]:
    """Yield one passer for all services with the same result."""
    found: dict[tuple[Outcome, tuple[str, ...]], list[str]] = {}
    for service, request in requests.items():
        verdict = evaluate(request)
        if verdict.outcome is not Outcome.REFUSED:
            found.setdefault((verdict.outcome, verdict.unknowns), []).append(service)
    for (outcome, unknowns), services in found.items():
        yield Passer(arn, tuple(services), outcome, unknowns)


def _may_be_allowed(request: Request) -> bool:
    """True if a visible statement allows the call, or may allow it."""
    call = Call(ACTION, request.role, request.caller, request.context)
    judged = judge_documents(request.policy_set(PolicyType.PERMISSIONS).documents, call)
    return any(
        each.statement.effect is Effect.ALLOW and each.truth is not Truth.FALSE for each in judged
    )


def _request(records: IamInventory, passer: Entity, role: Entity, service: str) -> Request:
    caller = _caller(passer)
    return Request(
        role=role.arn,
        caller=caller,
        context=_context(passer, caller, role, service),
        actions=(ACTION,),
        policies={
            # Trust policies and RCPs do not apply, and a session policy depends on the session.
            PolicyType.TRUST: NO_POLICY,
            PolicyType.SESSION: NO_POLICY,
            PolicyType.RCP: NO_POLICY,
            PolicyType.PERMISSIONS: records.permissions(passer.arn),
            PolicyType.BOUNDARY: records.boundary(passer.arn),
            PolicyType.SCP: records.scp(caller.account),
        },
    )


def _caller(passer: Entity) -> Caller:
    if ":role/" in passer.arn:
        return caller_from_arn(session_of(passer.arn), role=passer.arn, unique_id=passer.unique_id)
    return caller_from_arn(passer.arn, unique_id=passer.unique_id)


def _context(passer: Entity, caller: Caller, role: Entity, service: str) -> Context:
    """Return the known condition keys of a call that passes ``role``; not MFA, address or time."""
    user = ":user/" in passer.arn
    values = {
        "iam:PassedToService": [service],
        "aws:PrincipalArn": [passer.arn],
        "aws:PrincipalAccount": [caller.account or ""],
        "aws:PrincipalType": ["User" if user else "AssumedRole"],
        "aws:SecureTransport": ["true"],
        **{f"aws:PrincipalTag/{key}": [value] for key, value in passer.tags or ()},
    }
    absent: list[str] = []
    if user:
        values["aws:username"] = [passer.arn.rpartition("/")[2]]
        # A role's session may bring tags of its own.
        absent += ["aws:PrincipalTag/"] if passer.tags is not None else []
    else:
        absent.append("aws:username")
    if role.tags is not None:
        for family in ("aws:ResourceTag/", "iam:ResourceTag/"):
            absent.append(family)
            values |= {f"{family}{key}": [value] for key, value in role.tags}
    return Context(values, absent)
