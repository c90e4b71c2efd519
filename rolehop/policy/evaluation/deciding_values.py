"""The values of one unknown key for which a call is allowed: "allowed only from 203.0.113.0/24"."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence

from rolehop.policy.evaluation.evaluator import evaluate
from rolehop.policy.evaluation.model import Outcome, Request, Verdict
from rolehop.policy.evaluation.value_classes import Network, ValueClass, ValueClasses, value_classes
from rolehop.startup.dataclass import dataclass, replace


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
        key, (each.policy for shown in request.policies.values() for each in shown.documents)
    )
    if found is None:
        return None
    outcomes = {each: _with(request, key, each.value) for each in found.classes}
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
    of_v4 = [each for each in blocks if isinstance(each, ipaddress.IPv4Network)]
    of_v6 = [each for each in blocks if isinstance(each, ipaddress.IPv6Network)]
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
