"""Read the answers of STS and IAM field by field, and check that they fit the request.

Every function raises ``ValueError`` with what is wrong, and never with a secret in it.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rolehop.arn import RoleArn, account_of
from rolehop.credentials import Credentials, Session
from rolehop.net.json_fields import access_key_id, instant, sendable_secret
from rolehop.ports import Caller
from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rolehop.plan import Hop

_ROLE_ID = Pattern(r"[A-Za-z0-9_-]+:(?P<session>[A-Za-z0-9_+=,.@-]{2,64})")
# The longest session of all lasts 36 hours (GetSessionToken); the rest is for clocks that differ.
_LONGEST = timedelta(hours=37)


@dataclass(frozen=True, slots=True)
class Receipt:
    """When an answer arrived."""

    at: datetime
    """By this machine's clock: aware, UTC, whole seconds."""

    clock_offset: timedelta = timedelta()
    """AWS's clock minus this machine's; zero if not known."""


def read_credentials(result: Element, received: Receipt) -> tuple[Credentials, datetime]:
    """Return the credentials in ``result`` and their expiry by AWS's clock."""
    expires_at = _read_expiration(_text(result, "Credentials/Expiration"), received)
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
    credentials, expires_at = read_credentials(result, received)
    arn = _text(result, "AssumedRoleUser/Arn")
    if not _is_of_role(arn, hop.role) or arn.rpartition("/")[2] != hop.session_name:
        raise ValueError("the session is not of the role and name asked for")
    user_id = _text(result, "AssumedRoleUser/AssumedRoleId")
    match = _ROLE_ID.fullmatch(user_id)
    if match is None or match["session"] != hop.session_name:
        raise ValueError("the role ID does not end with the session name asked for")
    identity = result.findtext("SourceIdentity")
    if identity and hop.source_identity and identity != hop.source_identity:
        raise ValueError("the session has another source identity than the one asked for")
    return Session(credentials, arn, hop.role.account, received.at, expires_at, user_id)


def read_federated_session(result: Element, role: RoleArn, received: Receipt) -> Session:
    """Return the session of AssumeRoleWithSAML or AssumeRoleWithWebIdentity, if it is of ``role``.

    The session's name is not compared: a SAML assertion chooses it.
    """
    credentials, expires_at = read_credentials(result, received)
    arn = _text(result, "AssumedRoleUser/Arn")
    if not _is_of_role(arn, role):
        raise ValueError("the session is not of the role asked for")
    user_id = _text(result, "AssumedRoleUser/AssumedRoleId")
    return Session(credentials, arn, role.account, received.at, expires_at, user_id)


def read_token_session(result: Element, received: Receipt) -> Session:
    """Return the session of GetSessionToken, whose answer does not name its principal."""
    credentials, expires_at = read_credentials(result, received)
    return Session(credentials, "", "", received.at, expires_at)


def read_caller(result: Element) -> Caller:
    """Return the principal in the answer of GetCallerIdentity."""
    arn, account = _text(result, "Arn"), _text(result, "Account")
    if account_of(arn) is None or account_of(arn) != account:
        raise ValueError("the caller's ARN and account do not agree")
    return Caller(arn, account, _text(result, "UserId"))


def read_device_serials(result: Element) -> tuple[str, ...]:
    """Return the serials of the MFA devices that show codes.

    Security keys and passkeys (``…:u2f/…``) sign instead, and cannot be used for API calls
    (IAM user guide, MFA-protected API access).
    """
    devices = result.findall("MFADevices/member")
    serials = (_text(device, "SerialNumber") for device in devices)
    return tuple(serial for serial in serials if ":u2f/" not in serial)


def _is_of_role(arn: str, role: RoleArn) -> bool:
    # The session's ARN drops the role's path. IAM's names are unique regardless of case.
    wanted = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}"
    return arn.rpartition("/")[0].casefold() == wanted.casefold()


def _read_expiration(text: str, received: Receipt) -> datetime:
    expires_at = instant(text, "the expiration")
    now = received.at + received.clock_offset
    if not now < expires_at <= now + _LONGEST:
        raise ValueError(f"the session expires at {expires_at:%Y-%m-%dT%H:%M:%SZ}: not plausible")
    return expires_at


def _text(element: Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"{path} is missing")
    return text
