"""The plan of a chain as `plan` and the picker show it: what a walk would do, a line for each step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.base.durations import rfc3339, show_left, show_span
from rolehop.base.text import clean
from rolehop.plan.model import Cache, CachedStep, HopStep, Mfa, Plan
from rolehop.plan.walk_options import WalkOptions
from rolehop.terminal.layout import (
    FINE,
    LABEL,
    LOOK,
    WRONG,
    Grid,
    Line,
    Row,
    StyledText,
    View,
    account_role,
    blocks,
    chain_name,
    line,
    row,
)

if TYPE_CHECKING:
    from rolehop.app.source_start import SourceStart


def plan_view(
    plan: Plan,
    options: WalkOptions,
    start: SourceStart,
    now: datetime,
    names: Mapping[str, str],
    *,
    description: str = "",
    verbose: bool = False,
) -> View:
    """Show what a walk of the chain would do, a line for its source and for each hop.

    Args:
        plan: of the walk.
        options: its flags.
        start: what it does for the source's credentials.
        now: the time by this machine's clock.
        names: of accounts, by ID.
        description: of the chain.
        verbose: with what is sent to STS.
    """
    head = line(
        chain_name(plan.chain, plan.color),
        StyledText(f"   {clean(description)}" if description else "", LABEL),
        f"   {_guards(plan)}" if plan.guards.any else "",
    )
    source = row(
        "", StyledText(clean(plan.source.name), "bold"), _origin(plan, names), "", _started(start)
    )
    steps = [
        row(
            str(step.number),
            StyledText(clean(step.hop.role.name), "bold"),
            account_role(step.hop.role.account, names=names, verbose=verbose),
            show_span(step.hop.duration_seconds),
            _does(plan, step, options, now),
        )
        for step in plan.hops
    ]
    grid = Grid(
        ("",) * 5, [source, *steps, *_scope_row(plan, now)], right=(0,), wraps=True, spans=2
    )
    below = [*_problem(plan, start), *scope_lines(plan), *remarks(plan, verbose=verbose)]
    return blocks([head], [grid], below)


def _problem(plan: Plan, start: SourceStart) -> Iterator[Line]:
    if start.problem:
        from rolehop.terminal.messages import typed_words

        name = StyledText(clean(plan.source.name), "bold")
        yield line(WRONG, " ", name, ": ", *typed_words(start.problem))._replace(hanging=2)


def _started(start: SourceStart) -> StyledText:
    if start.problem:
        return StyledText(f"{WRONG.text} {start.said}", WRONG.style)
    return StyledText(start.said, LOOK.style if start.asks else FINE.style)


def _scope_row(plan: Plan, now: datetime) -> Iterator[Row]:
    """Yield the row of what narrows the session at last."""
    step = plan.scope
    if step is not None:
        lasts = step.scope.duration_seconds
        yield row(
            "",
            StyledText("scope", "bold"),
            step.scope.words,
            "" if lasts is None else show_span(lasts),
            cache_text(step, now),
        )


def scope_lines(plan: Plan) -> Iterator[Line]:
    """Yield what there is to know of a scope."""
    step = plan.scope
    if step is None:
        return
    if step.will_fail:
        yield line(WRONG, f" scope will fail: {clean(step.will_fail)}")
    if step.scope.read_only:
        from rolehop.config.read_only_policy import LEFT_OUT

        yield line(StyledText(f"scope: {LEFT_OUT}", LABEL))
    yield from (line(StyledText(f"scope: {clean(note)}", LABEL)) for note in step.notes)


def _guards(plan: Plan) -> str:
    """Return what a chain asks of a person before it hands its session over."""
    asks = "asks first" if plan.guards.confirm is not None else ""
    wants = "needs a reason" if plan.wants_reason else ""
    return ", ".join(part for part in (asks, wants) if part)


def _origin(plan: Plan, names: Mapping[str, str]) -> str:
    """Return what a source is, and whose session it gives if the config says so."""
    account, role = (plan.source.settings.get(key) for key in ("account", "role"))
    kind = _KINDS.get(plan.source.type, plan.source.type)
    if isinstance(account, str) and isinstance(role, str):
        return f"{kind}, {clean(role)} in {account_role(account, names=names)}"
    return kind


_KINDS = {
    "identity-center": "Identity Center",
    "keys": "IAM user keys",
    "profile": "AWS profile",
    "roles-anywhere": "IAM Roles Anywhere",
    "saml": "SAML",
    "web-identity": "OIDC token",
}
"""What types of sources are for people, if not their own names."""


def _does(plan: Plan, step: HopStep, options: WalkOptions, now: datetime) -> StyledText:
    """Return what a walk does for a hop, and with what."""
    if step.will_fail:
        return StyledText(f"{WRONG.text} will fail", WRONG.style)
    hop, is_last = step.hop, step is plan.hops[-1]
    cached = step.cache is Cache.FRESH and step.local_expires_at is not None
    reads = [each.partition("::")[2] for each in hop.policy_arns] == ["aws:policy/ReadOnlyAccess"]
    parts = (
        cache_text(step, now).text,
        "asks for an MFA code" if step.mfa is Mfa.HOP and not cached else "",
        "read-only" if reads and not hop.policy else "",
        "session policy" if hop.policy else "",
        f"reason {clean(options.reason)}" if is_last and options.reason else "",
    )
    return StyledText(" · ".join(part for part in parts if part), FINE.style if cached else "")


def remarks(plan: Plan, *, verbose: bool = False) -> Iterator[Line]:
    """Yield what a plan has to say besides its table; ``verbose``: with what is sent to STS."""
    yield from (line(StyledText(f"note: {clean(note)}", LABEL)) for note in plan.notes)
    if verbose:
        yield line(StyledText(f"STS in {plan.region}", LABEL))
    for step in plan.hops:
        if step.will_fail:
            yield line(WRONG, f" hop {step.number} will fail: {clean(step.will_fail)}")
        for note in step.notes:
            yield line(StyledText(f"hop {step.number}: {clean(note)}", LABEL))
        if verbose:
            yield from _details(step)


def _details(step: HopStep) -> Iterator[Line]:
    hop = step.hop
    settings = {
        "role": str(hop.role),
        "session name": hop.session_name,
        "ceiling": show_span(step.ceiling_seconds),
        "external ID": "set" if hop.external_id else None,
        "session policy": f"{len(hop.policy)} characters" if hop.policy else None,
        "policy ARNs": ", ".join(hop.policy_arns) or None,
        "tags": ", ".join(f"{key}={value}" for key, value in hop.tags) or None,
        "transitive tags": ", ".join(hop.transitive_tags) or None,
        "source identity": hop.source_identity,
        "MFA device": hop.mfa_serial,
        "cached until": rfc3339(step.expires_at),
    }
    for name, value in settings.items():
        if value:
            yield line(StyledText(f"  hop {step.number} {name}: {clean(value)}", "dim"))


def cache_text(step: CachedStep, now: datetime) -> StyledText:
    """Return what is known of the session of a hop or a scope."""
    if step.cache is Cache.FRESH and step.local_expires_at is not None:
        return StyledText(f"cached, {show_left(step.local_expires_at, now)}", "green")
    return StyledText(_CACHES[step.cache])


_CACHES = {
    Cache.FRESH: "cached",
    Cache.STALE: "will call AWS: what is cached ends too soon",
    Cache.NONE: "will call AWS",
    Cache.UNKNOWN: "cached or not: only a walk can tell",
}
