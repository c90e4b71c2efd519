"""Changes to a policy that refuses: the narrowest statement, and who owns the document.

A missing Allow is fixed by adding a statement for exactly this caller, these actions and this role,
with no fewer conditions than the nearest statement has. A stale principal is replaced in place. An
explicit Deny is never answered with an Allow: its statement is narrowed to exclude this call, or
removed. If one statement cannot express what it still denies, more statements are added.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from rolehop.arn import account_of
from rolehop.policy.chains.scenario import ChainScenario, ConfigLocation, default_location
from rolehop.policy.evaluation.evaluator import actions_refused
from rolehop.policy.evaluation.findings import Reason
from rolehop.policy.evaluation.model import PolicySet, PolicyType, PolicyVerdict, Request, Verdict
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.statements import Attached, Judged
from rolehop.policy.language.parser import Kind, parse_policy
from rolehop.policy.remedies.narrow_deny import exclude_request
from rolehop.policy.remedies.statement_conditions import (
    SuggestedConditions,
    collapse_singleton,
    subject_of,
    suggest_conditions,
)
from rolehop.startup.dataclass import dataclass, replace

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

    opened: tuple[str, ...] = ()
    """Role patterns on which this call's actions are no longer denied to this caller."""

    location: ConfigLocation | None = None
    """Where in the config the document is, if it is there."""

    @property
    def account(self) -> str | None:
        """The account that can make the change; ``None``: no account that is known here."""
        return self.member if self.owner is Owner.ACCOUNT else None


def policy_changes(
    verdict: Verdict,
    hop: int = 1,
    scenario: ChainScenario | None = None,
    policies: Sequence[PolicyVerdict] | None = None,
) -> tuple[PolicyChange, ...]:
    """Return one round of changes to ``policies`` that refuse.

    Empty if one of them cannot be fixed by a document (another partition, the root user), or if too
    little is known about the caller to let in no one else.

    Args:
        verdict: of the call of ``hop``.
        hop: its number, from 1; 0 is a federated source's own role.
        scenario: the chain that the call belongs to, if any.
        policies: of the verdict; all that refuse, if not given.
    """
    refused = verdict.refused if policies is None else policies
    found = [_changes_for(policy, verdict.request, hop, scenario) for policy in refused]
    return tuple(change for each in found for change in each) if all(found) else ()


def _changes_for(
    policy: PolicyVerdict, request: Request, hop: int, scenario: ChainScenario | None
) -> tuple[PolicyChange, ...]:
    if policy.findings[0].element.partition(" ")[0] in ("Caller", "Request"):
        return ()
    member = account_of(request.role) if policy.name in _OF_ROLE else request.caller.account
    if member is None:
        return ()
    builder = _ChangeBuilder(policy, request, hop, member, scenario)
    if policy.deciding is None or policy.findings[0].reason not in _IN_PLACE:
        return _one(builder.add_statement())
    if any(each.aws_managed for each in builder.documents if each.name == policy.deciding.document):
        return ()  # nobody can edit what AWS wrote
    if policy.findings[0].reason is Reason.EXPLICIT_DENY:
        return builder.excluded_from_deny(policy.deciding)
    return _one(builder.replace_principal(policy.deciding) or builder.add_statement())


def _one(change: PolicyChange | None) -> tuple[PolicyChange, ...]:
    return () if change is None else (change,)


_IN_PLACE = (Reason.EXPLICIT_DENY, Reason.DELETED_PRINCIPAL, Reason.OTHER_PARTITION)
_OF_ROLE = (PolicyType.TRUST, PolicyType.RCP)
_OWNERS = {PolicyType.SCP: Owner.ORGANIZATION, PolicyType.RCP: Owner.ORGANIZATION}


@dataclass(frozen=True, slots=True)
class _ChangeBuilder:
    policy: PolicyVerdict
    request: Request
    hop: int
    member: str
    scenario: ChainScenario | None

    @property
    def documents(self) -> tuple[Attached, ...]:
        """The documents of the policy."""
        return self.request.policy_set(self.policy.name).documents

    def _made(
        self,
        document: str,
        kind: ChangeKind,
        statement: Statement,
        index: int | None = None,
        asked: SuggestedConditions | None = None,
    ) -> PolicyChange:
        asked = asked or SuggestedConditions()
        owner = _OWNERS.get(self.policy.name, Owner.ACCOUNT)
        if self.policy.name is PolicyType.SESSION and document == self._session_policy():
            owner = Owner.CONFIG
        return PolicyChange(
            self.hop,
            self.policy.name,
            owner,
            self.member,
            document,
            kind,
            statement,
            index,
            tuple(asked.sent),
            tuple(asked.without),
            tuple(asked.waived),
            location=self._location() if owner is Owner.CONFIG else None,
        )

    def _location(self) -> ConfigLocation:
        """Return where the calling session is configured: its session policy is there."""
        before = max(self.hop - 1, 0)
        return (
            self.scenario.location(before)
            if self.scenario is not None
            else default_location(before)
        )

    def _session_policy(self) -> str:
        """Return the name of the session policy that is in the config itself."""
        return f"session policy of {'the source' if self.hop == 1 else f'hop {self.hop - 1}'}"

    def add_statement(self) -> PolicyChange | None:
        """Allow this caller what is refused, under the conditions of the nearest statement."""
        policy, request = self.policy, self.request
        actions = actions_refused(request, policy.name)
        statement: Statement = {"Effect": "Allow"}
        if policy.name is PolicyType.TRUST:
            principal = _principal(request.caller)
            if principal is None:
                return None
            statement["Principal"] = principal
        statement["Action"] = collapse_singleton(actions)
        if policy.name is not PolicyType.TRUST:
            statement["Resource"] = request.role
        inherited_tag_keys = (
            self.scenario.inherited_tag_keys(self.hop) if self.scenario is not None else ()
        )
        asked = suggest_conditions(
            policy.deciding, policy.name, request, actions, inherited_tag_keys
        )
        subject = subject_of(request.caller)
        if subject is not None and not asked.asks(subject):
            return None  # it would let in everyone with a token of that provider
        if asked.conditions:
            statement["Condition"] = asked.conditions
        return self._made(self._document(), ChangeKind.ADD, statement, asked=asked)

    def _document(self) -> str:
        """Return the document to add to: never an AWS managed one, nor one attached to others."""
        policy = self.policy
        names = [each.name for each in self.documents if not each.aws_managed]
        if policy.name is PolicyType.PERMISSIONS:
            return _own_policy(names, self.request.caller)
        if policy.name is PolicyType.SESSION:
            return self._session_policy()
        if policy.deciding is not None and policy.deciding.document in names:
            return policy.deciding.document
        return names[0] if names else f"{Kind[policy.name.name].value}, one of your own"

    def replace_principal(self, judged: Judged) -> PolicyChange | None:
        """Replace an ARN or ID that no longer matches the caller."""
        statement = _source(judged, self.documents)
        principal = _principal(self.request.caller)
        if statement is None or principal is None or "AWS" not in principal:
            return None
        named = principal["AWS"]
        written = _listed(statement["Principal"]["AWS"])
        # IAM refuses to save a document with a deleted principal, so the ID is dropped.
        still = [each for each in written if not _is_stale(each, named, self.request.caller)]
        statement["Principal"] = {
            **statement["Principal"],
            "AWS": collapse_singleton([*still, named]),
        }
        return self._made(judged.document, ChangeKind.REPLACE, statement, judged.statement.index)

    def excluded_from_deny(self, judged: Judged) -> tuple[PolicyChange, ...]:
        """Exclude this call from a Deny; replace it with statements that deny everything else."""
        written = _source(judged, self.documents)
        if written is None:
            return ()
        narrowed = exclude_request(
            written,
            judged.statement,
            self.request,
            has_roles=self.policy.name is not PolicyType.TRUST,
            shared=not _is_callers(judged.document, self.request.caller),
        )
        if narrowed is None:
            return ()
        first, *others = narrowed.left or (written,)
        kind = ChangeKind.REPLACE if narrowed.left else ChangeKind.REMOVE
        asked = SuggestedConditions(waived=[each.key for each in judged.statement.conditions])
        change = self._made(judged.document, kind, first, judged.statement.index, asked)
        beside = (self._made(judged.document, ChangeKind.ADD, each) for each in others)
        return (replace(change, denied=True, opened=narrowed.opened), *beside)


def _principal(caller: Caller) -> dict[str, str] | None:
    if caller.federated:
        return {"Federated": caller.provider} if caller.provider else None
    if caller.service:
        return {"Service": caller.service}
    return {"AWS": caller.named} if caller.named else None


def _own_policy(names: Sequence[str], caller: Caller) -> str:
    """Return an inline policy of the caller; managed and group policies affect others."""
    kind, _, path = (caller.named or "").split(":", 5)[-1].partition("/")
    own = f"{kind} {path.rpartition('/')[2]}"
    mine = (each for each in names if each.startswith("inline ") and each.endswith(f" of {own}"))
    return next(mine, f"a new inline policy of {own}")


def _is_stale(text: str, named: str, caller: Caller) -> bool:
    if ":" not in text and not text.isdigit():
        return text != "*"
    parts, mine = text.split(":", 2), named.split(":", 2)
    own = (caller.arn or "").split(":", 2)
    whole = text.endswith(f"::{caller.account}:root")
    return len(parts) == 3 and parts[1] != mine[1] and (whole or parts[2] in (mine[2], own[-1]))


def _is_callers(document: str, caller: Caller) -> bool:
    """True if a document applies to this caller only."""
    mine = document == _own_policy([document], caller)
    return mine or document.startswith("session policy of ")


# ---- making a change


def apply_changes(document: Mapping[str, Any], changes: Sequence[PolicyChange]) -> dict[str, Any]:
    """Return ``document`` (a policy as JSON) with ``changes`` applied."""
    statements: list[Statement | None] = [*_listed(document.get("Statement", []))]
    for change in changes:
        if change.kind is ChangeKind.ADD:
            statements.append(change.statement)
        elif change.index is not None:
            statements[change.index - 1] = (
                change.statement if change.kind is ChangeKind.REPLACE else None
            )
    return {**document, "Statement": [each for each in statements if each is not None]}


def with_policy_changes(request: Request, changes: Sequence[PolicyChange]) -> Request:
    """Return ``request`` as it is after ``changes``.

    Statements keep the numbers that they have in the current documents.
    """
    policies = dict(request.policies)
    for policy_type in dict.fromkeys(change.policy_type for change in changes):
        of_type = [change for change in changes if change.policy_type is policy_type]
        policies[policy_type] = _changed(
            request.policy_set(policy_type), of_type, Kind[policy_type.name]
        )
    return replace(request, policies=policies)


def _changed(shown: PolicySet, changes: Sequence[PolicyChange], kind: Kind) -> PolicySet:
    named = {change.document for change in changes}
    texts = {each.name: each.text for each in shown.documents if each.name in named and each.text}
    untouched = tuple(each for each in shown.documents if each.name not in texts)
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
    gone = {each.index for each in changes if each.kind is ChangeKind.REMOVE}
    standing = [each for each in changes if each.kind is not ChangeKind.REMOVE]
    text = json.dumps(apply_changes(json.loads(text), standing)) if standing else text
    policy = parse_policy(text, kind)
    statements = tuple(each for each in policy.statements if each.index not in gone)
    return Attached(name, replace(policy, statements=statements), text)


def _source(judged: Judged, documents: Sequence[Attached]) -> Statement | None:
    """Return the statement as JSON; ``None`` if the document's text is not available."""
    for document in documents:
        if document.name == judged.document and document.text:
            statements = _listed(json.loads(document.text)["Statement"])
            found: Statement = statements[judged.statement.index - 1]
            return found
    return None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
