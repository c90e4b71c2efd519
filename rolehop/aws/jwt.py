"""What a web identity token says of itself, read and never verified: STS verifies, we explain."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rolehop.credentials import Secret
from rolehop.values import dataclass, field
from rolehop.words import clean

_LONGEST = 20_000  # WebIdentityToken (STS API reference)
_LONGEST_CLAIM = 255
_FOR_AWS = "https://aws.amazon.com/"
"""With what claims begin that are meant for STS (IAM user guide, "Passing session tags")."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that say whose token it is, for whom, and until when; none of them is secret."""

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires_at: datetime | None
    not_before: datetime | None
    party: str = ""
    """Who the token was given to (``azp``); where it is told, AWS may take it for the audience."""

    tags: Mapping[str, str] | None = field(default_factory=dict)
    """The session tags that STS takes from it; ``None``: in a form that is not known here."""

    transitive: tuple[str, ...] = ()
    source_identity: str | None = None

    nonce: str = ""
    """What a sign-in of our own sent along, repeated."""


def read_claims(token: Secret) -> Claims:
    """Return the claims of a JSON Web Token.

    Raises:
        ValueError: it is none; says why, never quotes it.
    """
    check_one_word(token)
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
    tags, transitive = _session_tags(told)
    return Claims(
        _text(told, "iss"),
        _text(told, "sub"),
        tuple(clean(each)[:_LONGEST_CLAIM] for each in listed if isinstance(each, str)),
        _time(told, "exp"),
        _time(told, "nbf"),
        party=_text(told, "azp"),
        tags=tags,
        transitive=transitive,
        source_identity=_text(told, f"{_FOR_AWS}source_identity") or None,
        nonce=_text(told, "nonce"),
    )


def _session_tags(told: dict[str, Any]) -> tuple[dict[str, str] | None, tuple[str, ...]]:
    """Return the session tags and which of them are transitive."""
    names = {name for name in told if name.startswith(_FOR_AWS)} - {f"{_FOR_AWS}source_identity"}
    if not names:
        return {}, ()
    try:
        found = told[f"{_FOR_AWS}tags"]
        listed, transitive = found["principal_tags"], found.get("transitive_tag_keys", [])
        # Each value stands in a list of one.
        tags = {str(key): str(value) for key, (value,) in listed.items()}
    except (KeyError, TypeError, ValueError, AttributeError):
        return None, ()
    if len(names) > 1 or not isinstance(transitive, list):
        return None, ()
    return tags, tuple(map(str, transitive))


def check_one_word(token: Secret) -> None:
    """Make sure that nothing stands around a token.

    Raises:
        ValueError: it has several lines, or blanks inside.
    """
    lines = len(token.reveal().splitlines())
    if lines > 1:
        raise ValueError(f"it has {lines} lines, and a token is one")
    if len(token.reveal().split()) > 1:
        raise ValueError("it has blanks inside, and a token has none")


def token_digest(token: Secret) -> str:
    """Tell a token that says nothing of itself from others, without telling it."""
    return hashlib.sha256(token.reveal().encode()).hexdigest()


def _decoded(part: str) -> dict[str, Any] | None:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
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
