"""What a walk needs from outside, as short protocols.

The doubles of ``tests/support/simulator.py`` and the real implementations pass the same tests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar

from rolehop.base.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.base.credentials import Credentials, Session
    from rolehop.plan.model import Hop, Scope, Step

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """What GetCallerIdentity answers."""

    arn: str
    account: str
    user_id: str


@dataclass(frozen=True, slots=True)
class MfaCode:
    """One code of one device; a code is sent once."""

    serial: str
    code: str


@dataclass(frozen=True, slots=True)
class ApiCall:
    """One call that AWS answered, or did not; no secret."""

    action: str
    """Service and operation, e.g. ``sts:AssumeRole``."""

    outcome: str
    """``ok``, AWS's error code, or ``failed`` if there was no answer that made sense."""

    role: str | None = None
    """The role asked for, as it was sent: an ARN, or an account and the name of a permission set."""

    session_name: str | None = None
    request_id: str | None = None
    """AWS's ID of the call, which CloudTrail has too."""

    expires_at: datetime | None = None
    """The end of the session that AWS gave, by its clock: aware, in UTC."""

    access_key_id: str | None = None
    """Of the session that AWS gave; CloudTrail has it in each call that the session signs."""


OnCall = Callable[[ApiCall], None]
"""Told each call to AWS after it has ended; must not raise."""


def ignore_call(call: ApiCall) -> None:
    """Do nothing."""


def ignore_granted(keys: Iterable[str]) -> None:
    """Do nothing."""


class StsRefusal(Exception):
    """STS answered one call with an error; the walk knows which hop that was.

    Attributes:
        code: as on the wire, e.g. ``AccessDenied`` or ``PackedPolicyTooLarge``.
        message: AWS's words, control characters stripped.
        clock_offset_seconds: the server's clock (its Date header) minus ours, if it sent one.
    """

    def __init__(
        self, code: str, message: str, *, clock_offset_seconds: float | None = None
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.clock_offset_seconds = clock_offset_seconds

    @property
    def is_of_code(self) -> bool:
        """True if AWS says that an MFA code is not the device's, so that another one may be."""
        return "with invalid MFA one time pass code" in self.message


class Sts(Protocol):
    """The calls of a walk. Credentials are an argument of each call, never state.

    Every method raises ``StsRefusal`` if AWS answers with an error, ``ServiceError`` if there is no
    answer, or throttling or a fault after retries, ``SourceError`` if the credentials cannot be
    sent (blanks in them), and ``ConfigError`` if region, endpoint or CA bundle are not usable. A
    call that carries an MFA code is sent once.
    """

    def assume_role(self, hop: Hop, signer: Credentials, mfa: MfaCode | None) -> Session:
        """Call AssumeRole with every value of ``hop``."""
        ...

    def session_token(
        self, signer: Credentials, duration_seconds: int, mfa: MfaCode | None
    ) -> Session:
        """Call GetSessionToken; the session's ``arn`` and ``account`` are empty."""
        ...

    def scoped_session(self, scope: Scope, seconds: int | None, signer: Credentials) -> Session:
        """Call GetScopedCredentials at a regional endpoint, with ``scope``'s policy and description.

        ``seconds`` is how long the session lasts; ``None``: as long as ``signer``'s. The session's
        ``arn`` and ``account`` are what the answer says, if it does.
        """
        ...

    def caller(self, signer: Credentials) -> CallerIdentity:
        """Call GetCallerIdentity."""
        ...

    def mfa_device(self, signer: Credentials) -> str:
        """Return the serial of the caller's own TOTP device (IAM ListMFADevices).

        Raises:
            StsRefusal: the user may not list devices.
            SourceError: the user has none, or more than one.
        """
        ...


class Source(Protocol):
    """Where a chain's first credentials come from."""

    def load(self) -> Credentials | None:
        """Return credentials, or ``None`` if this source is not on this machine.

        Raises:
            SourceError: the source is here but gave nothing; never fall through to another.
        """
        ...


class Vault(Protocol):
    """Where sessions are stored. One that cannot be read is a miss, reported once, and not written."""

    def get(self, step: Step, chain: str) -> Session | None:
        """Return the session under ``step.key``, expired ones included; ``None``: a miss.

        A hit is recorded in the index for ``chain`` if it was not before.
        """
        ...

    def put(self, step: Step, session: Session, chain: str) -> None:
        """Store ``session``, got by ``step`` while walking ``chain``; a failure is reported once."""
        ...

    def drop(self, key: str, access_key_id: str) -> None:
        """Remove the session under ``key`` that has this access key ID; no error if it is gone.

        Another one stays: somebody else renewed it meanwhile.
        """
        ...


class Locks(Protocol):
    """One process at a time per hop key. Locks die with their process."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        """Hold lock ``name``.

        Raises:
            ServiceError: another process held it past the deadline; names the process, how long,
                and whether it is waiting for a person.
        """
        ...

    def waiting_for_person(self, what: str = ...) -> AbstractContextManager[None]:
        """Let other processes see that the locks held now wait for a person to give ``what``."""
        ...


class Codes(Protocol):
    """A person or a command that gives the next MFA code."""

    def use(self, serial: str, purpose: str, call: Callable[[MfaCode], T]) -> T:
        """Return what ``call`` returns, given a code that was not sent before.

        It waits for the next 30 s window if necessary. ``purpose`` is what a person is shown that
        the code is for, in a few words. The code counts as sent, unless the connection failed before
        a byte was; a person who mistyped one is asked again, twice.

        Raises:
            NoTerminal: there is no terminal to ask on.
            SourceError: the ``mfa_command`` failed or printed no code.
            StsRefusal: and whatever else ``call`` raises.
        """
        ...


class Listener(Protocol):
    """Shows the progress of a walk: live lines on the terminal, or nothing."""

    def walking(self, step: Step, total: int) -> None:
        """``step`` is about to be called."""
        ...

    def arrived(self, step: Step, total: int, session: Session, *, cached: bool) -> None:
        """``step``'s session was got, from the vault or from STS."""
        ...


class RecentRefusals(Protocol):
    """Hops that AWS refused some seconds ago, for callers that repeat what failed."""

    def get(self, key: str) -> StsRefusal | None:
        """Return the refusal of the hop under ``key`` if it is so recent that AWS is not asked."""
        ...

    def note(self, key: str, refusal: StsRefusal) -> None:
        """Remember that the hop under ``key`` was refused just now."""
        ...


@dataclass(frozen=True, slots=True)
class Ports:
    """Every port that a walk uses."""

    source: Source
    sts: Sts
    vault: Vault
    locks: Locks
    codes: Codes
    listener: Listener
    now: Callable[[], datetime]
    refusals: RecentRefusals | None = None
    """``None``: AWS is always asked."""

    granted: Callable[[Iterable[str]], object] = ignore_granted
    """Is told the keys of the steps that AWS has granted in this walk, each once."""
