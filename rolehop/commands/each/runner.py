"""Walk to every target and run the command there, some at a time."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

from rolehop.app.planning import Planning
from rolehop.app.walking import HandoverSession, store_flags
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import RolehopError
from rolehop.base.programs import as_started, end_tree_on_windows
from rolehop.commands.each.outputs import CommandOutput, RunWatcher, held_output
from rolehop.commands.each.pacing import Pace, Rate
from rolehop.commands.each.targets import (
    OnFailed,
    ResultClass,
    RunTarget,
    TargetFacts,
    TargetProblem,
    TargetRow,
    class_of,
    facts_of,
    filled,
    ignore_failure,
    name_chain,
    problem_of,
)
from rolehop.commands.each.walker import FleetWalker
from rolehop.commands.serve.companion import collect_garbage_as_usual, hide_memory
from rolehop.handover.environment import child_environment
from rolehop.hotpath.record import seconds_since_start
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.proof import Proof
    from rolehop.base.credentials import Session
    from rolehop.commands.serve.keeper import Reporter
    from rolehop.handover.environment import Change
    from rolehop.plan.resolve import Resolved

GRACE_SECONDS = 5.0
"""Between asking a command to end and killing it."""

NOT_FOUND, NOT_EXECUTABLE = 127, 126
_PAUSE = 0.02  # seconds


@dataclass(frozen=True, slots=True)
class CommandEnd:
    """How a command ended."""

    code: int
    """As shells say it: 128 + N after signal N."""

    seconds: float
    timed_out: bool = False
    interrupted: bool = False
    """It was asked to end with the whole run."""

    problem: str | None = None
    """Why it could not be started."""


class NotStarted(Exception):
    """The run is being ended, so no command begins any more."""


class _RunningCommand:
    def __init__(self, process: subprocess.Popen[bytes], deadline: float | None) -> None:
        self.process = process
        self.deadline = deadline
        self.timed_out = False
        self.kill_at: float | None = None
        self.has_exited = False
        """Its first process has; what that started may still be at work."""
        self.is_gone = threading.Event()
        """Set once nothing is left of a command that was asked to end."""

    def is_late(self, now: float) -> bool:
        """True if it is at work past its deadline; not one that ended while this process was stopped."""
        if self.kill_at is not None or self.deadline is None or now < self.deadline:
            return False
        if self.has_exited:
            return False
        if not hasattr(os, "waitid"):
            return self.process.poll() is None
        flags = os.WEXITED | os.WNOWAIT | os.WNOHANG
        return os.waitid(os.P_PID, self.process.pid, flags) is None

    def send(self, number: int) -> None:
        """Send a signal to the command and what it started; not after it was waited for."""
        if self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(self.process.pid, number)
            else:
                end_tree_on_windows(self.process.pid)
                self.process.kill()


class RunningCommands:
    """Safe to use from many threads, each of which runs one command at a time."""

    def __init__(self, grace: float = GRACE_SECONDS) -> None:
        """``grace``: seconds between asking a command to end and killing it."""
        self._grace = grace
        self._guard = threading.Lock()
        self._running: set[_RunningCommand] = set()
        self._is_ending = False

    def run(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
        timeout: float | None = None,
    ) -> CommandEnd:
        """Run a command to its end, without standard input and without a terminal to ask on.

        ``timeout`` in seconds: `tick` ends it then.

        Raises:
            NotStarted: `end` was called.
        """
        begun = time.monotonic()
        try:
            child = self._start(argv, environ, stdout, stderr, timeout)
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            code = NOT_FOUND if missing else NOT_EXECUTABLE
            problem = "no such command" if missing else error.strerror or str(error)
            return CommandEnd(code, time.monotonic() - begun, problem=f"{argv[0]}: {problem}")
        code = self._wait(child)
        seconds = time.monotonic() - begun
        interrupted = child.kill_at is not None and not child.timed_out
        return CommandEnd(128 - code if code < 0 else code, seconds, child.timed_out, interrupted)

    def _start(
        self,
        argv: Sequence[str],
        environ: Mapping[str, str],
        stdout: IO[bytes] | int,
        stderr: IO[bytes] | int,
        timeout: float | None,
    ) -> _RunningCommand:
        with self._guard:
            if self._is_ending:
                raise NotStarted
            process = subprocess.Popen(
                as_started(argv, environ),
                env=dict(environ),
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
            child = _RunningCommand(
                process, None if timeout is None else time.monotonic() + timeout
            )
            self._running.add(child)
        return child

    def _wait(self, child: _RunningCommand) -> int:
        # The process is waited for without being removed: its number is nobody else's until the
        # guard is held, so that no signal reaches a stranger.
        if hasattr(os, "waitid"):
            os.waitid(os.P_PID, child.process.pid, os.WEXITED | os.WNOWAIT)
        elif os.name == "posix":  # macOS before Python 3.13
            while not self._has_ended(child):
                time.sleep(_PAUSE)
        else:  # Windows gives no number away that somebody waits for
            child.process.wait()
        with self._guard:
            child.has_exited = True
            if child.kill_at is None:
                self._running.discard(child)
                return child.process.wait()
        child.is_gone.wait()  # a shell is gone at once, and what it started still cleans up
        with self._guard:
            self._running.discard(child)
            return child.process.wait()

    def _has_ended(self, child: _RunningCommand) -> bool:
        """True if a command has, or is asked to: then it is removed once its whole group is gone."""
        with self._guard:
            if child.kill_at is None and child.process.poll() is not None:
                self._running.discard(child)  # from here on its number may be anybody's
                return True
            return child.kill_at is not None

    def tick(self) -> None:
        """End what has taken too long; kill what was asked to end and did not."""
        now = time.monotonic()
        with self._guard:
            self._note_what_is_gone()
            for child in self._running:
                if child.kill_at is not None and now >= child.kill_at:
                    child.send(getattr(signal, "SIGKILL", signal.SIGTERM))
                    child.is_gone.set()
                elif child.is_late(now):
                    child.timed_out = True
                    child.kill_at = now + self._grace
                    child.send(signal.SIGTERM)

    def _note_what_is_gone(self) -> None:
        ending = [each for each in self._running if each.kill_at is not None]
        if ending:
            at_work = _groups_at_work({each.process.pid for each in ending})
            for child in ending:
                if child.process.pid not in at_work:
                    child.is_gone.set()

    def end(self, number: int) -> None:
        """Send signal ``number`` to all that run, and start none any more; `tick` kills the rest."""
        with self._guard:
            self._is_ending = True
            for child in self._running:
                child.kill_at = time.monotonic() + self._grace
                child.send(number)

    def kill(self) -> None:
        """Kill all that run."""
        with self._guard:
            for child in self._running:
                child.kill_at = 0.0
                child.send(getattr(signal, "SIGKILL", signal.SIGTERM))

    @property
    def running(self) -> int:
        """How many commands run now."""
        return len(self._running)


def _groups_at_work(groups: Set[int]) -> Set[int]:
    """Return which of these process groups have a process that has not exited."""
    found = set[int]()
    try:
        processes = [each for each in Path("/proc").iterdir() if each.name.isdecimal()]
    except OSError:  # only Linux has these files
        return {each for each in groups if _takes_signals(each)}
    for each in processes:
        with contextlib.suppress(OSError):
            stat = (each / "stat").read_bytes()
            state, _parent, group = stat.rpartition(b")")[2].split()[:3]
            if state not in b"ZX":
                found.add(int(group))
    return found & groups


def _takes_signals(group: int) -> bool:
    """True if a process of the group is at work; macOS refuses a signal to what has exited."""
    if os.name != "posix":  # Windows has no groups: all of it was ended at once
        return False
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return True


HandOver = Callable[
    [TargetFacts, "Resolved", "Session"], AbstractContextManager[Sequence["Change"]]
]
"""Yields what changes in the environment of a target's command, which ends before the context."""

COMMAND = "each"


def as_variables(app: App, options: WalkOptions) -> HandOver:
    """Return what hands over the session itself; its flags are noted once for all regions."""
    noted = set[str]()

    @contextmanager
    def hand_over(
        facts: TargetFacts, resolved: Resolved, session: Session
    ) -> Iterator[Sequence[Change]]:
        del resolved
        access_key_id = session.credentials.access_key_id
        if access_key_id not in noted:
            store_flags(app, session, options)
            noted.add(access_key_id)
        handed = HandoverSession(facts.chain, facts.region, session, options.shell_flags)
        yield handed.changes(app.variables)

    return hand_over


def through_server(app: App, options: WalkOptions, proof: Proof, reporter: Reporter) -> HandOver:
    """Return what gives each command a server of its own: no command gets another one's token."""
    from rolehop.commands.serve.keeper import already_started
    from rolehop.commands.serve.server import Server, ServerSettings

    @contextmanager
    def hand_over(
        facts: TargetFacts, resolved: Resolved, session: Session
    ) -> Iterator[Sequence[Change]]:
        with Server(app, ServerSettings(command=COMMAND), reporter) as server:
            started = already_started(
                app,
                facts.chain,
                session,
                options,
                proof,
                resolved,
                region=facts.region,
            )
            server.add(started)
            with server.running_beside():
                # Also where the session itself stays here: a command may only need to know where it is.
                account = ("AWS_ACCOUNT_ID", session.account or None)
                yield (*server.changes_of_command(facts.chain), account)

    return hand_over


ACCOUNT_NAME = "ROLEHOP_ACCOUNT_NAME"
"""The account's name, for every command; empty if it has none."""

_TICK = 0.1  # seconds
_MOST_AHEAD = 8

_FRESH_SECONDS = 60.0
"""A session that has waited longer for its command is looked at again: it may have to be renewed."""

_LAST_SECONDS = 3.0
"""How long a run that ends waits for its last commands after they were killed."""

Recorder = Callable[[RunTarget, TargetRow], object]
GoOn = Callable[[Sequence[TargetRow], int], object]


@dataclass(frozen=True, slots=True)
class RunSettings:
    """What a run does for every target."""

    argv: tuple[str, ...]
    """The command, its placeholders not yet filled."""

    options: WalkOptions = field(default_factory=WalkOptions)
    jobs: int = 8
    timeout: float | None = None
    """Seconds for one command."""

    most_failures: int | None = None
    """Nothing begins any more once more targets than so many are not ok."""

    rate: Rate | None = None
    """How many commands begin in a time; ``None``: as many as may be."""

    first: int | None = None
    """So many targets are run before the others; then `go_on` says whether those are."""

    go_on: GoOn = lambda rows, left: None
    """Told what became of the first targets, and how many are left; raises if these are not to run."""

    new_output: Callable[[RunTarget], CommandOutput] = held_output
    """Where the output of a target's command goes."""

    hand_over: HandOver | None = None
    """How a command gets its session; ``None``: in its environment."""

    on_failed: OnFailed = ignore_failure
    """Told of each target whose command does not begin, and why; from any thread."""

    recorders: Sequence[Recorder] = ()
    """Told what became of each target, one after the other; also if it was not run."""


class _Walked(NamedTuple):
    """A target that may run."""

    facts: TargetFacts
    argv: tuple[str, ...]
    """The command, its placeholders filled."""

    resolved: Resolved
    session: Session


class EachRun:
    """One run; made, run, and then asked for its rows, also after it was interrupted."""

    def __init__(
        self,
        app: App,
        targets: Sequence[RunTarget],
        settings: RunSettings,
        watcher: RunWatcher,
        walker: FleetWalker,
        failed: Mapping[RunTarget, TargetRow],
    ) -> None:
        """``failed``: targets of which it is known already what became of them."""
        self._app = app
        self._targets = targets
        self._settings = settings
        self._watcher = watcher
        self._commands = RunningCommands()
        self._hand_over = settings.hand_over or as_variables(app, settings.options)
        jobs = settings.jobs
        self._slots = threading.Semaphore(jobs)
        self._pace = Pace(settings.rate)
        self._workers = min(workers_of(jobs), len(targets))
        self._walker = walker
        self._failed = failed
        self._rows: dict[int, TargetRow] = {}
        self._waiting: Iterator[int] = iter(())
        self._failures = 0
        self._in_commands = 0
        self._is_closed = False
        self._guard = threading.Lock()
        self._turn = threading.Lock()
        self._is_over = self._walker.is_over
        self._ended: queue.SimpleQueue[BaseException | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Run the command for every target; once.

        Raises:
            KeyboardInterrupt, and whatever else a signal raises, once the commands were ended.
            RolehopError: it ends after the first targets.
        """
        collect_garbage_as_usual()
        hide_memory()  # it has the sessions of all targets, and the source's own keys
        try:
            for wave in self._waves():
                self._run_wave(wave)
        except BaseException as stop:
            self._end(stop)
            raise
        finally:
            with self._turn:  # what is recorded now counts
                self._is_closed = True
            self._record_the_rest()
            self._walker.store()

    @property
    def has_too_many_failures(self) -> bool:
        """True if more targets are not ok than may be."""
        most = self._settings.most_failures
        return most is not None and self._failures > most

    def rows(self) -> list[TargetRow]:
        """Return what became of each target, in their order."""
        return [
            self._rows.get(number) or _not_run(target)
            for number, target in enumerate(self._targets)
        ]

    # ---- in the thread that was called

    def _waves(self) -> Iterator[range]:
        """Give the numbers of the targets that run together; whatever is not given does not run."""
        total, first = len(self._targets), self._settings.first
        if first is None or first >= total:
            yield range(total)
            return
        yield range(first)
        if not self._is_over.is_set():
            self._settings.go_on(self.rows()[:first], total - first)
            yield range(first, total)

    def _run_wave(self, wave: range) -> None:
        self._waiting, workers = iter(wave), min(self._workers, len(wave))
        for _number in range(workers):
            threading.Thread(target=self._work, daemon=True).start()
        self._await(workers)

    def _await(self, workers: int) -> None:
        while workers:
            try:
                failure = self._ended.get(timeout=_TICK)
            except queue.Empty:
                self._commands.tick()
                continue
            if failure is not None:
                raise failure
            workers -= 1

    def _end(self, stop: BaseException) -> None:
        """End the commands, and kill them after a while, or at once at a second signal."""
        self._is_over.set()
        self._watcher.stopping()
        interrupted = isinstance(stop, KeyboardInterrupt)
        self._commands.end(signal.SIGINT if interrupted else signal.SIGTERM)
        try:
            self._await_commands(GRACE_SECONDS + _LAST_SECONDS)
        except BaseException:  # noqa: BLE001 - a second signal; the first is raised
            self._commands.kill()
            self._await_commands(_LAST_SECONDS)

    def _await_commands(self, most_seconds: float) -> None:
        until = time.monotonic() + most_seconds
        while self._in_commands and time.monotonic() < until:
            self._commands.tick()
            time.sleep(_TICK / 2)

    def _record_the_rest(self) -> None:
        """Say of the targets that were not run that they were not: none is left out."""
        for target, row in zip(self._targets, self.rows(), strict=True):
            if row.result is ResultClass.NOT_RUN:
                with suppress(OSError, RolehopError):  # what ended the run is raised
                    for record in self._settings.recorders:
                        record(target, row)
                    self._watcher.ended(row, None)

    # ---- in threads of their own

    def _work(self) -> None:
        try:
            while (number := self._next()) is not None:
                self._do(number)
        except BaseException as error:  # noqa: BLE001 - raised in the other thread
            self._ended.put(error)
        else:
            self._ended.put(None)

    def _next(self) -> int | None:
        with self._guard:
            return None if self._is_over.is_set() else next(self._waiting, None)

    def _do(self, number: int) -> None:
        target = self._targets[number]
        if target in self._failed:
            self._finish(number, self._failed[target], None)
            return
        walked = self._walk(number, target)
        if walked is None:
            return
        walked_at = seconds_since_start()  # the machine may sleep meanwhile
        with self._slots, self._counted():
            if self._is_over.wait(self._pace.delay()):
                return
            if seconds_since_start() - walked_at > _FRESH_SECONDS:
                walked = self._walk(number, target)
            if walked is not None:
                self._run(number, walked)

    def _walk(self, number: int, target: RunTarget) -> _Walked | None:
        """Return a target with its session and its command; ``None``: it is refused."""
        facts, argv = TargetFacts(target, region=target.region), self._settings.argv
        try:
            resolved = Planning(self._app).resolve(target.chain, self._settings.options)
            facts = facts_of(self._app, target, resolved)
            if resolved.hops:
                filled(argv, facts)  # refused before AWS is asked
            session = self._walker.session(target.chain, resolved)
            facts = facts_of(self._app, target, resolved, session)
            return _Walked(facts, filled(argv, facts), resolved, session)
        except RolehopError as error:
            self._refuse(number, facts, error)
            return None

    def _refuse(self, number: int, facts: TargetFacts, error: RolehopError) -> None:
        """Finish a target whose command does not begin."""
        name_chain(error)
        self._settings.on_failed(facts.target, error)
        self._finish(number, _row(facts, class_of(error), problem=problem_of(error)), None)

    def _run(self, number: int, walked: _Walked) -> None:
        app, settings = self._app, self._settings
        facts, argv, resolved, session = walked
        app.history.handed_over(COMMAND, facts.chain, session, settings.options.reason)
        with (
            suppress(NotStarted),
            settings.new_output(facts.target) as output,
            self._hand_over(facts, resolved, session) as changes,
        ):
            named = (*changes, (ACCOUNT_NAME, facts.account_name or ""))
            environ = child_environment(app.variables, named)
            self._watcher.began(facts.target.name)
            ended = self._commands.run(
                argv, environ, output.stdout, output.stderr, settings.timeout
            )
            try:
                output.finish()
            finally:  # whether or not its output could be shown: it was run
                self._finish(number, self._ended_row(facts, ended), output)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Let a run that ends wait for what happens in here."""
        with self._guard:
            self._in_commands += 1
        try:
            yield
        finally:
            with self._guard:
                self._in_commands -= 1

    def _ended_row(self, facts: TargetFacts, ended: CommandEnd) -> TargetRow:
        result = ResultClass.FAILED if ended.code else ResultClass.OK
        if ended.code and ended.interrupted:
            result = ResultClass.INTERRUPTED
        problem = None if ended.problem is None else TargetProblem(ended.problem)
        if ended.timed_out:
            result = ResultClass.TIMED_OUT
            problem = TargetProblem(f"it was ended after {self._settings.timeout:g} s")
        return _row(facts, result, ended.code, ended.seconds, problem)

    def _finish(self, number: int, row: TargetRow, output: CommandOutput | None) -> None:
        row = replace(row, ended_at=self._app.now())
        with self._turn:
            if self._is_closed:
                return
            self._rows[number] = row
            self._failures += row.result is not ResultClass.OK
            if self.has_too_many_failures:
                self._is_over.set()
            for record in self._settings.recorders:
                record(self._targets[number], row)
            self._watcher.ended(row, output)


def workers_of(jobs: int) -> int:
    """Return how many walk at once.

    Some walk ahead, so that no command waits for AWS; with one job, the order is kept.
    """
    return jobs + min(jobs, _MOST_AHEAD) if jobs > 1 else 1


def _not_run(target: RunTarget) -> TargetRow:
    return TargetRow(target.name, target.chain, ResultClass.NOT_RUN, region=target.region)


def _row(
    facts: TargetFacts,
    result: ResultClass,
    code: int | None = None,
    seconds: float | None = None,
    problem: TargetProblem | None = None,
) -> TargetRow:
    return TargetRow(
        facts.target.name,
        facts.chain,
        result,
        facts.account,
        facts.account_name,
        facts.role,
        facts.region,
        code,
        seconds,
        problem,
    )
