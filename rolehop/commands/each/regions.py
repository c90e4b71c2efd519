"""``--region enabled`` and ``eu-*``: one target for each such region that an account has enabled."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from rolehop.app.planning import Planning
from rolehop.base.errors import ConfigError, HopRefused, RolehopError
from rolehop.base.threads import parallel_map
from rolehop.commands.each.targets import (
    OnFailed,
    RunTarget,
    TargetFacts,
    TargetRow,
    class_of,
    facts_of,
    ignore_failure,
    is_region_pattern,
    problem_of,
)
from rolehop.config.value_types import EVERY_REGION
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
    """Return the targets with the regions that patterns mean in their place, each once.

    Walks to each chain that has a pattern, once. A target whose regions are not to be had, or of
    whose pattern there are none, stays, and has a row that says why. ``progress`` is told of each
    chain, and ``on_failed`` of these targets.
    """
    of_chains: dict[str, list[RunTarget]] = {}
    for target in targets:
        of_chains.setdefault(target.chain, []).append(target)

    def do(chain: str) -> tuple[list[RunTarget], dict[RunTarget, TargetRow]]:
        try:
            return _Chain(app, chain, options).with_regions(of_chains[chain], walker, on_failed)
        finally:
            progress.walked()

    found, failed = list[RunTarget](), dict[RunTarget, TargetRow]()
    for result in parallel_map(list(of_chains), do, jobs):
        if isinstance(result, Exception):
            raise result
        found += result[0]
        failed |= result[1]
    return found, failed


class _Chain:
    """A chain whose account is asked for its regions."""

    def __init__(self, app: App, chain: str, options: WalkOptions) -> None:
        self._app = app
        self._chain = chain
        self._options = options

    def with_regions(
        self, targets: Sequence[RunTarget], walker: FleetWalker, on_failed: OnFailed
    ) -> tuple[list[RunTarget], dict[RunTarget, TargetRow]]:
        """Return the targets of the chain, and what became already of those without a region."""
        found, failed = dict[RunTarget, None](), dict[RunTarget, TargetRow]()
        enabled: tuple[str, ...] | RolehopError | None = None
        for target in targets:
            if not is_region_pattern(target.region):
                found[target] = None
                continue
            if enabled is None:
                enabled = self._enabled(walker)
            meant = _meant(target, enabled)
            if isinstance(meant, RolehopError):
                on_failed(target, meant)
                failed[target] = self._row(target, meant)
                meant = [target]
            found |= dict.fromkeys(meant)
        return list(found), failed

    def _enabled(self, walker: FleetWalker) -> tuple[str, ...] | RolehopError:
        try:
            resolved = Planning(self._app).resolve(self._chain, self._options)
            return _ask_aws(self._app, self._chain, resolved, walker)
        except RolehopError as error:
            return error

    def _row(self, target: RunTarget, error: RolehopError) -> TargetRow:
        facts = TargetFacts(target)
        with suppress(RolehopError):
            resolved = Planning(self._app).resolve(self._chain, self._options)
            facts = facts_of(self._app, target, resolved)
        return TargetRow(
            target.name,
            target.chain,
            class_of(error),
            facts.account,
            facts.account_name,
            facts.role,
            problem=problem_of(error),
        )


def _meant(
    target: RunTarget, enabled: tuple[str, ...] | RolehopError
) -> list[RunTarget] | RolehopError:
    """Return a target for each region that the target's pattern means; or why there is none."""
    if isinstance(enabled, RolehopError):
        return enabled
    pattern = "*" if target.region == EVERY_REGION else target.region or ""
    regions = [each for each in enabled if fnmatchcase(each, pattern)]
    if not regions:
        return ConfigError(
            f"no region that is enabled is like {pattern}",
            cause=f"enabled are {', '.join(enabled)}",
            chain=target.chain,
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
