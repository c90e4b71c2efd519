"""Evaluate statements against a request, one by one: all elements of one must match."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from rolehop.base.dataclass import dataclass, field
from rolehop.policy.evaluation.call_rules import ANY_RESOURCE
from rolehop.policy.evaluation.findings import Finding, Reason, Truth, every, some, truth_of
from rolehop.policy.evaluation.principals import (
    Caller,
    MatchKind,
    judge_not_principals,
    judge_principals,
)
from rolehop.policy.evaluation.service_rules import covers_all
from rolehop.policy.language.operators import (
    Malformed,
    Operator,
    Quantifier,
    Token,
    Wild,
    arn_like,
    arn_parts,
    covers,
    matches,
    matches_text,
    overlap,
    string_equals,
    string_equals_ignore_case,
    string_like,
)
from rolehop.policy.language.parser import Condition, Policy, Statement
from rolehop.policy.language.request_context import (
    Context,
    Template,
    Unfilled,
    Unknown,
    Variable,
    fill,
    is_misplaced,
    may_be,
)


def judge_condition(condition: Condition, context: Context) -> Finding:
    """Return the finding for one key under one operator."""
    truth, reason, found = _judge(condition, context)
    element = f"Condition {condition.operator.text} {condition.key}"
    values = ", ".join(condition.values)
    return Finding(element, truth, reason, values, found, _variables(condition, context))


def _variables(condition: Condition, context: Context) -> tuple[tuple[str, str], ...]:
    """Return the variables of a condition that have one value in this request."""
    if "${" not in "".join(condition.values):
        return ()
    parts = (part for template in condition.templates for part in template.parts)
    found = {each.key: context.lookup(each.key) for each in parts if isinstance(each, Variable)}
    return tuple(
        (key, values[0])
        for key, values in found.items()
        if isinstance(values, tuple) and len(values) == 1
    )


_Judged = tuple[Truth, Reason, str | None]


def _judge(condition: Condition, context: Context) -> _Judged:
    operator, values = condition.operator, context.lookup(condition.key)
    shown = ", ".join(values) if isinstance(values, tuple) else None
    if operator.is_null:
        return _null(condition, values, shown, there=context.has(condition.key))
    if operator.compare is None:
        return Truth.UNKNOWN, Reason.UNKNOWN_OPERATOR, shown
    if values is None and operator.if_exists and operator.quantifier is Quantifier.ANY:
        # Of IfExists the guide says true, and of ForAnyValue without a value false.
        return Truth.UNKNOWN, Reason.ANY_IF_EXISTS, None
    if values is None:
        return truth_of(_holds_when_absent(operator)), Reason.KEY_ABSENT, None
    wanted = [fill(template, context) for template in condition.templates]
    if isinstance(values, Unknown):
        return _within(condition, context, wanted)
    truth = _over_values(operator, values, wanted)
    variable = next((each for each in wanted if isinstance(each, Unfilled)), None)
    if variable is not None and truth is Truth.UNKNOWN and not variable.known:
        return truth, Reason.VARIABLE_UNKNOWN, variable.key
    if variable is not None and len(wanted) == 1 and truth is Truth.FALSE and variable.known:
        return truth, Reason.VARIABLE_ABSENT, variable.key
    return truth, _reason(operator, values, truth), shown


_Wanted = Sequence[tuple[Token, ...] | Unfilled]
"""What a condition asks for; a variable without a value matches nothing."""


def _within(condition: Condition, context: Context, wanted: _Wanted) -> _Judged:
    """Evaluate an unknown key: certain if all values it can have, or both ends, agree."""
    ends, operator = context.range_of(condition.key), condition.operator
    whatever = _whatever_it_is(operator, wanted, there=context.has(condition.key))
    if whatever is not Truth.UNKNOWN:
        return whatever, _reason(operator, (), whatever), None
    pattern = context.pattern_of(condition.key)
    if pattern is not None and not any(_may_hit(operator, each, pattern) for each in wanted):
        missed = truth_of(operator.negated)
        return missed, _reason(operator, (), missed), pattern
    if ends is None or not operator.orders or operator.quantifier is not Quantifier.NONE:
        return Truth.UNKNOWN, Reason.KEY_UNKNOWN, None
    first, last = (_over_values(operator, (end,), wanted) for end in ends)
    if first is not last or first is Truth.UNKNOWN:
        return Truth.UNKNOWN, Reason.KEY_UNKNOWN, None
    return first, _reason(operator, (), first), f"from {ends[0]} to {ends[1]}"


def _may_hit(operator: Operator, wanted: tuple[Token, ...] | Unfilled, pattern: str) -> bool:
    """True unless no value that is like ``pattern`` is what a condition on texts or ARNs wants."""
    if isinstance(wanted, Unfilled):
        return not wanted.known
    text = "".join(each.value if isinstance(each, Wild) else each for each in wanted)
    if operator.compare is arn_like:
        # "Each of the six colon-delimited components of the ARN is checked separately."
        one, other = text.split(":", 5), pattern.split(":")
        return len(one) != len(other) or all(map(overlap, one, other))
    if operator.compare is string_equals_ignore_case:
        return overlap(text.lower(), pattern.lower())
    return operator.compare not in (string_equals, string_like) or overlap(text, pattern)


def _whatever_it_is(operator: Operator, wanted: _Wanted, *, there: bool) -> Truth:
    """Return the truth if it is the same for every value of the key, and, if not ``there``, for none."""
    if operator.quantifier is not Quantifier.NONE:
        return Truth.UNKNOWN
    if all(isinstance(each, Unfilled) and each.known for each in wanted):
        hit = Truth.FALSE
    elif operator.compare is string_like and (Wild.RUN,) in wanted:
        hit = Truth.TRUE
    else:
        return Truth.UNKNOWN
    present = ~hit if operator.negated else hit
    return present if there or present is truth_of(_holds_when_absent(operator)) else Truth.UNKNOWN


def _null(
    condition: Condition,
    values: Sequence[str] | Unknown | None,
    shown: str | None,
    *,
    there: bool,
) -> _Judged:
    if isinstance(values, Unknown) and not there:
        return Truth.UNKNOWN, Reason.KEY_UNKNOWN, None
    wanted = {value.lower() for value in condition.values}
    if not wanted <= {"true", "false"}:
        return Truth.UNKNOWN, Reason.MALFORMED_VALUE, shown
    holds = ("true" if values is None else "false") in wanted
    if holds:
        return Truth.TRUE, Reason.MATCHES, shown
    return Truth.FALSE, Reason.KEY_ABSENT if values is None else Reason.KEY_PRESENT, shown


def _holds_when_absent(operator: Operator) -> bool:
    if operator.if_exists or operator.quantifier is Quantifier.ALL:
        return True
    return operator.negated and operator.quantifier is not Quantifier.ANY


def _over_values(operator: Operator, values: Sequence[str], wanted: _Wanted) -> Truth:
    # "… or the key values resolve to an empty data set, such as an empty string" (user guide).
    if operator.quantifier is Quantifier.ALL and not any(values):
        return Truth.TRUE
    each = [_one(operator, value, wanted) for value in values]
    match operator.quantifier:
        case Quantifier.ALL:
            return every(each)
        case Quantifier.ANY:
            return some(each)
        case Quantifier.NONE:
            # AWS does not say what a plain operator does with many values.
            return each[0] if len(each) == 1 else Truth.UNKNOWN


def _one(operator: Operator, value: str, wanted: _Wanted) -> Truth:
    hit = some(_compared(operator, value, each) for each in wanted)
    return ~hit if operator.negated else hit


def _compared(operator: Operator, value: str, wanted: tuple[Token, ...] | Unfilled) -> Truth:
    if isinstance(wanted, Unfilled):
        return _compared_to_variable(operator, value, wanted)
    if operator.compare is None:
        return Truth.UNKNOWN
    try:
        return truth_of(operator.compare(value, wanted))
    except Malformed:
        return Truth.UNKNOWN


def _compared_to_variable(operator: Operator, value: str, wanted: Unfilled) -> Truth:
    # Only plain texts: an ARN is compared part by part, and case may not count.
    exact = operator.compare in (string_equals, string_like)
    if wanted.known or (exact and not may_be(value, wanted)):
        return Truth.FALSE
    return Truth.UNKNOWN


def _reason(operator: Operator, values: Sequence[str], truth: Truth) -> Reason:
    if truth is Truth.TRUE:
        return Reason.MATCHES
    if truth is Truth.FALSE:
        return Reason.VALUE_EXCLUDED if operator.negated else Reason.VALUE_DIFFERS
    many = operator.quantifier is Quantifier.NONE and len(values) > 1
    return Reason.MANY_VALUES if many else Reason.MALFORMED_VALUE


@dataclass(frozen=True, slots=True)
class Call:
    """One action of one request, as policies see it."""

    action: str
    resource: str
    """The ARN of the role that is asked for."""

    caller: Caller
    context: Context
    bounded: Truth = Truth.UNKNOWN
    """Whether the caller has a permissions boundary."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One statement, evaluated."""

    statement: Statement
    document: str
    """Name of its document, for people."""

    truth: Truth
    """Whether the statement applies."""

    findings: tuple[Finding, ...]
    matches: tuple[tuple[MatchKind, Truth], ...] = ()
    """Per principal: how it names the caller, and whether the whole statement then applies."""

    def applies_by(self, *kinds: MatchKind) -> Truth:
        """Return whether the statement applies through one of ``kinds``."""
        return some(truth for kind, truth in self.matches if kind in kinds)


@dataclass(frozen=True, slots=True)
class Attached:
    """A document and its name for people, e.g. ``inline policy AssumeHub``."""

    name: str
    policy: Policy
    text: str = field(default="", repr=False, compare=False)
    aws_managed: bool = False
    """An AWS managed policy: only AWS can change it."""


def judge_documents(documents: Sequence[Attached], call: Call) -> tuple[Judged, ...]:
    """Judge every statement of every document, in order."""
    if not documents:
        return ()
    return tuple(
        judge_statement(statement, document.name, call)
        for document in documents
        for statement in document.policy.statements
    )


def judge_statement(statement: Statement, document: str, call: Call) -> Judged:
    """Evaluate all elements of ``statement``."""
    head = [
        *_actions(statement, call.action),
        *_resources(statement, call),
    ]
    named: tuple[tuple[MatchKind, Truth], ...] = ()
    if statement.principals is not None:
        finding, each = judge_principals(statement.principals, call.caller, statement.effect)
        head.insert(0, finding)
        named = tuple((one.how, one.truth) for one in each)
    elif statement.not_principals is not None:
        finding = judge_not_principals(
            statement.not_principals, call.caller, statement.effect, bounded=call.bounded
        )
        head.insert(0, finding)
        named = ((MatchKind.ANYONE, finding.truth),)
    findings = (*head, *(judge_condition(each, call.context) for each in statement.conditions))
    if named and statement.not_principals is None and _asks_for_arn(statement):
        # The grant is then as direct as if it named the user or session itself.
        named = tuple(
            (MatchKind.DIRECT if how is MatchKind.ANYONE else how, one) for how, one in named
        )
    truth = every(finding.truth for finding in findings)
    matched = tuple((how, every((one, truth))) for how, one in named)
    return Judged(statement, document, truth, findings, matched)


_POSITIVE_ON_ARN = ("arnequals", "arnlike", "stringequals", "stringlike")


def _asks_for_arn(statement: Statement) -> bool:
    """True if a condition names the caller by ``aws:PrincipalArn``.

    Together with the principal ``*``, no boundary or session policy limits such a grant, unless it
    denies explicitly (IAM user guide, "AWS JSON policy elements: Principal", IAM role principals).
    """
    return any(
        condition.key.lower() == "aws:principalarn"
        and condition.operator.text.lower() in _POSITIVE_ON_ARN
        for condition in statement.conditions
    )


def _actions(statement: Statement, action: str) -> list[Finding]:
    if statement.actions is not None:
        truth = some(acts_on(each, action) for each in statement.actions)
        reason = _action_reason(truth, action, Reason.ACTION_NOT_LISTED)
        return [Finding("Action", truth, reason, ", ".join(statement.actions), action)]
    excluded = statement.not_actions or ()
    truth = ~some(acts_on(each, action) for each in excluded)
    reason = _action_reason(truth, action, Reason.ACTION_EXCLUDED)
    return [Finding("Action", truth, reason, f"not {', '.join(excluded)}", action)]


def _action_reason(truth: Truth, action: str, wrong: Reason) -> Reason:
    if truth is Truth.FALSE:
        return wrong
    if truth is Truth.TRUE:
        return Reason.MATCHES
    return Reason.ACTION_PARTLY if "*" in action or "?" in action else Reason.ACTION_UNDOCUMENTED


def acts_on(pattern: str, action: str) -> Truth:
    """Return whether an Action element covers ``action``; case does not count.

    The service has no wildcard (IAM user guide, "Action"): ``*:AssumeRole`` covers nothing. Of
    ``*:*``, which some write for ``*``, AWS does not say what it covers.
    """
    if pattern in (action, "*"):
        return Truth.TRUE
    if pattern == "*:*":
        return Truth.UNKNOWN
    service = pattern.partition(":")[0]
    if "*" in service or "?" in service:
        return Truth.FALSE
    if "*" in action or "?" in action:
        return _acts_on_all(pattern.lower(), action.lower())
    return truth_of(matches_text(action.lower(), pattern.lower()))


def _acts_on_all(pattern: str, actions: str) -> Truth:
    """Return whether a pattern covers all of ``actions``, a pattern too; of some: unknown."""
    if covers(pattern, actions):
        return Truth.TRUE
    return Truth.UNKNOWN if overlap(pattern, actions) else Truth.FALSE


def _resources(statement: Statement, call: Call) -> list[Finding]:
    listed, resource = statement.resources, call.resource
    if listed is not None:
        truth, reason = _resource_truth(listed, call)
        wanted = ", ".join(template.text for template in listed)
        return [Finding("Resource", truth, reason, wanted, resource)]
    if statement.not_resources is None:
        return []  # a trust policy: the role itself is meant
    truth, reason = _resource_truth(statement.not_resources, call)
    wanted = ", ".join(template.text for template in statement.not_resources)
    truth = ~truth
    if truth is Truth.TRUE:
        reason = Reason.MATCHES
    elif truth is Truth.FALSE:
        reason = Reason.RESOURCE_EXCLUDED
    return [Finding("Resource", truth, reason, f"not {wanted}", resource)]


def _resource_truth(templates: Sequence[Template], call: Call) -> tuple[Truth, Reason]:
    """Return whether one of ``templates`` covers the resource; each is judged by itself."""
    resource = call.resource
    if resource == ANY_RESOURCE:
        if any(template.text == "*" for template in templates):
            return Truth.TRUE, Reason.MATCHES
        return Truth.UNKNOWN, Reason.RESOURCE_UNNAMED
    if len(templates) == 1:
        return _one_resource(templates[0], call)
    if any(template.fixed == resource for template in templates):
        return Truth.TRUE, Reason.MATCHES
    judged = [_one_resource(template, call) for template in templates]
    truth = some(each for each, _ in judged)
    return truth, next(reason for each, reason in judged if each is truth)


def _one_resource(template: Template, call: Call) -> tuple[Truth, Reason]:
    resource = call.resource
    if template.fixed == resource:
        return Truth.TRUE, Reason.MATCHES
    if resource == "*":
        return covers_all(_literally(template), call.action)
    if template.fixed is not None and template.fixed.count(":") >= 5:
        return Truth.FALSE, Reason.RESOURCE_NOT_LISTED
    if template.has_variable and is_misplaced(template):
        return Truth.FALSE, Reason.VARIABLE_MISPLACED
    filled = fill(template, call.context)
    if not isinstance(filled, Unfilled):
        return resource_matches(filled, resource, completed=template.completed)
    if filled.known:
        return Truth.FALSE, Reason.VARIABLE_ABSENT
    if not may_be(resource, filled):
        return Truth.FALSE, Reason.RESOURCE_NOT_LISTED
    return Truth.UNKNOWN, Reason.VARIABLE_UNKNOWN


def _literally(template: Template) -> tuple[Token, ...]:
    """Return what a template says, its variables as they are written."""
    return tuple(each.key if isinstance(each, Variable) else each for each in template.parts)


def resource_matches(
    pattern: tuple[Token, ...], resource: str, *, completed: bool = False
) -> tuple[Truth, Reason]:
    """Return whether a Resource pattern covers the ARN ``resource``.

    A wildcard stands within one of the six parts, and in neither the service nor the resource type;
    a ``*`` that ends a part reaches beyond the colon, too (IAM user guide, "Resource"). What AWS
    makes of others is not certain.

    Args:
        pattern: as in the policy, with the values of its variables.
        resource: an ARN.
        completed: AWS adds ``*`` for the parts that the pattern lacks.
    """
    if pattern == (Wild.RUN,):
        return Truth.TRUE, Reason.MATCHES
    missing = _missing_parts(pattern)
    whole = (*pattern, *(":", Wild.RUN) * missing)
    if completed and _surely_matches(whole, resource):
        return Truth.TRUE, Reason.MATCHES
    if matches(resource, pattern):
        sure = _surely_matches(pattern, resource)
        return (Truth.TRUE, Reason.MATCHES) if sure else _UNDOCUMENTED
    if missing > 0 and matches(resource, whole):
        return _UNDOCUMENTED
    return Truth.FALSE, Reason.RESOURCE_NOT_LISTED


def _surely_matches(pattern: tuple[Token, ...], resource: str) -> bool:
    """True if a pattern covers ``resource`` by the rules that AWS describes."""
    if not matches(resource, pattern):
        return False
    parts, vague, wild_type = _shape(pattern)
    if vague:
        return False
    found = resource.split(":", 5)
    if not all(map(matches, found, parts)):
        return _reaches_on(pattern)
    return not (wild_type and _has_type(found[2], found[5]))


@lru_cache(maxsize=4096)
def _reaches_on(pattern: tuple[Token, ...]) -> bool:
    """True if every wildcard before the resource itself is a ``*`` that ends its part."""
    *before, rest = ([each for each in part if each != ""] for part in arn_parts(pattern))
    inside = (each for part in before for each in part[:-1])
    last = (part[-1] for part in before if part)
    return (
        not any(isinstance(each, Wild) for each in inside)
        and Wild.ONE not in last
        and not _is_type_wild(rest)
    )


_UNDOCUMENTED = (Truth.UNKNOWN, Reason.RESOURCE_UNDOCUMENTED)


@lru_cache(maxsize=4096)
def _missing_parts(pattern: tuple[Token, ...]) -> int:
    return 5 - sum(each.count(":") for each in pattern if isinstance(each, str))


@lru_cache(maxsize=4096)
def _shape(pattern: tuple[Token, ...]) -> tuple[list[list[Token]], bool, bool]:
    """Return a pattern's parts, whether it is short or has a wild service, and if its type is wild."""
    parts = arn_parts(pattern)
    if len(parts) < 6:
        return parts, True, True
    return parts, any(isinstance(part, Wild) for part in parts[2]), _is_type_wild(parts[5])


def _is_type_wild(rest: Sequence[Token]) -> bool:
    """True if the resource type (``role`` in ``role/Admin``) has a wildcard, unlike a bare star."""
    tokens = [each for each in rest if each != ""]
    if tokens == [Wild.RUN]:
        return False
    for token in tokens:
        if isinstance(token, Wild):
            return True
        if "/" in token or ":" in token:
            return False
    return False


# The resource part of their ARNs begins with a name, not with a type (Service Authorization
# Reference, "Resource types defined by …").
_UNTYPED = ("codecommit", "codepipeline", "execute-api", "s3", "sns", "sqs")


def _has_type(service: str, rest: str) -> bool:
    """True if a resource is written ``type/id`` or ``type:id``, not as an ``id`` alone."""
    return service not in _UNTYPED and ("/" in rest or ":" in rest)
