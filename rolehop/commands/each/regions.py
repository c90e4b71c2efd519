"""``--region enabled``: one target for each region that an account has enabled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.planning import Planning
from rolehop.base.errors import HopRefused, RolehopError
from rolehop.base.threads import parallel_map
from rolehop.commands.each.targets import (
    OnFailed,
    RunTarget,
    TargetFacts,
    TargetRow,
    class_of,
    facts_of,
    ignore_failure,
    problem_of,
)
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import ManyProgress
    from rolehop.commands.each.walker import FleetWalker
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions


def with_enabled_regions(
    app: App,
    targets: Sequence[RunTarget],
    walker: FleetWalker,
    options: WalkOptions,
    jobs: int,
    *,
    progress: ManyProgress,
    on_failed: OnFailed = ignore_failure,
) -> tuple[list[RunTarget], dict[RunTarget, TargetRow]]:
    """Walk to each target of region `ENABLED`, and return one for each region in its place.

    A target whose regions are not to be had stays, and has a row that says why. ``progress`` is
    told of each, and ``on_failed`` of these.
    """

    def do(target: RunTarget) -> list[RunTarget] | TargetRow:
        try:
            return _regions_of(app, target, walker, options, on_failed)
        finally:
            progress.walked()

    found, failed = list[RunTarget](), dict[RunTarget, TargetRow]()
    for target, result in zip(targets, parallel_map(targets, do, jobs), strict=True):
        if isinstance(result, Exception):
            raise result
        if isinstance(result, TargetRow):
            failed[target] = result
        found += [target] if isinstance(result, TargetRow) else result
    return found, failed


def _regions_of(
    app: App,
    target: RunTarget,
    walker: FleetWalker,
    options: WalkOptions,
    on_failed: OnFailed,
) -> list[RunTarget] | TargetRow:
    facts = TargetFacts(target)
    try:
        resolved = Planning(app).resolve(target.chain, options)
        facts = facts_of(app, target, resolved)
        regions = _ask_aws(app, target.chain, resolved, walker)
    except RolehopError as error:
        on_failed(target, error)
        return TargetRow(
            target.name,
            target.chain,
            class_of(error),
            facts.account,
            facts.account_name,
            facts.role,
            problem=problem_of(error),
        )
    return [RunTarget(target.chain, each) for each in regions]


def _ask_aws(app: App, chain: str, resolved: Resolved, walker: FleetWalker) -> tuple[str, ...]:
    from rolehop.aws.enabled_regions import ACTION, enabled_regions

    session = walker.session(chain, resolved)
    query = app.sts_clients.get(resolved.region, resolved.aws_profile).query()
    try:
        return enabled_regions(query, session.credentials)
    except StsRefusal as refusal:
        raise HopRefused(
            f"the enabled regions of chain '{chain}' cannot be listed",
            code=refusal.code,
            message=refusal.message,
            cause=f"{refusal.code}: {refusal.message}",
            fix=f"allow {ACTION}, or name regions: --region eu-west-1,us-east-1",
            chain=chain,
        ) from None
