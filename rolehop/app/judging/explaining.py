"""Judge chains by name: one, many, or the hop that was refused; each is planned once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.evidence import Evidence, EvidenceReader
from rolehop.app.judging.plan_verdict import check_hops_exist, judge_plan
from rolehop.app.planning import Planning
from rolehop.app.selecting import matching_chains, note_lists, unlisted_fleets
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import ACCOUNT_ID, account_of
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError, RolehopError, SourceError, UsageError
from rolehop.config.model import ChainConfig
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import AwsRefusal, ChainVerdict, Memo
from rolehop.vault.refusals import LastRefusal, last_refusal, refused_with
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import explain_refusal

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.judging.live_iam import LiveIam


def explain_chain(
    app: App, name: str, policies: PolicyOptions, options: WalkOptions, *, offline: bool
) -> ChainVerdict:
    """Judge a chain as it would be walked with ``options``, and say if STS refused just that.

    Without ``offline`` IAM is read with the stored sessions.

    Raises:
        UsageError, ConfigError: see `Planning.plan`, `read_documents` and `judge_plan`.
    """
    last = refused_with(app.state_folder, name, options)
    reader = EvidenceReader(app, policies, offline=offline)
    refused = None if last is None else (last.hop, _answer(last))
    return _judge(app, name, reader, policies, options, refused)


@dataclass(frozen=True, slots=True)
class UnjudgedRefusal:
    """The hop that was refused last, if the config of today does not say what it was."""

    chain: str
    hop: int
    answer: AwsRefusal
    why: RolehopError
    """Why it cannot be judged: the config is broken, or its chain is gone or another one."""


def explain_last_refusal(
    app: App, policies: PolicyOptions, *, offline: bool
) -> ChainVerdict | UnjudgedRefusal:
    """Judge the hop that was refused last, with the flags it was walked with.

    Raises:
        UsageError: none is known.
        ConfigError: a document is none; see `read_documents`.
    """
    last = last_refusal(app.state_folder)
    reader, answer = EvidenceReader(app, policies, offline=offline), _answer(last)
    try:
        return _refused_hop(app, last.chain, (last.hop, answer), reader, policies, last.options)
    except (ConfigError, UsageError) as error:
        return UnjudgedRefusal(last.chain, last.hop, answer, error)


def explain_refused_hop(
    app: App,
    chain: str,
    refused: tuple[int, AwsRefusal],
    policies: PolicyOptions,
    options: WalkOptions,
    *,
    offline: bool,
    live: LiveIam | None = None,
) -> ChainVerdict:
    """Judge one hop that AWS refused: its number, and AWS's answer.

    ``live``: IAM as it was read for other hops, without ``offline``.

    Raises:
        UsageError: its chain has no such hop any more.
    """
    reader = EvidenceReader(app, policies, offline=offline, live=live)
    return _refused_hop(app, chain, refused, reader, policies, options)


def _refused_hop(
    app: App,
    chain: str,
    refused: tuple[int, AwsRefusal],
    reader: EvidenceReader,
    policies: PolicyOptions,
    options: WalkOptions,
) -> ChainVerdict:
    verdict = _judge(app, chain, reader, policies, options, refused)
    hops = tuple(hop for hop in verdict.hops if hop.number == refused[0])
    if not hops:
        raise UsageError(
            f"chain '{chain}' no longer has a hop {refused[0]}",
            cause="the config has changed since it was refused",
            fix=Advice("rolehop explain ", Argument(chain)),
        )
    return replace(verdict, hops=hops)


def check_chains(
    app: App, patterns: Sequence[str], policies: PolicyOptions, *, offline: bool
) -> list[ChainVerdict]:
    """Judge the chains that match; IAM is read only if there is no document and not ``offline``.

    Without ``patterns`` every configured chain is judged. A chain that cannot be planned, or of
    which a hop is certain to fail, is ``broken``, and so is a fleet whose accounts are not known:
    the others are judged all the same.

    Raises:
        ConfigError: a pattern matches nothing, or chains of a fleet whose accounts are not known; a
            document is none, see `read_documents`.
        UsageError: the flags make no sense, see `judge_plan`.
        VaultError: the keyring, which has a source's keys, does not open.
    """
    names = matching_chains(app, patterns) if patterns else list(app.config.chains)
    verdicts = judge_all(app, names, policies, offline=offline, keep_going=True)
    return verdicts if patterns else [*verdicts, *_unlisted(app)]


def _unlisted(app: App) -> Iterator[ChainVerdict]:
    """Give a verdict per fleet whose accounts are not known, and note lists that are old."""
    for name, fleet in app.config.listed_fleets.items():
        source = fleet.template.source or ""
        for error in unlisted_fleets(app, (name,)):
            yield ChainVerdict(f"{name}/*", source, (), broken=error)
    note_lists(app, ("*",))


def _judge(
    app: App,
    name: str,
    reader: EvidenceReader,
    policies: PolicyOptions,
    options: WalkOptions,
    refused: tuple[int, AwsRefusal] | None = None,
) -> ChainVerdict:
    plan = Planning(app, keyring_needed=reader.keyring_needed).plan(name, options)
    check_hops_exist(policies, len(plan.calls))
    hop, answer = refused or (None, None)
    (evidence,) = reader.with_organization([reader.read(plan, answer, hop=hop)])
    verdict = judge_plan(app, evidence)
    return verdict if refused is None else verdict.after_refusal(*refused)


def judge_all(
    app: App,
    names: Sequence[str],
    policies: PolicyOptions,
    *,
    offline: bool,
    keep_going: bool = False,
) -> list[ChainVerdict]:
    """Judge many chains; what they share is read once.

    ``keep_going``: a chain that cannot be planned is a verdict, too, and no error.
    """
    reader = EvidenceReader(app, policies, offline=offline, files_suffice=True)
    planning = Planning(app, keyring_needed=reader.keyring_needed)
    evidence: dict[str, Evidence] = {}
    verdicts: dict[str, ChainVerdict] = {}
    for name in names:
        try:
            evidence[name] = reader.read(planning.plan(name))
        except (ConfigError, SourceError) as error:
            if not keep_going:
                raise
            verdicts[name] = _unplanned(app, name, error)
    memo = Memo() if reader.is_shared else None
    whole = reader.with_organization([*evidence.values()])
    for name, each in zip(evidence, whole, strict=True):
        verdict, broken = judge_plan(app, each, memo), each.plan.certain_failure
        verdicts[name] = verdict if broken is None else replace(verdict, broken=broken)
    return [verdicts[name] for name in names]


def _unplanned(app: App, name: str, error: RolehopError) -> ChainVerdict:
    """Return the verdict on a chain that cannot be planned."""
    chain = app.config.chains.get(name, ChainConfig(name))
    account = chain.account or (_account_in(chain.hops[-1].role) if chain.hops else None)
    broken = error.with_traceback(None)  # else it keeps what was planned so far
    return ChainVerdict(name, chain.source or "", (), account=account, broken=broken)


def _account_in(role: str) -> str | None:
    """Return the account of a role as the config writes it: an ARN, or in short."""
    first = role.partition(":")[0]
    return first if ACCOUNT_ID.fullmatch(first) else account_of(role)


def _answer(last: LastRefusal) -> AwsRefusal:
    fix = explain_refusal(StsRefusal(last.code, last.message)).fix
    return AwsRefusal(last.code, last.at, last.message, fix)
