"""Credentials as JSON gives them: metadata endpoints, credential processes, CreateSession.

They differ in the names of their members and agree in all else. Every function raises
``ValueError`` saying what is wrong, never with a value in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime

from rolehop.credentials import Credentials, Secret
from rolehop.startup.dataclass import dataclass

# AccessKeyId: 16-128 of \w (STS model, type accessKeyIdType).
_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")
_SENDABLE = re.compile(r"[\x21-\x7e]+")
# Nanoseconds, as Go and Java write them; datetime reads six digits at most.
_FRACTION = re.compile(r"\.(\d{6})\d+")


@dataclass(frozen=True, slots=True)
class FieldNames:
    """How one protocol calls the four members."""

    key_id: str
    secret: str
    token: str
    expiration: str


METADATA = FieldNames("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
PROCESS = FieldNames("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
CREATE_SESSION = FieldNames("accessKeyId", "secretAccessKey", "sessionToken", "expiration")


def json_object(text: bytes) -> dict[str, object]:
    """Return the one JSON object that ``text`` is."""
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError):
        found = None
    # Raised outside of except: what json raises carries the whole text.
    if not isinstance(found, dict):
        raise ValueError("it is no JSON object")
    return found


def session_in(document: Mapping[str, object], names: FieldNames) -> Credentials:
    """Return temporary credentials: all four members are there."""
    credentials = keys_in(document, names)
    if credentials.session_token is None:
        raise ValueError(f"{names.token} is missing")
    if credentials.expires_at is None:
        raise ValueError(f"{names.expiration} is missing")
    return credentials


def keys_in(document: Mapping[str, object], names: FieldNames) -> Credentials:
    """Return credentials; token and expiration may be absent, and must not be empty."""
    key_id = _text(document, names.key_id)
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError(f"{names.key_id} is no access key ID")
    secret = _secret(document, names.secret)
    token = _secret(document, names.token) if names.token in document else None
    ends = _time(document, names.expiration) if names.expiration in document else None
    return Credentials(key_id, secret, token, ends)


def _secret(document: Mapping[str, object], name: str) -> Secret:
    text = _text(document, name)
    if _SENDABLE.fullmatch(text) is None:
        raise ValueError(f"{name} holds characters that cannot be sent")
    return Secret(text)


def _time(document: Mapping[str, object], name: str) -> datetime:
    text = _FRACTION.sub(r".\1", _text(document, name))
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None:
        raise ValueError(f"{name} is no time")
    if found.tzinfo is None:
        raise ValueError(f"{name} names no time zone")
    return found.astimezone(UTC).replace(microsecond=0)


def _text(document: Mapping[str, object], name: str) -> str:
    value = document.get(name)
    if value is None:
        raise ValueError(f"{name} is missing")
    if not isinstance(value, str):
        raise ValueError(f"{name} is no text")
    if not value.strip():
        raise ValueError(f"{name} is empty")
    return value
