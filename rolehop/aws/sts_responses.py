"""Reading what STS and IAM answered, field by field, and trusting none of it unread.

Every function raises ``ValueError`` saying what is wrong; never with a secret in it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rolehop.arn import RoleArn, account_of
from rolehop.credentials import Credentials, Secret, Session
from rolehop.ports import Caller

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from rolehop.plan import Hop

# AccessKeyId: 16-128 of \w (STS model, type accessKeyIdType).
_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
# AWS promises no alphabet for the other two; what is sent in a header has at least this one.
_SENDABLE = re.compile(r"[\x21-\x7e]+")
_ROLE_ID = re.compile(r"[A-Za-z0-9_-]+:(?P<session>[A-Za-z0-9_+=,.@-]{2,64})")
# 36 hours is the longest session of all (GetSessionToken); the rest is for clocks that differ.
_LONGEST = timedelta(hours=37)


def read_credentials(result: Element, now: datetime) -> tuple[Credentials, datetime]:
    """Return the credentials in ``result`` and when they end (aware, UTC, whole seconds)."""
    ends = _read_expiration(_text(result, "Credentials/Expiration"), now)
    key_id = _text(result, "Credentials/AccessKeyId")
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError("the access key ID is none")
    secret = _secret(result, "Credentials/SecretAccessKey")
    token = _secret(result, "Credentials/SessionToken")
    return Credentials(key_id, secret, token, ends), ends


def read_role_session(result: Element, hop: Hop, now: datetime) -> Session:
    """Return the session of AssumeRole, proved to be the one that ``hop`` asked for."""
    credentials, ends = read_credentials(result, now)
    arn = _text(result, "AssumedRoleUser/Arn")
    _check_arn(arn, hop)
    user_id = _text(result, "AssumedRoleUser/AssumedRoleId")
    match = _ROLE_ID.fullmatch(user_id)
    if match is None or match["session"] != hop.session_name:
        raise ValueError("the role ID does not end with the session name asked for")
    identity = result.findtext("SourceIdentity")
    if identity and hop.source_identity and identity != hop.source_identity:
        raise ValueError("the session has another source identity than the one asked for")
    return Session(credentials, arn, hop.role.account, now, ends, user_id)


def read_federated_session(result: Element, role: RoleArn, now: datetime) -> Session:
    """Return the session of AssumeRoleWithSAML or AssumeRoleWithWebIdentity, proved to be of ``role``.

    The session's name is not compared: a SAML assertion chooses it.
    """
    credentials, ends = read_credentials(result, now)
    arn = _text(result, "AssumedRoleUser/Arn")
    wanted = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}"
    if arn.rpartition("/")[0].casefold() != wanted.casefold():
        raise ValueError("the session is not of the role asked for")
    user_id = _text(result, "AssumedRoleUser/AssumedRoleId")
    return Session(credentials, arn, role.account, now, ends, user_id)


def read_token_session(result: Element, now: datetime) -> Session:
    """Return the session of GetSessionToken, which does not say whose it is."""
    credentials, ends = read_credentials(result, now)
    return Session(credentials, "", "", now, ends)


def read_caller(result: Element) -> Caller:
    """Return what GetCallerIdentity says."""
    arn, account = _text(result, "Arn"), _text(result, "Account")
    if account_of(arn) is None or account_of(arn) != account:
        raise ValueError("the caller's ARN and account do not agree")
    return Caller(arn, account, _text(result, "UserId"))


def read_device_serials(result: Element) -> tuple[str, ...]:
    """Return the serials of the devices that show codes.

    Security keys and passkeys (``…:u2f/…``) sign instead, and cannot be used for API calls
    (IAM user guide, MFA-protected API access).
    """
    devices = result.findall("MFADevices/member")
    serials = (_text(device, "SerialNumber") for device in devices)
    return tuple(serial for serial in serials if ":u2f/" not in serial)


def _check_arn(arn: str, hop: Hop) -> None:
    role = hop.role
    # The session's ARN drops the role's path. IAM's names are unique whatever their case.
    wanted = f"arn:{role.partition}:sts::{role.account}:assumed-role/{role.name}"
    found, _, name = arn.rpartition("/")
    if found.casefold() != wanted.casefold() or name != hop.session_name:
        raise ValueError("the session is not of the role and name asked for")


def _read_expiration(text: str, now: datetime) -> datetime:
    try:
        ends = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("the expiration is no time") from None
    if ends.tzinfo is None:
        raise ValueError("the expiration names no time zone")
    ends = ends.astimezone(UTC).replace(microsecond=0)
    if not now < ends <= now + _LONGEST:
        raise ValueError(f"the session ends at {ends:%Y-%m-%dT%H:%M:%SZ}, by this clock not soon")
    return ends


def _secret(result: Element, path: str) -> Secret:
    text = _text(result, path)
    if _SENDABLE.fullmatch(text) is None:
        raise ValueError(f"{path} holds characters that cannot be sent")
    return Secret(text)


def _text(element: Element, path: str) -> str:
    text = (element.findtext(path) or "").strip()
    if not text:
        raise ValueError(f"{path} is missing")
    return text
