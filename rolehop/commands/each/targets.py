"""The targets of a run: what is known of each, what becomes of it, and why targets fail."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from rolehop.app.planning import Planning, account_of_source
from rolehop.app.selecting import check_told, matching_chains
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import account_of
from rolehop.base.credentials import scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import rfc3339
from rolehop.base.errors import (
    ConfigError,
    Declined,
    HopRefused,
    NoTerminal,
    RolehopError,
    ServiceError,
    SourceError,
    UsageError,
    VaultError,
)
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.config.value_types import EVERY_REGION, NAME_PATTERN, REGION, name_meant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.app.context import App
    from rolehop.base.credentials import Session
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions

# As IAM names roles, without what a shell gives a meaning to (IAM API reference, CreateRole).
_ROLE_NAME = Pattern(r"[A-Za-z0-9_][A-Za-z0-9_+=,.@-]*")
_ACCOUNT = Pattern(r"[0-9]{12}")

# Not ${chain}, which a shell fills in, nor {{chain}}, which is another template's.
_PLACEHOLDER = Pattern(r"(?<![${])\{(chain|account|account_name|name|role|region)\}(?!\})")


def is_region_pattern(region: str | None) -> bool:
    """True if the account must be asked which of its enabled regions are meant, as by ``eu-*``."""
    return region is not None and (region == EVERY_REGION or bool(set("*?") & set(region)))


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

    name: str | None = None
    """What the account is called in names of chains: it always fits in a command."""

    @property
    def chain(self) -> str:
        """The target's chain."""
        return self.target.chain


def targets_of(
    app: App, patterns: Sequence[str], exclude: Sequence[str], regions: Sequence[str] = ()
) -> list[RunTarget]:
    """Return the targets in the order of the patterns: those of ``exclude`` are left out.

    ``regions``: one target for each of them; none: for those of the chain's fleet, if it has any.

    Raises:
        ConfigError: a pattern matches nothing, also one that is to be left out; or nobody knows
            whether a chain is to be left out.
        UsageError: all are left out.
    """
    left_out = set(matching_chains(app, exclude))
    chains = [name for name in matching_chains(app, patterns) if name not in left_out]
    check_told(app, exclude, chains)
    _note_left_out(app, chains)
    if not chains:
        raise UsageError("no chain is left: --exclude matches all of them", fix="rolehop list")
    return [
        RunTarget(chain, region)
        for chain in chains
        for region in regions or _regions_of_fleet(app, chain) or (None,)
    ]


def _regions_of_fleet(app: App, chain: str) -> tuple[str, ...]:
    config = app.config.chains.get(chain)
    return () if config is None else config.regions


def _note_left_out(app: App, chains: Iterable[str]) -> None:
    """Say which accounts of the fleets of ``chains`` have no chain, since they are not active."""
    if not app.config.listed_fleets:
        return
    from rolehop.config.listed_fleets import NOT_ASSIGNED, left_out_text

    configs = (app.config.chains.get(each) for each in chains)
    for name in dict.fromkeys(each.fleet for each in configs if each is not None):
        fleet = app.config.listed_fleets.get(name or "")
        states = {} if fleet is None else dict(fleet.listing.left_out)
        states.pop(NOT_ASSIGNED, None)  # the rule, and no account that could be thought of
        if states:
            app.note_once(f"left out {name}", f"fleet '{name}' leaves out: {left_out_text(states)}")


def chains_of(targets: Iterable[RunTarget]) -> list[str]:
    """Return the chains of targets, each once."""
    return list(dict.fromkeys(each.chain for each in targets))


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


class FailuresAllowed(NamedTuple):
    """How many targets of a run may be not ok before nothing begins any more."""

    number: int
    is_part: bool = False
    """It is in percent of all targets."""

    def of(self, total: int) -> int:
        """Return how many of so many targets; a part of a target is none."""
        return total * self.number // 100 if self.is_part else self.number


def facts_of(
    app: App, target: RunTarget, resolved: Resolved, session: Session | None = None
) -> TargetFacts:
    """Return what is known of a target by its config, and by its session once it was walked."""
    arn = str(resolved.hops[-1][0]) if resolved.hops else ""
    account = account_of(arn) or account_of_source(resolved.source)
    account = account or (session.account if session else None) or None
    role = arn.rpartition("/")[2] or _role_of_session(session)
    called = app.config.name_of_account(account or "")
    name = _name_in_chains(app, target.chain, called) or account
    region = target.region or resolved.export_region or _region_of_shell(app)
    return TargetFacts(target, account, called, role or None, region, name)


def _name_in_chains(app: App, chain: str, account_name: str | None) -> str:
    """Return what the account of a chain is called in names of chains; empty: it has no name."""
    config = app.config.chains.get(chain)
    fleet = "" if config is None else f"{config.fleet}/"
    if config is not None and config.name.startswith(fleet):
        return config.name.removeprefix(fleet).partition("/")[0]
    return name_meant(account_name or "")


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
        NotFilledIn: there is no value, or it is not such a word.
    """
    values = {
        "chain": (facts.chain, _is_chain_name),
        "account": (facts.account, _ACCOUNT.fullmatch),
        "account_name": (facts.account_name, NAME_PATTERN.fullmatch),
        "name": (facts.name, NAME_PATTERN.fullmatch),
        "role": (facts.role, _ROLE_NAME.fullmatch),
        "region": (facts.region, _is_region),
    }

    def value_of(name: str) -> str:
        value, fits = values[name]
        if value is None:
            raise NotFilledIn(
                f"{{{name}}} has no value", cause=_UNKNOWN.get(name), fix=_FIXES.get(name)
            )
        if not fits(value):
            raise NotFilledIn(
                f"{{{name}}} is not filled in: its value is not safe in a command",
                cause=f"it has other characters than letters, digits and _.@+-: {clean(value)}",
                fix="use {name}, or let the command read ROLEHOP_ACCOUNT_NAME",
            )
        return value

    return tuple(_PLACEHOLDER.sub(lambda found: value_of(found[1]), word) for word in argv)


class NotFilledIn(ConfigError):
    """A placeholder of the command has no value for a target, or none that may stand in a command."""


_UNKNOWN: Mapping[str, str] = {
    "account": "the account is not known",
    "name": "the account is not known",
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
    unknown = {name for name in ("account", "name", "role") if getattr(facts, name) is None}
    unknown |= {"region"} if is_region_pattern(facts.region) else set()
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


class ResultClass(Enum):
    """How a command ended for one target, or why it never began."""

    OK = "ok"
    FAILED = "command failed"
    REFUSED = "refused"
    """By AWS, or by rolehop before it asked AWS."""
    NO_SIGN_IN = "no sign-in"
    """The source gives no credentials, or somebody has to be asked."""
    NOT_FILLED_IN = "not filled in"
    """A placeholder of the command has no value for it."""
    THROTTLED = "throttled"
    NETWORK = "network"
    TIMED_OUT = "timed out"
    INTERRUPTED = "interrupted"
    """The command was under way when the run was ended, by Ctrl-C for example."""
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class TargetProblem:
    """Why a target is not ok, as an error says it; scrubbed."""

    what: str
    cause: str | None = None
    fix: str | None = None
    hop: int | None = None
    brief: str | None = None
    """The cause in a few words, if there are any."""

    @property
    def in_one_line(self) -> str:
        """What happened, and the cause."""
        return clean(": ".join(part for part in (self.what, self.brief or self.cause) if part))


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target, and what became of it."""

    name: str
    """The chain, and the region if the run is for several."""
    chain: str
    result: ResultClass
    account: str | None = None
    account_name: str | None = None
    role: str | None = None
    """The name of the last hop's role."""
    region: str | None = None
    """Of the command; ``None``: none is chosen."""
    exit_code: int | None = None
    """As shells say it: 128 + N after signal N; ``None``: the command was not run to its end."""
    seconds: float | None = None
    """How long the command ran; ``None``: it did not."""
    problem: TargetProblem | None = None
    ended_at: datetime | None = None
    """When it was done (aware, UTC); ``None``: it was not run."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One target, and what the run would do for it."""

    name: str
    """The chain, and the region if the run is for several."""
    chain: str
    account: str | None
    role: str | None
    region: str | None
    cached: bool
    problem: str | None
    """What is certain to fail."""
    argv: tuple[str, ...]
    """The command with its placeholders filled, as far as they are known without a call."""

    refused_at: datetime | None = None
    """When AWS refused one of its hops (aware, UTC), if it has not granted that since."""


def class_of(error: RolehopError) -> ResultClass:
    """Return the class of a target whose walk failed."""
    match error:
        case HopRefused():
            return ResultClass.REFUSED
        case NotFilledIn():
            return ResultClass.NOT_FILLED_IN
        case SourceError() | NoTerminal() | Declined() | VaultError():
            return ResultClass.NO_SIGN_IN
        case ServiceError():
            return ResultClass.THROTTLED if error.throttled else ResultClass.NETWORK
        case _:
            return ResultClass.REFUSED


_LAST = "rolehop explain --last"


def name_chain(error: RolehopError) -> None:
    """Let the advice name the chain: of a run with many, the last refusal may be another's."""
    if error.fix is not None and error.fix.endswith(_LAST) and error.chain is not None:
        error.fix = Advice(f"{error.fix.removesuffix('--last')}", Argument(error.chain))


def problem_of(error: RolehopError) -> TargetProblem:
    """Return what happened without the error itself, whose traceback would keep the whole walk."""
    cause = None if error.quotes_program else error.cause
    brief = error.brief if isinstance(error, HopRefused) else None
    return TargetProblem(
        scrub(error.what),
        scrub(cause) if cause else None,
        scrub(error.fix) if error.fix else None,
        error.hop,
        scrub(brief) if brief else None,
    )


OnFailed = Callable[[RunTarget, RolehopError], object]
"""Told of a target whose command does not begin, and why."""


def ignore_failure(target: RunTarget, error: RolehopError) -> None:
    """Implement `OnFailed` for whoever asks for no more than the rows of a run."""


class SharedReason(NamedTuple):
    """Targets that failed for one reason."""

    error: RolehopError
    """Of the first of them; without a traceback, which would keep the whole walk."""

    targets: list[RunTarget]


class RunFailures:
    """Collects failures; safe to use from many threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._reasons: dict[tuple[object, ...], SharedReason] = {}

    def add(self, target: RunTarget, error: RolehopError) -> None:
        """Collect one; implements `OnFailed`."""
        with self._guard:
            reason = self._reasons.get(_key(error))
            if reason is None:
                reason = SharedReason(error.with_traceback(None), [])
                error.__context__ = None
                self._reasons[_key(error)] = reason
            reason.targets.append(target)

    def reasons(self) -> list[SharedReason]:
        """Return each reason once, in the order in which they occurred."""
        with self._guard:
            return list(self._reasons.values())


def _key(error: RolehopError) -> tuple[object, ...]:
    """Return what tells reasons apart: what happened, whatever the chain, and AWS's words."""
    why = error.message if isinstance(error, HopRefused) else error.cause
    what = error.what.replace(f"'{error.chain}'", "''").replace(f" of {error.chain},", " of ,")
    return type(error), what, why


def planned_rows(
    app: App, targets: Sequence[RunTarget], argv: Sequence[str], options: WalkOptions
) -> Iterator[PlannedRow]:
    """Give a row for each target, also for one that cannot be planned."""
    from rolehop.vault.refusals import RefusedSteps

    planning, refused = Planning(app, keyring_needed=False), RefusedSteps(app.state_folder, app.now)
    for target in targets:
        facts, cached, problem = TargetFacts(target, region=target.region), False, None
        refused_at = None
        try:
            facts = facts_of(app, target, planning.resolve(target.chain, options))
            plan = planning.plan(target.chain, options, app.source_callers)
            cached = plan.is_cached
            failing = (step.will_fail for step in plan.calls if step.will_fail)
            problem = None if cached else plan.source_problem or next(failing, None)
            refused_at = refused.last_of(step.key for step in plan.steps)
        except RolehopError as error:
            problem = ": ".join(part for part in (error.what, error.cause) if part)
        words, unfit = filled_as_known(argv, facts)
        yield PlannedRow(
            target.name,
            target.chain,
            facts.account,
            facts.role,
            facts.region,
            cached,
            problem or unfit,
            words,
            refused_at,
        )


def no_output(*, folder: str | None = None) -> dict[str, object]:
    """Return the members of a document that say where the output is, if it is not in there."""
    return {"stdout": None, "stderr": None, "cut": False, "folder": folder}


def result_document(row: TargetRow, output: dict[str, object]) -> dict[str, object]:
    """Return ``rolehop.each/1``; ``output`` as for `result_line`."""
    problem = row.problem
    return {
        "schema": "rolehop.each/1",
        **identity_of(row),
        "class": row.result.value,
        "exit_code": row.exit_code,
        "seconds": None if row.seconds is None else round(row.seconds, 3),
        "ended_at": rfc3339(row.ended_at),
        "error": None
        if problem is None
        else {"what": problem.what, "cause": problem.cause, "fix": problem.fix, "hop": problem.hop},
        **output,
    }


def identity_of(row: TargetRow) -> dict[str, object]:
    """Return the members of a document that say whose a row is."""
    return {
        "target": row.name,
        "chain": row.chain,
        "account": row.account,
        "account_name": row.account_name,
        "role": row.role,
        "region": row.region,
    }
