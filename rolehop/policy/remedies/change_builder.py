"""Propose changes to a policy that refuses: the narrowest statement, and who owns the document.

A missing Allow is fixed by adding a statement for exactly this caller, these actions and this role,
with no fewer conditions than the nearest statement has. A stale principal is replaced in place. An
explicit Deny is never answered with an Allow: its statement is narrowed to exclude this call, or
removed. If one statement cannot express what it still denies, more statements are added.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from rolehop.base.arn import RoleArn, account_of, is_role
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.text import nearest
from rolehop.policy.context_keys import is_of_target
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.evaluator import actions_refused
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.policy.evaluation.model import PolicyType, PolicyVerdict, Request, Verdict
from rolehop.policy.evaluation.principals import Caller
from rolehop.policy.evaluation.statements import Attached, Judged
from rolehop.policy.inventory import IamInventory
from rolehop.policy.language.parser import Effect, PrincipalKind
from rolehop.policy.remedies.narrow_deny import exclude_request, listed_as
from rolehop.policy.remedies.policy_change import (
    NEW,
    ChangeKind,
    Owner,
    PolicyChange,
    Statement,
    apply_changes,
    as_list,
    difference,
    kind_of,
)
from rolehop.policy.remedies.quotas import INLINE, compact, inline_size, quota_of
from rolehop.policy.remedies.statement_conditions import (
    NOT_PINNED,
    SuggestedConditions,
    collapse_singleton,
    denies_other_sessions,
    has_sessions,
    names_session_value,
    subject_of,
    suggest_conditions,
)
from rolehop.policy.requests import ChainScenario, ConfigLocation, default_location

Json = dict[str, Any]
_OTHER_CALLER = (Reason.NOT_NAMED, Reason.OTHER_ACCOUNT, Reason.ANOTHER_KIND)
_LISTS = ("stringequals", "stringlike", "arnequals", "arnlike", "ipaddress")
_BESIDE_ASSUME_ROLE = ("sts:TagSession", "sts:SetSourceIdentity")


def extend(
    written: Json,
    wrong: Finding,
    request: Request,
    actions: Sequence[str],
    *,
    shared: bool,
    inventory: IamInventory | None = None,
) -> Json | None:
    """Return ``written`` with one value more; ``None``: it cannot be extended, or lets in others.

    Args:
        written: the statement as JSON.
        wrong: the only finding of it that is wrong.
        request: the call.
        actions: of the call, those that the policy refuses.
        shared: the statement applies to other callers as well.
        inventory: who is known to exist.
    """
    element, _, _ = wrong.element.partition(" ")
    if element == "Principal":
        return _with_principal(written, wrong, request, inventory)
    if element == "Condition" and "Principal" in written and _is_of_sts(written):
        listed = _with_caller(written, wrong, request)
        if listed is not None:
            return listed
    if shared:
        return None
    if element == "Action" and _is_of_sts(written) and _may_join(written, actions, request):
        return {**written, "Action": _more(written["Action"], actions)}
    if element == "Resource" and "Resource" in written and _is_of_sts(written):
        return {**written, "Resource": _more(written["Resource"], [request.role])}
    if element == "Condition":
        return _with_value(written, wrong, request)
    return None


def widened(written: Json, request: Request) -> tuple[str, ...]:
    """Return the resources of a statement besides the role: an action that joins it is for them too."""
    if "NotResource" in written:
        return ("all but its NotResource",)
    return tuple(each for each in as_list(written.get("Resource", [])) if each != request.role)


def _may_join(written: Json, actions: Sequence[str], request: Request) -> bool:
    """True if the actions give nothing on other roles, or only what goes with assuming them."""
    if not widened(written, request):
        return True
    assumes = {"sts:assumerole", "sts:*"} & {each.lower() for each in as_list(written["Action"])}
    return bool(assumes) and set(actions) <= set(_BESIDE_ASSUME_ROLE)


def _with_principal(
    written: Json, wrong: Finding, request: Request, inventory: IamInventory | None
) -> Json | None:
    principal, named = written.get("Principal"), request.caller.named
    provider = request.caller.provider or ""
    if isinstance(principal, dict) and "Federated" in principal and ":saml-provider/" in provider:
        # The conditions on an assertion have the same keys for every provider.
        return {
            **written,
            "Principal": {**principal, "Federated": _more(principal["Federated"], [provider])},
        }
    if wrong.reason not in _OTHER_CALLER or named is None or not isinstance(principal, dict):
        return None
    if "AWS" not in principal or not _allows_only(written, request.actions):
        return None
    listed = [e for e in as_list(principal["AWS"]) if not _is_misspelt(e, named, inventory)]
    return {**written, "Principal": {**principal, "AWS": collapse_singleton([*listed, named])}}


def _allows_only(written: Json, actions: Sequence[str]) -> bool:
    """True if a statement allows nothing but ``actions``: whoever joins it gets no more."""
    asked = {each.lower() for each in actions}
    return {each.lower() for each in as_list(written.get("Action", "*"))} <= asked


_ALIKE = 0.75


def _is_misspelt(text: str, named: str, inventory: IamInventory | None) -> bool:
    """True if a principal is nobody, and was surely meant to be ``named``.

    IAM's names are unique whatever their case (IAM user guide, "IAM identifiers"). Of another name
    it must be known that there is no such role.
    """
    if text == named or text.rpartition(":")[0] != named.rpartition(":")[0]:
        return False
    if text.casefold() == named.casefold():
        return True
    missing = (
        inventory is not None and is_role(text) and inventory.role_missing(RoleArn.parse(text))
    )
    return bool(missing) and bool(nearest(named, [text], cutoff=_ALIKE))


def _with_value(written: Json, wrong: Finding, request: Request) -> Json | None:
    """Add the value that the call has, unless the condition compares it, or is on the role itself.

    Beside ``${aws:ResourceTag/team}``, or as a tag of the role, it would always be met: a condition
    on the only role that the statement is for goes instead.
    """
    _, operator, key = wrong.element.split(" ", 2)
    if is_of_target(key):
        apart = names_session_value(as_list(written["Condition"][operator][key]))
        if widened(written, request) or (apart and has_sessions(request.caller)):
            return None
        return _without_condition(written, operator, key)
    values = request.context.lookup(key)
    if operator.lower().removesuffix("ifexists") not in _LISTS or key.lower() in NOT_PINNED:
        return None
    if key.lower() == "sts:externalid" and "Principal" in written:
        return None  # what the role's owner asks of a caller
    if not isinstance(values, tuple) or len(values) != 1 or set("*?$") & set(values[0]):
        return None
    made = deepcopy(written)
    keys = made["Condition"][operator]
    if any("${" in each for each in map(str, as_list(keys[key]))):
        return None
    keys[key] = _more(keys[key], values)
    return made


def _with_caller(written: Json, wrong: Finding, request: Request) -> Json | None:
    """Add the caller to a list of callers in a condition: it lets in nobody else."""
    _, operator, key = wrong.element.split(" ", 2)
    name = operator.lower().removesuffix("ifexists")
    if name not in _LISTS or "*" in as_list(written["Condition"][operator][key]):
        return None
    listed = as_list(written["Condition"][operator][key])
    value = listed_as(key.lower(), request, like=name.endswith("like"))
    if value is None or (value.endswith(":*") and not any(e.endswith(":*") for e in listed)):
        return None  # a list of sessions, by their names
    made = deepcopy(written)
    keys = made["Condition"][operator]
    keys[key] = _more(keys[key], [value])
    return made


def _without_condition(written: Json, operator: str, key: str) -> Json:
    left = deepcopy(written)
    conditions = left["Condition"]
    del conditions[operator][key]
    if not conditions[operator]:
        del conditions[operator]
    if not conditions:
        del left["Condition"]
    return left


def _is_of_sts(written: Json) -> bool:
    """True if the statement allows nothing but actions of STS."""
    actions = written.get("Action")
    return actions is not None and all(each.lower().startswith("sts:") for each in as_list(actions))


def _more(value: Any, others: Sequence[str]) -> Any:
    listed = as_list(value)
    return collapse_singleton([*listed, *(other for other in others if other not in listed)])


def policy_changes(
    verdict: Verdict,
    hop: int = 1,
    scenario: ChainScenario | None = None,
    policies: Sequence[PolicyVerdict] | None = None,
    *,
    with_external_id: bool = False,
) -> tuple[PolicyChange, ...]:
    """Return one round of changes to ``policies`` that refuse.

    Empty if one of them cannot be fixed by a document (another partition, the root user), or if too
    little is known about the caller to let in no one else.

    Args:
        verdict: of the call of ``hop``.
        hop: its number, from 1; 0 is a federated source's own role.
        scenario: the chain that the call belongs to, if any.
        policies: of the verdict; all that refuse, if not given.
        with_external_id: take it that the call sends the external ID that is required.
    """
    refused = verdict.refused if policies is None else policies
    found = [
        _changes_for(policy, verdict.request, hop, scenario, with_external_id=with_external_id)
        for policy in refused
    ]
    return tuple(change for each in found for change in each) if all(found) else ()


def _changes_for(
    policy: PolicyVerdict,
    request: Request,
    hop: int,
    scenario: ChainScenario | None,
    *,
    with_external_id: bool,
) -> tuple[PolicyChange, ...]:
    if policy.findings[0].element.partition(" ")[0] in ("Caller", "Request"):
        return ()
    owner = request.owner or account_of(request.role)
    member = owner if policy.name in _OF_ROLE else request.caller.account
    no_policy = policy.name is PolicyType.TRUST and not request.policy_set(policy.name).there
    if member is None or no_policy:
        return ()  # the resource can have no policy that would open it to another account
    builder = _ChangeBuilder(policy, request, hop, member, scenario, with_external_id)
    if policy.deciding is None:
        return _one(builder.add_statement())
    if policy.findings[0].reason not in _IN_PLACE:
        return _one(builder.extend_statement(policy.deciding) or builder.add_statement())
    if any(
        document.aws_managed
        for document in builder.documents
        if document.name == policy.deciding.document
    ):
        return ()  # only AWS can edit it
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
    with_external_id: bool = False

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
        of_session = self.policy.name is PolicyType.SESSION and document == self._session_policy()
        if of_session or self.policy.name is PolicyType.SCOPE:
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
            is_new=document not in [each.name for each in self.documents],
        )

    def _location(self) -> ConfigLocation:
        """Return where the calling session is configured: its session policy is there."""
        if self.policy.name is PolicyType.SCOPE:
            return ConfigLocation("the scope of the chain")
        before = max(self.hop - 1, 0)
        return (
            self.scenario.location(before)
            if self.scenario is not None
            else default_location(before)
        )

    @property
    def _pin_tags(self) -> bool:
        return self.scenario is not None and self.scenario.context.pin_tags

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
            if _names_sessions(policy) and request.caller.arn is not None:
                principal = {"AWS": request.caller.arn}
            statement["Principal"] = principal
        statement["Action"] = collapse_singleton(actions)
        if policy.name is not PolicyType.TRUST or request.owner is not None:
            if request.role == ANY_RESOURCE:
                return None
            # "In a key policy, the value of the Resource element is "*"" (KMS developer guide).
            of_key = policy.name is PolicyType.TRUST and request.role.split(":")[2:3] == ["kms"]
            statement["Resource"] = "*" if of_key else request.role
        inherited_tag_keys = (
            self.scenario.inherited_tag_keys(self.hop) if self.scenario is not None else ()
        )
        asked = suggest_conditions(
            policy.deciding,
            policy.name,
            request,
            actions,
            inherited_tag_keys,
            pin_tags=self._pin_tags,
            shared=not self._is_of_caller_only(self._document()),
        )
        if asked.lets_in_sessions or (asked.external_id_unmet and not self.with_external_id):
            return None
        if asked.external_id_unmet:
            asked.conditions = {}
        subject = subject_of(request.caller)
        if subject is not None and not asked.asks(subject):
            return None  # it would let in everyone with a token of that provider
        if asked.conditions:
            statement["Condition"] = asked.conditions
        document, full = self._with_room(self._document(), statement)
        change = self._made(document, ChangeKind.ADD, statement, asked=asked)
        services = self._services() if not request.caller.outside else ()
        return replace(change, instead_of=full, services=services, over=self._over(change))

    def _services(self) -> tuple[str, ...]:
        """Return the services that a role trusts, if it trusts nobody but services."""
        if self.policy.name is not PolicyType.TRUST or self.request.owner is not None:
            return ()
        statements = [each for document in self.documents for each in document.policy.statements]
        allows = [each for each in statements if each.effect is Effect.ALLOW]
        named = [one for each in allows for one in each.principals or ()]
        only = bool(named) and all(one.kind is PrincipalKind.SERVICE for one in named)
        return tuple(dict.fromkeys(one.text for one in named)) if only else ()

    def _with_room(self, document: str, statement: Statement) -> tuple[str, str | None]:
        """Return the document to add to, and the one that has no room left, if that is another."""
        kind, _, path = (self.request.caller.named or "").split(":", 5)[-1].partition("/")
        own = f"{kind} {path.rpartition('/')[2]}"
        inline = document.startswith(("inline ", "a new inline "))
        if self.policy.name is not PolicyType.PERMISSIONS or not inline:
            return document, None
        size = inline_size(self.documents, own) + len(compact(statement)) + 1
        if size <= INLINE.get(kind, size):
            return document, None
        return f"a new managed policy for {own}", f"the inline policies of {own}"

    def _over(self, change: PolicyChange) -> int | None:
        """Return the quota that the changed document exceeds; ``None``: it has room."""
        quota = quota_of(kind_of(self.policy.name, self.request), self.request.role)
        before = next((e.text for e in self.documents if e.name == change.document), "")
        after = apply_changes(json.loads(before or json.dumps(NEW)), [change])
        return quota if quota is not None and len(compact(after)) > quota else None

    def extend_statement(self, judged: Judged) -> PolicyChange | None:
        """Add what is missing to the statement that nearly allows the call.

        ``None`` if more than one element is wrong, or if it would let in others as well.
        """
        wrong = [finding for finding in judged.findings if finding.truth is Truth.FALSE]
        written = _source(judged, self.documents)
        if len(wrong) != 1 or written is None or not self._is_original(judged):
            return None
        if self.request.owner is not None:
            return None  # its other actions, or its other resources, would be allowed as well
        actions = actions_refused(self.request, self.policy.name)
        if self._pin_tags and "sts:TagSession" in actions:
            return None
        extended = extend(
            written,
            wrong[0],
            self.request,
            actions,
            shared=not self._is_for_caller_only(judged, written),
            inventory=None if self.scenario is None else self.scenario.context.inventory,
        )
        if extended is None:
            return None
        kind, _, rest = wrong[0].element.partition(" ")
        keys = [rest.partition(" ")[2]] if kind == "Condition" else []
        keys = [key for key in keys if key.lower() not in ("aws:principalarn", "aws:userid")]
        gone = [key for key in keys if is_of_target(key)]
        change = self._made(
            judged.document,
            ChangeKind.REPLACE,
            extended,
            judged.statement.index,
            SuggestedConditions(sent=[] if gone else keys, waived=gone),
        )
        change = replace(change, listed=difference(written, extended))
        if kind != "Action" or self.policy.name is PolicyType.TRUST:
            return change
        others = widened(written, self.request)
        return replace(change, widened=others, actions_added=tuple(actions) if others else ())

    def _is_original(self, judged: Judged) -> bool:
        """True if the statement is in the document as it is now, not one that was just added."""
        request = self.request
        if self.scenario is not None:
            request = self.scenario.requests().get(self.hop, request)
        return any(
            document.name == judged.document
            and not document.aws_managed
            and any(one.index == judged.statement.index for one in document.policy.statements)
            for document in request.policy_set(self.policy.name).documents
        )

    def _is_for_caller_only(self, judged: Judged, written: Statement) -> bool:
        """True if the statement applies to no other caller."""
        caller = self.request.caller
        if self.policy.name is not PolicyType.TRUST:
            return self._is_of_caller_only(judged.document)
        principal = written.get("Principal")
        if not isinstance(principal, dict) or list(principal) != ["AWS"]:
            return False
        return set(as_list(principal["AWS"])) <= {caller.named, caller.arn}

    def _is_of_caller_only(self, document: str) -> bool:
        """True if a document applies to this caller only."""
        caller = self.request.caller
        known = self.scenario is not None and self.scenario.context.inventory
        mine = document == _own_policy([document], caller)
        once = known and known.is_of_one(document, caller.named)
        return mine or bool(once) or document.startswith("session policy of ")

    def _document(self) -> str:
        """Return the document to add to: never an AWS managed one, nor one attached to others."""
        policy = self.policy
        names = [document.name for document in self.documents if not document.aws_managed]
        if policy.name is PolicyType.PERMISSIONS:
            return _own_policy(names, self.request.caller)
        if policy.name is PolicyType.SESSION:
            return self._session_policy()
        if policy.deciding is not None and policy.deciding.document in names:
            return policy.deciding.document
        kind = kind_of(policy.name, self.request)
        return names[0] if names else f"{kind.value}, one of your own"

    def replace_principal(self, judged: Judged) -> PolicyChange | None:
        """Replace an ARN or ID that no longer matches the caller."""
        statement = _source(judged, self.documents)
        principal = _principal(self.request.caller)
        if statement is None or principal is None or "AWS" not in principal:
            return None
        named = principal["AWS"]
        written = as_list(statement["Principal"]["AWS"])
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
        if written is None or self._is_guarded(judged):
            return ()
        narrowed = exclude_request(
            written,
            judged.statement,
            self.request,
            has_roles=self.policy.name is not PolicyType.TRUST or self.request.owner is not None,
            shared=not self._is_of_caller_only(judged.document),
        )
        if narrowed is None:
            return ()
        first, *others = narrowed.left or (written,)
        kind = ChangeKind.REPLACE if narrowed.left else ChangeKind.REMOVE
        asked = SuggestedConditions(
            waived=[condition.key for condition in judged.statement.conditions]
        )
        change = self._made(judged.document, kind, first, judged.statement.index, asked)
        beside = (self._made(judged.document, ChangeKind.ADD, other) for other in others)
        replaced = replace(
            change,
            denied=True,
            parts=1 + len(others),
            opened=narrowed.opened,
            exempts=narrowed.exempts,
            spares=narrowed.spares,
            loosened=narrowed.loosened,
            listed=difference(written, first),
        )
        return (replaced, *beside)

    def _is_guarded(self, judged: Judged) -> bool:
        """True if a Deny cannot be narrowed for this call alone.

        It asks for an external ID, which is never waived, or it tells sessions apart.
        """
        conditions = judged.statement.conditions
        if any(condition.key.lower() == "sts:externalid" for condition in conditions):
            return True
        shared = has_sessions(self.request.caller)
        return shared and any(map(denies_other_sessions, conditions))


def _principal(caller: Caller) -> dict[str, str] | None:
    if caller.federated:
        return {"Federated": caller.provider} if caller.provider else None
    if caller.service:
        return {"Service": caller.service}
    return {"AWS": caller.named} if caller.named else None


def _names_sessions(policy: PolicyVerdict) -> bool:
    """True if the nearest statement trusts another session of the same role: not all of them."""
    return any(finding.reason is Reason.OTHER_SESSION for finding in policy.findings)


def _own_policy(names: Sequence[str], caller: Caller) -> str:
    """Return an inline policy of the caller; managed and group policies affect others."""
    kind, _, path = (caller.named or "").split(":", 5)[-1].partition("/")
    if path.startswith("aws-reserved/sso.amazonaws.com/"):
        # Its policies come from there (IAM Identity Center user guide, "Permission sets").
        name = path.rpartition("/")[2].removeprefix("AWSReservedSSO_").rpartition("_")[0]
        return f"permission set {name} in IAM Identity Center"
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


def _source(judged: Judged, documents: Sequence[Attached]) -> Statement | None:
    """Return the statement as JSON; ``None`` if the document's text is not available."""
    for document in documents:
        if document.name == judged.document and document.text:
            statements = as_list(json.loads(document.text)["Statement"])
            found: Statement = statements[judged.statement.index - 1]
            return found
    return None
