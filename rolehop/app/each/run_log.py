"""Which targets of the last run of the same command were ok: that run can be resumed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.each.targets import RunTarget, Shard
from rolehop.errors import UsageError
from rolehop.show.running.rows import TargetRow
from rolehop.startup.dataclass import dataclass
from rolehop.state.run_log import RunLog, TargetKey, log_to_resume, new_log

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolehop.app.context import App


class TargetLog:
    """Records targets in a log."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self.close = log.close

    def add(self, target: RunTarget, row: TargetRow) -> None:
        """Record what became of a target; implements ``runner.Recorder``."""
        self._log.add(_key(target), row.result.value)


@dataclass(frozen=True, slots=True)
class RunToResume:
    """A run that was not ok everywhere, or was interrupted."""

    log: TargetLog
    """Where it goes on."""
    ok: set[TargetKey]

    def missing(self, targets: Sequence[RunTarget]) -> list[RunTarget]:
        """Return the targets that failed or were not run."""
        return [each for each in targets if _key(each) not in self.ok]


def begin_log(
    app: App, argv: Sequence[str], targets: Sequence[RunTarget], shard: Shard | None
) -> TargetLog:
    """Begin the log of a run."""
    names = _chains(targets)
    return TargetLog(new_log(app.state_folder, argv, names, _text(shard), app.now(), _give_up(app)))


def run_to_resume(
    app: App, argv: Sequence[str], targets: Sequence[RunTarget], shard: Shard | None
) -> RunToResume:
    """Return the last run of the same command for some of the chains, and of the same shard.

    Raises:
        UsageError: none is known.
    """
    names = _chains(targets)
    found = log_to_resume(app.state_folder, argv, names, _text(shard), _give_up(app))
    if found is None:
        raise UsageError(
            "there is no run to resume",
            cause="this command was not run here for these chains, or too long ago",
            fix="run it without --resume, or repeat the same command",
        )
    return RunToResume(TargetLog(found[0]), found[1])


def _key(target: RunTarget) -> TargetKey:
    return target.chain, target.region


def _chains(targets: Sequence[RunTarget]) -> list[str]:
    return list(dict.fromkeys(each.chain for each in targets))


def _text(shard: Shard | None) -> str | None:
    return None if shard is None else str(shard)


def _give_up(app: App) -> Callable[[str], None]:
    return lambda why: app.note_once("run", f"--resume will not know this run: {why}")
