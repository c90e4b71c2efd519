"""Read JSON from outside field by field, without trusting any of it.

Every function raises ``ValueError`` with what is wrong, and never with a value in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rolehop.base.credentials import Credentials, Secret, scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import YEARS, read_moment
from rolehop.base.startup import Pattern
from rolehop.base.text import clean

LONGEST_TOKEN = 20_000
"""Characters; STS takes web identity tokens up to that length."""

# AccessKeyId: 16-128 of \w (STS model, type accessKeyIdType).
_KEY_ID = Pattern(r"[A-Za-z0-9_]{16,128}")

# AWS promises no alphabet for secrets and tokens; whatever is sent in a header has at most this one.
_SENDABLE = Pattern(r"[\x21-\x7e]+")

# Go and Java write nanoseconds; datetime reads six digits at most.
_FRACTION = Pattern(r"(\.\d{6})\d+")


def json_object(text: bytes | str) -> dict[str, Any]:
    """Return the JSON object that ``text`` (UTF-8) consists of."""
    try:
        found = json.loads(text.decode("utf-8") if isinstance(text, bytes) else text)
    except (ValueError, RecursionError):
        found = None
    # Raised outside of except: a JSONDecodeError carries the whole text.
    if not isinstance(found, dict):
        raise ValueError("it is not a JSON object")
    return found


def text_in(document: Mapping[str, object], name: str) -> str:
    """Return the text under ``name``, which may not be empty."""
    value = document.get(name)
    if value is None:
        raise ValueError(f"{name} is missing")
    if not isinstance(value, str):
        raise ValueError(f"{name} is not text")
    if not value.strip():
        raise ValueError(f"{name} is empty")
    return value


def shown_text_in(document: Mapping[str, object], name: str) -> str:
    """Return the text under ``name``, cleaned so that it can be shown."""
    return scrub(clean(text_in(document, name)))


def secret_in(
    document: Mapping[str, object], name: str, *, longest: int | None = LONGEST_TOKEN
) -> Secret:
    """Return the secret under ``name``, at most ``longest`` characters that can be sent."""
    text = text_in(document, name)
    if longest is not None and len(text) > longest:
        raise ValueError(f"{name} is too long")
    return sendable_secret(text, name)


def sendable_secret(text: str, name: str) -> Secret:
    """Return ``text`` as a secret; ``name`` names it in the error."""
    if not is_sendable(text):
        raise ValueError(f"{name} holds characters that cannot be sent")
    return Secret(text)


def access_key_id(text: str, name: str) -> str:
    """Return ``text``, an access key ID; ``name`` names it in the error."""
    if _KEY_ID.fullmatch(text) is None:
        raise ValueError(f"{name} is not an access key ID")
    return text


def is_sendable(text: str) -> bool:
    """True if ``text`` can be sent in a header: visible ASCII, no blanks, not empty."""
    return _SENDABLE.fullmatch(text) is not None


def instant(text: str, name: str) -> datetime:
    """Return the ISO 8601 time ``text`` with its time zone, in UTC and whole seconds."""
    try:
        return read_moment(_FRACTION.sub(r"\1", text)).replace(microsecond=0)
    except ValueError as error:
        raise ValueError(f"{name} {error}") from None


def epoch_instant(seconds: object, name: str) -> datetime:
    """Return the time that is ``seconds`` (a JSON number) after the epoch, in whole seconds."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError(f"{name} is not a number")
    try:
        found = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        found = None
    if found is None or not YEARS[0] < found.year < YEARS[1]:
        raise ValueError(f"{name} is not a time")
    return found


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
