"""Evaluate a request against six types of policy, each allowed, refused or unknown.

The rules, from the IAM user guide ("Policy evaluation logic", "Cross-account policy
evaluation") for ``sts:AssumeRole`` and its relatives:

* An explicit Deny that applies, in any policy, refuses. The default is to refuse.
* The trust policy must always allow the caller.
* Across accounts the caller's permissions, boundary and session policy must allow it as well.
* Within one account it depends on how the trust policy names the caller: the user or session
  itself needs nothing more; its role (or ``*``) no permissions, yet boundary and session policy
  limit it; the account, all three.
* SCPs of the caller's account and RCPs of the role's account are judged where they are given,
  and assumed to allow where they are not.
* For any other call (`Request.owner`) the resource's own policy stands in place of the trust policy;
  `call_rules` says where it must allow, may, or cannot exist.

In three-valued logic: policy = no Deny applies AND (an Allow applies OR it is not needed);
verdict = all policies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolehop.base.arn import account_of, partition_of
from rolehop.base.dataclass import replace
from rolehop.policy.evaluation.call_rules import SCOPE_CALL
from rolehop.policy.evaluation.findings import (
    Finding,
    Reason,
    Truth,
    every,
    some,
    truth_of,
    wrong_first,
)
from rolehop.policy.evaluation.model import (
    NOT_VISIBLE,
    Outcome,
    PolicySet,
    PolicyType,
    PolicyVerdict,
    Request,
    Verdict,
)
from rolehop.policy.evaluation.principals import MatchKind
from rolehop.policy.evaluation.statements import Call, Judged, judge_documents
from rolehop.policy.language.parser import Effect


def by_document(allows: Sequence[Judged]) -> dict[str, Truth]:
    """Return, for each document with an Allow, whether it allows this call."""
    levels: dict[str, Truth] = {}
    for allow in allows:
        levels[allow.document] = some((levels.get(allow.document, Truth.FALSE), allow.truth))
    return levels


def on_all(levels: Mapping[str, Truth]) -> Truth:
    """Return the result if it is the same for one level and for several."""
    together, apart = some(levels.values()), every(levels.values())
    return together if together is apart else Truth.UNKNOWN


def on_levels(levels: Sequence[frozenset[str]], allows: Sequence[Judged]) -> Truth:
    """Return the result if the levels are known: some document of each must allow."""
    return every(some(e.truth for e in allows if e.document in names) for names in levels)


def of_refusing_level(
    levels: Sequence[frozenset[str]], allows: Sequence[Judged]
) -> Sequence[Judged]:
    """Return the Allow statements of the first level on which none applies."""
    for names in levels:
        here = [allow for allow in allows if allow.document in names]
        if some(each.truth for each in here) is Truth.FALSE:
            return here
    return allows


def depends(levels: Mapping[str, Truth]) -> Finding | None:
    """Return a finding if some documents allow and others do not: it depends on the levels."""
    allowing, others = (
        [name for name, each in levels.items() if each is truth]
        for truth in (Truth.TRUE, Truth.FALSE)
    )
    if not (allowing and others):
        return None
    found = f"{', '.join(allowing)} would allow it, and {', '.join(others)} would not"
    return Finding(
        "Document", Truth.UNKNOWN, Reason.LEVELS_UNKNOWN, "an Allow on each level", found
    )


def impossible_for(request: Request) -> Finding | None:
    """Return why no policy could allow this call; ``None`` if one could."""
    if request.impossible is not None or request.owner is not None:
        return request.impossible
    caller = request.caller
    if is_service_linked(request.role) and not _is_linked_to(request.role, caller.service):
        wanted = "the AWS service that the role is linked to: no one else can assume it"
        return Finding("Caller", Truth.FALSE, Reason.SERVICE_LINKED, wanted, caller.shown)
    if caller.is_root:
        return Finding(
            "Caller", Truth.FALSE, Reason.ROOT_CALLER, "an IAM user or a session", caller.arn
        )
    if caller.arn is not None and ":federated-user/" in caller.arn:
        # GetFederationToken, STS API reference: of STS, such a session may call GetCallerIdentity.
        wanted = "an IAM user or a role's session"
        return Finding("Caller", Truth.FALSE, Reason.FEDERATED_USER, wanted, caller.arn)
    partition = partition_of(request.role)
    if caller.partition is not None and caller.partition != partition:
        return Finding(
            "Caller", Truth.FALSE, Reason.OTHER_PARTITION, f"a caller in {partition}", caller.arn
        )
    return None


def is_service_linked(role: str | None) -> bool:
    """True if neither SCPs nor RCPs apply to this role (Organizations user guide)."""
    return role is not None and ":role/aws-service-role/" in role


def _is_linked_to(role: str, service: str | None) -> bool:
    """True if a service-linked role is ``service``'s own, by its path.

    The trust policy of such a role cannot be edited (IAM user guide, "Service-linked roles").
    """
    return service is not None and f":role/aws-service-role/{service}/" in role


GUARDRAILS = (PolicyType.SCP, PolicyType.RCP)
"""Types of policy that are assumed to allow if nobody gave any."""


def unknowns_of(policies: Sequence[PolicyVerdict]) -> tuple[str, ...]:
    """Return what would settle an unknown verdict: condition keys, ``caller``, types of policy."""
    found: dict[str, None] = {}
    for policy in policies:
        if policy.outcome is Outcome.NOT_VISIBLE and policy.name in GUARDRAILS:
            continue
        if policy.outcome in (Outcome.NOT_VISIBLE, Outcome.UNKNOWN):
            for finding in (*policy.findings, *(f for each in policy.open for f in each.findings)):
                found.update(dict.fromkeys(_unknown(finding, policy.name)))
    return tuple(found)


def _unknown(finding: Finding, policy_type: PolicyType) -> tuple[str, ...]:
    match finding.reason:
        case Reason.KEY_UNKNOWN:
            return (finding.element.split(" ", 2)[2],)  # a tag's key may hold blanks
        case Reason.VARIABLE_UNKNOWN if finding.found and finding.element != "Resource":
            return (finding.found,)
        case Reason.CALLER_UNKNOWN:
            return ("caller",)
        case Reason.RESOURCE_UNNAMED:
            return ("--resource",)
        case Reason.NOT_VISIBLE | Reason.MALFORMED_DOCUMENT | Reason.LEVELS_UNKNOWN:
            return (policy_type.value,)
        case _ if finding.truth is Truth.UNKNOWN and finding.element != "Effect":
            return (finding.element,)
        case _:
            return ()


def evaluate(request: Request) -> Verdict:
    """Evaluate ``request``. Pure; the time is linear in the size of its documents."""
    verdict = _whoever_owns_it(request)
    resting = _required_assumptions(request, verdict)
    return replace(verdict, assuming=(*verdict.assuming, *resting)) if resting else verdict


def _required_assumptions(request: Request, verdict: Verdict) -> tuple[str, ...]:
    """Return the keys that the user supplied and without which the verdict would differ."""
    supplied = request.context.supplied

    def without(*keys: str) -> bool:
        other = _whoever_owns_it(replace(request, context=request.context.without(*keys)))
        return (other.outcome, other.unknowns) != (verdict.outcome, verdict.unknowns)

    # Each of two may be enough by itself: then it rests on both.
    return tuple(key for key in supplied if without(key)) or (
        supplied if len(supplied) > 1 and without(*supplied) else ()
    )


def _whoever_owns_it(request: Request) -> Verdict:
    """Evaluate a request; it is unknown if it rests on a guess whose the resource is."""
    verdict = _evaluated(request)
    if not request.elsewhere or verdict.outcome is Outcome.UNKNOWN:
        return verdict
    others = {_evaluated(each).outcome for each in request.elsewhere} - {verdict.outcome}
    # If its policy is hidden, so is what it says to another account: then it is named as assumed.
    hidden = request.policy_set(PolicyType.TRUST) == NOT_VISIBLE
    if not others - ({Outcome.UNKNOWN} if hidden and verdict.outcome is Outcome.ALLOWED else set()):
        return verdict
    return replace(verdict, outcome=Outcome.UNKNOWN, unknowns=("aws:ResourceAccount",), assuming=())


def _evaluated(request: Request) -> Verdict:
    by_action = [_judge_action(request, action) for action in request.actions]
    by_action += [_evaluate_optional_action(request, action) for action in request.possible_actions]
    types = _types(request)
    policies = tuple(_worst([policies[name] for policies in by_action]) for name in types)
    outcome = _join(policies, request)
    return Verdict(
        request=request,
        outcome=outcome,
        policies=policies,
        unknowns=unknowns_of(policies) if outcome is Outcome.UNKNOWN else (),
        assuming=_assuming(request, policies) if outcome is Outcome.ALLOWED else (),
    )


def actions_refused(request: Request, policy_type: PolicyType) -> tuple[str, ...]:
    """Return the actions that ``policy_type`` refuses; if it refuses none, those that are open."""
    outcomes = {
        action: _judge_action(request, action)[policy_type].outcome for action in request.actions
    }
    refused = tuple(a for a, outcome in outcomes.items() if outcome is Outcome.REFUSED)
    return refused or tuple(a for a, outcome in outcomes.items() if outcome is Outcome.UNKNOWN)


def _join(policies: Sequence[PolicyVerdict], request: Request) -> Outcome:
    # Most resources need no policy of their own; a hidden one is assumed not to deny.
    spared = request.within_account and not any(map(request.needs_resource_policy, request.actions))
    assumed = (*GUARDRAILS, *((PolicyType.TRUST,) if spared else ()))
    outcomes = {
        policy.outcome
        for policy in policies
        if policy.outcome is not Outcome.NOT_VISIBLE or policy.name not in assumed
    }
    if Outcome.REFUSED in outcomes:
        return Outcome.REFUSED
    if outcomes & {Outcome.UNKNOWN, Outcome.NOT_VISIBLE}:
        return Outcome.UNKNOWN
    return Outcome.ALLOWED


_WORST = (
    Outcome.REFUSED,
    Outcome.UNKNOWN,
    Outcome.NOT_VISIBLE,
    Outcome.ALLOWED,
    Outcome.NOT_APPLICABLE,
)


def _worst(policies: Sequence[PolicyVerdict]) -> PolicyVerdict:
    if len(policies) == 1:  # of a call for a role alone, without tags
        return policies[0]
    return min(policies, key=lambda policy: _WORST.index(policy.outcome))


def _judge_action(request: Request, action: str) -> dict[PolicyType, PolicyVerdict]:
    caller = request.caller
    call = Call(action, request.role, caller, request.context, bounded=_is_bounded(request))
    types = _types(request)
    judged = {name: judge_documents(request.policy_set(name).documents, call) for name in types}
    if PolicyType.SCOPE in judged:
        judged[PolicyType.SCOPE] = tuple(map(_as_documented, judged[PolicyType.SCOPE]))
    trust = judged[PolicyType.TRUST]
    needed = _needed(request, trust, action)
    grants = [each for each in trust if each.statement.effect is Effect.ALLOW]
    return {
        name: _judge_policy(name, request, action, judged[name], needed[name], grants)
        for name in types
    }


_OF_ANY_SESSION = tuple(name for name in PolicyType if name is not PolicyType.SCOPE)


def _types(request: Request) -> tuple[PolicyType, ...]:
    return tuple(PolicyType) if PolicyType.SCOPE in request.policies else _OF_ANY_SESSION


def _as_documented(judged: Judged) -> Judged:
    """Return a statement of a scope's policy as far as AWS says what such a policy does.

    It states the most that the session may do (IAM user guide, "Permissions for
    GetScopedCredentials"). What a Deny, NotAction, NotResource, a condition or a variable mean in it
    could not be read.
    """
    statement, resources = judged.statement, judged.statement.resources
    plain = (
        statement.effect is Effect.ALLOW
        and not statement.conditions
        and statement.actions is not None
        and resources is not None
        and not any(each.has_variable for each in resources)
    )
    if plain or judged.truth is not Truth.TRUE:
        return judged
    wanted = "a plain Allow"
    open_ = Finding("scope-statement", Truth.UNKNOWN, Reason.SCOPE_UNDOCUMENTED, wanted)
    return replace(judged, truth=Truth.UNKNOWN, findings=(open_, *judged.findings))


def _is_bounded(request: Request) -> Truth:
    """Return whether the caller has a permissions boundary."""
    shown = request.policy_set(PolicyType.BOUNDARY)
    if request.caller.outside or not shown.there:
        return Truth.FALSE
    return Truth.UNKNOWN if shown == NOT_VISIBLE else Truth.TRUE


def _evaluate_optional_action(request: Request, action: str) -> dict[PolicyType, PolicyVerdict]:
    """Evaluate an action that may not be requested at all: a refusal is then only possible."""
    open_ = (source_unseen(request.unseen or "", action),)
    return {
        name: policy
        if policy.outcome is not Outcome.REFUSED
        else replace(policy, outcome=Outcome.UNKNOWN, findings=open_)
        for name, policy in _judge_action(request, action).items()
    }


def source_unseen(name: str, what: str | None = None) -> Finding:
    """Return that it is open what the source's session carries; ``what``: the action at stake."""
    wanted = "a source whose session can be seen"
    return Finding(name, Truth.UNKNOWN, Reason.SOURCE_UNSEEN, wanted, what)


def _needed(request: Request, trust: Sequence[Judged], action: str) -> dict[PolicyType, Truth]:
    """Return whether each policy must hold an Allow, if it is not beside the point."""
    caller = request.caller
    allows = [each for each in trust if each.statement.effect is Effect.ALLOW]
    # An unseen statement may name the caller in any way.
    unseen = Truth.UNKNOWN if request.policy_set(PolicyType.TRUST).missing else Truth.FALSE
    direct = some((unseen, *(allow.applies_by(MatchKind.DIRECT) for allow in allows)))
    by_role = some(
        (unseen, *(allow.applies_by(MatchKind.ROLE, MatchKind.ANYONE) for allow in allows))
    )
    # Whether a boundary or session policy limits a grant to "*" is not documented.
    anyone = some(allow.applies_by(MatchKind.ANYONE) for allow in allows)
    unlimited = some((direct, every((anyone, Truth.UNKNOWN))))
    across = Truth.UNKNOWN
    if caller.account is not None:
        across = truth_of(caller.account != (request.owner or account_of(request.role)))
    if action == SCOPE_CALL:
        return _NEEDED_TO_NARROW
    always = request.needs_resource_policy(action)
    limits = some((across, ~unlimited))
    granted = some((unseen, *(allow.truth for allow in allows)))
    return {
        PolicyType.TRUST: Truth.TRUE if always else across,
        PolicyType.PERMISSIONS: some((across, ~some((direct, by_role)))),
        PolicyType.BOUNDARY: limits,
        PolicyType.SESSION: limits,
        # What it makes of a grant by the resource's own policy could not be read.
        PolicyType.SCOPE: some((~granted, Truth.UNKNOWN)),
        PolicyType.SCP: Truth.TRUE,
        # RCPFullAWSAccess gives the Allow; customers write Deny only (Organizations user guide).
        PolicyType.RCP: Truth.FALSE,
    }


_NEEDED_TO_NARROW = dict.fromkeys(PolicyType, Truth.UNKNOWN)
"""Whether GetScopedCredentials must be allowed, and by which policies, could not be read."""


def _judge_policy(
    name: PolicyType,
    request: Request,
    action: str,
    judged: Sequence[Judged],
    needed: Truth,
    grants: Sequence[Judged],
) -> PolicyVerdict:
    shown = request.policy_set(name)
    impossible = impossible_for(request) if name is PolicyType.TRUST else None
    if impossible is not None and impossible.truth is Truth.FALSE:
        return PolicyVerdict(name, Outcome.REFUSED, action, None, (impossible,))
    if _is_beside_the_point(name, shown, request):
        if impossible is not None:
            return PolicyVerdict(name, Outcome.UNKNOWN, action, None, (impossible,))
        return PolicyVerdict(name, Outcome.NOT_APPLICABLE, action, None, ())
    denies = [each for each in judged if each.statement.effect is Effect.DENY]
    allows = [each for each in judged if each.statement.effect is Effect.ALLOW]
    unseen = Truth.UNKNOWN if shown.missing else Truth.FALSE
    denied = some((*(deny.truth for deny in denies), unseen))
    if name is PolicyType.RCP and request.rcps_cover is Truth.UNKNOWN and denied is Truth.TRUE:
        return _not_surely_covered(action, denies)
    levels = by_document(allows) if name is PolicyType.SCP and not shown.levels else {}
    granted = on_all(levels) if levels else some(allow.truth for allow in allows)
    if shown.levels:
        granted = on_levels(shown.levels, allows)
    allowed = some((granted, unseen))
    enough = some((allowed, ~needed))
    if denied is Truth.TRUE:
        return _denied(name, action, denies)
    if enough is Truth.FALSE:
        return _not_allowed(name, action, of_refusing_level(shown.levels, allows))
    if impossible is not None:
        return PolicyVerdict(name, Outcome.UNKNOWN, action, None, (impossible,))
    if every((~denied, enough)) is Truth.TRUE:
        return _fine(request, name, action, allows, allowed)
    policy = _open(name, action, denies, () if allowed is Truth.TRUE else allows, shown)
    if needed is Truth.UNKNOWN and allowed is not Truth.TRUE:
        policy = _open_grants(policy, grants)
        policy = _open_by_scope(policy, action)
    open_ = depends(levels)
    if open_ is None:
        return policy
    return replace(policy, findings=(open_, *policy.findings))


def _open_by_scope(policy: PolicyVerdict, action: str) -> PolicyVerdict:
    """Add what of scopes leaves ``policy`` open, if it does: what it must allow is not documented."""
    is_call = action == SCOPE_CALL
    if policy.outcome is Outcome.NOT_VISIBLE or not (is_call or policy.name is PolicyType.SCOPE):
        return policy
    element = "scope-permission" if is_call else "scope-limits"
    open_ = Finding(element, Truth.UNKNOWN, Reason.SCOPE_UNDOCUMENTED, "an Allow", action)
    return replace(policy, findings=(*policy.findings, open_))


def _is_beside_the_point(name: PolicyType, shown: PolicySet, request: Request) -> bool:
    caller = request.caller
    if not shown.there:
        # Across accounts, a resource that has no policy is open to nobody.
        return name is not PolicyType.TRUST or request.within_account
    if name is PolicyType.TRUST:
        return False
    if name is PolicyType.RCP:
        return is_service_linked(request.role) or is_service_linked(caller.role)
    if name is PolicyType.SCP and is_service_linked(caller.role):
        return True
    return caller.outside


def _denied(name: PolicyType, action: str, denies: Sequence[Judged]) -> PolicyVerdict:
    deciding = next(deny for deny in denies if deny.truth is Truth.TRUE)
    finding = Finding("Effect", Truth.FALSE, Reason.EXPLICIT_DENY, "no Deny that applies", "Deny")
    return PolicyVerdict(name, Outcome.REFUSED, action, deciding, (finding, *deciding.findings))


def _not_surely_covered(action: str, denies: Sequence[Judged]) -> PolicyVerdict:
    """An RCP denies a call to a service of which it is not known if RCPs cover it."""
    deciding = next(deny for deny in denies if deny.truth is Truth.TRUE)
    wanted, service = "a service that RCPs cover", action.partition(":")[0]
    open_ = Finding("rcp-coverage", Truth.UNKNOWN, Reason.SERVICE_UNLISTED, wanted, service)
    return PolicyVerdict(PolicyType.RCP, Outcome.UNKNOWN, action, deciding, (open_,))


def _not_allowed(name: PolicyType, action: str, allows: Sequence[Judged]) -> PolicyVerdict:
    nearest = min(allows, key=_distance, default=None)
    if nearest is None:
        finding = Finding(
            "Document", Truth.FALSE, Reason.NO_ALLOW, f"a statement that allows {action}"
        )
        return PolicyVerdict(name, Outcome.REFUSED, action, None, (finding,))
    return PolicyVerdict(name, Outcome.REFUSED, action, nearest, wrong_first(nearest.findings))


def _distance(judged: Judged) -> int:
    """Return how far a statement is from applying; the nearest one explains the most."""
    wrong = (finding for finding in judged.findings if finding.truth is Truth.FALSE)
    return sum(_WEIGHTS.get(each.element, 2) + _FAR.get(each.reason, 0) for each in wrong)


_WEIGHTS = {"Action": 6, "Resource": 5, "Principal": 4}
_FAR = {Reason.NOT_NAMED: 2, Reason.OTHER_ACCOUNT: 2, Reason.ANOTHER_KIND: 20}


def _fine(
    request: Request, name: PolicyType, action: str, allows: Sequence[Judged], allowed: Truth
) -> PolicyVerdict:
    if allowed is Truth.TRUE:
        deciding = next(allow for allow in allows if allow.truth is Truth.TRUE)
        return PolicyVerdict(name, Outcome.ALLOWED, action, deciding, deciding.findings)
    if name is PolicyType.RCP:
        return PolicyVerdict(name, Outcome.ALLOWED, action, None, ())
    wanted = "nothing: the trust policy names the caller, who is of the role's own account"
    if request.owner is not None:
        wanted = "nothing: the resource's own policy names the caller, who is of its account"
    if name is PolicyType.TRUST:
        wanted = "nothing: within one account the caller's own policies are enough"
    finding = Finding("Document", Truth.TRUE, Reason.NOT_NEEDED, wanted)
    return PolicyVerdict(name, Outcome.NOT_APPLICABLE, action, None, (finding,))


def _open(
    name: PolicyType,
    action: str,
    denies: Sequence[Judged],
    allows: Sequence[Judged],
    shown: PolicySet,
) -> PolicyVerdict:
    may_deny = [deny for deny in denies if deny.truth is Truth.UNKNOWN]
    may_allow = [allow for allow in allows if allow.truth is Truth.UNKNOWN]
    unclear = (*may_deny, *may_allow)
    findings: list[Finding] = []
    deciding = unclear[0] if unclear else None
    if may_deny:
        findings.append(
            Finding("Effect", Truth.UNKNOWN, Reason.POSSIBLE_DENY, "no Deny that applies", "Deny")
        )
    if deciding is not None:
        findings.extend(wrong_first(deciding.findings))
    if shown.missing:
        reason = Reason.MALFORMED_DOCUMENT if shown.malformed else Reason.NOT_VISIBLE
        findings.append(Finding("Document", Truth.UNKNOWN, reason, ", ".join(shown.missing)))
    hidden = bool(shown.missing) and not shown.documents and not shown.malformed
    outcome = Outcome.NOT_VISIBLE if hidden else Outcome.UNKNOWN
    return PolicyVerdict(name, outcome, action, deciding, tuple(findings), tuple(unclear))


def _open_grants(policy: PolicyVerdict, grants: Sequence[Judged]) -> PolicyVerdict:
    """Add why it is not known whether ``policy`` has to allow: it depends on the trust policy."""
    if policy.outcome is Outcome.NOT_VISIBLE:
        return policy
    unclear = tuple(grant for grant in grants if grant.truth is Truth.UNKNOWN)
    findings = policy.findings
    if any(grant.applies_by(MatchKind.ANYONE) is Truth.TRUE for grant in grants):
        wanted = "a trust policy that names the caller"
        open_ = Finding("wildcard-grant", Truth.UNKNOWN, Reason.WILDCARD_LIMITS, wanted, "*")
        findings = (*findings, open_)
    first = unclear[0] if unclear and not findings else None
    if first is not None:
        findings = wrong_first(first.findings)
    return replace(policy, findings=findings, open=(*policy.open, *unclear))


# Whether AWS judges these keys for TagSession and SetSourceIdentity, too, is not documented.
_UNSETTLED_KEYS = ("sts:externalid", "sts:rolesessionname")


def _assuming(request: Request, policies: Sequence[PolicyVerdict]) -> tuple[str, ...]:
    hidden = [policy.name.value for policy in policies if policy.outcome is Outcome.NOT_VISIBLE]
    hidden.extend(request.assumed)
    for action in request.actions[1:]:
        policy = _judge_action(request, action)[PolicyType.TRUST]
        conditions = policy.deciding.statement.conditions if policy.deciding else ()
        if any(condition.key.lower() in _UNSETTLED_KEYS for condition in conditions):
            return (*hidden, "one-request-context")
    return tuple(hidden)
