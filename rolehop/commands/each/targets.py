"""The targets of a run: a chain, and a region if regions are named; and what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.listing import matching_chains
from rolehop.app.planning import account_of_source
from rolehop.arn import account_of
from rolehop.config.value_types import NAME_PATTERN, REGION
from rolehop.errors import ConfigError, UsageError
from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.app.context import App
    from rolehop.credentials import Session
    from rolehop.plan.resolve import Resolved

# As IAM names roles, without what a shell gives a meaning to (IAM API reference, CreateRole).
_ROLE_NAME = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_+=,.@-]*")
_ACCOUNT = Pattern(r"[0-9]{12}")
# Not ${chain}, which a shell fills in, nor {{chain}}, which is another template's.
_PLACEHOLDER = Pattern(r"(?<![${])\{(chain|account|account_name|role|region)\}(?!\})")


ENABLED = "enabled"
"""Stands for every region that an account has enabled, until the account was asked."""


@dataclass(frozen=True, slots=True)
class RunTarget:
    """One run of the command."""

    chain: str
    region: str | None = None
    """``None``: the chain's own, if it has one."""

    @property
    def name(self) -> str:
        """The chain, and the region if there is one."""
        return f"{self.chain} {self.region}" if self.region else self.chain


@dataclass(frozen=True, slots=True)
class TargetFacts:
    """What the placeholders stand for; ``None``: not known, or there is none."""

    target: RunTarget
    account: str | None = None
    account_name: str | None = None
    role: str | None = None
    region: str | None = None
    """Of the command: named for the target, by its chain, or in the environment."""

    @property
    def chain(self) -> str:
        """The target's chain."""
        return self.target.chain


def targets_of(
    app: App, patterns: Sequence[str], exclude: Sequence[str], regions: Sequence[str] = ()
) -> list[RunTarget]:
    """Return the targets in the order of the patterns: those of ``exclude`` are left out.

    ``regions``: one target for each of them.

    Raises:
        ConfigError: a pattern matches nothing, also one that is to be left out.
        UsageError: all are left out.
    """
    left_out = set(matching_chains(app, exclude))
    chains = [name for name in matching_chains(app, patterns) if name not in left_out]
    if not chains:
        raise UsageError("no chain is left: --exclude matches all of them", fix="rolehop list")
    return [RunTarget(chain, region) for chain in chains for region in regions or (None,)]


@dataclass(frozen=True, slots=True)
class Shard:
    """One of several parts of a run, from 1: ``2/8``."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    def of(self, targets: Sequence[RunTarget]) -> list[RunTarget]:
        """Return this part of the targets: every ``count``-th chain, with all of its regions.

        It is the same wherever the config is.
        """
        chains = sorted({each.chain for each in targets})[self.number - 1 :: self.count]
        own = set(chains)
        return [each for each in targets if each.chain in own]


def facts_of(
    app: App, target: RunTarget, resolved: Resolved, session: Session | None = None
) -> TargetFacts:
    """Return what is known of a target by its config, and by its session once it was walked."""
    arn = str(resolved.hops[-1][0]) if resolved.hops else ""
    account = account_of(arn) or account_of_source(resolved.source)
    account = account or (session.account if session else None) or None
    role = arn.rpartition("/")[2] or _role_of_session(session)
    name = app.config.name_of_account(account or "")
    region = target.region or resolved.export_region or _region_of_shell(app)
    return TargetFacts(target, account, name, role or None, region)


def _region_of_shell(app: App) -> str | None:
    """Return the region that a command finds in its environment if nothing else names one."""
    environ = app.shell_before
    return environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or None


def _role_of_session(session: Session | None) -> str:
    """Return the role's name of an assumed-role session, without any path; else nothing."""
    kind, _, rest = (session.arn if session else "").rpartition(":")[2].partition("/")
    return rest.partition("/")[0] if kind == "assumed-role" else ""


def filled(argv: Sequence[str], facts: TargetFacts) -> tuple[str, ...]:
    """Return the command with its placeholders filled.

    A value that a shell could read as anything but one plain word is not filled in: names come
    from AWS and from files of others, and ``sh -c`` would run them.

    Raises:
        ConfigError: there is no value, or it is not such a word.
    """
    values = {
        "chain": (facts.chain, _is_chain_name),
        "account": (facts.account, _ACCOUNT.fullmatch),
        "account_name": (facts.account_name, NAME_PATTERN.fullmatch),
        "role": (facts.role, _ROLE_NAME.fullmatch),
        "region": (facts.region, _is_region),
    }

    def value_of(name: str) -> str:
        value, fits = values[name]
        if value is None:
            raise ConfigError(
                f"{{{name}}} has no value", cause=_UNKNOWN.get(name), fix=_FIXES.get(name)
            )
        if not fits(value):
            raise ConfigError(
                f"{{{name}}} is not filled in: its value is not safe in a command",
                cause=f"it has other characters than letters, digits and _.@+-: {clean(value)}",
                fix="let the command read ROLEHOP_ACCOUNT_NAME or ROLEHOP_CHAIN instead",
            )
        return value

    return tuple(_PLACEHOLDER.sub(lambda found: value_of(found[1]), word) for word in argv)


_UNKNOWN: Mapping[str, str] = {
    "account": "the account is not known",
    "account_name": "the account has no name",
    "role": "the session is of no role",
    "region": "no region is named",
}
_FIXES: Mapping[str, str] = {
    "account_name": "name the account in [accounts] or in its fleet",
    "region": "name regions with --region, or one in the chain",
}


def filled_as_known(argv: Sequence[str], facts: TargetFacts) -> tuple[tuple[str, ...], str | None]:
    """Return the command as far as it can be filled, and what will keep it from running.

    What only a walk tells stays as it is.
    """
    unknown = {name for name in ("account", "role") if getattr(facts, name) is None}
    unknown |= {"region"} if facts.region == ENABLED else set()
    waiting = [word for word in argv if any(f"{{{name}}}" in word for name in unknown)]
    try:
        return tuple(word if word in waiting else filled((word,), facts)[0] for word in argv), None
    except ConfigError as error:
        return tuple(argv), f"{error.what}: {error.cause}"


def _is_chain_name(text: str) -> bool:
    return all(NAME_PATTERN.fullmatch(part) for part in text.split("/"))


def _is_region(text: str) -> bool:
    try:
        return REGION.run(text) == text
    except ValueError:
        return False
