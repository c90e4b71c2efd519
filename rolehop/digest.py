"""Digests of values, which name sessions and sign-ins: equal only for equal values."""

from __future__ import annotations

import json

from rolehop.fastpath.record import hash_function

# Made once: thousands of chains have thousands of keys.
_JSON = json.JSONEncoder(
    sort_keys=True, ensure_ascii=True, separators=(",", ":"), check_circular=False
)
_SHA256 = hash_function()


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of ``data``, 64 hex digits, without importing `hashlib` and OpenSSL."""
    digest: str = _SHA256(data).hexdigest()
    return digest


def digest_of(*values: object) -> str:
    """Return the SHA-256 (64 hex digits) of JSON values, encoded without ambiguity.

    JSON keeps the boundary between two texts, and every character of them. Neither may be changed
    before hashing: two principals that merely look alike must never share a session.
    """
    return sha256_hex(_JSON.encode(values).encode())
