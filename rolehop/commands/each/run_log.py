"""Which targets of the last run of the same command were ok: that run can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from rolehop.app.planning import Planning
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.files import entries_of, open_own_log, read_own
from rolehop.commands.each.targets import RunTarget, Shard, TargetRow, facts_of
from rolehop.plan.walk_options import WalkOptions, read_options
from rolehop.vault.notes import UNUSABLE, as_note, read_note, text_in

if TYPE_CHECKING:
    from rolehop.app.context import App

FOLDER = "runs"

MOST_LOGS = 100
"""So that a big run can still be resumed after many small ones."""

LARGEST = 1 << 26
"""In bytes; far more than a log of a hundred thousand targets."""

_SALT_BYTES = 16
_LONGEST_HEADER = 1 << 12

TargetKey = tuple[str, str | None]
"""A chain, and the region if one was named."""


class RunLog:
    """One log that is written; failing to write it ends no run."""

    def __init__(self, path: Path, begin: bytes, give_up: Callable[[str], None]) -> None:
        """``begin`` is appended first; ``give_up`` is told once why it cannot be written."""
        self.path = path
        self._begin = begin
        self._give_up = give_up
        self._stack = ExitStack()
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Open the file; until then nothing is written."""
        try:
            self._file = self._stack.enter_context(open_own_log(self.path))
        except OSError as error:
            self._give_up(error.strerror or str(error))
        self._append(self._begin)

    def add(self, key: TargetKey, result: str, account: str | None) -> None:
        """Append what became of a target, which is in ``account`` if that is known."""
        chain, region = key
        target = {"chain": chain, "region": region, "account": account}
        self._append(_line({**target, "class": result}))

    def close(self) -> None:
        """Close the file."""
        self._file = None
        self._stack.close()

    def _append(self, line: bytes) -> None:
        if self._file is None:
            return
        try:
            self._file.write(line)
        except OSError as error:
            self._give_up(error.strerror or str(error))
            self.close()


def new_log(
    state_folder: Path,
    argv: Sequence[str],
    flags: WalkOptions,
    chains: Sequence[str],
    shard: str | None,
    now: datetime,
    give_up: Callable[[str], None],
) -> RunLog:
    """Return the log of a new run of ``argv``, or of a shard of it, opened; old logs are deleted."""
    folder = state_folder / FOLDER
    with suppress(OSError):
        for path in _logs(folder)[MOST_LOGS - 1 :]:
            path.unlink(missing_ok=True)
    salt = os.urandom(_SALT_BYTES).hex()
    digest = _digest(salt, argv)
    header = {"salt": salt, "digest": digest, "shard": shard, "flags": flags.hop_values}
    path = folder / f"{now:%Y%m%dT%H%M%S%f}-{os.urandom(4).hex()}.jsonl"
    log = RunLog(path, _line({**header, "chains": list(chains)}), give_up)
    log.open()
    return log


def log_to_resume(
    state_folder: Path,
    argv: Sequence[str],
    chains: Sequence[str],
    shard: str | None,
    give_up: Callable[[str], None],
) -> tuple[RunLog, dict[TargetKey, str | None], WalkOptions] | None:
    """Return the log of the last run of ``argv`` for any of ``chains``, and which targets were ok.

    The account of each is with it, if it is known; last are the flags of that run. The log is not
    opened: nothing is written.

    ``None``: no such run is known.
    """
    for path in _logs(state_folder / FOLDER):
        with suppress(OSError, *UNUSABLE):
            text = read_own(path, LARGEST)
            header, *lines = text.splitlines()
            read = read_note(header)
            if _is_of(read, argv, chains, shard):
                begin = b"" if text.endswith(b"\n") else b"\n"  # a killed run left a torn line
                log, flags = RunLog(path, begin, give_up), read_options(read["flags"])
                return log, _ok_targets(lines), flags
    return None


def _line(document: dict[str, object]) -> bytes:
    return as_note(document).encode()


def _logs(folder: Path) -> list[Path]:
    """Return the logs, the last one first."""
    with suppress(OSError):
        return [path for path in reversed(entries_of(folder)) if path.suffix == ".jsonl"]
    return []


def _is_of(
    header: dict[str, Any], argv: Sequence[str], chains: Sequence[str], shard: str | None
) -> bool:
    salt = text_in(header, "salt", _LONGEST_HEADER)
    is_same = header["shard"] == shard
    is_same = is_same and not set(chains).isdisjoint(header["chains"])
    return is_same and header["digest"] == _digest(salt, argv)


def _ok_targets(lines: Sequence[bytes]) -> dict[TargetKey, str | None]:
    """Return the targets whose last line says that they were ok; a torn line says nothing."""
    found: dict[TargetKey, tuple[object, str | None]] = {}
    for key, result, account in _results(lines):
        found[key] = result, account
    return {key: account for key, (result, account) in found.items() if result == "ok"}


def _results(lines: Sequence[bytes]) -> Iterator[tuple[TargetKey, object, str | None]]:
    for line in lines:
        with suppress(*UNUSABLE):
            read = read_note(line)
            region, account = (
                None if read[name] is None else text_in(read, name)
                for name in ("region", "account")
            )
            yield (text_in(read, "chain"), region), read["class"], account


def _digest(salt: str, argv: Sequence[str]) -> str:
    """Return a digest of a command: its words may be secret, and are not kept."""
    text = json.dumps([salt, *argv])
    return hashlib.sha256(text.encode()).hexdigest()


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
    made_with: WalkOptions
    """The flags of that run."""
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
    app: App,
    argv: Sequence[str],
    flags: WalkOptions,
    targets: Sequence[RunTarget],
    shard: Shard | None,
) -> TargetLog:
    """Begin the log of a run, and open it."""
    names, give_up = _chains(targets), _give_up(app)
    log = new_log(app.state_folder, argv, flags, names, _text(shard), app.now(), give_up)
    return TargetLog(log)


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
    planning = Planning(app)
    log, ok, flags = found
    return RunToResume(TargetLog(log), flags, ok, lambda target: _account(planning, target))


def _account(planning: Planning, target: RunTarget) -> str | None:
    """Return a target's account, if it is known without a call."""
    try:
        return facts_of(planning.app, target, planning.resolve(target.chain)).account
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
