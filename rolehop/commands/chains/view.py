"""The view and the document of ``show``, every setting of a chain; and the AWS profiles that run one."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from rolehop.config.model import ChainConfig
from rolehop.plan.model import HopStep, Mfa, Plan
from rolehop.show.json_documents import json_lines, plan_hop
from rolehop.show.layout import Facts, Grid, Line, StyledText, View, facts, line, row, to_copy
from rolehop.show.rows import ProfileRow
from rolehop.show.tables import cache_text, chain_name, remarks
from rolehop.show.times import show_local, show_span
from rolehop.text import clean

_NONE = "-"
_WIDTH = 76  # of a session policy
_MFA = {
    Mfa.NONE: _NONE,
    Mfa.SESSION: "a session with MFA, which all chains of the source share",
    Mfa.HOP: "a code of its own",
}


def chain_view(plan: Plan, chain: ChainConfig, now: datetime) -> View:
    """Show a chain, then hop by hop all that is sent to STS and what is known of its session."""
    return [_chain(plan, chain), *_hops(plan, now), *remarks(plan)]


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
        ("confirm", "yes" if plan.confirm else "no"),
        ("reason", reason if chain.reason_required else "not asked for"),
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
    yield "MFA", _MFA[step.mfa]
    yield "MFA device", clean(hop.mfa_serial or _NONE)
    yield "cache", cache_text(step, now)
    if step.local_expires_at is not None:
        yield "cached until", show_local(step.local_expires_at)
    yield "session policy", "as follows" if hop.policy else _NONE


def _policy(text: str) -> Iterator[Line]:
    found = json.loads(text)
    lines = json_lines(found, _WIDTH) if isinstance(found, Mapping) else [clean(text)]
    yield from (to_copy(f"  {each}") for each in lines)


def show_document(plan: Plan, chain: ChainConfig, names: Mapping[str, str]) -> dict[str, object]:
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
        "labels": dict(chain.labels),
        "sts_region": plan.region,
        "sts_endpoint": plan.endpoint_url,
        "region": plan.export_region,
        "min_ttl": plan.min_ttl_seconds,
        "confirm": plan.confirm,
        "reason": "required" if chain.reason_required else None,
        "reason_in": chain.reason_in,
        "color": plan.color,
        "notes": list(plan.notes),
        "hops": [
            _hop(step, written.chain, plan, names)
            for step, written in zip(plan.hops, plan.written, strict=True)
        ],
    }


def _hop(step: HopStep, chain: str, plan: Plan, names: Mapping[str, str]) -> dict[str, object]:
    hop = step.hop
    return {
        **plan_hop(step, plan),
        "chain": chain,
        "account_name": names.get(hop.role.account),
        "external_id": hop.external_id is not None,
        "policy": json.loads(hop.policy) if hop.policy else None,
        "policy_arns": list(hop.policy_arns),
        "tags": dict(hop.tags),
        "transitive_tags": list(hop.transitive_tags),
        "source_identity": hop.source_identity,
        "mfa_serial": hop.mfa_serial,
    }


def profiles_view(rows: Sequence[ProfileRow]) -> View:
    """Show AWS profiles that run rolehop; below them, what to write by hand."""
    drawn = [
        row(
            StyledText(each.profile, "bold"),
            each.chain,
            each.file,
            "installed" if each.installed else "by hand",
            _profile_state(each),
            under=each.problem or "",
        )
        for each in rows
    ]
    shown: list[Line | Grid] = [Grid(("PROFILE", "CHAIN", "FILE", "WRITTEN", "STATE"), drawn)]
    for each in rows:
        if each.rewrite and each.prefix is None:
            shown += [line(f"for AWS profile {each.profile}, write:")]
            shown += [to_copy(f"credential_process = {each.rewrite}")]
    return shown


def _profile_state(found: ProfileRow) -> StyledText:
    if found.problem:
        return StyledText("broken", "red")
    return StyledText("slower", "yellow") if found.rewrite else StyledText("fine")
