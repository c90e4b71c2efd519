"""The claims of a web identity token, read and never verified: STS does that."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, Self

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, field
from rolehop.base.digest import digest_of
from rolehop.base.text import clean

_LONGEST = 20_000  # WebIdentityToken (STS API reference)
_LONGEST_SHOWN = 255

_FOR_AWS = "https://aws.amazon.com/"
"""The prefix of claims that are meant for STS (IAM user guide, "Passing session tags")."""

_IDENTITY = f"{_FOR_AWS}source_identity"
_TAGS = f"{_FOR_AWS}tags"
_FLAT = f"{_TAGS}/"
_FLAT_TAG = f"{_FLAT}principal_tags/"

# Claims that differ between two tokens of one principal with the same rights: when and under which
# ID the token was issued (RFC 7519, 4.1; OpenID Connect Core, 2 and 3.3.2.11; Front-Channel Logout,
# 3), and Microsoft's internal ones ("ID token claims reference": aio, rh, uti).
_PER_TOKEN = frozenset(
    {"exp", "nbf", "iat", "jti", "auth_time", "nonce", "at_hash", "c_hash", "sid"}
    | {"aio", "rh", "uti"}
)


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims of a token, exactly as they are in it; none of them is secret.

    Pass them through `shown` before they are part of a message.
    """

    issuer: str
    subject: str
    audiences: tuple[str, ...]
    expires_at: datetime | None
    not_before: datetime | None
    digest: str
    """Digest of all claims that say whose token it is and what it allows.

    Only claims that differ from token to token anyway are left out, so that an unknown claim makes
    another digest: a role's trust policy may evaluate it, and STS may copy it to the session.
    """

    party: str = ""
    """The authorized party (``azp``), which AWS may evaluate in place of the audience."""

    tags: Mapping[str, str] | None = field(default_factory=dict)
    """The session tags that STS takes from the token; ``None`` if some claim is ``unread``."""

    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    unread: str | None = None
    """The first claim meant for STS whose form is not known here."""

    nonce: str = ""
    """The nonce of rolehop's own sign-in, repeated by the issuer."""

    texts: Mapping[str, str | None] = field(default_factory=dict, compare=False)
    """Every claim by its name; ``None``: its value is no text."""


def read_claims(token: Secret) -> Claims:
    """Return the claims of a JSON Web Token.

    Raises:
        ValueError: it is not one; the message says why and quotes nothing.
    """
    check_one_word(token)
    text = token.reveal()
    parts = text.split(".")
    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than the {_LONGEST} characters that STS accepts")
    if len(parts) != 3 or not all(parts):
        raise ValueError("it is not a JSON Web Token (three parts separated by dots)")
    claims = _decoded(parts[1])
    if claims is None:
        raise ValueError("it is not a JSON Web Token (its claims cannot be read)")
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    for_sts = _for_sts(claims)
    lasting = {name: value for name, value in claims.items() if name not in _PER_TOKEN}
    return Claims(
        _text(claims, "iss"),
        _text(claims, "sub"),
        tuple(each for each in audiences if isinstance(each, str)),
        _time(claims, "exp"),
        _time(claims, "nbf"),
        digest_of(lasting, *_rounded_in(lasting)),
        party=_text(claims, "azp"),
        tags=for_sts.tags,
        transitive=for_sts.transitive,
        source_identity=for_sts.source_identity,
        unread=for_sts.unread,
        nonce=_text(claims, "nonce"),
        texts={k: each if isinstance(each, str) else None for k, each in claims.items()},
    )


def shown(text: str) -> str:
    """Return a claim for a message: on one line, without control characters, and shortened."""
    return clean(text)[:_LONGEST_SHOWN]


class _ForSts(NamedTuple):
    """The claims that STS copies to the session, as in `Claims`."""

    tags: Mapping[str, str] | None
    transitive: tuple[str, ...] = ()
    source_identity: str | None = None
    unread: str | None = None


def _for_sts(claims: Mapping[str, Any]) -> _ForSts:
    """Read the claims meant for STS, with the tags in either form that AWS describes.

    Nested: ``tags: {principal_tags: {KEY: [VALUE]}, transitive_tag_keys: [KEY]}``. Flattened, for
    issuers that cannot nest: ``tags/principal_tags/KEY: VALUE`` and ``tags/transitive_tag_keys:
    [KEY]`` (IAM user guide, "Passing session tags using AssumeRoleWithWebIdentity").
    """
    tags: dict[str, str] = {}
    transitive: tuple[str, ...] = ()
    identity: str | None = None
    unread: str | None = None
    for name in (each for each in claims if each.startswith(_FOR_AWS)):
        try:
            if name == _IDENTITY:
                identity = _one_text(claims[name])
            elif name == _TAGS:
                _check_alone(claims)
                tags, transitive = _nested(claims[name])
            elif name == f"{_FLAT}transitive_tag_keys":
                transitive = _texts(claims[name])
            elif name.startswith(_FLAT_TAG):
                tags[name.removeprefix(_FLAT_TAG)] = _one_text(claims[name])
            else:
                raise ValueError
        except (ValueError, AttributeError, KeyError):
            unread = unread or shown(name)
    return _ForSts(tags if unread is None else None, transitive, identity, unread)


def _check_alone(claims: Mapping[str, Any]) -> None:
    """Refuse tags that are nested as well as flattened: AWS does not say which of them count."""
    if any(name.startswith(_FLAT) for name in claims):
        raise ValueError


def _nested(claim: Any) -> tuple[dict[str, str], tuple[str, ...]]:
    if not set(claim.keys()) <= {"principal_tags", "transitive_tag_keys"}:
        raise ValueError
    # Each value is in a list of its own.
    listed = {key: _texts(values) for key, values in claim["principal_tags"].items()}
    tags = {key: value for key, (value,) in listed.items()}
    return tags, _texts(claim.get("transitive_tag_keys", []))


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError
    return tuple(value)


def _one_text(value: object) -> str:
    """Return a text, alone or as the only one of a list; issuers write both."""
    (text,) = _texts([value] if isinstance(value, str) else value)
    if not text:
        raise ValueError
    return text


def check_one_word(token: Secret) -> None:
    """Check that there is nothing around a token.

    Raises:
        ValueError: it has several lines, or spaces inside.
    """
    lines = len(token.reveal().splitlines())
    if lines > 1:
        raise ValueError(f"it has {lines} lines, and a token is one")
    if len(token.reveal().split()) > 1:
        raise ValueError("it contains whitespace, which a token never does")


def token_principal(token: Secret) -> str:
    """Return the digest of a token's claims; for an opaque token, that of the token itself."""
    try:
        return read_claims(token).digest
    except ValueError:
        return digest_of(token.reveal())


def _decoded(part: str) -> dict[str, Any] | None:
    try:
        raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        # Strictly: `json` reads halves of characters, of which two make one in a digest.
        found = json.loads(
            raw.decode(), object_pairs_hook=_without_repeats, parse_float=_RoundedNumber
        )
    except (binascii.Error, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


class _RoundedNumber(float):
    """A number that knows how it is written: two that differ there may be one number here."""

    written: str

    def __new__(cls, written: str) -> Self:
        number = super().__new__(cls, written)
        number.written = written
        return number


def _rounded_in(claims: object) -> list[str]:
    """Return the numbers in ``claims`` that are not written as Python writes them."""
    found: list[str] = []
    ahead = [claims]
    while ahead:  # not recursive, since it may be deep
        each = ahead.pop()
        if isinstance(each, _RoundedNumber) and repr(float(each)) != each.written:
            found.append(each.written)
        elif isinstance(each, dict):
            ahead += [each[name] for name in sorted(each)]
        elif isinstance(each, list):
            ahead += each
    return found


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a name that occurs twice: STS may read the other value (RFC 7519, 4)."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError
    return found


def _text(claims: dict[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else ""


def _time(claims: dict[str, Any], name: str) -> datetime | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(int(value), UTC)
    except (ValueError, OverflowError, OSError):
        return None
