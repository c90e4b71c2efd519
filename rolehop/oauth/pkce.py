"""Proof key for code exchange (RFC 7636): only the program that started a sign-in can finish it."""

from __future__ import annotations

import base64
import hashlib
import secrets

from rolehop.credentials import Secret
from rolehop.startup.dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class Pkce:
    """The random values of one sign-in."""

    verifier: Secret
    challenge: str
    """base64url(SHA-256(verifier)) without padding; method S256."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def new_pkce() -> Pkce:
    """Return new values, with a verifier of 64 characters (384 random bits)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return Pkce(Secret(verifier), challenge)
