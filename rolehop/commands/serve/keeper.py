"""Keep a session of each chain that is served: start it, renew it in the background, answer from memory.

A request never walks: SDKs wait one second. While a session is good it is handed out, also if
renewing it fails for now. A failure that lasts (AWS refuses, a person is needed, the config is
broken) is a 4xx: on a 503 SDKs retry for minutes, or go on as somebody else.
"""

from __future__ import annotations

import gc
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from rolehop.app.context import App
from rolehop.app.guard import agreed, ask, check_is_chain, is_chain
from rolehop.app.planning import Planning
from rolehop.app.ports import Nobody, Progress
from rolehop.app.proof import GUARDED, UNASKED, Proof
from rolehop.app.walking import count_use, session_of_chain
from rolehop.base.advice import Advice, Argument, one_line
from rolehop.base.credentials import Session, scrub
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import (
    HopRefused,
    NoTerminal,
    RolehopError,
    ServiceError,
    SignInExpired,
    VaultError,
    error_context,
)
from rolehop.base.text import clean
from rolehop.base.time_limit import time_limit, unattended
from rolehop.commands.serve.connection import Response, failure, refusal
from rolehop.commands.serve.rules import SessionForm
from rolehop.handover.formats import as_container, as_instance, as_process
from rolehop.hotpath.record import stamp_holds

if TYPE_CHECKING:
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions

RENEWED_AT = timedelta(minutes=20)
"""Left of a session when it is renewed, or half of its life; botocore asks again below 15."""

_JITTER = 0.1
"""Of that it is late: servers that started together do not renew together. Before that time a walk
would find the same session in the keyring, and good."""

_LEAST_PAUSE = timedelta(minutes=1)
"""Between two renewals, or a quarter of a session's life: some sources give the same session until
it is nearly over."""

_SHORTEST_LIFE = timedelta(seconds=2)
_FIRST_RETRY, _LAST_RETRY = timedelta(seconds=5), timedelta(minutes=1)

_LASTING_RETRY = timedelta(seconds=15)
"""If a client asks; by itself, a server tries again once a minute."""

_REFUSED_RETRY = timedelta(minutes=1)
"""Each is a line in CloudTrail."""

# The session in hand stays good after these, as for `credential-process` (`rolehop.walk.renewal`);
# the keyring is not needed for it either.
_HARMLESS = (ServiceError, SignInExpired, NoTerminal, VaultError)


class NotAgreed(NoTerminal):
    """By the config as it is now, the chain asks for what its server was not given.

    Its session, which may be good for hours, is handed out no more.
    """


_WRITERS: dict[SessionForm, Callable[[Session], bytes]] = {
    SessionForm.CONTAINER: as_container,
    SessionForm.INSTANCE: as_instance,
    SessionForm.PROCESS: lambda session: as_process(session).encode(),
}


@dataclass(frozen=True, slots=True)
class RenewalProblem:
    """Why a session could not be renewed."""

    error: RolehopError
    at: datetime
    retry_at: datetime

    @property
    def lasts(self) -> bool:
        """True if trying again does not help: somebody has to do something."""
        return _lasts(self.error)

    @property
    def what(self) -> str:
        """What happened, without secrets."""
        return clean(scrub(self.error.what))

    @property
    def text(self) -> str:
        """What happened and why, in one line without secrets."""
        error = self.error
        cause = error.brief or error.cause if isinstance(error, HopRefused) else error.cause
        if getattr(error, "quotes_program", False):
            cause = None
        return clean(scrub(": ".join(part for part in (error.what, cause) if part)))

    def fix(self, quote: Callable[[str], str]) -> str:
        """Return what to do, its arguments written by ``quote``; empty if it is not known."""
        return scrub(one_line(self.error.fix or "", quote))


_LOOK_SECONDS = 1.0
"""Between two looks at the files that decide where a chain leads; only clients make it look."""


class Renewing(Protocol):
    """How a chain that is served gets its sessions."""

    def __call__(self) -> Session:
        """Return a new session without asking anybody; raises as `rolehop.walk.walk.walk`."""
        ...

    def has_changed(self) -> bool:
        """True if a file that the last session depended on is not as it was: the config, an AWS file."""
        ...

    def is_same(self) -> bool:
        """True if the chain leads where it led; later changes are seen by `has_changed`.

        Raises:
            NotAgreed: it asks for what its server was not given.
            RolehopError: it cannot be told, or the chain is not there any more.
        """
        ...


class ChainKeeper:
    """The session of one chain; safe to use from several threads.

    Attributes:
        chain: its name.
    """

    def __init__(
        self,
        chain: str,
        session: Session,
        walk: Renewing,
        *,
        now: Callable[[], datetime],
        on_change: Callable[[ChainKeeper, RenewalProblem | None], None],
    ) -> None:
        """``on_change`` is told after each walk how it went."""
        self.chain = chain
        self._walk = walk
        self._now = now
        self._on_change = on_change
        self._lock = threading.Lock()
        self._is_walking = False
        self._is_doubted = False  # a file has changed: where the chain leads is not known yet
        self._next_look = 0.0
        self._failures = 0
        self._problem: RenewalProblem | None = None
        self._session: Session | None = session
        self._arn = session.arn
        self._renewed_before = self._time_before_end(session)

    @property
    def problem(self) -> RenewalProblem | None:
        """Why the last renewal failed, if it did."""
        return self._problem

    @property
    def arn(self) -> str:
        """Whose the last session was."""
        return self._arn

    @property
    def expires_at(self) -> datetime | None:
        """When the session in hand ends, by this machine's clock; ``None``: there is none."""
        with self._lock:
            now = self._now()
            return self._session.ends_at(now) if self._session and self._is_good(now) else None

    @property
    def is_walking(self) -> bool:
        """True while a session is being renewed."""
        return self._is_walking

    @property
    def next_walk(self) -> datetime | None:
        """When the next renewal begins by itself; ``None``: one is going on, or none will."""
        with self._lock:
            if self._is_walking:
                return None
            now, session, problem = self._now(), self._session, self._problem
            if problem is None:
                return session.ends_at(now) - self._renewed_before if session else None
            if not problem.lasts:
                return problem.retry_at
            # Without a session it is of no use before a client asks for one.
            return problem.at + _LAST_RETRY if self._is_good(now) else None

    def answer(self, form: SessionForm = SessionForm.CONTAINER, *, final: bool) -> Response | None:
        """Return what a client gets now; ``None``: a walk goes on; never if ``final``."""
        self._look_at_files()
        with self._lock:
            now = self._now()
            session, problem = self._session, self._problem
            if session is not None and self._is_good(now):
                return Response(200, _WRITERS[form](session))
        is_due = problem is None or now >= problem.retry_at
        if is_due:
            self.renew()
        if (is_due or self._is_walking) and not final:
            return None
        if problem is not None and problem.lasts:
            refused = isinstance(problem.error, HopRefused)
            code = "AccessDenied" if refused else "CredentialsNotAvailable"
            return failure(403 if refused else 400, code, f"rolehop: {problem.text}")
        text = problem.text if problem is not None else "the session is being renewed"
        return failure(503, "TemporarilyUnavailable", f"rolehop: {text}")

    def renew(self) -> None:
        """Begin to walk in a thread of its own, unless that goes on already."""
        with self._lock:
            if self._is_walking:
                return
            self._is_walking = True
        thread = threading.Thread(target=self._renew, name=f"renew {self.chain}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the user has too many processes for now
            self._failed(ServiceError("a session cannot be renewed: no thread can be started"))
            self._on_change(self, self._problem)

    def _look_at_files(self) -> None:
        moment = time.monotonic()
        if self._is_walking or moment < self._next_look:
            return
        self._next_look = moment + _LOOK_SECONDS
        if self._walk.has_changed():
            with self._lock:
                self._is_doubted = True
                self._problem = None  # of the config before

    def _renew(self) -> None:
        try:
            if self._is_doubted and self._session is not None and self._walk.is_same():
                self._proven()
                return
            session = self._walk()
        except RolehopError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - the server goes on
            text = f"something unexpected happened: {type(error).__name__}"
            self._failed(ServiceError(text))
        else:
            self._renewed(session)
        self._on_change(self, self._problem)

    def _proven(self) -> None:
        with self._lock:
            self._is_walking = self._is_doubted = False
        self._on_change(self, None)

    def _renewed(self, session: Session) -> None:
        with self._lock:
            self._is_walking = self._is_doubted = False
            self._failures = 0
            self._problem = None
            self._session = session
            self._arn = session.arn
            self._renewed_before = self._time_before_end(session)

    def _failed(self, error: RolehopError) -> None:
        with self._lock:
            self._is_walking = False
            self._failures += 1
            now = self._now()
            self._problem = RenewalProblem(error, now, now + _pause(error, self._failures))
            kept = isinstance(error, _HARMLESS) and not isinstance(error, NotAgreed)
            if self._is_doubted or not kept:
                self._session = None
            self._is_doubted = False

    def _is_good(self, now: datetime) -> bool:
        session = self._session
        return session is not None and not self._is_doubted and session.lasts(now, _SHORTEST_LIFE)

    def _time_before_end(self, session: Session) -> timedelta:
        """Return how long before its end the session is renewed: that moves if the clock is set."""
        now = self._now()
        ends = session.ends_at(now)
        life = ends - session.issued_at
        before = min(RENEWED_AT, life / 2) * random.uniform(1 - _JITTER, 1)  # noqa: S311 - no secret
        return min(before, ends - now - min(_LEAST_PAUSE, life / 4))


def _lasts(error: RolehopError) -> bool:
    return not isinstance(error, ServiceError)


def _pause(error: RolehopError, failures: int) -> timedelta:
    """Return how long to wait after the last of some failures in a row."""
    if isinstance(error, HopRefused):
        return _REFUSED_RETRY
    if _lasts(error):
        return _LASTING_RETRY
    pause = min(_LAST_RETRY, _FIRST_RETRY * 2.0 ** min(failures - 1, 6))
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 - no secret


_LONGEST_NAP = 30.0
"""Seconds; a machine that was suspended notices by then what is due."""

_MOST_WALKS = 8
_MOST_CLIENTS = 20
_LONGEST_NAME = 60


@dataclass(slots=True)
class ClientSeen:
    """A program that asked for a session, by what it calls itself."""

    name: str
    requests: int = 0


class ServedChains:
    """What a server's loop calls: answers of each chain, and what is due.

    Attributes:
        clients: by name; of those that are too many, only the requests are counted.
        requests: how many sessions and errors of chains were handed out.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        idle_seconds: float | None,
        on_idle: Callable[[], None],
        on_news: Callable[[], None],
    ) -> None:
        """``on_idle`` is called when nobody has asked for ``idle_seconds``.

        ``on_news`` is called if there is something new to note: a client, or the next renewal.
        """
        self.keepers: dict[str, ChainKeeper] = {}
        self._changing = threading.Lock()
        self.clients: dict[str, ClientSeen] = {}
        self.requests = 0
        self._now = now
        self._idle_seconds = idle_seconds
        self._on_idle = on_idle
        self._on_news = on_news
        self._last_request = time.monotonic()
        self._next_look = 0.0
        self._must_look = True
        self._is_news = True

    def add(self, keeper: ChainKeeper) -> None:
        """Serve one more chain; any thread may call this."""
        with self._changing:
            self.keepers = {**self.keepers, keeper.chain: keeper}

    def drop(self, chain: str) -> None:
        """Serve a chain no longer; any thread may call this."""
        with self._changing:
            self.keepers = {name: each for name, each in self.keepers.items() if name != chain}

    def __contains__(self, chain: object) -> bool:
        """True if ``chain`` is served."""
        return chain in self.keepers

    def answer(self, chain: str, client: str, form: SessionForm, *, final: bool) -> Response | None:
        """Return the answer of ``chain``; ``None``: it is known in a moment, unless ``final``."""
        keeper = self.keepers.get(chain)
        if keeper is None:  # it was dropped while this request waited
            return refusal(404)
        response = keeper.answer(form, final=final)
        if response is not None:
            self._last_request = time.monotonic()
            self.requests += 1
            self._count(client)
        return response

    def _count(self, client: str) -> None:
        self._is_news = True
        seen = self.clients.get(client)
        if seen is None and len(self.clients) < _MOST_CLIENTS:
            name = clean(client)[:_LONGEST_NAME] or "unnamed"
            seen = self.clients[client] = ClientSeen(name)
            self._must_look = True
        if seen is not None:
            seen.requests += 1

    def look_again(self) -> None:
        """Let the next `tick` look at every chain: one was renewed, or could not be.

        Any thread may call this.
        """
        self._is_news = True
        self._must_look = True

    def tick(self) -> float:
        """Begin the renewals that are due; return for how many seconds nothing else will be."""
        left = self._next_look - time.monotonic()
        if left <= 0 or self._must_look:
            self._must_look = False  # before it: what changes meanwhile is looked at next time
            left = min(self._begin_what_is_due(), self._end_if_idle())
            self._next_look = time.monotonic() + left
            if self._is_news:
                self._is_news = False
                self._on_news()
        return max(left, 0.0)

    def _begin_what_is_due(self) -> float:
        now, naps = self._now(), [_LONGEST_NAP]
        walking = 0
        for keeper in self.keepers.values():
            due = keeper.next_walk
            if due is None:
                walking += keeper.is_walking
            elif due > now:
                naps.append((due - now).total_seconds())
            elif walking < _MOST_WALKS:
                keeper.renew()
                walking += 1
        return min(naps)

    def _end_if_idle(self) -> float:
        if self._idle_seconds is None:
            return _LONGEST_NAP
        left = self._last_request + self._idle_seconds - time.monotonic()
        if left <= 0:
            self._on_idle()
        return max(left, 0.0)


class Reporter(Protocol):
    """Tells people; its methods are called from any thread."""

    def report_problem(self, chain: str, problem: RenewalProblem | None) -> None:
        """Say what keeps a chain from being renewed, or that it is over (``None``)."""
        ...

    def report_caller(self, chain: str, arn: str) -> None:
        """Say that the sessions of a chain are another caller's from now on.

        The config has changed, or who is signed in.
        """
        ...


class ChainNews:
    """What was told of each chain."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._problems: dict[str, str] = {}
        self._callers: dict[str, str] = {}

    def begin(self, chain: str, arn: str) -> None:
        """Note whose the first session of a chain is; nobody is told."""
        self._callers[chain] = arn

    def renewed(self, chain: str, arn: str) -> None:
        """A chain has a new session."""
        if self._problems.pop(chain, None) is not None:
            self._reporter.report_problem(chain, None)
        if self._callers.get(chain) != arn:
            self._callers[chain] = arn
            self._reporter.report_caller(chain, arn)

    def failed(self, chain: str, problem: RenewalProblem) -> None:
        """A chain could not be renewed."""
        if self._problems.get(chain) != problem.what:
            self._problems[chain] = problem.what
            self._reporter.report_problem(chain, problem)


RENEWED_AT_SECONDS = 20 * 60
"""With less life left, or half of it, a stored session is not taken by a renewal."""

_WALK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StartedChain:
    """A chain with its first session."""

    name: str
    session: Session
    region: str | None
    """The region to export, if any."""
    sts_region: str
    """The region of its calls to STS."""
    walk_again: Renewing
    options: WalkOptions
    proof: Proof


def start_chain(
    app: App,
    name: str,
    options: WalkOptions,
    progress: Progress,
    *,
    command: str,
    given: Proof = UNASKED,
) -> StartedChain:
    """Ask for what the chain asks for, once for as long as it is served, and walk it.

    ``command`` serves it, for the history; ``given``: what was asked already.

    Raises:
        Declined: the chain has ``confirm = true`` and the answer was not yes.
        NoTerminal: something has to be asked, and nobody can be.
        RolehopError: see `rolehop.walk.walk.walk`.
    """
    options, proof = ask(app, name, options, given)
    plan, session = session_of_chain(app, name, options, proof, progress)
    app.history.handed_over(command, name, session, options.reason)
    count_use(app, name)
    resolved = Planning(app).resolve(name, options)
    return already_started(
        app, plan.chain, session, options, proof, resolved, region=plan.export_region
    )


def already_started(
    app: App,
    name: str,
    session: Session,
    options: WalkOptions,
    proof: Proof,
    resolved: Resolved,
    *,
    region: str | None,
) -> StartedChain:
    """Return a chain that was walked with ``options`` and ``proof``; ``region`` is exported, if any."""
    walk_again = _Renewal(app, name, options, proof, resolved)
    return StartedChain(name, session, region, resolved.region, walk_again, options, proof)


def _nobody(chain: str) -> Nobody:
    """Return whom the renewal of ``chain`` asks: a server that runs asks nothing."""
    advice = Advice("rolehop refresh ", Argument(chain), " in a terminal")

    def fix(needed: str) -> str:
        return "start it again" if needed in GUARDED else advice

    return Nobody("a server asks nobody", fix=fix)


class _Renewal:
    """Walks a chain as it is in the config then, with the flags and the proof that it was started with."""

    def __init__(
        self, app: App, name: str, options: WalkOptions, proof: Proof, resolved: Resolved
    ) -> None:
        """``resolved`` is the chain as its first session was made, by what ``app`` has read."""
        self._app = app
        self._name = name
        self._is_chain = is_chain(app, name)
        self._proof = proof
        least = max(options.min_ttl or 0, RENEWED_AT_SECONDS)
        self._options = replace(options, min_ttl=least, mfa_stdin=False)
        self._led_to = agreed(app, resolved)
        self._files = self._files_of(app)

    def __call__(self) -> Session:
        with self._anew() as app:
            options, proof = self._proven(app)
            self._looked(app, self._where(app, options))
            return session_of_chain(app, self._name, options, proof)[1]

    def has_changed(self) -> bool:
        """True if a file that the last session depended on is not as it was."""
        return not all(stamp_holds(path, stamp) for path, stamp in self._files.items())

    def is_same(self) -> bool:
        """True if the chain leads where it led; raises as `Renewing.is_same`."""
        with self._anew() as app:
            where = self._where(app, self._proven(app)[0])
            is_same = where == self._led_to
            self._looked(app, where)
            return is_same

    @contextmanager
    def _anew(self) -> Iterator[App]:
        """Yield an `App` that reads every file again."""
        person = _nobody(self._name)
        variables, home = self._app.variables, self._app.home
        app = App(variables, home, config_file=self._app.config_file, person=person)
        try:
            with closing(app), unattended(), time_limit(_WALK_SECONDS):
                yield app
        except RolehopError:
            self._files = self._files_of(app)
            raise
        finally:
            # The connection to the session bus is closed with its object, which is in a circle.
            gc.collect()

    def _where(self, app: App, options: WalkOptions) -> tuple[str, str]:
        with error_context(self._name):
            resolved = Planning(app).resolve(self._name, options)
            return agreed(app, resolved)

    def _looked(self, app: App, where: tuple[str, str]) -> None:
        self._led_to, self._files = where, self._files_of(app)

    def _files_of(self, app: App) -> dict[str, str]:
        """Return what ``app`` has read, without the index: each walk of any chain changes that."""
        index = str(app.index_store.path)
        return {path: stamp for path, stamp in app.dependencies.files.items() if path != index}

    def _proven(self, app: App) -> tuple[WalkOptions, Proof]:
        if self._is_chain:
            check_is_chain(app, self._name)
        try:
            return ask(app, self._name, self._options, self._proof)
        except NoTerminal as error:
            cause, fix = error.cause, error.fix
            raise NotAgreed(error.what, cause=cause, fix=fix, chain=self._name) from None
