"""Credentials in JSON: metadata endpoints, credential processes, CreateSession.

The formats differ in the names of their members only. Every function raises ``ValueError`` with
what is wrong, and never with a value in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rolehop.credentials import Credentials
from rolehop.json_fields import access_key_id, instant, secret_in, text_in
from rolehop.startup.dataclass import dataclass


@dataclass(frozen=True, slots=True)
class FieldNames:
    """The names of the four members in one format."""

    key_id: str
    secret: str
    token: str
    expiration: str


METADATA = FieldNames("AccessKeyId", "SecretAccessKey", "Token", "Expiration")
PROCESS = FieldNames("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
CREATE_SESSION = FieldNames("accessKeyId", "secretAccessKey", "sessionToken", "expiration")


def read_session(document: Mapping[str, object], names: FieldNames) -> Credentials:
    """Return temporary credentials: all four members must be there."""
    credentials = read_keys(document, names)
    if credentials.session_token is None:
        raise ValueError(f"{names.token} is missing")
    if credentials.expires_at is None:
        raise ValueError(f"{names.expiration} is missing")
    return credentials


def read_keys(document: Mapping[str, object], names: FieldNames) -> Credentials:
    """Return credentials; token and expiration may be absent, but not empty."""
    key_id = access_key_id(text_in(document, names.key_id), names.key_id)
    secret = secret_in(document, names.secret)
    # AWS promises no greatest length for a session token.
    token = secret_in(document, names.token, longest=None) if names.token in document else None
    return Credentials(key_id, secret, token, _expiration(document, names.expiration))


def _expiration(document: Mapping[str, object], name: str) -> datetime | None:
    return instant(text_in(document, name), name) if name in document else None
