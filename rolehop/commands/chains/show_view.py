"""The view and the document of ``show``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from rolehop.app.account_names import KnownNames
from rolehop.base.durations import show_local, show_span
from rolehop.base.text import clean
from rolehop.commands.chains.view import (
    Names,
    end_document,
    listed_document,
    plan_hop,
    plan_scope,
)
from rolehop.config.model import ChainConfig, WrittenHop
from rolehop.plan.identity import Principal
from rolehop.plan.model import HopStep, Mfa, Plan
from rolehop.terminal.json_text import json_lines
from rolehop.terminal.layout import (
    LABEL,
    Facts,
    Line,
    StyledText,
    View,
    account_role,
    blocks,
    chain_name,
    facts,
    line,
    to_copy,
)
from rolehop.terminal.plan_view import cache_text, remarks, scope_lines

_WIDTH = 76  # of a session policy

_MFA_WORDS = {
    Mfa.SESSION: "one code opens a session that all chains of the source share",
    Mfa.HOP: "asks for a code every time",
}


def chain_view(
    plan: Plan,
    chain: ChainConfig,
    end: Principal,
    now: datetime,
    names: Names,
    *,
    verbose: bool = False,
) -> View:
    """Show a chain, then hop by hop what is sent to STS; ``verbose``: defaults, too.

    ``end``: whose session it gives.
    """
    hops = [
        _hop_view(plan, step, written, now, names, verbose=verbose)
        for step, written in zip(plan.hops, plan.written, strict=True)
    ]
    above = [_chain_facts(plan, chain, end, names, verbose=verbose)]
    return blocks(above, *hops, _scope_view(plan, now, verbose=verbose), [*remarks(plan)])


def _scope_view(plan: Plan, now: datetime, *, verbose: bool) -> View:
    step = plan.scope
    if step is None:
        return []
    lasts, policy = step.scope.duration_seconds, step.scope.policy
    pairs: list[_Pair] = [
        ("lasts", "as long as the session before" if lasts is None else show_span(lasts)),
        ("description", clean(step.scope.description or "")),
        ("session", cache_text(step, now)),
        ("policy", "as follows" if policy else ""),
    ]
    narrows = StyledText("  narrows the session that is handed out", LABEL)
    head = line(StyledText("scope", "bold"), narrows)
    sent = _policy(policy) if policy else ()
    return [head, _set(pairs, verbose=verbose), *sent, *scope_lines(plan)]


_Pair = tuple[str, str | StyledText]


def _set(pairs: Iterable[_Pair], *, verbose: bool) -> Facts:
    """Return facts without those that are not set; ``verbose``: these, too."""
    shown = [(name, value or StyledText("–", "dim")) for name, value in pairs if value or verbose]
    return facts(*shown)


def _chain_facts(
    plan: Plan, chain: ChainConfig, end: Principal, names: Names, *, verbose: bool
) -> Facts:
    labels, tags = map(_pairs, (chain.labels, chain.account_tags or {}))
    reason = f"asked for, in the {chain.reason_in.replace('_', ' ')}"
    pairs: list[_Pair] = [
        ("chain", chain_name(plan.chain, plan.color)),
        ("description", clean(chain.description)),
        ("source", f"{plan.source.name} ({plan.source.type})"),
        ("expected caller", plan.source.principal or ""),
        # of a chain with hops they stand at its last hop
        ("account", "" if plan.hops else account_role(end.account, names=names, verbose=True)),
        ("role", "" if plan.hops else end.role),
        ("from", chain.continues or ""),
        ("fleet", chain.fleet or ""),
        ("labels", labels),
        ("account's tags", tags),
        ("OU", clean(chain.unit or "")),
        ("STS region", plan.region),
        ("STS endpoint", plan.endpoint_url or ("AWS's regional one" if verbose else "")),
        ("region", plan.export_region or ""),
        ("renewed below", f"{show_span(plan.min_ttl_seconds)} left (min_ttl)" if verbose else ""),
        ("confirm", "" if plan.guards.confirm is None else "yes"),
        ("reason", "" if plan.guards.reason is None else reason),
        ("color", plan.color or ""),
    ]
    return _set(pairs, verbose=verbose)


def _pairs(found: Mapping[str, str]) -> str:
    return ", ".join(clean(f"{key}={value}") for key, value in found.items())


def _hop_view(
    plan: Plan, step: HopStep, written: WrittenHop, now: datetime, names: Names, *, verbose: bool
) -> View:
    whose = "" if written.chain == plan.chain else f"  of {_kind(written)} {clean(written.chain)}"
    head = line(
        StyledText(f"hop {step.number} of {len(plan.hops)}", "bold"), StyledText(whose, LABEL)
    )
    settings = _set(_settings(step, now, names), verbose=verbose)
    return [head, settings, *(_policy(step.hop.policy) if step.hop.policy else ())]


def _kind(written: WrittenHop) -> str:
    return "profile" if written.in_profile else "chain"


def _settings(step: HopStep, now: datetime, names: Names) -> Iterator[_Pair]:
    hop = step.hop
    yield "account", account_role(hop.role.account, names=names, verbose=True)
    yield "role", str(hop.role)
    yield "session name", clean(hop.session_name)
    yield "lasts", f"{show_span(hop.duration_seconds)} of at most {show_span(step.ceiling_seconds)}"
    yield "external ID", "set" if hop.external_id else ""
    yield "policy ARNs", ", ".join(map(clean, hop.policy_arns))
    yield "tags", ", ".join(clean(f"{key}={value}") for key, value in hop.tags)
    yield "transitive tags", ", ".join(map(clean, hop.transitive_tags))
    yield "source identity", clean(hop.source_identity or "")
    yield "MFA", _MFA_WORDS.get(step.mfa, "")
    yield "MFA device", clean(hop.mfa_serial or "")
    until = "" if step.local_expires_at is None else f", until {show_local(step.local_expires_at)}"
    yield "session", f"{cache_text(step, now).text}{until}"
    yield "session policy", "as follows" if hop.policy else ""


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
        **end_document(end, names),
        **listed_document(chain.account_tags, chain.unit),
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
