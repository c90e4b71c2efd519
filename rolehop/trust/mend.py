"""What to change where a call is refused: the narrowest statement, and whose account changes it.

A missing Allow is mended by adding a statement for this very caller, these actions and this
role, with the conditions that the nearest statement asks for and the call meets. A principal
that went stale is replaced where it stands. An explicit Deny is never answered by adding
something: its statement is narrowed past this call, or removed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from rolehop.arn import account_of
from rolehop.trust.evaluate import Lane, LaneName, Outcome, Request, Verdict, actions_refused
from rolehop.trust.statements import Attached, Judged
from rolehop.trust.truth import Reason, Truth
from rolehop.values import dataclass

Statement = dict[str, Any]


class Change(Enum):
    """What is done with the statement."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


@dataclass(frozen=True, slots=True)
class Mend:
    """One change to one document."""

    lane: LaneName
    account: str
    """Whose administrators can make it."""

    document: str
    """Which document, for people."""

    change: Change
    statement: Statement
    """The statement to add; what replaces the one at ``index``; or the one to remove."""

    index: int | None
    """Of the statement replaced or removed, from 1."""


def mends(verdict: Verdict) -> tuple[Mend, ...]:
    """Return one mend for each lane that refuses, in the order of the lanes.

    A lane that no document can mend (another partition, the root user, a caller that nobody
    knows) has none.
    """
    if verdict.outcome is not Outcome.REFUSED:
        return ()
    found = (_mend(lane, verdict.request) for lane in verdict.refused)
    return tuple(mend for mend in found if mend is not None)


def apply_mend(document: Mapping[str, Any], mend: Mend) -> dict[str, Any]:
    """Return ``document`` (a policy as JSON) with ``mend`` made."""
    listed = document.get("Statement", [])
    statements = list(listed) if isinstance(listed, list) else [listed]
    if mend.change is Change.ADD:
        statements.append(mend.statement)
    elif mend.change is Change.REPLACE and mend.index is not None:
        statements[mend.index - 1] = mend.statement
    elif mend.index is not None:
        del statements[mend.index - 1]
    return {"Version": "2012-10-17", **document, "Statement": statements}


def _mend(lane: Lane, request: Request) -> Mend | None:
    if lane.findings[0].element.partition(" ")[0] in ("Caller", "Request"):
        return None  # no policy can allow it
    account = _account(lane.name, request)
    if account is None:
        return None
    if lane.deciding is not None and lane.findings[0].reason is Reason.EXPLICIT_DENY:
        return _past_deny(lane, lane.deciding, request, account)
    if lane.deciding is not None and lane.findings[0].reason in _STALE:
        return _renewed(lane, lane.deciding, request, account)
    return _added(lane, request, account)


_STALE = (Reason.DELETED_PRINCIPAL, Reason.OTHER_PARTITION)


def _account(lane: LaneName, request: Request) -> str | None:
    of_role = lane in (LaneName.TRUST, LaneName.RCP)
    return account_of(request.role) if of_role else request.caller.account


def _document(lane: LaneName, judged: Judged | None, request: Request) -> str:
    if judged is not None:
        return judged.document
    documents = request.shown(lane).documents
    return documents[0].name if documents else _NAMES[lane]


_NAMES = {
    LaneName.TRUST: "trust policy",
    LaneName.PERMISSIONS: "permissions policy",
    LaneName.BOUNDARY: "permissions boundary",
    LaneName.SESSION: "session policy",
    LaneName.SCP: "service control policy",
    LaneName.RCP: "resource control policy",
}


def _added(lane: Lane, request: Request, account: str) -> Mend | None:
    actions = actions_refused(request, lane.name)
    statement: Statement = {"Effect": "Allow"}
    if lane.name is LaneName.TRUST:
        principal = _principal(request)
        if principal is None:
            return None
        statement["Principal"] = principal
    statement["Action"] = _unlisted(actions)
    if lane.name is not LaneName.TRUST:
        statement["Resource"] = request.role
    conditions = _kept_conditions(lane, request)
    if conditions:
        statement["Condition"] = conditions
    document = _document(lane.name, lane.deciding, request)
    return Mend(lane.name, account, document, Change.ADD, statement, None)


def _principal(request: Request) -> dict[str, str] | None:
    caller = request.caller
    if caller.federated:
        return {"Federated": caller.provider} if caller.provider else None
    if caller.service:
        return {"Service": caller.service}
    return {"AWS": caller.named} if caller.named else None


def _kept_conditions(lane: Lane, request: Request) -> Statement:
    """Return what the nearest statement asks for and this call meets, so that it stays asked."""
    conditions: Statement = {}
    if lane.deciding is not None:
        met = {finding.element for finding in lane.deciding.findings if finding.truth is Truth.TRUE}
        for each in lane.deciding.statement.conditions:
            if f"Condition {each.operator.text} {each.key}" in met:
                conditions.setdefault(each.operator.text, {})[each.key] = _unlisted(each.values)
    external = request.context.lookup("sts:ExternalId")
    if lane.name is LaneName.TRUST and isinstance(external, tuple):
        asked = {key.lower() for keys in conditions.values() for key in keys}
        if "sts:externalid" not in asked:
            conditions.setdefault("StringEquals", {})["sts:ExternalId"] = external[0]
    return conditions


def _renewed(lane: Lane, judged: Judged, request: Request, account: str) -> Mend | None:
    statement = _source(judged, request.shown(lane.name).documents)
    principal = _principal(request)
    if statement is None or principal is None or "AWS" not in principal:
        return _added(lane, request, account)
    named = principal["AWS"]
    written = _listed(statement["Principal"]["AWS"])
    stale = [each for each in written if _is_stale(each, named, request)]
    kept = [each for each in written if each not in stale]
    # IAM refuses to save a document with a deleted principal in it, so the ID goes.
    statement["Principal"] = {**statement["Principal"], "AWS": _unlisted([*kept, named])}
    return Mend(
        lane.name, account, judged.document, Change.REPLACE, statement, judged.statement.index
    )


def _is_stale(text: str, named: str, request: Request) -> bool:
    if ":" not in text and not text.isdigit():
        return text != "*"
    parts, mine = text.split(":", 2), named.split(":", 2)
    caller = (request.caller.arn or "").split(":", 2)
    whole = text.endswith(f"::{request.caller.account}:root")
    return len(parts) == 3 and parts[1] != mine[1] and (whole or parts[2] in (mine[2], caller[-1]))


def _past_deny(lane: Lane, judged: Judged, request: Request, account: str) -> Mend | None:
    statement = _source(judged, request.shown(lane.name).documents)
    if statement is None:
        return None
    with_principal = lane.name in (LaneName.TRUST, LaneName.RCP)
    narrowed = _past_caller if with_principal else _past_role
    changed = narrowed(statement, request)
    change = Change.REMOVE if changed is None else Change.REPLACE
    index = judged.statement.index
    return Mend(lane.name, account, judged.document, change, changed or statement, index)


def _past_caller(statement: Statement, request: Request) -> Statement | None:
    """Except this caller from a Deny; ``None`` where it is meant for nobody else."""
    named = request.caller.named
    if named is None:
        return None
    principal = statement.get("Principal")
    if isinstance(principal, dict):
        others = [each for each in _listed(principal.get("AWS", [])) if not _means(each, request)]
        if others and len(others) < len(_listed(principal.get("AWS", []))):
            return {**statement, "Principal": {**principal, "AWS": _unlisted(others)}}
        if set(principal) == {"AWS"} and all(
            each in (named, request.caller.arn) for each in _listed(principal["AWS"])
        ):
            return None
    condition = {operator: dict(keys) for operator, keys in statement.get("Condition", {}).items()}
    excluded = condition.setdefault("ArnNotEquals", {})
    key = next((each for each in excluded if each.lower() == "aws:principalarn"), None)
    already = _listed(excluded[key]) if key else []
    excluded[key or "aws:PrincipalArn"] = _unlisted([*already, named])
    return {**statement, "Condition": condition}


def _means(text: str, request: Request) -> bool:
    return text in (request.caller.named, request.caller.arn)


def _past_role(statement: Statement, request: Request) -> Statement | None:
    """Except this role from a Deny; ``None`` where nothing narrower than removal is safe."""
    if "NotResource" in statement:
        kept = [*_listed(statement["NotResource"]), request.role]
        return {**statement, "NotResource": kept}
    written = _listed(statement.get("Resource", []))
    if "*" in written:
        others = {name: value for name, value in statement.items() if name != "Resource"}
        return {**others, "NotResource": request.role}
    kept = [each for each in written if each != request.role]
    if kept and len(kept) < len(written):
        return {**statement, "Resource": _unlisted(kept)}
    return None


def _source(judged: Judged, documents: Sequence[Attached]) -> Statement | None:
    """Return the statement as JSON; ``None`` where the document's text was not kept."""
    for document in documents:
        if document.name != judged.document or not document.text:
            continue
        listed = json.loads(document.text)["Statement"]
        statements = listed if isinstance(listed, list) else [listed]
        found: Statement = statements[judged.statement.index - 1]
        return found
    return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _unlisted(values: Sequence[Any]) -> Any:
    return values[0] if len(values) == 1 else list(values)
