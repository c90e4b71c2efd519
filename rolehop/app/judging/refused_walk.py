"""Hops that AWS refused: what documents at hand settle already, and a verdict on each of a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.app.context import App
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.evidence import Evidence, known_organization
from rolehop.app.judging.plan_verdict import judge_plan
from rolehop.app.planning import Planning
from rolehop.base.errors import HopRefused, RolehopError
from rolehop.plan.walk_options import WalkOptions
from rolehop.policy.chain_verdict import AwsRefusal, ChainVerdict
from rolehop.policy.evaluation.model import Outcome, PolicyVerdict
from rolehop.policy.finding_text import policy_name, sentence
from rolehop.policy.inventory import IamInventory
from rolehop.vault.refusals import last_refusal
from rolehop.walk.ports import StsRefusal
from rolehop.walk.sts_errors import explain_refusal

if TYPE_CHECKING:
    from rolehop.base.credentials import Session


def settled_by_documents(
    app: App, chain: str, hop: int, options: WalkOptions | None = None
) -> tuple[str, ...]:
    """Return a line for each policy that certainly refuses a hop that AWS refused; no call is made.

    ``options`` are the flags that it was walked with; ``None``: those of the last refusal, if that
    is the one. The documents are the organization's, as they were read last, and the session policies of the
    config.
    """
    try:
        if options is None:
            last = last_refusal(app.state_folder)
            if (last.chain, last.hop) != (chain, hop):
                return ()
            options = last.options
        plan = Planning(app).plan(chain, options)
        inventory = IamInventory(organization=known_organization(app))
        verdict = judge_plan(app, Evidence(plan, inventory, PolicyOptions()))
    except RolehopError:
        return ()
    found = (each.verdict for each in verdict.hops if each.number == hop)
    return tuple(
        _line(policy)
        for each in found
        if each.outcome is Outcome.REFUSED
        for policy in each.refused
    )


def _line(policy: PolicyVerdict) -> str:
    document = "" if policy.deciding is None else f" ({policy.deciding.document})"
    why = sentence(policy.findings[0]) if policy.findings else "it does not allow it"
    return f"{policy_name(policy, statement=False)} refuses it{document}: {why}"


def explain_refusals(
    app: App,
    errors: Iterable[HopRefused],
    options: WalkOptions,
    sessions: Mapping[str, Session],
) -> Iterator[ChainVerdict | None]:
    """Yield a verdict on each refused hop; ``None``: it is of no hop, or cannot be judged.

    IAM is read as for `explain_refused_hop`, nothing of it twice.

    Args:
        app: the application.
        errors: the refusals, of which each names its chain.
        options: the flags that the chains were walked with.
        sessions: what may be used to read IAM besides the stored sessions, by hop key.
    """
    from rolehop.app.judging.explaining import explain_refused_hop
    from rolehop.app.judging.live_iam import LiveIam

    live = LiveIam(app, sessions, asks=False)
    for error in errors:
        if error.chain is None or error.hop is None:
            yield None
            continue
        fix = explain_refusal(StsRefusal(error.code, error.message)).fix
        refused = error.hop, AwsRefusal(error.code, app.now(), error.message, fix)
        try:
            yield explain_refused_hop(
                app, error.chain, refused, PolicyOptions(), options, offline=False, live=live
            )
        except RolehopError:
            yield None
