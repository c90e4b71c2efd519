"""Which targets of the last run of the same command were ok: that run can be resumed.

Each line is sealed as one of its log, and each log says which one came before it, up to the one that
the keyring's item names. So no target is left out that was not ok, also if the log of a later run was
taken away. What a line that was taken away would say is run again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from rolehop.app.planning import Planning
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.files import entries_of, open_own_log, read_own
from rolehop.commands.each.targets import RunTarget, Shard, TargetRow, chains_of, facts_of
from rolehop.plan.walk_options import WalkOptions, read_options
from rolehop.vault.notes import UNUSABLE, Seal, as_note, read_note, text_in
from rolehop.vault.seals import WRONG, Seals

if TYPE_CHECKING:
    from rolehop.app.context import App

FOLDER = "runs"

MOST_LOGS = 100
"""So that a big run can still be resumed after many small ones."""

LARGEST = 1 << 26
"""In bytes; far more than a log of a hundred thousand targets."""

_SALT_BYTES = 16
_LONGEST_HEADER = 1 << 12

_RUN, _TARGET = "run", "target of a run"
"""What lines are sealed as."""

ReadLine = Callable[[bytes], dict[str, Any]]

_Headed = tuple[Path, dict[str, Any]]
"""A log and its header."""

_GONE = "it was changed, or the log of a later run is gone"
_EARLIER_GONE = "some of the chains are in no later run, and the log of an earlier one is gone"

TargetKey = tuple[str, str | None]
"""A chain, and the region if one was named."""


class RunLog:
    """One log that is written; failing to write it ends no run."""

    def __init__(
        self, path: Path, seals: Seals, begin: bytes, give_up: Callable[[str], None]
    ) -> None:
        """``begin`` is appended first; ``give_up`` is told once why it cannot be written."""
        self.path = path
        self._seal = Seal(seals, _TARGET, path.stem)
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
        self._append(self._seal.added_to(as_note({**target, "class": result})).encode())

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
    seals: Seals,
    argv: Sequence[str],
    flags: WalkOptions,
    chains: Sequence[str],
    shard: str | None,
    now: datetime,
    give_up: Callable[[str], None],
    *,
    ok: Mapping[TargetKey, str | None] = MappingProxyType({}),
    trusted: bool = False,
) -> RunLog:
    """Return the log of a new run of ``argv``, or of a shard of it, opened; old logs are deleted.

    ``ok``: targets that were ok before, with their accounts. ``trusted``: nothing proves that they
    were, nor the flags.
    """
    folder = state_folder / FOLDER
    with suppress(OSError):
        for path in _logs(folder)[MOST_LOGS - 1 :]:
            path.unlink(missing_ok=True)
    salt = os.urandom(_SALT_BYTES).hex()
    digest = _digest(salt, argv)
    header = {"salt": salt, "digest": digest, "shard": shard, "trusted": trusted}
    path = folder / f"{now:%Y%m%dT%H%M%S%f}-{os.urandom(4).hex()}.jsonl"
    with seals.marking(_RUN, "", path.stem) as before:
        of_run = {"chains": list(chains), "flags": flags.hop_values}
        note = as_note({**header, **of_run, "after": before})
        line = Seal(seals, _RUN, path.stem).added_to(note)
        log = RunLog(path, seals, line.encode(), give_up)
        log.open()
    for key, account in ok.items():
        log.add(key, "ok", account)
    return log


class LogNotProven(Exception):
    """There is a log of such a run, and nothing proves that it is the last one, and as it was written."""


class OtherFlags(Exception):
    """Of the chains, some were run last with other flags than the rest, apart from the reason."""


class FoundRun(NamedTuple):
    """What the log of a run says."""

    log: RunLog
    ok: dict[TargetKey, str | None]
    """The targets that were ok; the account of each is with it, if it is known."""
    flags: WalkOptions
    chains: tuple[str, ...]
    """Those of the run that are in no later one."""


def log_to_resume(
    state_folder: Path,
    seals: Seals,
    argv: Sequence[str],
    chains: Sequence[str],
    shard: str | None,
    give_up: Callable[[str], None],
    *,
    trusted: bool = False,
) -> FoundRun | None:
    """Return the last run of ``argv`` for any of ``chains``; its log is not opened: nothing is written.

    ``None``: no such run is known. ``trusted``: seals are not looked at.

    Raises:
        LogNotProven: seals are, and one is missing or wrong, or a later log is gone, or a run took
            over what nothing proved.
        OtherFlags: some of the chains were not in that run, but in one with other flags.
    """
    logs = _logs(state_folder / FOLDER)

    def of_same(found: Iterable[_Headed]) -> Iterator[_Headed]:
        return (each for each in found if _is_of(each[1], argv, shard))

    last = next((each for each, run in of_same(_readable(logs)) if _has_any(run, chains)), None)
    if last is None:
        return None
    proven = _readable(logs) if trusted else _proven(seals, logs)
    path, found = _last_of_all(of_same(proven), chains, trusted=trusted)
    if path != last:
        raise LogNotProven(f"{last} says that it is of a later run")
    try:
        text = read_own(path, LARGEST)
    except OSError:
        raise LogNotProven(f"{path} has changed just now") from None
    _, *lines = text.splitlines()
    begin = b"" if text.endswith(b"\n") else b"\n"  # a killed run left a torn line
    log = RunLog(path, seals, begin, give_up)
    read = read_note if trusted else Seal(seals, _TARGET, path.stem).read
    flags = read_options(found["flags"])
    ok = {key: of for key, of in _ok_targets(lines, read).items() if key[0] in found["chains"]}
    return FoundRun(log, ok, flags, tuple(found["chains"]))


def _last_of_all(runs: Iterator[_Headed], chains: Sequence[str], *, trusted: bool) -> _Headed:
    """Return the first of ``runs`` that has one of ``chains``, with its chains that no run before has.

    The first that has one of the other chains has the same flags.
    """
    last: _Headed | None = None
    others, later = set(chains), set[str]()
    while others and (run := next(runs, None)):
        path, header = run
        here = sorted(others.intersection(header["chains"]))
        if here and header["trusted"] and not trusted:
            raise LogNotProven(f"{path} goes on from a log that nothing proved")
        if here and last is None:
            left = [each for each in header["chains"] if each not in later]
            last = path, {**header, "chains": left}
        elif here and last and not _is_as_wide(header["flags"], last[1]["flags"]):
            raise OtherFlags(", ".join(here))
        others.difference_update(here)
        later.update(header["chains"])
    if last is None:
        raise LogNotProven(_GONE)
    return last


def _is_as_wide(flags: Mapping[str, object], others: Mapping[str, object]) -> bool:
    """True if two runs had the same flags; a reason limits nothing."""
    return {**flags, "reason": None} == {**others, "reason": None}


def unreadable_since(log: RunLog) -> list[Path]:
    """Return the later logs that may be of the same run: their headers cannot be read."""
    later = [path for path in _logs(log.path.parent) if path > log.path]
    readable = [path for path, _ in _readable(later)]
    return [path for path in later if path not in readable]


def _readable(logs: Sequence[Path]) -> Iterator[_Headed]:
    """Yield the logs that have a header, whoever wrote it."""
    for path in logs:
        with suppress(OSError, *UNUSABLE):
            yield path, _checked(read_note(_header(path)))


def _header(path: Path) -> bytes:
    return read_own(path, LARGEST).partition(b"\n")[0]


def _checked(header: dict[str, Any]) -> dict[str, Any]:
    """Return a header that makes sense; raise one of ``UNUSABLE`` if it does not."""
    read_options(header["flags"])
    chains = [str(each) for each in header["chains"]]
    salt, digest = text_in(header, "salt", _LONGEST_HEADER), text_in(header, "digest")
    names = ("shard", "flags", "after")
    return {
        **{each: header[each] for each in names},
        "trusted": header["trusted"] is not False,
        "salt": salt,
        "digest": digest,
        "chains": chains,
    }


def _proven(seals: Seals, logs: Sequence[Path]) -> Iterator[_Headed]:
    """Yield the logs from that of the last run to the one before it, up to the first that there was.

    Where one is gone, whoever needs an older one is told: it may have had flags that limit more.
    """
    by_name = {path.stem: path for path in logs}
    name: object = seals.latest(_RUN, "")
    if name is None:
        raise LogNotProven(seals.no_key or WRONG)
    gone = _GONE
    for _ in range(MOST_LOGS):
        if name == "":
            return
        if not isinstance(name, str) or name not in by_name:
            raise LogNotProven(gone)
        path, gone = by_name[name], _EARLIER_GONE
        try:
            header = _checked(Seal(seals, _RUN, name).read(_header(path)))
        except (OSError, *UNUSABLE):
            raise LogNotProven(f"{path} is not as it was written") from None
        yield path, header
        name = header["after"]


def _logs(folder: Path) -> list[Path]:
    """Return the logs, the last one first."""
    with suppress(OSError):
        return [path for path in reversed(entries_of(folder)) if path.suffix == ".jsonl"]
    return []


def _is_of(header: dict[str, Any], argv: Sequence[str], shard: str | None) -> bool:
    return (header["shard"], header["digest"]) == (shard, _digest(header["salt"], argv))


def _has_any(header: dict[str, Any], chains: Sequence[str]) -> bool:
    return not set(chains).isdisjoint(header["chains"])


def _ok_targets(lines: Sequence[bytes], read: ReadLine) -> dict[TargetKey, str | None]:
    """Return the targets whose last line says that they were ok; a torn line says nothing."""
    found: dict[TargetKey, tuple[object, str | None]] = {}
    for key, result, account in _results(lines, read):
        found[key] = result, account
    return {key: account for key, (result, account) in found.items() if result == "ok"}


def _results(
    lines: Sequence[bytes], read: ReadLine
) -> Iterator[tuple[TargetKey, object, str | None]]:
    for line in lines:
        with suppress(*UNUSABLE):
            target = read(line)
            region, account = (
                None if target[name] is None else text_in(target, name)
                for name in ("region", "account")
            )
            yield (text_in(target, "chain"), region), target["class"], account


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
    chains: tuple[str, ...]
    """Those that its log names, and no later one."""
    trusted: bool
    """Its log counts though nothing proves it."""
    account_now: Callable[[RunTarget], str | None]

    def holds_for(self, flags: WalkOptions, chains: Sequence[str]) -> bool:
        """True if the log's header is that of a run with ``flags`` for ``chains``."""
        return flags.hop_values == self.made_with.hop_values and set(chains) <= set(self.chains)

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
    resumed: RunToResume | None,
) -> TargetLog:
    """Return the log of a run, opened: that of the run that it resumes, if its header still holds.

    Else the run has a log of its own, which has the targets that were ok: all that were left with
    the same flags, or its own, as the flags are those of no other target.
    """
    names, ok, trusted = chains_of(targets), dict[TargetKey, str | None](), False
    if resumed is not None:
        if resumed.holds_for(flags, names):
            resumed.log.open()
            return resumed.log
        if _is_as_wide(flags.hop_values, resumed.made_with.hop_values):
            names = list(dict.fromkeys([*resumed.chains, *names]))
        ok = {key: account for key, account in resumed.ok.items() if key[0] in names}
        trusted = resumed.trusted
    folder, seals, shard_text, give_up = (
        app.state_folder,
        app.vault.seals,
        _text(shard),
        _give_up(app),
    )
    now = app.now()
    return TargetLog(
        new_log(folder, seals, argv, flags, names, shard_text, now, give_up, ok=ok, trusted=trusted)
    )


def run_to_resume(
    app: App,
    argv: Sequence[str],
    targets: Sequence[RunTarget],
    shard: Shard | None,
    *,
    trusted: bool,
) -> RunToResume:
    """Return the last run of the same command for some of the chains, and of the same shard.

    ``trusted``: its log counts though nothing proves it.

    Raises:
        UsageError: none is known, or nothing proves its log, or not all had the same flags.
    """
    state, seals, names, give_up = (
        app.state_folder,
        app.vault.seals,
        chains_of(targets),
        _give_up(app),
    )
    try:
        found = log_to_resume(state, seals, argv, names, _text(shard), give_up, trusted=trusted)
    except LogNotProven as error:
        raise UsageError(
            "the log of the last run is not followed: it says which targets are left out",
            cause=str(error),
            fix="run it without --resume; or, if nobody else can write the state folder, with"
            " --trust-log",
        ) from None
    except OtherFlags as error:
        raise UsageError(
            "these targets were not run with the same flags",
            cause=f"other flags than those of the last run were given for {error}",
            fix="resume them one after the other, or run it without --resume",
        ) from None
    if found is None:
        raise UsageError(
            "there is no run to resume",
            cause="this command was not run here for these chains, or too long ago",
            fix="run it without --resume, or repeat the same command",
        )
    for path in unreadable_since(found.log):
        app.note(f"{path} is damaged and is left out: it may be of a later run, with other flags")
    _note_gone(app, found)
    planning = Planning(app)
    return RunToResume(
        TargetLog(found.log),
        found.flags,
        found.ok,
        found.chains,
        trusted,
        lambda target: _account(planning, target),
    )


_MOST_NAMED = 5


def _note_gone(app: App, found: FoundRun) -> None:
    """Say which chains were not ok, and are not there any more, as those of closed accounts."""
    ok = {chain for chain, _ in found.ok}
    there = app.config.chains, app.aws_config.profiles
    gone = [each for each in found.chains if each not in ok and not any(each in t for t in there)]
    if gone:
        more = len(gone) - _MOST_NAMED
        named = ", ".join(gone[:_MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
        app.note(f"not there any more, so not run: {named}")


def _account(planning: Planning, target: RunTarget) -> str | None:
    """Return a target's account, if it is known without a call."""
    try:
        return facts_of(planning.app, target, planning.resolve(target.chain)).account
    except RolehopError:
        return None


def _key(target: RunTarget) -> TargetKey:
    return target.chain, target.region


def _text(shard: Shard | None) -> str | None:
    return None if shard is None else str(shard)


def _give_up(app: App) -> Callable[[str], None]:
    return lambda why: app.note_once("run", f"--resume will not know this run: {why}")
