"""The values of one condition key, in classes that the policies treat alike.

If a verdict depends on one unknown key, it is the same for all values of a class, so one value of
each class shows every possible verdict. This works if all conditions on the key are of a kind that
gives such classes: texts and prefixes, numbers, times, addresses, true and false.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from rolehop.policy.language.operators import Malformed, number_of, time_of
from rolehop.policy.language.parser import Condition, Policy
from rolehop.policy.language.variables import Template, Variable
from rolehop.policy.language.wildcards import Wild
from rolehop.startup.dataclass import dataclass

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
            templates += [each for one in statement.conditions for each in one.templates]
            if any(_refers_to(each, lowered) for each in templates):
                return None
            conditions += [e for e in statement.conditions if e.key.lower() == lowered]
    asked = [each for each in conditions if not each.operator.is_null]
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
    return any(each.has_variable for each in condition.templates)


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
        if all(isinstance(each, str) for each in template.parts):
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
    texts = {value.lower(): value for each in conditions for value in each.values}
    other = _unlike("", texts, ())
    return ValueClasses(
        key, (*(ValueClass(each, each) for each in texts.values()), ValueClass(other, None))
    )


def _arns(key: str, conditions: Sequence[Condition]) -> ValueClasses | None:
    values = [value for each in conditions for value in each.values]
    if any(set("*?") & set(each) or each.count(":") < 5 for each in values):
        return None
    other = ValueClass("arn:aws:iam::000000000000:role/~", None)
    return ValueClasses(key, (*(ValueClass(e, e) for e in dict.fromkeys(values)), other))


def _booleans(key: str, _conditions: Sequence[Condition]) -> ValueClasses:
    return ValueClasses(key, (ValueClass("true", "true"), ValueClass("false", "false")))


# ---- numbers and times


def _numbers(key: str, conditions: Sequence[Condition]) -> ValueClasses:
    bounds = {number_of(v): v for each in conditions for v in each.values}
    return ValueClasses(key, tuple(_points_and_gaps(bounds, min(bounds) - 1)), ordered=True)


def _times(key: str, conditions: Sequence[Condition]) -> ValueClasses:
    bounds = {time_of(v): v for each in conditions for v in each.values}
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
        ipaddress.ip_network(value, strict=False) for each in conditions for value in each.values
    ]
    found: list[ValueClass] = []
    for version in (4, 6):
        of_version = [each for each in blocks if each.version == version]
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
    after = [int(each.broadcast_address) + 1 for each in blocks]
    for number in (0, *after):
        try:
            address = kind(number)
        except ValueError:
            continue
        if not any(address in each for each in blocks):
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
