"""Evaluate one condition of a statement (operator, key, values) against the request.

The rules for absent keys, negation, ``IfExists`` and the two quantifiers are those of the IAM
user guide, "Multivalued context keys" and "Condition operators". A value whose policy variable has
no value matches nothing, so a negated operator is true of it ("Policy variables with no value").
"""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.policy.evaluation.findings import Finding, Reason, Truth, every, some, truth_of
from rolehop.policy.language.operators import (
    Malformed,
    Operator,
    Quantifier,
    arn_like,
    string_equals,
    string_equals_ignore_case,
    string_like,
)
from rolehop.policy.language.parser import Condition
from rolehop.policy.language.request_context import Context, Unknown
from rolehop.policy.language.variables import Unfilled, Variable, fill, may_be
from rolehop.policy.language.wildcards import Token, Wild, overlap


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
    parts = (part for each in condition.templates for part in each.parts)
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
