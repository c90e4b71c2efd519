"""The values of one unknown key for which a call is allowed: "allowed only from 203.0.113.0/24"."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from rolehop.base.dataclass import dataclass, replace
from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, Request, Verdict
from rolehop.policy.language.operators import Malformed, Wild, number_of, time_of
from rolehop.policy.language.parser import Condition, Policy
from rolehop.policy.language.request_context import Template, Variable

_MOST = 64
_NO_VALUE = "~"
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class ValueClass:
    """Values that all conditions on a key treat alike."""

    value: str
    """One of them."""

    label: str | None
    """Their text in a policy; ``None``: all values that no policy names."""

    network: Network | None = None
    """The block of addresses, if they are addresses."""


@dataclass(frozen=True, slots=True)
class ValueClasses:
    """All classes of values that one key can have, apart from being absent."""

    key: str
    classes: tuple[ValueClass, ...]
    ordered: bool = False
    """They follow each other: numbers and times, each bound and each gap between two."""

    times: bool = False


def value_classes(key: str, policies: Iterable[Policy]) -> ValueClasses | None:
    """Return the classes of the values of ``key``; ``None``: the policies do not give such classes."""
    lowered, conditions = key.lower(), []
    for policy in policies:
        for statement in policy.statements:
            templates = [*(statement.resources or ()), *(statement.not_resources or ())]
            templates += [template for one in statement.conditions for template in one.templates]
            if any(_refers_to(template, lowered) for template in templates):
                return None
            conditions += [e for e in statement.conditions if e.key.lower() == lowered]
    asked = [condition for condition in conditions if not condition.operator.is_null]
    if any(each.operator.compare is None or _has_variable(each) for each in asked):
        return None
    families = {_family(each) for each in asked}
    if len(families) != 1:
        return None
    make = _MAKERS.get(families.pop())
    try:
        found = None if make is None else make(key, asked)
    except (Malformed, ValueError):
        return None
    return found if found is not None and len(found.classes) <= _MOST else None


def _refers_to(template: Template, key: str) -> bool:
    return any(isinstance(part, Variable) and part.key.lower() == key for part in template.parts)


def _has_variable(condition: Condition) -> bool:
    return any(template.has_variable for template in condition.templates)


def _family(condition: Condition) -> str:
    """Return the kind of operator; empty: it gives no classes, or asks of several values."""
    name = condition.operator.text.lower().removesuffix("ifexists").replace("not", "")
    if name == "stringequalsignorecase":
        return "caseless"
    return next((each for each in _MAKERS if name.startswith(each)), "")


# ---- texts


def _texts(key: str, conditions: Sequence[Condition]) -> ValueClasses | None:
    exact: dict[str, None] = {}
    prefixes: dict[str, None] = {}
    for template in (each for one in conditions for each in one.templates):
        *head, last = template.parts or ("",)
        if all(isinstance(part, str) for part in template.parts):
            exact["".join(map(str, template.parts))] = None
        elif last is Wild.RUN and all(isinstance(each, str) for each in head):
            prefixes["".join(map(str, head))] = None
        else:
            return None
    classes = [ValueClass(each, each) for each in exact]
    for prefix in prefixes:
        # What a longer prefix covers is a class of its own.
        label = f"{prefix}*" if prefix else None
        classes.append(ValueClass(_unlike(prefix, exact, prefixes), label))
    if "" not in prefixes:
        classes.append(ValueClass(_unlike("", exact, prefixes), None))
    return ValueClasses(key, tuple(classes))


def _unlike(prefix: str, exact: Iterable[str], prefixes: Iterable[str]) -> str:
    """Return a text with ``prefix`` that is none of ``exact`` and has no longer prefix."""
    text = prefix + _NO_VALUE
    longer = [each for each in prefixes if len(each) > len(prefix)]
    while text in exact or any(text.startswith(each) for each in longer):
        text += _NO_VALUE
        if len(text) > len(prefix) + _MOST:
            raise ValueError(prefix)
    return text


def _caseless(key: str, conditions: Sequence[Condition]) -> ValueClasses:
    texts = {value.lower(): value for condition in conditions for value in condition.values}
    other = _unlike("", texts, ())
    return ValueClasses(
        key, (*(ValueClass(text, text) for text in texts.values()), ValueClass(other, None))
    )


def _arns(key: str, conditions: Sequence[Condition]) -> ValueClasses | None:
    values = [value for condition in conditions for value in condition.values]
    if any(set("*?") & set(each) or each.count(":") < 5 for each in values):
        return None
    other = ValueClass("arn:aws:iam::000000000000:role/~", None)
    return ValueClasses(key, (*(ValueClass(e, e) for e in dict.fromkeys(values)), other))


def _booleans(key: str, _conditions: Sequence[Condition]) -> ValueClasses:
    return ValueClasses(key, (ValueClass("true", "true"), ValueClass("false", "false")))


# ---- numbers and times


def _numbers(key: str, conditions: Sequence[Condition]) -> ValueClasses:
    bounds = {number_of(v): v for condition in conditions for v in condition.values}
    return ValueClasses(key, tuple(_points_and_gaps(bounds, min(bounds) - 1)), ordered=True)


def _times(key: str, conditions: Sequence[Condition]) -> ValueClasses:
    bounds = {time_of(v): v for condition in conditions for v in condition.values}
    least = min(bounds) / 2  # no time is before 1970
    return ValueClasses(key, tuple(_points_and_gaps(bounds, least)), ordered=True, times=True)


def _points_and_gaps(bounds: dict[Decimal, str], least: Decimal) -> Iterator[ValueClass]:
    """Yield what is below the first bound, each bound, and each gap after one."""
    points = sorted(bounds)
    yield ValueClass(f"{least:f}", None)
    for at, point in enumerate(points):
        yield ValueClass(bounds[point], bounds[point])
        after = point + 1 if at + 1 == len(points) else (point + points[at + 1]) / 2
        yield ValueClass(f"{after:f}", None)


# ---- addresses


def _addresses(key: str, conditions: Sequence[Condition]) -> ValueClasses:
    blocks = [
        ipaddress.ip_network(value, strict=False)
        for condition in conditions
        for value in condition.values
    ]
    found: list[ValueClass] = []
    for version in (4, 6):
        of_version = [block for block in blocks if block.version == version]
        found.extend(ValueClass(str(e[0]), str(e), e) for e in _disjoint(of_version))
        outside = _outside(version, of_version)
        if outside is not None:
            found.append(ValueClass(outside, None))
    return ValueClasses(key, tuple(found))


def _disjoint(blocks: Sequence[Network]) -> list[Network]:
    """Return blocks that cover the same addresses, each within or apart from every one of them."""
    parts: list[Network] = []
    for block in sorted(dict.fromkeys(blocks), key=lambda each: each.prefixlen):
        split: list[Network] = []
        for part in parts:
            if _is_within(block, part):
                split.extend(part.address_exclude(block))  # type: ignore[arg-type]
            else:
                split.append(part)
        parts = [*split, block]
    return parts


def _is_within(block: Network, part: Network) -> bool:
    return block.subnet_of(part)  # type: ignore[arg-type]


def _outside(version: int, blocks: Sequence[Network]) -> str | None:
    """Return an address that none of ``blocks`` has; ``None``: they have all."""
    kind = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    after = [int(block.broadcast_address) + 1 for block in blocks]
    for number in (0, *after):
        try:
            address = kind(number)
        except ValueError:
            continue
        if not any(address in block for block in blocks):
            return str(address)
    return None


_MAKERS = {
    "string": _texts,
    "caseless": _caseless,
    "arn": _arns,
    "bool": _booleans,
    "numeric": _numbers,
    "date": _times,
    "ip": _addresses,
}


@dataclass(frozen=True, slots=True)
class DecidingValues:
    """What one unknown key has to be."""

    key: str
    outcome: Outcome
    """Of the call if the key has one of ``values``; with any other value it is the opposite."""

    values: tuple[str, ...]
    """As policies write them: texts, prefixes, blocks of addresses, ranges (``less than 3600``)."""

    absent: Outcome | None
    """Of the call if it does not have the key; ``None``: it always has it."""


def deciding_values(verdict: Verdict) -> DecidingValues | None:
    """Return what decides a verdict that is unknown because of one key.

    ``None``: more than one thing is unknown, or its values cannot be listed.
    """
    request = verdict.request
    if len(verdict.unknowns) != 1:
        return None
    (key,) = verdict.unknowns  # or a type of policy, of which no condition asks
    found = value_classes(
        key,
        (document.policy for shown in request.policies.values() for document in shown.documents),
    )
    if found is None:
        return None
    outcomes = {class_: _with(request, key, class_.value) for class_ in found.classes}
    absent = None if request.context.has(key) else _with(request, key, None)
    if {absent, *outcomes.values()} - {None} != {Outcome.ALLOWED, Outcome.REFUSED}:
        return None
    return _in_words(found, outcomes, absent)


def _with(request: Request, key: str, value: str | None) -> Outcome:
    context = request.context.with_supplied({key: () if value is None else (value,)})
    return evaluate(replace(request, context=context)).outcome


def _in_words(
    found: ValueClasses, outcomes: dict[ValueClass, Outcome], absent: Outcome | None
) -> DecidingValues | None:
    if found.ordered:
        words = _TIMES if found.times else _NUMBERS
        allowed = tuple(each.format(**words) for each in _ranges(found.classes, outcomes))
        if allowed == ("",):  # every value is allowed
            return DecidingValues(found.key, Outcome.REFUSED, (), absent)
        return DecidingValues(found.key, Outcome.ALLOWED, allowed, absent)
    # No condition tells apart what no policy names.
    unnamed = (outcome for each, outcome in outcomes.items() if each.label is None)
    other = next(unnamed, Outcome.REFUSED)
    named = [each for each in found.classes if outcomes[each] is not other]
    outcome = Outcome.ALLOWED if other is Outcome.REFUSED else Outcome.REFUSED
    blocks = [each.network for each in named if each.network is not None]
    texts = _joined(blocks) if blocks else [each.label or "" for each in named]
    return DecidingValues(found.key, outcome, tuple(texts), absent)


_NUMBERS = {"least": "at least", "more": "more than", "most": "at most", "less": "less than"}
_TIMES = {"least": "at or after", "more": "after", "most": "at or before", "less": "before"}


def _joined(blocks: Sequence[Network]) -> list[str]:
    """Return blocks of addresses, neighbours put together."""
    of_v4 = [block for block in blocks if isinstance(block, ipaddress.IPv4Network)]
    of_v6 = [block for block in blocks if isinstance(block, ipaddress.IPv6Network)]
    joined = (*ipaddress.collapse_addresses(of_v4), *ipaddress.collapse_addresses(of_v6))
    return [str(each) for each in joined]


def _ranges(classes: Sequence[ValueClass], outcomes: dict[ValueClass, Outcome]) -> Iterator[str]:
    """Yield the ranges of values for which the call is allowed; bounds and gaps alternate."""
    at = 0
    while at < len(classes):
        end = at
        while end < len(classes) and outcomes[classes[end]] is Outcome.ALLOWED:
            end += 1
        if end > at:
            yield _range(classes, at, end - 1)
        at = max(end, at + 1)


def _range(classes: Sequence[ValueClass], first: int, last: int) -> str:
    if first == last and classes[first].label is not None:
        return str(classes[first].label)
    parts = []
    if first > 0:
        bound = classes[first].label
        parts.append(f"{{least}} {bound}" if bound else f"{{more}} {classes[first - 1].label}")
    if last < len(classes) - 1:
        bound = classes[last].label
        parts.append(f"{{most}} {bound}" if bound else f"{{less}} {classes[last + 1].label}")
    return " and ".join(parts)
