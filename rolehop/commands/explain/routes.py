"""The view and the JSON of ``routes``: each route with its verdict and what is not known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.routes.search import MOST_EVALUATIONS, MOST_ROUTES, Found, Route, RouteHop
from rolehop.show.condition_text import unknown_in_words
from rolehop.show.layout import Line, Style, StyledText, View, line, to_copy, wrapped
from rolehop.text import clean, pluralize

Document = dict[str, object]
_STYLES: dict[Outcome, Style] = {Outcome.ALLOWED: "green"}
_SAYS = {Outcome.ALLOWED: "allowed", Outcome.UNKNOWN: "can't tell"}


class LeftOut(NamedTuple):
    """A source or chain of the config that a search left out."""

    kind: str
    """``source`` or ``chain``."""

    name: str
    why: str


def routes_view(found: Found, to: str, texts: Sequence[str], left_out: Sequence[LeftOut]) -> View:
    """Show each route, then its ``texts``: the chain to paste; and what was not searched."""
    lines: list[Line] = []
    for number, (route, text) in enumerate(zip(found.routes, texts, strict=True), start=1):
        said = StyledText(_SAYS[route.outcome], _STYLES.get(route.outcome, ""))
        head = f"{number}. from {clean(route.source)}, {pluralize(len(route.hops), 'hop')}: "
        lines += [line(StyledText(head, "bold"), said)]
        lines += [each for route_hop in route.route_hops for each in _leg(route_hop)]
        if not route.hops:
            lines += wrapped(
                f"the session of source '{route.source}' already is that role", "   ", "     "
            )
        if assumed := assuming(route):
            lines += wrapped(
                f"assuming: {', '.join(map(_assumption_text, assumed))}", "   ", "     "
            )
        lines += [line(), *(to_copy(clean(each)) for each in text.splitlines()), line()]
    if not found.routes:
        none = "the policies given allow none" if found.complete else "none was found so far"
        lines += wrapped(f"no route to {to}: {none}", "", "  ")
    if found.more:
        cut = len(found.routes) >= MOST_ROUTES
        how = f"than these {MOST_ROUTES:,}, the maximum" if cut else "(--most N, or --all)"
        lines.append(line(f"there are more {how}"))
    if not found.complete:
        text = (
            f"the search stopped after {MOST_EVALUATIONS:,} hops: there may be other routes, shorter ones"
            " too; narrow it with --from SOURCE, or give fewer documents"
        )
        lines += wrapped(text, "", "  ")
    for each in left_out:
        lines += wrapped(f"left out: {each.kind} '{each.name}': {each.why}", "", "  ")
    return lines


def _leg(route_hop: RouteHop) -> Iterator[Line]:
    verdict = route_hop.verdict
    yield from wrapped(f"{_SAYS[verdict.outcome]}: {verdict.request.role}", "   ", "     ")
    if verdict.outcome is Outcome.UNKNOWN:
        unknowns = ", ".join(map(unknown_in_words, verdict.unknowns))
        yield from wrapped(f"not known: {unknowns}", "     ", "       ")


def _assumption_text(assumed: str) -> str:
    return _ASSUMED.get(assumed, f"{assumed} as --context says")


_ASSUMED = {
    "scp": "no SCP refuses the call",
    "rcp": "no RCP refuses the call",
    "source-session": "the source's session has no session policy, session tags or source identity",
    "roles-anywhere-profile": "the Roles Anywhere profile lists the role and restricts nothing",
    "one-request-context": (
        "external ID and session name also count for sts:TagSession and sts:SetSourceIdentity"
    ),
}


def assuming(route: Route) -> tuple[str, ...]:
    """Return the assumptions of a route's verdicts."""
    return tuple(
        dict.fromkeys(each for route_hop in route.route_hops for each in route_hop.verdict.assuming)
    )


def routes_document(
    found: Found, to: str, texts: Sequence[str], left_out: Sequence[LeftOut]
) -> Document:
    """Return ``rolehop.routes/1``."""
    return {
        "schema": "rolehop.routes/1",
        "to": to,
        "routes": [_route(route, text) for route, text in zip(found.routes, texts, strict=True)],
        "more": found.more,
        "complete": found.complete,
        "left_out": [{"kind": each.kind, "name": each.name, "why": each.why} for each in left_out],
    }


def _route(route: Route, text: str) -> Document:
    unknowns = dict.fromkeys(
        each for route_hop in route.route_hops for each in route_hop.verdict.unknowns
    )
    return {
        "source": route.source,
        "verdict": route.outcome.value,
        "hops": [
            {
                "hop": number,
                "role": route_hop.verdict.request.role,
                "caller": route_hop.verdict.request.caller.arn,
                "verdict": route_hop.verdict.outcome.value,
                "unknowns": list(route_hop.verdict.unknowns),
                "assuming": list(route_hop.verdict.assuming),
            }
            for number, route_hop in enumerate(route.route_hops, start=route.first)
        ],
        "unknowns": list(unknowns),
        "assuming": list(assuming(route)),
        "chain": text,
    }
