"""Digests of values, which name sessions and sign-ins: equal only for equal values.

A digest of a file's own text, its check, tells that no bit of it was changed since it was written.
"""

from __future__ import annotations

import json

from rolehop.hotpath.record import CHECK, hash_function, is_check
from rolehop.hotpath.writer import with_check

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


def checked_line(text: str) -> str:
    """Return ``text``, a JSON object, on a line, with its check as the object's last member."""
    return with_check(text) + "\n"


def is_unchanged(text: str) -> bool:
    """True if ``text`` is as `checked_line` wrote it."""
    body, _, check = text.rstrip("\n").rpartition(CHECK)
    return is_check(body, check)
