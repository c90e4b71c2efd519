"""Explain chains: plan each once, read documents and IAM, and judge every hop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rolehop.app.judging.evidence import (
    PolicyOptions,
    accounts_of,
    read_documents,
    with_organization,
)
from rolehop.app.judging.plan_verdict import check_hops_exist, judge_plan
from rolehop.app.listing import matching_chains, note_old_lists, unlisted_fleets
from rolehop.app.planning import Planning
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import ACCOUNT_ID, account_of, is_principal
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError, RolehopError, SourceError, UsageError
from rolehop.config.model import ChainConfig, SourceConfig
from rolehop.plan.model import Plan
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import AwsRefusal, ChainVerdict, Memo
from rolehop.policy.inventory import IamInventory
from rolehop.sources import is_federated
from rolehop.vault.refusals import LastRefused, last_refused, refused_with
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
    inventory = read_documents(policies, app.note)
    answer = None if last is None else _answer(last)
    refused = None if last is None or answer is None else (last.hop, answer)
    return _judge(app, name, inventory, policies, options, offline=offline, refused=refused)


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
    last = last_refused(app.state_folder)
    inventory, answer = read_documents(policies, app.note), _answer(last)
    try:
        return _refused_hop(
            app, last.chain, (last.hop, answer), inventory, policies, last.options, offline=offline
        )
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
    inventory = read_documents(policies, app.note)
    return _refused_hop(
        app, chain, refused, inventory, policies, options, offline=offline, live=live
    )


def _refused_hop(
    app: App,
    chain: str,
    refused: tuple[int, AwsRefusal],
    inventory: IamInventory,
    policies: PolicyOptions,
    options: WalkOptions,
    *,
    offline: bool,
    live: LiveIam | None = None,
) -> ChainVerdict:
    verdict = _judge(
        app, chain, inventory, policies, options, offline=offline, refused=refused, live=live
    )
    hops = tuple(each for each in verdict.hops if each.number == refused[0])
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
    verdicts = _judge_all(app, names, policies, offline=offline, keep_going=True)
    return verdicts if patterns else [*verdicts, *_unlisted(app)]


def _unlisted(app: App) -> Iterator[ChainVerdict]:
    """Give a verdict per fleet whose accounts are not known, and note lists that are old."""
    for name, fleet in app.config.listed_fleets.items():
        source = fleet.template.source or ""
        for error in unlisted_fleets(app, (name,)):
            yield ChainVerdict(f"{name}/*", source, (), broken=error)
    note_old_lists(app, ("*",))


@dataclass(frozen=True, slots=True)
class _Gathered:
    """A chain with everything it is judged by."""

    plan: Plan
    inventory: IamInventory
    policies: PolicyOptions
    accounts: set[str | None]
    """Of its roles and of who calls."""


def _judge(
    app: App,
    name: str,
    inventory: IamInventory,
    policies: PolicyOptions,
    options: WalkOptions,
    *,
    offline: bool,
    refused: tuple[int, AwsRefusal] | None = None,
    live: LiveIam | None = None,
) -> ChainVerdict:
    live = live or (None if offline else live_iam(app))
    planning = Planning(app, keyring_needed=not offline)
    chain = _gather(planning, name, inventory, policies, options, live, refused)
    check_hops_exist(policies, len(chain.plan.hops))
    found = with_organization(app, chain.inventory, policies, chain.accounts, offline=offline)
    verdict = judge_plan(app, chain.plan, found, chain.policies)
    return verdict if refused is None else verdict.after_refusal(*refused)


def _judge_all(
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
    inventory = read_documents(policies, app.note)
    live = None if offline or policies.documents else live_iam(app)
    chains: list[_Gathered | ChainVerdict] = []
    planning = Planning(app, keyring_needed=not offline)
    for name in names:
        try:
            chains.append(_gather(planning, name, inventory, policies, WalkOptions(), live))
        except (ConfigError, SourceError) as error:
            if not keep_going:
                raise
            chains.append(_unplanned(app, name, error))
    gathered = [each for each in chains if isinstance(each, _Gathered)]
    accounts = {account for chain in gathered for account in chain.accounts}
    offline = offline or (bool(policies.documents) and policies.organization is None)
    shared = with_organization(app, inventory, policies, accounts, offline=offline).organization
    memo = Memo() if live is None else None
    inventory = replace(inventory, organization=shared)

    def judge(chain: _Gathered) -> ChainVerdict:
        found = replace(chain.inventory, organization=shared) if live is not None else inventory
        verdict = judge_plan(app, chain.plan, found, chain.policies, memo)
        broken = chain.plan.certain_failure
        return verdict if broken is None else replace(verdict, broken=broken)

    return [each if isinstance(each, ChainVerdict) else judge(each) for each in chains]


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


def _gather(
    planning: Planning,
    name: str,
    inventory: IamInventory,
    policies: PolicyOptions,
    options: WalkOptions,
    live: LiveIam | None,
    refused: tuple[int, AwsRefusal] | None = None,
) -> _Gathered:
    plan = planning.plan(name, options)
    denied = None if refused is None else refused[1].denied
    if denied is not None and denied.caller is not None and refused is not None and refused[0] == 1:
        policies = _with_caller(policies, plan.source, denied.caller)
    if live is not None:
        named = None if denied is None else denied.policy_arn
        at = None if refused is None else refused[0]
        found, policies = live.read(plan, policies, named, at)
        inventory = found.merged(inventory)
    return _Gathered(plan, inventory, policies, accounts_of(planning.app, plan, policies.caller))


def live_iam(app: App) -> LiveIam:
    """Return IAM as the stored sessions may read it; botocore is imported here."""
    from rolehop.app.judging.live_iam import LiveIam

    return LiveIam(app)


def _with_caller(policies: PolicyOptions, source: SourceConfig, caller: str) -> PolicyOptions:
    """Take the caller that AWS named for the source, if the config does not say who it is."""
    account = source.settings.get("account")
    fits = account is None or account == account_of(caller)
    if policies.caller or source.principal or is_federated(source) or not fits:
        return policies
    return replace(policies, caller=caller) if is_principal(caller) else policies


def _answer(last: LastRefused) -> AwsRefusal:
    fix = explain_refusal(StsRefusal(last.code, last.message)).fix
    return AwsRefusal(last.code, last.at, last.message, fix)
