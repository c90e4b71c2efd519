"""What a run would do, without a call to AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rolehop.app.each.targets import RunTarget, TargetFacts, facts_of, filled_as_known
from rolehop.app.planning import Stamps, plan_chain, resolve_chain
from rolehop.errors import RolehopError
from rolehop.plan.model import Cache
from rolehop.show.running.rows import PlannedRow

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.walk_options import WalkOptions


def planned_rows(
    app: App, targets: Sequence[RunTarget], argv: Sequence[str], options: WalkOptions
) -> Iterator[PlannedRow]:
    """Give a row for each target, also for one that cannot be planned."""
    stamps = Stamps(keyring_needed=False)
    for target in targets:
        facts, cached, problem = TargetFacts(target, region=target.region), False, None
        try:
            facts = facts_of(app, target, resolve_chain(app, target.chain, options, stamps=stamps))
            plan = plan_chain(app, target.chain, options, stamps, app.source_callers)
            cached = bool(plan.hops) and plan.hops[-1].cache is Cache.FRESH
            failing = (step.will_fail for step in plan.hops if step.will_fail)
            problem = None if cached else plan.source_problem or next(failing, None)
        except RolehopError as error:
            problem = ": ".join(part for part in (error.what, error.cause) if part)
        words, unfit = filled_as_known(argv, facts)
        yield PlannedRow(
            target.name, facts.account, facts.role, facts.region, cached, problem or unfit, words
        )
