"""What a web identity token says of itself, read and never verified: STS verifies, we explain."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from datetime import UTC, datetime
from typing import Any

from rolehop.credentials import Secret
from rolehop.values import dataclass
from rolehop.words import clean

_LONGEST = 20_000  # WebIdentityToken (STS API reference)
_LONGEST_CLAIM = 255


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that say whose token it is, for whom, and until when; none of them is secret."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires_at: datetime | None
    not_before: datetime | None


def read_claims(token: Secret) -> Claims:
    """Return the claims of a JSON Web Token.

    Raises:
        ValueError: it is none; says why, never quotes it.
    """
    text = token.reveal()
    parts = text.split(".")
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than the {_LONGEST} characters that STS takes")
    if len(parts) != 3 or not all(parts):
        raise ValueError("it is no JSON Web Token (three parts with dots between)")
    told = _decoded(parts[1])
    if told is None:
        raise ValueError("it is no JSON Web Token (its claims cannot be read)")
    audience = told.get("aud")
    listed = audience if isinstance(audience, list) else [audience]
    return Claims(
        _text(told, "iss"),
        _text(told, "sub"),
        tuple(clean(each)[:_LONGEST_CLAIM] for each in listed if isinstance(each, str)),
        _time(told, "exp"),
        _time(told, "nbf"),
    )


def token_digest(token: Secret) -> str:
    """Tell a token that says nothing of itself from others, without telling it."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def _decoded(part: str) -> dict[str, Any] | None:
    try:
        raw = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
        found = json.loads(raw)
    except (binascii.Error, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _text(told: dict[str, Any], name: str) -> str:
    value = told.get(name)
    return clean(value)[:_LONGEST_CLAIM] if isinstance(value, str) else ""


def _time(told: dict[str, Any], name: str) -> datetime | None:
    value = told.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None
