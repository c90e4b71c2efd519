"""The XML of AWS's Query services, read strictly: small, plain and well-formed."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, ParseError, fromstring

from rolehop.base.arn import RoleArn, account_of
from rolehop.base.credentials import Credentials, Session, scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import start_of_machine
from rolehop.base.json_fields import access_key_id, instant, sendable_secret
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.config.sts_limits import MAX_DURATION
from rolehop.walk.ports import CallerIdentity

if TYPE_CHECKING:
    from rolehop.plan.model import Hop

LONGEST_MESSAGE = 2_000


@dataclass(frozen=True, slots=True)
class QueryError:
    """An ``ErrorResponse``."""

    code: str
    message: str
    """Without control characters and without secrets of this process."""


def parse_xml(body: bytes) -> Element:
    """Return the root of ``body``, with all namespaces removed.

    Raises:
        ValueError: it is not well-formed XML in UTF-8, or declares a document type, which AWS
            never does and by which XML can be made to expand without end.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8 text") from None
    if "<!DOCTYPE" in text:
        raise ValueError("it declares a document type")
    try:
        # Parsed from text, so that an encoding declared in it cannot hide anything.
        root = fromstring(text)  # noqa: S314 - bounded in size, and without a document type
    except (ParseError, RecursionError) as error:
        reason = str(error)
    else:
        for element in root.iter():
            element.tag = element.tag.rpartition("}")[2]
        return root
    raise ValueError(f"it is not well-formed XML ({reason})")


@dataclass(frozen=True, slots=True)
class QueryDocument:
    """The body of an answer, parsed once."""

    root: Element | None
    """``None``: it is not what `parse_xml` reads."""

    problem: str = ""
    """Why it is not."""


def query_document(body: bytes) -> QueryDocument:
    """Return ``body`` as a document, which may be one with a problem."""
    try:
        return QueryDocument(parse_xml(body))
    except ValueError as error:
        return QueryDocument(None, str(error))


def query_error(document: QueryDocument, hidden: str | None = None) -> QueryError | None:
    """Return the error in ``document``, or ``None`` if there is none.

    EC2 puts it into a list (EC2 developer guide, "Error responses"). ``hidden`` is a text to hide in the message besides secrets: the MFA code that was sent.
    """
    root = document.root
    error = None if root is None else root.find("Error")
    if error is None and root is not None:
        error = root.find("Errors/Error")
    code = "" if error is None else clean(error.findtext("Code") or "")
    if error is None or not code:
        return None
    # STS may repeat what was signed, the session token included.
    message = scrub(clean(error.findtext("Message") or ""))
    if hidden:
        message = message.replace(hidden, "[hidden]")
    return QueryError(code[:128], message[:LONGEST_MESSAGE])


_ROLE_ID = Pattern(r"[A-Za-z0-9_-]+:(?P<session>[A-Za-z0-9_+=,.@-]{2,64})")

# How much longer than asked for a session may seem to last: AWS's clock may not be known.
_CLOCKS_DIFFER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Receipt:
    """When an answer arrived."""

    at: datetime
    """By this machine's clock: aware, UTC, whole seconds."""

    clock_offset: timedelta = timedelta()
    """AWS's clock minus this machine's; zero if not known."""

    @property
    def started_at(self) -> datetime:
        """When this machine started, by the clock that ``at`` is by."""
        return start_of_machine(self.at)


class SessionEnded(ValueError):
    """The session in an answer has ended before the answer was there."""


def read_credentials(
    result: Element, received: Receipt, asked_seconds: int
) -> tuple[Credentials, datetime]:
    """Return the credentials in ``result`` and their expiry by AWS's clock.

    ``asked_seconds`` is how long they should last, or the longest that they can.
    """
    longest = timedelta(seconds=asked_seconds) + _CLOCKS_DIFFER
    expires_at = _read_expiration(_text(result, "Credentials/Expiration"), received, longest)
    credentials = Credentials(
        access_key_id(_text(result, "Credentials/AccessKeyId"), "AccessKeyId"),
        sendable_secret(_text(result, "Credentials/SecretAccessKey"), "SecretAccessKey"),
        sendable_secret(_text(result, "Credentials/SessionToken"), "SessionToken"),
        expires_at,
        received.clock_offset,
    )
    return credentials, expires_at


def read_role_session(result: Element, hop: Hop, received: Receipt) -> Session:
    """Return the session of AssumeRole, once it proves to be the one that ``hop`` asked for."""
    credentials, expires_at = read_credentials(result, received, hop.duration_seconds)
    arn, user_id = _read_role_user(result, hop.role, hop.session_name)
    identity = result.findtext("SourceIdentity")
    if identity and hop.source_identity and identity != hop.source_identity:
        raise ValueError("the session has another source identity than the one asked for")
    return Session(
        credentials, arn, hop.role.account, received.at, expires_at, user_id, received.started_at
    )


def read_federated_session(
    result: Element,
    role: RoleArn,
    received: Receipt,
    *,
    session_name: str | None,
    duration_seconds: int | None,
) -> Session:
    """Return the session of AssumeRoleWithSAML or AssumeRoleWithWebIdentity, if it is of ``role``.

    ``session_name`` is ``None`` for SAML, whose assertion chooses it. ``duration_seconds`` is
    ``None`` if none was asked for: an assertion or the role then decides.
    """
    credentials, expires_at = read_credentials(result, received, duration_seconds or MAX_DURATION)
    arn, user_id = _read_role_user(result, role, session_name)
    return Session(
        credentials, arn, role.account, received.at, expires_at, user_id, received.started_at
    )


def read_token_session(result: Element, received: Receipt, duration_seconds: int) -> Session:
    """Return the session of GetSessionToken, whose answer does not name its principal."""
    credentials, expires_at = read_credentials(result, received, duration_seconds)
    return Session(credentials, "", "", received.at, expires_at, started_at=received.started_at)


def read_scoped_session(result: Element, received: Receipt, asked_seconds: int) -> Session:
    """Return the session of GetScopedCredentials; its answer may say whose it is.

    ``asked_seconds`` is how long it should last, or the longest that it can.
    """
    credentials, expires_at = read_credentials(result, received, asked_seconds)
    arn = (result.findtext("SessionInfo/Arn") or "").strip()
    account = account_of(arn)
    return Session(
        credentials,
        arn if account else "",
        account or "",
        received.at,
        expires_at,
        started_at=received.started_at,
    )


def read_caller(result: Element) -> CallerIdentity:
    """Return the principal in the answer of GetCallerIdentity."""
    arn, account = _text(result, "Arn"), _text(result, "Account")
    if account_of(arn) is None or account_of(arn) != account:
        raise ValueError("the caller's ARN and account do not agree")
    return CallerIdentity(arn, account, _text(result, "UserId"))


def read_device_serials(result: Element) -> tuple[str, ...]:
    """Return the serials of the MFA devices that show codes.

    Security keys and passkeys (``…:u2f/…``) sign instead, and cannot be used for API calls
    (IAM user guide, MFA-protected API access).
    """
    devices = result.findall("MFADevices/member")
    serials = (_text(device, "SerialNumber") for device in devices)
    return tuple(serial for serial in serials if ":u2f/" not in serial)


def _read_role_user(result: Element, role: RoleArn, session_name: str | None) -> tuple[str, str]:
    """Return ARN and ID of the assumed role's user, if it is of the role and name asked for."""
    arn = _text(result, "AssumedRoleUser/Arn")
    check_session_arn(arn, role, session_name)
    user_id = _text(result, "AssumedRoleUser/AssumedRoleId")
    match = _ROLE_ID.fullmatch(user_id)
    if match is None or match["session"] != arn.rpartition("/")[2]:
        raise ValueError("the role ID does not end with the session name")
    return arn, user_id


def check_session_arn(arn: str, role: RoleArn, session_name: str | None) -> None:
    """Check that ``arn`` is a session of ``role``, with ``session_name`` unless that is ``None``.

    Raises:
        ValueError: it is another one.
    """
    # A session's ARN lacks the role's path. IAM's names are unique regardless of case.
    wanted = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}"
    found, _, name = arn.rpartition("/")
    if found.casefold() != wanted.casefold() or session_name not in (None, name):
        raise ValueError("the session is not of the role and name asked for")


def _read_expiration(text: str, received: Receipt, longest: timedelta) -> datetime:
    expires_at = instant(text, "the expiration")
    now = received.at + received.clock_offset
    shown = f"it expires at {expires_at:%Y-%m-%dT%H:%M:%SZ}"
    if expires_at <= now:
        raise SessionEnded(f"the session has expired: {shown}")
    if expires_at > now + longest:
        raise ValueError(f"the session lasts longer than was asked for: {shown}")
    return expires_at


def _text(element: Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"{path} is missing")
    return text
