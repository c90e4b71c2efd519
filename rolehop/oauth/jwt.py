"""What a web identity token says of itself, read and never verified: STS verifies, we explain."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from rolehop.credentials import Secret
from rolehop.startup.dataclass import dataclass, field
from rolehop.text import clean

_LONGEST = 20_000  # WebIdentityToken (STS API reference)
_LONGEST_CLAIM = 255
_FOR_AWS = "https://aws.amazon.com/"
"""With what claims begin that are meant for STS (IAM user guide, "Passing session tags")."""

_IDENTITY = f"{_FOR_AWS}source_identity"
_TAGS = f"{_FOR_AWS}tags"
_FLAT = f"{_TAGS}/"
_FLAT_TAG = f"{_FLAT}principal_tags/"


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
    """The session tags that STS takes from it; ``None``: some claim is ``unread``."""

    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    unread: str | None = None
    """The first claim meant for STS in no form known here: what STS makes of it is open."""

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
    for_sts = _for_sts(told)
    return Claims(
        _text(told, "iss"),
        _text(told, "sub"),
        tuple(clean(each)[:_LONGEST_CLAIM] for each in listed if isinstance(each, str)),
        _time(told, "exp"),
        _time(told, "nbf"),
        party=_text(told, "azp"),
        tags=for_sts.tags,
        transitive=for_sts.transitive,
        source_identity=for_sts.source_identity,
        unread=for_sts.unread,
        nonce=_text(told, "nonce"),
    )


class _ForSts(NamedTuple):
    """What STS takes from a token, as in :class:`Claims`."""

    tags: Mapping[str, str] | None
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    unread: str | None = None


def _for_sts(told: Mapping[str, Any]) -> _ForSts:
    """Read the claims meant for STS, the tags in either form that AWS describes.

    Nested: ``tags: {principal_tags: {KEY: [VALUE]}, transitive_tag_keys: [KEY]}``. Flattened, for
    issuers that cannot nest: ``tags/principal_tags/KEY: VALUE`` and ``tags/transitive_tag_keys:
    [KEY]`` (IAM user guide, "Passing session tags using AssumeRoleWithWebIdentity").
    """
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    identity: str | None = None
    unread: str | None = None
    for name in (each for each in told if each.startswith(_FOR_AWS)):
        try:
            if name == _IDENTITY:
                identity = clean(_one_text(told[name]))[:_LONGEST_CLAIM]
            elif name == _TAGS:
                _check_alone(told)
                tags, transitive = _nested(told[name])
            elif name == f"{_FLAT}transitive_tag_keys":
                transitive = _texts(told[name])
            elif name.startswith(_FLAT_TAG):
                tags[name.removeprefix(_FLAT_TAG)] = _one_text(told[name])
            else:
                raise ValueError
        except (ValueError, AttributeError, KeyError):
            unread = unread or clean(name)[:_LONGEST_CLAIM]
    return _ForSts(tags if unread is None else None, transitive, identity, unread)


def _check_alone(told: Mapping[str, Any]) -> None:
    """Refuse tags that are nested as well as flattened: which count, AWS does not say."""
    if any(name.startswith(_FLAT) for name in told):
        raise ValueError


def _nested(claim: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    if not set(claim.keys()) <= {"principal_tags", "transitive_tag_keys"}:
        raise ValueError
    # Each value stands in a list of one.
    listed = {key: _texts(values) for key, values in claim["principal_tags"].items()}
    tags = {key: value for key, (value,) in listed.items()}
    return tags, _texts(claim.get("transitive_tag_keys", []))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError
    return tuple(value)


def _one_text(value: object) -> str:
    """Return a text, bare or the only one of a list, as issuers write it."""
    (text,) = _texts([value] if isinstance(value, str) else value)
    if not text:
        raise ValueError
    return text


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
