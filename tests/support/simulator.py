"""A world in memory: a source, an STS, a vault and a clock that a walk may use.

It plays the parts of ``rolehop.walk.ports``. It is strict where AWS is strict about order and life:
only the session that a role trusts may sign for it, sessions end, a code is taken once. What is
on the wire is the business of ``tests/doubles/sts.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.base.dataclass import replace
from rolehop.base.errors import NoTerminal
from rolehop.plan.model import Hop, Scope, Step
from rolehop.walk.ports import CallerIdentity, MfaCode, Ports, StsRefusal

T = TypeVar("T")

START = datetime(2026, 8, 1, 12, 0, tzinfo=UTC)
USER = Credentials("AKIASOURCE", Secret("user-secret-of-the-simulator"))


@dataclass
class Role:
    """A role of this world."""

    trusts: str
    max_session_seconds: int = 3600
    needs_mfa: bool = False


@dataclass
class FakeAws:
    """The world. ``calls``: what reached STS, in order."""

    now: datetime = START
    source: Credentials | None = USER
    arn: str = "arn:aws:iam::111111111111:user/alice"
    roles: dict[str, Role] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    signers: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)
    stored: dict[str, Session] = field(default_factory=dict)
    rejected: set[str] = field(default_factory=set)
    rejects_with: str = "InvalidClientTokenId"
    watched: list[str] = field(default_factory=list)
    loads: int = 0
    holding: list[str] = field(default_factory=list)
    stores: bool = True
    scopes: list[tuple[str | None, int | None, str | None]] = field(default_factory=list)
    refuses_scopes: StsRefusal | None = None
    echoes_scopes: bool = False
    answers_scopes: Callable[[Session, Credentials], Session] | None = None
    """Makes of a narrowed session, and of what signed, what STS answers instead."""

    narrowed: set[str] = field(default_factory=set)
    _made: int = 0
    _who: dict[str, str] = field(default_factory=dict)
    _with_mfa: set[str] = field(default_factory=set)
    ends: dict[str, datetime] = field(default_factory=dict)

    def role(self, arn: str, trusts: str, **limits: int | bool) -> None:
        """Make a role that ``trusts`` an access key ID or the ARN of a role."""
        self.roles[arn] = Role(trusts, **limits)  # type: ignore[arg-type]

    def ports(self) -> Ports:
        """Return all ports of a walk."""
        return Ports(self, self, self, self, _Codes(self), self, lambda: self.now)

    # ---- ports.Source
    def load(self) -> Credentials | None:
        self.loads += 1
        return self.source

    # ---- ports.Sts
    def assume_role(self, hop: Hop, signer: Credentials, mfa: MfaCode | None) -> Session:
        arn = str(hop.role)
        self.calls.append(arn)
        self._check(signer)
        role = self.roles.get(arn)
        who = self._who.get(signer.access_key_id, signer.access_key_id)
        if role is None or role.trusts != who:
            raise StsRefusal("AccessDenied", f"User: {who} is not authorized")
        if role.needs_mfa and not (mfa or signer.access_key_id in self._with_mfa):
            raise StsRefusal("AccessDenied", f"User: {who} is not authorized")
        if signer.session_token and hop.duration_seconds > 3600:
            raise StsRefusal(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles"
                " assumed by role chaining.",
            )
        if hop.duration_seconds > role.max_session_seconds:
            raise StsRefusal(
                "ValidationError",
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            )
        session = self._session(arn, hop.duration_seconds)
        name = f"assumed-role/{hop.role.name}/{hop.session_name}"
        return replace(
            session,
            arn=f"arn:aws:sts::{hop.role.account}:{name}",
            account=hop.role.account,
            user_id=f"AROA{hop.role.name.upper()}:{hop.session_name}",
        )

    def session_token(
        self, signer: Credentials, duration_seconds: int, mfa: MfaCode | None
    ) -> Session:
        self.calls.append("GetSessionToken")
        self._check(signer)
        if signer.session_token:
            raise StsRefusal("AccessDenied", "Cannot call GetSessionToken with session credentials")
        session = self._session(signer.access_key_id, duration_seconds)
        if mfa:
            self._with_mfa.add(session.credentials.access_key_id)
        return session

    def scoped_session(self, scope: Scope, seconds: int | None, signer: Credentials) -> Session:
        self.calls.append("GetScopedCredentials")
        self._check(signer)
        if signer.session_token is None:
            raise StsRefusal("InvalidSubjectCredentials", "not temporary credentials")
        if self.refuses_scopes is not None:
            raise self.refuses_scopes
        known = self.ends.get(signer.access_key_id, signer.expires_at)
        left = 3600 if known is None else int((known - self.now).total_seconds())
        if seconds is not None and seconds > left:
            raise StsRefusal("InsufficientSessionLifetime", "more than the session has left")
        self.scopes.append((scope.policy, seconds, scope.description))
        if self.echoes_scopes:
            end = self.now + timedelta(seconds=left)
            return Session(signer, "", "", issued_at=self.now, expires_at=end)
        who = self._who.get(signer.access_key_id, signer.access_key_id)
        session = self._session(who, left if seconds is None else seconds)
        self.narrowed.add(session.credentials.access_key_id)
        return session if self.answers_scopes is None else self.answers_scopes(session, signer)

    def caller(self, signer: Credentials) -> CallerIdentity:
        self.calls.append("GetCallerIdentity")
        self._check(signer)
        return CallerIdentity(self.arn, "111111111111", "AIDAALICE")

    def mfa_device(self, signer: Credentials) -> str:
        self.calls.append("ListMFADevices")
        return "arn:aws:iam::111111111111:mfa/found"

    def _check(self, signer: Credentials) -> None:
        self.signers.append(signer.access_key_id)
        if signer.access_key_id in self.rejected:
            raise StsRefusal(self.rejects_with, "The security token is invalid")
        if self.ends.get(signer.access_key_id, self.now) < self.now:
            raise StsRefusal(
                "ExpiredToken", "The security token included in the request is expired"
            )

    def _session(self, who: str, seconds: int) -> Session:
        self._made += 1
        key_id = f"ASIA{self._made:016d}"
        end = self.now + timedelta(seconds=seconds)
        self._who[key_id], self.ends[key_id] = who, end
        credentials = Credentials(
            key_id, Secret(f"secret {key_id}"), Secret(f"token {key_id}"), end
        )
        return Session(credentials, "", "", issued_at=self.now, expires_at=end)

    # ---- ports.Vault
    def get(self, step: Step, chain: str) -> Session | None:
        return self.stored.get(step.key)

    def put(self, step: Step, session: Session, chain: str) -> None:
        if self.stores:
            self.stored[step.key] = session

    def drop(self, key: str, access_key_id: str) -> None:
        if key in self.stored and self.stored[key].credentials.access_key_id == access_key_id:
            del self.stored[key]

    # ---- ports.Locks
    @contextmanager
    def hold(self, name: str) -> Iterator[None]:
        assert name not in self.holding, "a walk waits for itself"
        self.holding.append(name)
        try:
            yield
        finally:
            self.holding.remove(name)

    @contextmanager
    def waiting_for_person(self, what: str = "") -> Iterator[None]:
        yield

    # ---- ports.Listener
    def walking(self, step: Step, total: int) -> None:
        self.watched.append(f"walking {step.number}/{total}")

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        self.watched.append(f"{'cached' if cached else 'called'} {step.number}/{total}")


class _Codes:
    """ports.Codes: a device that shows a new code each time, or none."""

    def __init__(self, aws: FakeAws) -> None:
        self._aws = aws

    def use(self, serial: str, purpose: str, call: Callable[[MfaCode], T]) -> T:
        del purpose
        if not self._aws.codes:
            raise NoTerminal("an MFA code is needed and there is no terminal to ask on")
        self._aws.watched.append(f"spent {serial.rpartition('/')[2]}")
        return call(MfaCode(serial, self._aws.codes.pop(0)))
