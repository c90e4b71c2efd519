"""``rolehop routes``: the shortest routes to a role that the policies allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

from rolehop.app.config_files import append_chain, with_same_config
from rolehop.app.judging.documents import PolicyOptions
from rolehop.base.advice import Advice, Argument
from rolehop.base.text import clean, pluralize
from rolehop.cli.completers import chain_names, source_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.commands.explain.options import policy_flags
from rolehop.commands.explain.route_finder import FoundRoutes, LeftOut, find_routes
from rolehop.policy.evaluation.model import Outcome
from rolehop.policy.finding_text import unknown_in_words
from rolehop.policy.routes import MOST_EVALUATIONS, MOST_ROUTES, Found, Route, RouteHop
from rolehop.terminal.layout import Line, Style, StyledText, View, line, to_copy, wrapped

NO_ROUTE = 5
"""The exit code if no route is allowed, or may be."""


@click.command(
    cls=Command,
    epilog="""
rolehop routes 333333333333:role/Admin --policies account.json
rolehop routes 333333333333 --from corp --policies hub.json --policies spokes.json
rolehop routes 333333333333:role/Admin --policies account.json --write prod-admin
""",
)
@click.argument("what", metavar="TO", shell_complete=chain_names)
@click.option(
    "--from",
    "source",
    metavar="SOURCE",
    shell_complete=source_names,
    help="Start from this source alone.  [default: all whose principal is known]",
)
@policy_flags
@click.option(
    "--most",
    type=click.IntRange(1, MOST_ROUTES),
    default=3,
    show_default=True,
    metavar="N",
    help="Show this many routes.",
)
@click.option("--all", "every", is_flag=True, help="Show all of the shortest, up to 1000.")
@click.option("--write", metavar="NAME", help="Append the first route to your config as a chain.")
@format_option("text", "json", default="text")
@click.pass_context
def command(
    ctx: click.Context,
    what: str,
    source: str | None,
    policies: PolicyOptions,
    most: int,
    every: bool,
    write: str | None,
    style: str,
) -> None:
    """Find the shortest routes to a role that the policies allow.

    TO is a role (its ARN or ACCOUNT:role/NAME), an account, or a chain, whose last role is taken.
    Looks among the roles of the documents and the hops of your chains. Each route comes with its
    verdict, as a chain to paste; what is left out, with why. Makes no AWS call. Exits 5 if there
    is no route.
    """
    cli = CommandContext.of(ctx)
    limit = MOST_ROUTES if every else most
    result = find_routes(cli.app, what, source, policies, most=limit, new_chain=write)
    _print(cli, result, what, style)
    if not result.found.routes:
        ctx.exit(NO_ROUTE)
    if write is not None:
        path = append_chain(cli.app, write, result.chains[0])
        cli.terminal.note(f"written: {path}")
        allowed = result.found.routes[0].outcome is Outcome.ALLOWED
        cli.terminal.note(
            Advice("next: ", with_same_config(cli.app, "plan ", Argument(write)))
            if allowed
            else Advice(
                "whether it is allowed can't be told; next: ",
                with_same_config(cli.app, "explain ", Argument(write)),
            )
        )


def _print(cli: CommandContext, result: FoundRoutes, to: str, style: str) -> None:

    if style == "json":
        cli.write_json(routes_document(result.found, to, result.chains, result.left_out))
    else:
        cli.write_view(routes_view(result.found, to, result.chains, result.left_out))


Document = dict[str, object]
_STYLES: dict[Outcome, Style] = {Outcome.ALLOWED: "green"}
_SAYS = {Outcome.ALLOWED: "allowed", Outcome.UNKNOWN: "can't tell"}


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
            f"the search stopped after {MOST_EVALUATIONS:,} hops: other routes, also shorter ones, may"
            " exist; add --from SOURCE, or give fewer documents"
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
        unknown for route_hop in route.route_hops for unknown in route_hop.verdict.unknowns
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
