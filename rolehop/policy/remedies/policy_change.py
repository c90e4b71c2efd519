"""One change to a policy document, and documents with changes applied."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from rolehop.base.dataclass import dataclass, replace
from rolehop.policy.evaluation.model import PolicySet, PolicyType, Request
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.parser import Kind, parse_policy
from rolehop.policy.requests import ConfigLocation

Statement = dict[str, Any]
NEW = {"Version": "2012-10-17", "Statement": []}


class ChangeKind(Enum):
    """What happens to a statement, or to a key of the config."""

    ADD = "add"
    REPLACE = "replace"
    REMOVE = "remove"


class Owner(Enum):
    """Who can make a change."""

    ACCOUNT = "account"
    ORGANIZATION = "organization"
    """Its management account, or a delegated administrator (Organizations user guide, "Delegated
    administrator for AWS Organizations")."""

    CONFIG = "config"
    """The user who walks the chain: it is in their own config."""


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One change to one policy document."""

    hop: int
    policy_type: PolicyType
    owner: Owner
    member: str
    """The account whose call or role the document applies to."""

    document: str
    """Name of the document, for people."""

    kind: ChangeKind
    statement: Statement
    """The statement to add; what replaces the one at ``index``; or the one to remove."""

    index: int | None = None
    """Of the statement replaced or removed, from 1, in the document as it is now."""

    sent: tuple[str, ...] = ()
    """Keys of which it accepts what this caller sends, while others must send something else."""

    without: tuple[str, ...] = ()
    """Keys that it requires to be absent, while others must send them."""

    waived: tuple[str, ...] = ()
    """Keys that it does not require of this caller, while it does of others."""

    denied: bool = False
    """The statement is a Deny that no longer applies to this call; ``waived`` is what it required."""

    exempts: bool = False
    """The statement is a Deny that no longer applies to this caller at all."""

    spares: tuple[str, ...] = ()
    """Others whom that Deny then surely spares, and perhaps did not before."""

    parts: int = 1
    """How many statements together take the place of a Deny; the others are changes of their own."""

    opened: tuple[str, ...] = ()
    """Role patterns on which this call's actions are no longer denied to this caller."""

    loosened: tuple[str, ...] = ()
    """Patterns of actions that are no longer denied on this resource, besides the call's own."""

    services: tuple[str, ...] = ()
    """The services that the role trusts, if it trusts nobody else: a person joins them."""

    instead_of: str | None = None
    """The document that has no room left, by IAM's quota."""

    over: int | None = None
    """The quota, in characters, that the document then exceeds."""

    widened: tuple[str, ...] = ()
    """Other resources on which the statement then allows this caller ``actions_added``."""

    actions_added: tuple[str, ...] = ()

    listed: tuple[str, str, tuple[str, ...]] | None = None
    """``add`` or ``remove``, the element with a list, and the values, if that is all of the change."""

    location: ConfigLocation | None = None
    """Where in the config the document is, if it is there."""

    is_new: bool = False
    """There is no such document yet."""

    @property
    def account(self) -> str | None:
        """The account that can make the change; ``None``: no account that is known here."""
        return self.member if self.owner is Owner.ACCOUNT else None


def apply_changes(document: Mapping[str, Any], changes: Sequence[PolicyChange]) -> dict[str, Any]:
    """Return ``document`` (a policy as JSON) with ``changes`` applied."""
    statements: list[Statement | None] = [*as_list(document.get("Statement", []))]
    for change in changes:
        if change.kind is ChangeKind.ADD:
            statements.append(change.statement)
        elif change.index is not None:
            statements[change.index - 1] = (
                change.statement if change.kind is ChangeKind.REPLACE else None
            )
    return {
        **document,
        "Statement": [statement for statement in statements if statement is not None],
    }


def with_policy_changes(request: Request, changes: Sequence[PolicyChange]) -> Request:
    """Return ``request`` as it is after ``changes``.

    Statements keep the numbers that they have in the current documents.
    """
    policies = dict(request.policies)
    for policy_type in dict.fromkeys(change.policy_type for change in changes):
        of_type = [change for change in changes if change.policy_type is policy_type]
        policies[policy_type] = _changed(
            request.policy_set(policy_type), of_type, kind_of(policy_type, request)
        )
    return replace(request, policies=policies)


def kind_of(policy_type: PolicyType, request: Request) -> Kind:
    """Return which grammar a policy has: that of another resource than a role is no trust policy."""
    if policy_type is PolicyType.TRUST and request.owner is not None:
        return Kind.RESOURCE
    return Kind.SESSION if policy_type is PolicyType.SCOPE else Kind[policy_type.name]


def _changed(shown: PolicySet, changes: Sequence[PolicyChange], kind: Kind) -> PolicySet:
    named = {change.document for change in changes}
    texts = {
        document.name: document.text
        for document in shown.documents
        if document.name in named and document.text
    }
    untouched = tuple(document for document in shown.documents if document.name not in texts)
    changed = tuple(
        _with(
            name,
            texts.get(name) or json.dumps(NEW),
            [each for each in changes if each.document == name],
            kind,
        )
        for name in dict.fromkeys(change.document for change in changes)
    )
    return replace(shown, documents=(*untouched, *changed), there=True)


def _with(name: str, text: str, changes: Sequence[PolicyChange], kind: Kind) -> Attached:
    gone = {change.index for change in changes if change.kind is ChangeKind.REMOVE}
    standing = [change for change in changes if change.kind is not ChangeKind.REMOVE]
    text = json.dumps(apply_changes(json.loads(text), standing)) if standing else text
    policy = parse_policy(text, kind)
    statements = tuple(statement for statement in policy.statements if statement.index not in gone)
    return Attached(name, replace(policy, statements=statements), text)


def difference(
    old: Mapping[str, Any], new: Mapping[str, Any], place: str = ""
) -> tuple[str, str, tuple[str, ...]] | None:
    """Return ``add`` or ``remove``, a list's place and values, if two statements differ by no more."""
    keys = [key for key in {**old, **new} if as_list(old.get(key)) != as_list(new.get(key))]
    if len(keys) != 1 or keys[0] not in old or keys[0] not in new:
        return None
    here = f"{place} {keys[0]}".strip()
    was, now = old[keys[0]], new[keys[0]]
    if isinstance(was, dict) and isinstance(now, dict):
        return difference(was, now, here)
    was, now = as_list(was), as_list(now)
    added = [each for each in now if each not in was]
    gone = [each for each in was if each not in now]
    if bool(added) == bool(gone):
        return None
    return ("add", here, tuple(added)) if added else ("remove", here, tuple(gone))


def as_list(value: Any) -> list[Any]:
    """Return an element of a policy as a list, as IAM reads it."""
    return value if isinstance(value, list) else [value]
