"""The proof that what a chain asks for (``confirm``, ``reason``) was given, and the walk's look at it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import asdict, dataclass
from rolehop.base.digest import digest_of
from rolehop.base.errors import NoTerminal

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolehop.awsconfig import AwsConfig
    from rolehop.config.model import Defaults, HopConfig, SourceConfig
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions


@dataclass(frozen=True, slots=True)
class Proof:
    """That what chains ask for was given: to this process or its server, and never stored.

    Made by `app.guard` alone, which asks.
    """

    confirmed: frozenset[tuple[str, str]] = frozenset()
    """Chains, each with the way that a person agreed to: another one is asked for again."""

    reason: str | None = None


CONFIRMATION, REASON = GUARDED = ("a confirmation", "a reason")

UNASKED = Proof()
"""Of exits that ask nobody: only chains that ask for nothing leave by them."""


def check(
    resolved: Resolved,
    options: WalkOptions,
    proof: Proof,
    defaults: Defaults,
    aws: Callable[[], AwsConfig],
) -> None:
    """Compare what a chain asks for with what was given.

    Raises:
        NoTerminal: something is missing.
    """
    guards = resolved.guards
    if guards.confirm is not None and agreement(resolved, defaults, aws) not in proof.confirmed:
        raise _missing(CONFIRMATION, resolved)
    if guards.reason is not None and (options.reason is None or options.reason != proof.reason):
        raise _missing(REASON, resolved)


def check_reason(resolved: Resolved, options: WalkOptions) -> None:
    """Check what a walk whose session is handed to nobody needs.

    Raises:
        NoTerminal: the chain requires a reason, and there is none.
    """
    if resolved.guards.reason is not None and options.reason is None:
        raise _missing(REASON, resolved)


def _missing(needed: str, resolved: Resolved) -> NoTerminal:
    name = resolved.chain.name
    return NoTerminal(
        f"{needed} is needed, and nobody is asked here",
        cause=resolved.guards.why(name),
        fix=commands_that_ask(name),
        chain=name,
    )


def commands_that_ask(name: str) -> Advice:
    """Return the commands that ask a person for what a walk of the chain ``name`` needs."""
    return Advice(
        "rolehop assume ", Argument(name), ", or rolehop exec ", Argument(name), " -- PROGRAM"
    )


def agreement(
    resolved: Resolved, defaults: Defaults, aws: Callable[[], AwsConfig]
) -> tuple[str, str]:
    """Return what a person agrees to: the chain, and a digest of all that AWS is asked for, and by whom.

    What ``{caller}`` fills is left out: a walk may learn it after the question. So are endpoints and
    regions, which say where AWS is asked, and change with a network.

    Raises:
        SourceError: the AWS profile that the chain starts from is not there.
    """
    source = resolved.source
    start = source.name, source.type, source.settings, source.principal, _profile_of(source, aws)
    hops = [
        _asked(hop, written.hop, defaults)
        for (_, hop), written in zip(resolved.hops, resolved.written, strict=True)
    ]
    scope = None if resolved.scope is None else asdict(resolved.scope)
    return resolved.chain.name, digest_of(start, hops, scope)


def _asked(hop: HopConfig, written: HopConfig, defaults: Defaults) -> dict[str, object]:
    """Return what a hop asks for, by field, with ``{caller}`` as it is ``written``."""
    from rolehop.config.schema import mentions_caller

    name = written.session_name or defaults.session_name
    identity = written.source_identity
    return {
        **asdict(hop),
        "session_name": name if mentions_caller(name) else hop.session_name,
        "source_identity": identity if mentions_caller(identity) else hop.source_identity,
        "duration_seconds": hop.duration_seconds or defaults.duration_seconds,
        # Order means nothing to STS in these three.
        "policy_arns": sorted(hop.policy_arns),
        "tags": sorted(hop.tags),
        "transitive_tags": sorted(hop.transitive_tags),
    }


def _profile_of(source: SourceConfig, aws: Callable[[], AwsConfig]) -> str | None:
    """Return a digest of the sections of the AWS profile whose own credentials a source gives."""
    from rolehop.sources.profile import BASE

    if BASE not in source.settings:
        return None
    from rolehop.awsconfig import profile_fingerprint

    return profile_fingerprint(aws(), str(source.settings["profile"]))
