"""Carry a plan out: call STS as seldom as possible and store each session as soon as it is got.

The walk starts at the last step: is its session in the vault with enough life left? If not, its
lock is taken, the vault is read again (another process may have been quicker), the session of the
step before is got in the same way, and only then is STS called. Locks are therefore always taken
child before parent, along keys that contain their parent's key, so two walks cannot wait for each
other.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import Credentials, Session
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.durations import start_of_machine
from rolehop.base.errors import (
    HopRefused,
    ServiceError,
    SourceError,
    SourceWithdrawn,
    error_context,
)
from rolehop.config.sts_limits import MAX_CHAINED_DURATION
from rolehop.plan.identity import check_principal, is_caller_known
from rolehop.plan.model import Hop, HopStep, Plan, Scope, ScopeStep, SourceStep, Step, TokenStep
from rolehop.plan.planner import enough_of
from rolehop.walk.ports import CallerIdentity, MfaCode, Ports, StsRefusal
from rolehop.walk.sts_errors import (
    NOT_ASKED_AGAIN,
    NOT_SAID,
    Explanation,
    RefusalKind,
    exceeds_max_session_duration,
    explain_refusal,
    refused_caller,
)

# STS refuses so if the session that *signed* is no longer valid, or was damaged where it was
# stored. Only then can walking the step before again help.
SIGNER_REJECTED = (RefusalKind.EXPIRED, RefusalKind.UNKNOWN_KEY, RefusalKind.SIGNATURE)
AUTO_SERIAL = "auto"

_OLD_MINUTES = 5
"""A session younger than this is not said to be old: what its role may do has hardly changed."""

# STS's codes for a call that a policy refuses; it hides which one.
POLICY_REFUSED = ("AccessDenied", "AccessDeniedException")


class CeilingFound(Exception):
    """STS refused a lifetime above the role's MaxSessionDuration; plan again with 1 h."""

    def __init__(self, role: str, seconds: int) -> None:
        super().__init__(role)
        self.role = role
        self.seconds = seconds


_Call = TokenStep | HopStep | ScopeStep
"""The steps that are calls to STS."""

_CALL_TAKES = timedelta(minutes=1)
"""Until a call has arrived at AWS, with its retries; the end of a session is known to a second."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step of a walk gave."""

    credentials: Credentials
    session: Session | None = None
    cached: bool = False


def walk(plan: Plan, ports: Ports) -> Session:
    """Return the session of the last step, with at least the plan's ``min_ttl`` left.

    Raises:
        ConfigError: the plan says that a hop is certain to fail; no call was made.
        SourceError: the source gave no credentials, or another principal's.
        HopRefused: AWS refused a hop; the sessions before it stay in the vault.
        CeilingFound: a role's own limit is lower than planned; plan again with it.
        ServiceError: no answer after retries, or another process held a lock too long.
        NoTerminal: an MFA code is needed, and there is no terminal to ask on.
    """
    failure = None if plan.source_problem else plan.certain_failure
    if failure is not None:
        raise failure
    with error_context(plan.chain):
        return _Walk(plan, ports).last()


def _rejects_signer(refusal: StsRefusal) -> bool:
    return explain_refusal(refusal).kind in SIGNER_REJECTED


def _explained(step: _Call, refusal: StsRefusal) -> Explanation:
    if not isinstance(step, ScopeStep):
        return explain_refusal(refusal, step.hop if isinstance(step, HopStep) else None)
    from rolehop.walk.scope_errors import explain_scope_refusal  # few scopes are refused

    return explain_scope_refusal(refusal)


def _not_narrowed(why: str) -> ServiceError:
    return ServiceError(
        "AWS answered GetScopedCredentials with something unexpected, so nothing is handed out",
        cause=why,
        fix="check that the endpoint is AWS's; if it is, please report this",
    )


def _ending_at(session: Session, end: datetime) -> Session:
    """Return ``session`` with an earlier end: a program may have said one for what was narrowed."""
    credentials = replace(session.credentials, expires_at=end)
    return replace(session, credentials=credentials, expires_at=end)


def _identified(session: Session, caller: CallerIdentity) -> Session:
    return replace(session, arn=caller.arn, account=caller.account, user_id=caller.user_id)


class _Walk:
    def __init__(self, plan: Plan, ports: Ports) -> None:
        self._plan = plan
        self._ports = ports
        self._ungranted: list[str] = []
        """Keys of the steps whose session this walk got from AWS, as far as nobody was told yet."""

    def last(self, rejected_key_id: str | None = None) -> Session:
        """Return the last step's session, its identity filled in.

        ``rejected_key_id`` is the access key ID of a session that AWS no longer accepts.
        """
        number = len(self._plan.steps) - 1
        enough = timedelta(seconds=self._plan.min_ttl_seconds)
        result = self._session_for_step(number, enough, rejected_key_id)
        if result.session is None:
            raise SourceError(
                f"source '{self._plan.source.name}' does not say when its session ends",
                cause="programs would use a session without an expiry forever",
                fix="add a hop, or give an expiry: AWS_CREDENTIAL_EXPIRATION, or Expiration from a"
                " credential_process",
            )
        step, session = self._plan.steps[number], result.session
        if not session.arn:
            session = self._named(step, session, rejected_key_id, cached=result.cached)
        if isinstance(step, SourceStep) and not result.cached:  # nothing else says that it is there
            self._ports.listener.arrived(step, self._total, session, cached=False)
        return session

    def _named(
        self, step: Step, session: Session, rejected_key_id: str | None, *, cached: bool
    ) -> Session:
        """Return the last step's session with its identity, which AWS is asked for.

        ``rejected_key_id``: as for `last`.
        """
        try:
            caller = self._ports.sts.caller(session.credentials)
        except StsRefusal as refusal:
            if rejected_key_id is not None or not cached or not _rejects_signer(refusal):
                raise self._refused_caller(refusal) from None
            self._ports.vault.drop(step.key, session.credentials.access_key_id)
            return self.last(session.credentials.access_key_id)
        check_principal(self._plan.source, caller.arn)
        self._grant()
        session = _identified(session, caller)
        if not isinstance(step, SourceStep) or step.stored:
            self._ports.vault.put(step, session, self._plan.chain)
        return session

    def _session_for_step(
        self, index: int, enough: timedelta, rejected_key_id: str | None = None
    ) -> StepResult:
        """Return step ``index``'s session with ``enough`` life left, from the vault or from AWS.

        ``rejected_key_id`` is the access key ID of a session that AWS no longer accepts.
        """
        step = self._plan.steps[index]
        if isinstance(step, SourceStep) and not step.stored:
            return self._load(step)
        found = self._cached_session(step, enough, rejected_key_id)
        if found is not None:
            return found
        with self._ports.locks.hold(step.key):
            found = self._cached_session(step, enough, rejected_key_id)
            if found is not None:
                return found
            return (
                self._load(step)
                if isinstance(step, SourceStep)
                else self._request_session(index, step)
            )

    def _cached_session(
        self, step: Step, enough: timedelta, rejected_key_id: str | None
    ) -> StepResult | None:
        session = self._ports.vault.get(step, self._plan.chain)
        if session is None or session.credentials.access_key_id == rejected_key_id:
            return None
        if not session.lasts(self._ports.now(), enough):
            return None
        self._ports.listener.arrived(step, self._total, session, cached=True)
        return StepResult(session.credentials, session, cached=True)

    def _load(self, step: SourceStep) -> StepResult:
        credentials = self._ports.source.load()
        if credentials is None:
            raise SourceWithdrawn(
                f"source '{step.source}' has no credentials here",
                cause=self._plan.source_problem or "it gave none",
                fix=Advice("rolehop plan ", Argument(self._plan.chain)),
            )
        self._ungranted.append(step.key)
        caller = None
        if is_caller_known(self._plan.source):  # before any hop, and before it is stored
            caller = self._checked_caller(credentials)
        if credentials.long_lived and step.for_keys is not None:
            session = self._session_from_keys(step.for_keys, credentials)
        elif credentials.long_lived or credentials.expires_at is None:
            return StepResult(credentials)
        else:
            now = self._ports.now().replace(microsecond=0)
            session = Session(
                credentials,
                "",
                "",
                issued_at=now,
                expires_at=credentials.expires_at,
                started_at=start_of_machine(now),
            )
            session = session if caller is None else _identified(session, caller)
        if not step.stored:
            return StepResult(session.credentials, session)
        return self._stored(step, session)

    def _session_from_keys(self, step: TokenStep, keys: Credentials) -> Session:
        """Get a session with IAM user keys that only loading showed: keys are never handed out."""
        try:
            return self._call(step, StepResult(keys))
        except StsRefusal as refusal:
            raise self._refused(step, StepResult(keys), refusal) from None

    def _stored(self, step: Step, session: Session) -> StepResult:
        """Store a new session; of one that is handed out, find out first whose it is.

        A code was sent for some: these are stored even if nobody answers whose they are.
        """
        if step is self._plan.steps[-1]:
            try:
                session = self._with_identity(session)
            except ServiceError:
                self._ports.vault.put(step, session, self._plan.chain)
                raise
            self._grant()
        self._ports.vault.put(step, session, self._plan.chain)
        return StepResult(session.credentials, session)

    def _signer(self, index: int, rejected_key_id: str | None = None) -> StepResult:
        """Return the session that signs step ``index``."""
        steps, min_ttl = self._plan.steps, timedelta(seconds=self._plan.min_ttl_seconds)
        enough = enough_of(steps[index - 1], steps, min_ttl)
        return self._session_for_step(index - 1, enough, rejected_key_id)

    def _request_session(self, index: int, step: _Call) -> StepResult:
        """Call STS for ``step``; if it rejects a cached signer, walk that one again and call once more."""
        self._raise_recent_refusal(step)
        signer = self._signer(index)
        self._ports.listener.walking(step, self._total)
        try:
            session = self._call(step, signer)
        except StsRefusal as refusal:
            if not signer.cached or not _rejects_signer(refusal):
                raise self._refused(step, signer, refusal) from None
            session = self._call_again(index, step, signer)
        self._ungranted.append(step.key)
        self._grant()
        result = self._stored(step, session)
        self._ports.listener.arrived(step, self._total, session, cached=False)
        return result

    def _grant(self) -> None:
        """Say what AWS has granted since the last time: a step, with the new ones that signed for it."""
        granted, self._ungranted = self._ungranted, []
        self._ports.granted(granted)

    def _raise_recent_refusal(self, step: _Call) -> None:
        recent = None if self._ports.refusals is None else self._ports.refusals.get(step.key)
        if recent is not None:
            raise self._refusal_error(step, None, recent)

    def _call_again(self, index: int, step: _Call, rejected: StepResult) -> Session:
        rejected_key_id = rejected.credentials.access_key_id
        self._ports.vault.drop(self._plan.steps[index - 1].key, rejected_key_id)
        signer = self._signer(index, rejected_key_id)
        try:
            return self._call(step, signer)
        except StsRefusal as refusal:
            raise self._refused(step, signer, refusal) from None

    def _call(self, step: _Call, before: StepResult) -> Session:
        sts, signer = self._ports.sts, before.credentials
        if isinstance(step, ScopeStep):
            return self._narrowed(step.scope, before)
        if isinstance(step, TokenStep):
            seconds = step.duration_seconds
            return self._with_code(
                step.mfa_serial,
                signer,
                "for all chains of this source",
                lambda code: sts.session_token(signer, seconds, code),
            )
        return self._with_code(
            step.hop.mfa_serial,
            signer,
            f"for hop {step.number}",
            lambda code: self._assume_role(step.hop, signer, code),
        )

    def _narrowed(self, scope: Scope, whole: StepResult) -> Session:
        """Narrow the session of the step before; nothing that AWS answers may be that session."""
        seconds = self._seconds_of(scope, whole)
        session = self._ports.sts.scoped_session(scope, seconds, whole.credentials)
        new, old, known = session.credentials, whole.credentials, whole.session
        if new.access_key_id == old.access_key_id or new.session_token == old.session_token:
            raise _not_narrowed("it is the session that was to be narrowed")
        if known is not None and session.expires_at > known.expires_at:
            session = _ending_at(session, known.expires_at)
        if known is None or not known.arn:
            return replace(session, arn="", account="")  # AWS is asked, as of a source's session
        if session.account and session.account != known.account:
            raise _not_narrowed("it is a session of another account")
        return replace(session, arn=known.arn, account=known.account, user_id=known.user_id)

    def _seconds_of(self, scope: Scope, whole: StepResult) -> int | None:
        """Return how long a narrowed session is asked to last: AWS refuses more than is left.

        If that is less than planned, a policy goes without a duration: to the end of what is left.
        """
        seconds, known = scope.duration_seconds, whole.session
        if seconds is None or known is None:
            return seconds
        now = self._ports.now()
        left = int((known.ends_at(now) - now - _CALL_TAKES).total_seconds())
        if seconds <= left:
            return seconds
        return None if scope.policy is not None else max(left, 1)

    def _assume_role(self, hop: Hop, signer: Credentials, code: MfaCode | None) -> Session:
        try:
            return self._ports.sts.assume_role(hop, signer, code)
        except StsRefusal as refusal:
            self._raise_ceiling(hop, refusal)
            raise

    def _with_code(
        self,
        serial: str | None,
        signer: Credentials,
        purpose: str,
        call: Callable[[MfaCode | None], Session],
    ) -> Session:
        """Make a call with the next MFA code if one is needed."""
        if serial is None:
            return call(None)
        if serial == AUTO_SERIAL:
            serial = self._device(signer)
        return self._ports.codes.use(serial, purpose, call)

    def _device(self, signer: Credentials) -> str:
        try:
            return self._ports.sts.mfa_device(signer)
        except StsRefusal as refusal:
            raise SourceError(
                f"the MFA device of source '{self._plan.source.name}' could not be looked up",
                cause=f"{refusal.code}: {refusal.message}",
                fix='write its ARN into the config: mfa_serial = "arn:aws:iam::…:mfa/…"',
            ) from None

    @staticmethod
    def _raise_ceiling(hop: Hop, refusal: StsRefusal) -> None:
        if hop.duration_seconds > MAX_CHAINED_DURATION and exceeds_max_session_duration(refusal):
            raise CeilingFound(str(hop.role), MAX_CHAINED_DURATION) from None

    def _with_identity(self, session: Session) -> Session:
        """Fill in who a session is if no answer has said so yet: a source's own, or a token's."""
        if session.arn:
            return session
        return _identified(session, self._checked_caller(session.credentials))

    def _checked_caller(self, credentials: Credentials) -> CallerIdentity:
        """Ask who the source's credentials belong to, and check that it is the right one."""
        caller = self._caller(credentials)
        check_principal(self._plan.source, caller.arn)
        return caller

    def _caller(self, credentials: Credentials) -> CallerIdentity:
        try:
            return self._ports.sts.caller(credentials)
        except StsRefusal as refusal:
            raise self._refused_caller(refusal) from None

    def _refused_caller(self, refusal: StsRefusal) -> SourceError | HopRefused:
        return refused_caller(refusal, f"the credentials of source '{self._plan.source.name}'")

    def _refused(
        self, step: _Call, signer: StepResult, refusal: StsRefusal
    ) -> SourceError | HopRefused:
        """Return the error for a refusal that STS has just sent, and remember it."""
        expired = explain_refusal(refusal).kind is RefusalKind.EXPIRED
        if expired and step not in self._plan.steps[2:]:  # signed by the source
            return self._refused_caller(refusal)
        asks_for_code = isinstance(step, TokenStep) or (
            isinstance(step, HopStep) and step.hop.mfa_serial is not None
        )
        remembered = refusal.code == "AccessDenied" and not asks_for_code
        if remembered and self._ports.refusals is not None:
            self._ports.refusals.note(step.key, refusal)
        return self._refusal_error(step, signer, refusal)

    def _refusal_error(
        self, step: _Call, signer: StepResult | None, refusal: StsRefusal
    ) -> HopRefused:
        explanation = _explained(step, refusal)
        cause, brief, suspects = explanation.cause, explanation.brief, explanation.suspects
        if signer is None:
            cause = f"{cause.rstrip('.')} (a few seconds ago; rolehop did not ask AWS again)"
            brief = brief and f"{brief}{NOT_ASKED_AGAIN}"
        elif old := self._old_session(signer):
            signed = ("; signed by ", *old)
            cause = Advice(cause.rstrip("."), *signed)
            brief = brief and Advice(brief, *signed)
        number = None if isinstance(step, TokenStep) else step.number
        what = self._what_was_refused(step)
        fix = explanation.fix
        if number is not None and refusal.code in POLICY_REFUSED:
            explain = "rolehop explain --last"
            fix = explain if fix == NOT_SAID else Advice(fix, f"; more: {explain}")
        return HopRefused(
            what,
            code=refusal.code,
            message=refusal.message,
            cause=cause,
            fix=fix,
            suspects=suspects,
            brief=brief,
            chain=self._plan.chain,
            hop=number,
        )

    def _what_was_refused(self, step: _Call) -> str:
        chain = self._plan.chain
        if isinstance(step, HopStep):
            role = step.hop.role
            return f"AWS refused hop {step.number} of {chain}, {role.name} in {role.account}"
        if isinstance(step, ScopeStep):
            return f"AWS refused the scope of {chain}, so rolehop hands out nothing"
        return (
            f"AWS refused the {'MFA ' if step.mfa_serial else ''}session of source '{step.source}'"
        )

    def _old_session(self, signer: StepResult) -> tuple[str, ...]:
        """Name the cached session that signed, if it may be the cause: it is older than a change."""
        at = signer.session.issued_at if signer.cached and signer.session else self._ports.now()
        age = int((self._ports.now() - at).total_seconds()) // 60
        return (
            ()
            if age < _OLD_MINUTES
            else (f"a session {age} min old (rolehop refresh ", Argument(self._plan.chain), ")")
        )

    @property
    def _total(self) -> int:
        return len(self._plan.hops)
