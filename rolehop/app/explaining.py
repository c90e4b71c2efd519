"""Explain chains: plan each once, gather what files and IAM say, and judge every hop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.judging import judge_plan
from rolehop.app.planning import Stamps, plan_chain
from rolehop.app.policy_documents import PolicyOptions, read_documents
from rolehop.errors import UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import ChainVerdict, StsAnswer
from rolehop.startup.dataclass import replace
from rolehop.state.last_refusal import LastRefused, last_refused, refused_with

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.policy.inventory.inventory import IamInventory


def explain_chain(
    app: App, name: str, policies: PolicyOptions, options: WalkOptions, *, offline: bool
) -> ChainVerdict:
    """Judge a chain as it would be walked with ``options``, and say if STS refused just that.

    Without ``offline`` IAM is read with the stored sessions.

    Raises:
        UsageError, ConfigError: see `plan_chain`, `read_documents` and `judge_plan`.
    """
    verdict = _judge(app, name, read_documents(policies), policies, options, {}, offline=offline)
    last = refused_with(app.state_folder, name, options)
    return verdict if last is None else _refused(verdict, last)


def explain_last_refusal(app: App, policies: PolicyOptions, *, offline: bool) -> ChainVerdict:
    """Judge the hop that was refused last, with the flags it was walked with.

    Raises:
        UsageError: none is known, or its chain has no such hop any more.
    """
    last = last_refused(app.state_folder)
    inventory = read_documents(policies)
    verdict = _judge(app, last.chain, inventory, policies, last.options, {}, offline=offline)
    hops = tuple(each for each in verdict.hops if each.number == last.hop)
    if not hops:
        raise UsageError(
            f"chain '{last.chain}' has no hop {last.hop} any more",
            cause="the config has changed since it was refused",
            fix=f"rolehop explain {last.chain}",
        )
    return _refused(replace(verdict, hops=hops), last)


def check_chains(
    app: App, names: Sequence[str], policies: PolicyOptions, *, offline: bool
) -> list[ChainVerdict]:
    """Judge many chains; IAM is read only if there is no document and not ``offline``.

    Raises:
        UsageError, ConfigError: see `plan_chain`, `read_documents` and `judge_plan`.
    """
    offline = offline or bool(policies.policies)
    inventory, stamps = read_documents(policies), Stamps()
    return [
        _judge(app, name, inventory, policies, WalkOptions(), stamps, offline=offline)
        for name in names
    ]


def _judge(
    app: App,
    name: str,
    inventory: IamInventory,
    policies: PolicyOptions,
    options: WalkOptions,
    stamps: Stamps,
    *,
    offline: bool,
) -> ChainVerdict:
    plan = plan_chain(app, name, options, stamps)
    if not offline:
        from rolehop.app.live_iam import read_live

        live, policies = read_live(app, plan, policies)
        inventory = live.merged(inventory)
    return judge_plan(app, plan, inventory, policies)


def _refused(verdict: ChainVerdict, last: LastRefused) -> ChainVerdict:
    return verdict.refused_by_sts(last.hop, StsAnswer(last.code, last.at))
