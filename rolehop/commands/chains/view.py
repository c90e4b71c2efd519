"""The views and documents of ``list``, ``plan`` and ``show``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from rolehop.app.account_names import KnownNames
from rolehop.app.listing import ChainRow
from rolehop.base.durations import rfc3339, show_local, show_span
from rolehop.base.text import clean
from rolehop.config.model import ChainConfig
from rolehop.plan.identity import Principal
from rolehop.plan.model import Cache, CachedStep, HopStep, Mfa, Plan
from rolehop.terminal.json_text import Document, json_lines
from rolehop.terminal.layout import (
    Facts,
    Grid,
    Line,
    StyledText,
    View,
    chain_name,
    facts,
    line,
    row,
    short_role,
    time_left,
    to_copy,
)

_MFA = {Mfa.NONE: "-", Mfa.SESSION: "shared", Mfa.HOP: "own code"}


def chains_view(
    rows: Iterable[ChainRow],
    now: datetime,
    *,
    verbose: bool = False,
) -> View:
    """Show chains with their start, their end and the time left of a session."""
    drawn = [
        row(
            chain_name(each.name, each.color),
            each.continues or each.source or "",
            _end(each),
            time_left(each.cached.local_expires_at if each.cached else None, now),
            under=_under(each, verbose=verbose),
        )
        for each in rows
    ]
    return [Grid(("CHAIN", "FROM", "TO", "CACHED"), drawn)]


def _end(chain: ChainRow) -> str:
    narrowed = f", {chain.narrowed}" if chain.narrowed else ""
    if chain.roles:
        return f"{short_role(chain.roles[-1])}{narrowed}"
    end = f"{chain.role} in {chain.account}" if chain.role else "the source itself"
    return f"{end}{narrowed}"


def plan_view(plan: Plan, now: datetime, *, verbose: bool) -> View:
    """Show every hop of a plan: role, lifetime, MFA, cache, and what will fail."""
    where = f", STS in {plan.region}" if verbose else ""
    head = line(
        chain_name(plan.chain, plan.color),
        f"  from {plan.source.type} source '{plan.source.name}'{where}",
    )
    hops = [
        row(
            str(step.number),
            short_role(str(step.hop.role)),
            show_span(step.hop.duration_seconds),
            _MFA[step.mfa],
            cache_text(step, now),
        )
        for step in plan.hops
    ]
    grid = [Grid(("HOP", "ROLE", "LASTS", "MFA", "CACHE"), hops)] if hops else []
    return [head, *grid, *_scope_lines(plan, now), *remarks(plan, verbose=verbose)]


def _scope_lines(plan: Plan, now: datetime) -> Iterator[Line]:
    """Yield what narrows the session at last."""
    step = plan.scope
    if step is None:
        return
    yield line("scope: ", step.scope.words, "  cache: ", cache_text(step, now))
    if step.scope.read_only:
        from rolehop.config.read_only_policy import LEFT_OUT

        yield line(f"scope: {LEFT_OUT}")
    yield from (line(f"scope: {clean(note)}") for note in step.notes)
    if step.will_fail:
        yield line("scope ", StyledText("will fail", "red"), f": {clean(step.will_fail)}")


def remarks(plan: Plan, *, verbose: bool = False) -> Iterator[Line]:
    """Yield what a plan has to say besides its table; ``verbose``: with what is sent to STS."""
    if not plan.hops:
        account, role = (plan.source.settings.get(key) for key in ("account", "role"))
        does = "narrows" if plan.scope else "hands out"
        yield line(
            f"no hops: {does} the source's own session"
            + (f", of role {role} in account {account}" if account and role else "")
        )
    if plan.guards.confirm is not None:
        yield line("asks before it hands the session over")
    if plan.wants_reason:
        yield line("asks for a reason unless --reason gives one")
    yield from (line(f"note: {clean(note)}") for note in plan.notes)
    if plan.source_problem:
        yield line(StyledText("will fail", "red"), f": {clean(plan.source_problem)}")
    for step in plan.hops:
        yield from (line(f"hop {step.number}: {note}") for note in step.notes)
        if step.will_fail:
            yield line(f"hop {step.number} ", StyledText("will fail", "red"), f": {step.will_fail}")
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


def _under(chain: ChainRow, *, verbose: bool) -> str:
    """Return the text below a chain: description, colour name, end of its cached session."""
    until = rfc3339(chain.cached.expires_at) if verbose and chain.cached else None
    parts = (
        clean(chain.description),
        f"({chain.color})" if chain.color else "",
        f"cached until {until}" if until else "",
    )
    return " ".join(part for part in parts if part)


def cache_text(step: CachedStep, now: datetime) -> StyledText:
    """Return what is known of the session of a hop or a scope."""
    if step.cache is Cache.FRESH:
        return time_left(step.local_expires_at, now)
    return StyledText({Cache.STALE: "stale", Cache.UNKNOWN: "unknown"}.get(step.cache, "none"))


def list_document(rows: Iterable[ChainRow], names: KnownNames) -> Document:
    """Return ``rolehop.list/1``."""
    return {
        "schema": "rolehop.list/1",
        "chains": [
            {
                "name": row.name,
                "description": row.description,
                "source": row.source,
                "from": row.continues,
                "fleet": row.fleet,
                "labels": dict(row.labels),
                "hops": list(row.roles),
                **_end_document(Principal(row.account, row.role), names),
                "cached_until": rfc3339(row.cached.expires_at if row.cached else None),
            }
            for row in rows
        ],
    }


def _end_document(end: Principal, names: KnownNames) -> Document:
    """Return where a chain ends; the name is one for people, and may be old."""
    return {
        "account": end.account or None,
        "account_name": names.plain(end.account),
        "role": end.role or None,
    }


def plan_document(plan: Plan) -> Document:
    """Return ``rolehop.plan/1``."""
    return {
        "schema": "rolehop.plan/1",
        "chain": plan.chain,
        "source": {"name": plan.source.name, "type": plan.source.type},
        "hops": [plan_hop(step, plan) for step in plan.hops],
        "scope": plan_scope(plan),
    }


def plan_scope(plan: Plan) -> Document | None:
    """Return the scope, as in ``rolehop.plan/1``; ``None``: there is none."""
    step = plan.scope
    if step is None:
        return None
    return {
        "read_only": step.scope.read_only,
        "policy": json.loads(step.scope.policy) if step.scope.policy else None,
        "duration": step.scope.duration_seconds,
        "description": step.scope.description,
        "cache": step.cache.value,
        "expires_at": rfc3339(step.expires_at),
        "notes": list(step.notes),
        "will_fail": step.will_fail or (None if plan.hops else plan.source_problem),
    }


def plan_hop(step: HopStep, plan: Plan) -> Document:
    """Return one hop, as in ``rolehop.plan/1``."""
    problem = plan.source_problem if step.number == 1 else None
    return {
        "hop": step.number,
        "role": str(step.hop.role),
        "account": step.hop.role.account,
        "session_name": step.hop.session_name,
        "duration": step.hop.duration_seconds,
        "ceiling": step.ceiling_seconds,
        "mfa": step.mfa.value,
        "cache": step.cache.value,
        "expires_at": rfc3339(step.expires_at),
        "notes": list(step.notes),
        "will_fail": step.will_fail or problem,
    }


_NONE = "-"
_WIDTH = 76  # of a session policy

_MFA_WORDS = {
    Mfa.NONE: _NONE,
    Mfa.SESSION: "a session with MFA, which all chains of the source share",
    Mfa.HOP: "a code of its own",
}


def chain_view(plan: Plan, chain: ChainConfig, now: datetime) -> View:
    """Show a chain, then hop by hop all that is sent to STS and what is known of its session."""
    return [_chain(plan, chain), *_hops(plan, now), *_scope(plan, now), *remarks(plan)]


def _scope(plan: Plan, now: datetime) -> Iterator[Line | Facts]:
    step = plan.scope
    if step is None:
        return
    yield line("")
    yield line(StyledText("scope", "bold"), "  narrows the session that is handed out")
    lasts, policy = step.scope.duration_seconds, step.scope.policy
    yield facts(
        ("lasts", "as long as the session before" if lasts is None else show_span(lasts)),
        ("description", clean(step.scope.description or _NONE)),
        ("cache", cache_text(step, now)),
        ("policy", "as follows" if policy else _NONE),
    )
    if policy:
        yield from _policy(policy)


def _chain(plan: Plan, chain: ChainConfig) -> Facts:
    labels = ", ".join(f"{key}={value}" for key, value in chain.labels.items())
    reason = f"asked for, in the {chain.reason_in.replace('_', ' ')}"
    return facts(
        ("chain", chain_name(plan.chain, plan.color)),
        ("description", clean(chain.description) or _NONE),
        ("source", f"{plan.source.name} ({plan.source.type})"),
        ("must be", plan.source.principal or _NONE),
        ("continues", chain.continues or _NONE),
        ("fleet", chain.fleet or _NONE),
        ("labels", clean(labels) or _NONE),
        ("STS region", plan.region),
        ("STS endpoint", plan.endpoint_url or "AWS's regional one"),
        ("exported region", plan.export_region or _NONE),
        ("renewed below", f"{show_span(plan.min_ttl_seconds)} left (min_ttl)"),
        ("confirm", "no" if plan.guards.confirm is None else "yes"),
        ("reason", "not asked for" if plan.guards.reason is None else reason),
        ("color", plan.color or _NONE),
    )


def _hops(plan: Plan, now: datetime) -> Iterator[Line | Facts]:
    for step, written in zip(plan.hops, plan.written, strict=True):
        kind = "profile" if written.in_profile else "chain"
        yield line("")
        yield line(
            StyledText(f"hop {step.number} of {len(plan.hops)}", "bold"),
            f"  of {kind} {clean(written.chain)}",
        )
        yield facts(*_settings(step, now))
        if step.hop.policy:
            yield from _policy(step.hop.policy)


def _settings(step: HopStep, now: datetime) -> Iterator[tuple[str, str | StyledText]]:
    hop = step.hop
    yield "role", str(hop.role)
    yield "account", hop.role.account
    yield "session name", clean(hop.session_name)
    yield "lasts", f"{show_span(hop.duration_seconds)} of at most {show_span(step.ceiling_seconds)}"
    yield "external ID", "set" if hop.external_id else _NONE
    yield "policy ARNs", ", ".join(map(clean, hop.policy_arns)) or _NONE
    yield "tags", ", ".join(clean(f"{key}={value}") for key, value in hop.tags) or _NONE
    yield "transitive tags", ", ".join(map(clean, hop.transitive_tags)) or _NONE
    yield "source identity", clean(hop.source_identity or _NONE)
    yield "MFA", _MFA_WORDS[step.mfa]
    yield "MFA device", clean(hop.mfa_serial or _NONE)
    yield "cache", cache_text(step, now)
    if step.local_expires_at is not None:
        yield "cached until", show_local(step.local_expires_at)
    yield "session policy", "as follows" if hop.policy else _NONE


def _policy(text: str) -> Iterator[Line]:
    found = json.loads(text)
    lines = json_lines(found, _WIDTH) if isinstance(found, Mapping) else [clean(text)]
    yield from (to_copy(f"  {each}") for each in lines)


def show_document(
    plan: Plan, chain: ChainConfig, end: Principal, names: KnownNames
) -> dict[str, object]:
    """Return ``rolehop.show/1``; ``names`` are those of accounts, by ID.

    ``external_id`` is true if there is one: its value is not shown.
    """
    return {
        "schema": "rolehop.show/1",
        "chain": plan.chain,
        "description": chain.description,
        "source": {
            "name": plan.source.name,
            "type": plan.source.type,
            "principal": plan.source.principal,
        },
        "from": chain.continues,
        "fleet": chain.fleet,
        **_end_document(end, names),
        "labels": dict(chain.labels),
        "sts_region": plan.region,
        "sts_endpoint": plan.endpoint_url,
        "region": plan.export_region,
        "min_ttl": plan.min_ttl_seconds,
        "confirm": plan.guards.confirm is not None,
        "reason": None if plan.guards.reason is None else "required",
        "reason_in": chain.reason_in,
        "color": plan.color,
        "notes": list(plan.notes),
        "hops": [
            _hop(step, written.chain, plan, names)
            for step, written in zip(plan.hops, plan.written, strict=True)
        ],
        "scope": plan_scope(plan),
    }


def _hop(step: HopStep, chain: str, plan: Plan, names: KnownNames) -> dict[str, object]:
    hop = step.hop
    return {
        **plan_hop(step, plan),
        "chain": chain,
        "account_name": names.plain(hop.role.account),
        "external_id": hop.external_id is not None,
        "policy": json.loads(hop.policy) if hop.policy else None,
        "policy_arns": list(hop.policy_arns),
        "tags": dict(hop.tags),
        "transitive_tags": list(hop.transitive_tags),
        "source_identity": hop.source_identity,
        "mfa_serial": hop.mfa_serial,
    }
