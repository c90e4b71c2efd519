"""Which targets of the last run of the same command were ok: that run can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.app.each.targets import RunTarget, Shard, facts_of
from rolehop.app.planning import Stamps, resolve_chain
from rolehop.errors import RolehopError, UsageError
from rolehop.show.running.rows import TargetRow
from rolehop.startup.dataclass import dataclass
from rolehop.state.run_log import RunLog, TargetKey, log_to_resume, new_log

if TYPE_CHECKING:
    from rolehop.app.context import App


class TargetLog:
    """Records targets in a log."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self.open, self.close = log.open, log.close

    def add(self, target: RunTarget, row: TargetRow) -> None:
        """Record what became of a target; implements ``runner.Recorder``."""
        self._log.add(_key(target), row.result.value, row.account)


@dataclass(frozen=True, slots=True)
class RunToResume:
    """A run that was not ok everywhere, or was interrupted."""

    log: TargetLog
    """Where it goes on, once it is opened."""
    ok: Mapping[TargetKey, str | None]
    """With the account in which they were ok, if it is known."""
    account_now: Callable[[RunTarget], str | None]

    def missing(self, targets: Sequence[RunTarget]) -> list[RunTarget]:
        """Return the targets that failed, were not run, or are in another account by now."""
        return [each for each in targets if not self._is_done(each)]

    def _is_done(self, target: RunTarget) -> bool:
        if _key(target) not in self.ok:
            return False
        account, now = self.ok[_key(target)], self.account_now(target)
        return account is None or now is None or account == now


def begin_log(
    app: App, argv: Sequence[str], targets: Sequence[RunTarget], shard: Shard | None
) -> TargetLog:
    """Begin the log of a run, and open it."""
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
    stamps = Stamps()
    return RunToResume(TargetLog(found[0]), found[1], lambda target: _account(app, target, stamps))


def _account(app: App, target: RunTarget, stamps: Stamps) -> str | None:
    """Return a target's account, if it is known without a call."""
    try:
        return facts_of(app, target, resolve_chain(app, target.chain, stamps=stamps)).account
    except RolehopError:
        return None


def _key(target: RunTarget) -> TargetKey:
    return target.chain, target.region


def _chains(targets: Sequence[RunTarget]) -> list[str]:
    return list(dict.fromkeys(each.chain for each in targets))


def _text(shard: Shard | None) -> str | None:
    return None if shard is None else str(shard)


def _give_up(app: App) -> Callable[[str], None]:
    return lambda why: app.note_once("run", f"--resume will not know this run: {why}")
