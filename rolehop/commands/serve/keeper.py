"""Keep a session of one chain: renew it in the background, and answer requests from memory.

A request never walks: SDKs wait one second. While a session is good it is handed out, also if
renewing it fails for now. A failure that lasts (AWS refuses, a person is needed, the config is
broken) is a 4xx: on a 503 SDKs retry for minutes, or go on as somebody else.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from datetime import datetime, timedelta

from rolehop.advice import one_line
from rolehop.credentials import Session, scrub
from rolehop.endpoint.responses import Response, failure
from rolehop.endpoint.rules import SessionForm
from rolehop.errors import (
    HopRefused,
    NoTerminal,
    RolehopError,
    ServiceError,
    SignInExpired,
    VaultError,
)
from rolehop.handover.container import as_container, as_instance
from rolehop.handover.credential_process import as_process
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

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

# The session in hand stays good after these, as for `credential-process` (`rolehop.renewal`);
# the keyring is not needed for it either.
_HARMLESS = (ServiceError, SignInExpired, NoTerminal, VaultError)

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


class ChainKeeper:
    """The session of one chain; safe to use from several threads.

    Attributes:
        chain: its name.
    """

    def __init__(
        self,
        chain: str,
        session: Session,
        walk: Callable[[], Session],
        *,
        now: Callable[[], datetime],
        on_change: Callable[[ChainKeeper, RenewalProblem | None], None],
    ) -> None:
        """``walk`` returns a new session; ``on_change`` is told after each walk how it went."""
        self.chain = chain
        self._walk = walk
        self._now = now
        self._on_change = on_change
        self._lock = threading.Lock()
        self._is_walking = False
        self._failures = 0
        self._problem: RenewalProblem | None = None
        self._session: Session | None = session
        self._arn = session.arn
        self._due = self._due_of(session)

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
            is_good = self._is_good(self._now())
            return self._session.local_expires_at if self._session and is_good else None

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
            if self._problem is None:
                return self._due
            problem = self._problem
            if not problem.lasts:
                return problem.retry_at
            # Without a session it is of no use before a client asks for one.
            return problem.at + _LAST_RETRY if self._is_good(self._now()) else None

    def answer(self, form: SessionForm = SessionForm.CONTAINER, *, final: bool) -> Response | None:
        """Return what a client gets now; ``None``: a walk goes on; never if ``final``."""
        with self._lock:
            now = self._now()
            session, problem = self._session, self._problem
            if session is not None and self._is_good(now):
                return Response(200, _WRITERS[form](session))
        if problem is None or now >= problem.retry_at:
            self.renew()
        if self._is_walking and not final:
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

    def _renew(self) -> None:
        try:
            session = self._walk()
        except RolehopError as error:
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - the server goes on
            text = f"something unexpected happened: {type(error).__name__}"
            self._failed(ServiceError(text))
        else:
            self._renewed(session)
        self._on_change(self, self._problem)

    def _renewed(self, session: Session) -> None:
        with self._lock:
            self._is_walking = False
            self._failures = 0
            self._problem = None
            self._session = session
            self._arn = session.arn
            self._due = self._due_of(session)

    def _failed(self, error: RolehopError) -> None:
        with self._lock:
            self._is_walking = False
            self._failures += 1
            now = self._now()
            self._problem = RenewalProblem(error, now, now + _pause(error, self._failures))
            if not isinstance(error, _HARMLESS):
                self._session = None

    def _is_good(self, now: datetime) -> bool:
        return self._session is not None and self._session.lasts(now, _SHORTEST_LIFE)

    def _due_of(self, session: Session) -> datetime:
        ends = session.local_expires_at
        life = ends - session.issued_at
        before = min(RENEWED_AT, life / 2) * random.uniform(1 - _JITTER, 1)  # noqa: S311 - no secret
        return max(ends - before, self._now() + min(_LEAST_PAUSE, life / 4))


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
