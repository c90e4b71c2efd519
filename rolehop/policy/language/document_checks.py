"""What is wrong with policy documents beside their grammar: AWS would not save them, or has no such name.

Sources: IAM user guide, "IAM JSON policy elements: Sid" and "IAM and AWS STS quotas"; for trust
policies "AWS JSON policy elements: Principal" and "NotPrincipal", and IAM's message "AssumeRole policy
may only specify STS AssumeRole actions"; Organizations user guide, "RCP syntax".
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from rolehop.base.dataclass import dataclass
from rolehop.base.startup import Pattern
from rolehop.base.text import nearest, quoted
from rolehop.policy.language.operators import (
    OPERATOR_NAMES,
    Malformed,
    Operator,
    overlap,
    string_equals,
    string_equals_ignore_case,
    string_like,
)
from rolehop.policy.language.parser import (
    Condition,
    Effect,
    Kind,
    Policy,
    Principal,
    PrincipalKind,
    Statement,
)


@dataclass(frozen=True, slots=True)
class DocumentWarning:
    """One thing that is wrong with a document."""

    document: str
    """Its name, for people."""

    line: int
    """From 1, in its text as it was read."""

    text: str


@dataclass(frozen=True, slots=True)
class ActionNames:
    """The names of AWS's actions and condition keys, as a list of some day has them."""

    date: str
    """Of the list, as in ``2026-10-27``."""

    services: Collection[str]
    """Prefixes of actions, such as ``s3``."""

    actions: Callable[[str], Collection[str]]
    """The actions of a service, without its prefix."""

    keys: Callable[[str], Collection[str]]
    """The condition keys of a service, with its prefix; ``${…}`` or ``<…>`` stands for any text."""


Found = Iterator[tuple[int, str]]
"""Lines, and what is wrong there."""


def problems_in(policy: Policy, names: ActionNames | None = None) -> Found:
    """Yield what is wrong with a document, each once; without ``names`` nothing is said of names."""
    sids: set[str] = set()
    for each in policy.statements:
        if each.sid:
            yield from _of_sid(each.line, each.sid, sids, policy.kind)
            sids.add(each.sid)
        if policy.kind is Kind.TRUST:
            yield from _of_trust(each)
        if policy.kind is Kind.RCP and not _is_full_access(policy):
            yield from _of_rcp(each)
        for doubt in doubts_of(each):
            yield each.line, f"the statement {doubt}"
        if policy.kind in _WITH_OWN_RESOURCES:
            yield from ((each.line, text) for text in _of_resources(each))
        if names is not None:
            yield from _unknown_names(each, names)


def _of_sid(line: int, sid: str, before: Collection[str], kind: Kind) -> Found:
    if sid in before:
        yield line, f"the Sid {quoted(sid)} occurs twice; each must be unique"
    elif kind in _OF_IAM and _SID.fullmatch(sid) is None:
        yield line, f"the Sid {quoted(sid)} has other characters than A-Z, a-z and 0-9"


_OF_IAM = (Kind.TRUST, Kind.PERMISSIONS, Kind.BOUNDARY, Kind.SESSION)
_SID = Pattern(r"[A-Za-z0-9]*")


_WITH_OWN_RESOURCES = (Kind.PERMISSIONS, Kind.BOUNDARY, Kind.SESSION)


# ---- actions, conditions and resources


def doubts_of(statement: Statement) -> Iterator[str]:
    """Yield what is likely to be wrong in a statement of any policy, to be said after its name."""
    for action in statement.actions or statement.not_actions or ():
        if _BLANK.search(action) is not None:
            yield f"has the action {quoted(action)}, and no action has a blank in its name"
        elif action.count(":") > 1:
            yield f"has the action {quoted(action)}, and an action has one colon"
    for condition in statement.conditions:
        yield from _doubts_of_condition(condition)


_BLANK = Pattern(r"\s")


def _doubts_of_condition(condition: Condition) -> Iterator[str]:
    operator = condition.operator
    if operator.compare is None and not operator.is_null:
        near = nearest(operator.text.rpartition(":")[2], OPERATOR_NAMES)
        meant = f": did you mean {near[0]}?" if near else ""
        yield f"has the condition operator {quoted(operator.text)}, which is not known here{meant}"
        return
    if operator.compare in _TAKES_ANY:
        return
    for value in condition.values:
        if "${" not in value and not _reads(operator, value):
            yield f"has the value {quoted(value)} for {operator.text}, which cannot read it"


def _reads(operator: Operator, value: str) -> bool:
    """True unless an operator on times, numbers, addresses or truths cannot read ``value``."""
    if operator.compare is None:
        return value.lower() in ("true", "false")
    name = operator.text.rpartition(":")[2].lower()
    found = "192.0.2.1" if "ipaddress" in name else value
    try:
        operator.compare(found, (value,))
    except Malformed:
        return name.startswith("arn")  # `*` is no ARN, and is often written for one
    return True


_TAKES_ANY = (string_equals, string_equals_ignore_case, string_like)


def _of_resources(statement: Statement) -> Iterator[str]:
    for each in statement.resources or statement.not_resources or ():
        wrong = None if each.has_variable else _of_resource(each.text)
        if wrong is not None:
            yield f"AWS takes no {quoted(each.text)} as a resource: {wrong}"


_COMMON = ("arn:aws:iam::", "arn:aws:s3:::", "arn:aws:sts::")


def _of_resource(text: str) -> str | None:
    if text.startswith(_COMMON):
        return None
    parts = text.split(":", 5)
    if text == "*" or (len(parts) > 1 and _WILD & set(parts[0] + parts[1])):
        return None
    if len(parts) < 3 or _PARTITION.fullmatch(parts[1]) is None:
        return 'a resource is an ARN, or "*"'
    service, region = parts[2], parts[3] if len(parts) > 3 else ""
    if service == "s3" and region and len(parts) > 5 and not parts[4]:
        return "the ARN of a bucket or object has no Region"
    if service == "iam" and region and not _WILD & set(region):
        return "what is of IAM has no Region"
    return None


_PARTITION = Pattern(r"aws(?:-[a-z]+)*")


# ---- trust policies

_OF_ROLE = (
    *("sts:AssumeRole", "sts:AssumeRoleWithSAML", "sts:AssumeRoleWithWebIdentity"),
    *("sts:SetContext", "sts:SetSourceIdentity", "sts:TagSession"),
)


def _of_trust(statement: Statement) -> Found:
    for action in statement.actions or statement.not_actions or ():
        lowered = action.lower()
        # Of other patterns of STS it is not known whether AWS takes them.
        open_ = lowered.startswith("sts:") and bool(_WILD & set(lowered))
        if not open_ and not any(overlap(lowered, each.lower()) for each in _OF_ROLE):
            near = _meant(action, _OF_ROLE)
            yield statement.line, f"AWS takes no {action} in a trust policy{near}"
    if statement.not_principals is not None:
        yield statement.line, "AWS no longer takes NotPrincipal in a trust policy"
    for each in statement.principals or ():
        if _is_partial(each):
            text = f"AWS takes no wildcard in the principal {each.text}: "
            yield (
                statement.line,
                f"{text}name whole ARNs, or * with a condition on aws:PrincipalArn",
            )


def _is_partial(principal: Principal) -> bool:
    text = principal.text
    return principal.kind is PrincipalKind.AWS and text != "*" and bool(_WILD & set(text))


_WILD = frozenset("*?")


# ---- resource control policies


def _is_full_access(policy: Policy) -> bool:
    """True for ``RCPFullAWSAccess``, AWS's own, which alone has an Allow."""
    if len(policy.statements) != 1:
        return False
    (only,) = policy.statements
    return only.effect is Effect.ALLOW and only.actions == ("*",) and not only.conditions


def _of_rcp(statement: Statement) -> Found:
    if statement.effect is Effect.ALLOW:
        yield statement.line, "an RCP can only deny: AWS takes no Allow in it"
    if statement.not_principals is not None or any(
        each.text != "*" for each in statement.principals or ()
    ):
        yield (
            statement.line,
            'the Principal of an RCP is "*" alone: name callers in a condition on aws:PrincipalArn',
        )
    if statement.not_actions is not None:
        yield statement.line, "AWS takes no NotAction in an RCP: list the actions"
    if "*" in (statement.actions or ()):
        yield (
            statement.line,
            "AWS takes no * alone as an action of an RCP: name services, as in s3:*",
        )


# ---- names


def _unknown_names(statement: Statement, names: ActionNames) -> Found:
    actions = statement.actions or statement.not_actions or ()
    problems = [
        *(_unknown_action(action, names) for action in actions),
        *(_unknown_key(condition.key, names) for condition in statement.conditions),
    ]
    for problem in problems:
        if problem is not None:
            yield statement.line, f"by AWS's list of {names.date}, {problem}"


def _unknown_action(action: str, names: ActionNames) -> str | None:
    prefix, _, name = action.partition(":")
    service = prefix.lower()
    if _WILD & set(service):
        return None
    if service not in names.services:
        near = _meant(service, names.services)
        return f"there is no service {quoted(prefix)} (of {action}){near}"
    listed = names.actions(service)
    if _WILD & set(name) or name.lower() in {each.lower() for each in listed}:
        return None
    near = _meant(name, listed, before=f"{prefix}:")
    return f"there is no action {action}{near}"


def _unknown_key(key: str, names: ActionNames) -> str | None:
    """Return what is wrong with a key of a service; of global keys and of tokens nothing is said."""
    prefix, _, name = key.partition(":")
    service = prefix.lower()
    listed = names.keys(service) if service in names.services else ()
    if not listed or any(_is_key(key, each) for each in listed):
        return None
    of_service = [each.partition(":")[2] for each in listed if each.startswith(f"{service}:")]
    return f"there is no condition key {key}{_meant(name, of_service, before=f'{prefix}:')}"


def _is_key(key: str, listed: str) -> bool:
    """True if ``key`` is the one that is listed, in which a name stands for any text."""
    start, mark, _ = listed.lower().replace("<", "${").partition("${")
    lowered = key.lower()
    return lowered.startswith(start) if mark else lowered == start


def _meant(word: str, known: Collection[str] | Sequence[str], *, before: str = "") -> str:
    near = nearest(word, known, 1)
    return f"; did you mean {before}{near[0]}?" if near else ""
