"""What ``routes`` prints: each way with its verdict, what is not known, and its JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rolehop.show.layout import Line, Style, View, Words, line
from rolehop.trust.evaluate import Outcome
from rolehop.trust.routes import Found, Leg, Route
from rolehop.words import clean

Document = dict[str, object]
_STYLES: dict[Outcome, Style] = {Outcome.ALLOWED: "green"}
_SAYS = {Outcome.ALLOWED: "allowed", Outcome.UNKNOWN: "can't tell"}


def routes_view(found: Found, to: str, texts: Sequence[str]) -> View:
    """Show each route, then its ``texts``: the chain to paste."""
    lines: list[Line] = []
    for number, (route, text) in enumerate(zip(found.routes, texts, strict=True), start=1):
        said = Words(_SAYS[route.outcome], _STYLES.get(route.outcome, ""))
        hops = len(route.hops)
        head = f"{number}. from {clean(route.source)}, {hops} hop{'' if hops == 1 else 's'}: "
        lines += [line(Words(head, "bold"), said)]
        lines += [line(f"   {each}") for leg in route.legs for each in _leg(leg)]
        if assumed := assuming(route):
            lines += _wrapped(f"taking for granted: {', '.join(assumed)}")
        lines += [line(), *(line(clean(each)) for each in text.splitlines()), line()]
    if not found.routes:
        lines.append(line(clean(f"no route to {to}: the policies given allow none")))
    if found.more:
        lines.append(line("there are more: --most N, or --all"))
    if not found.complete:
        lines.append(line("the search was ended early, so there may be others"))
    return lines


def _leg(leg: Leg) -> Iterable[str]:
    verdict = leg.verdict
    yield clean(f"{verdict.request.role}  {_SAYS[verdict.outcome]}")
    if verdict.outcome is Outcome.UNKNOWN:
        yield from textwrap.wrap(
            clean(f"not known: {', '.join(verdict.unknowns)}"),
            74,
            initial_indent="  ",
            subsequent_indent="    ",
            break_on_hyphens=False,
        )


def _wrapped(text: str) -> list[Line]:
    return [line(f"   {each}") for each in textwrap.wrap(clean(text), 74, break_on_hyphens=False)]


def assuming(route: Route) -> tuple[str, ...]:
    """Return what the verdicts of a route take for granted."""
    return tuple(dict.fromkeys(each for leg in route.legs for each in leg.verdict.assuming))


def routes_document(found: Found, to: str, texts: Sequence[str]) -> Document:
    """Return ``rolehop.routes/1``."""
    return {
        "schema": "rolehop.routes/1",
        "to": to,
        "routes": [_route(route, text) for route, text in zip(found.routes, texts, strict=True)],
        "more": found.more,
        "complete": found.complete,
    }


def _route(route: Route, text: str) -> Document:
    unknowns = dict.fromkeys(each for leg in route.legs for each in leg.verdict.unknowns)
    return {
        "source": route.source,
        "verdict": route.outcome.value,
        "hops": [
            {
                "hop": number,
                "role": leg.verdict.request.role,
                "caller": leg.verdict.request.caller.arn,
                "verdict": leg.verdict.outcome.value,
                "unknowns": list(leg.verdict.unknowns),
                "assuming": list(leg.verdict.assuming),
            }
            for number, leg in enumerate(route.legs, start=0 if route.legs[0].asked is None else 1)
        ],
        "unknowns": list(unknowns),
        "assuming": list(assuming(route)),
        "chain": text,
    }
