"""The token cache that the AWS CLI and the SDKs share: ``~/.aws/sso/cache``, plain text on disk.

A file is named after the SHA-1 of the session's name, or of the start URL exactly as written where
there is no session (botocore ``SSOTokenLoader``). rolehop reads it; it writes it only where the
config asks for it.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from rolehop.credentials import Secret
from rolehop.files import read_trusted, write_beside
from rolehop.oauth.responses import hidden_text
from rolehop.startup.dataclass import dataclass

# A member of rolehop's own, which other programs pass over.
_ENDPOINTS = "rolehopEndpoints"
_TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class CachedSignIn:
    """What one file says."""

    access: Secret
    expires_at: datetime
    start_url: str
    region: str
    refresh: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    registration_ends: datetime | None = None
    endpoints: str = ""
    """The overridden endpoints that rolehop got it through; empty if the AWS CLI wrote the file."""

    @property
    def digest(self) -> str:
        """Tell this token from others, without telling it."""
        return hashlib.sha256(self.access.reveal().encode()).hexdigest()


def cache_file(home: Path, session_or_url: str) -> Path:
    """Return where the sign-in rests; ``home`` is the folder that holds ``.aws``."""
    name = hashlib.sha1(session_or_url.encode(), usedforsecurity=False).hexdigest()
    return home / ".aws" / "sso" / "cache" / f"{name}.json"


def read_cache(path: Path) -> CachedSignIn | None:
    """Return what ``path`` says, ``None``: there is no such file.

    Raises:
        ValueError: it is there and is no sign-in that may be followed; says why, quotes nothing.
    """
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        raise ValueError("it cannot be read") from None
    if file is None:
        return None
    if file.distrust is not None:
        raise ValueError(file.distrust)
    try:
        told = json.loads(file.text)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise ValueError("it is no JSON object")
    texts = {name: value for name, value in told.items() if isinstance(value, str) and value}
    ends = _time(texts.get("expiresAt", ""))
    if ends is None:
        raise ValueError("expiresAt is no time")
    return CachedSignIn(
        hidden_text(texts, "accessToken"),
        ends,
        texts.get("startUrl", ""),
        texts.get("region", ""),
        hidden_text(texts, "refreshToken") if "refreshToken" in texts else None,
        texts.get("clientId", ""),
        hidden_text(texts, "clientSecret") if "clientSecret" in texts else None,
        _time(texts.get("registrationExpiresAt", "")),
        texts.get(_ENDPOINTS, ""),
    )


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """What is at a path, in words for people."""

    sign_in: CachedSignIn | None
    said: str
    """``not there``, ``broken: …``, ``expired at …`` or ``until …``."""


def look(path: Path, now: datetime) -> CacheLookup:
    """Say what is at ``path``; what is broken is no sign-in."""
    try:
        found = read_cache(path)
    except ValueError as error:
        return CacheLookup(None, f"broken: {error}")
    if found is None:
        return CacheLookup(None, "not there")
    word = "until" if found.expires_at > now else "expired at"
    return CacheLookup(found, f"{word} {found.expires_at:%Y-%m-%dT%H:%M:%SZ}")


def write_cache(path: Path, sign_in: CachedSignIn) -> None:
    """Write the file as the AWS CLI does, mode 0600, beside and renamed.

    Raises:
        OSError: it cannot be written.
    """
    hidden = {
        "accessToken": sign_in.access,
        "refreshToken": sign_in.refresh,
        "clientSecret": sign_in.client_secret,
    }
    ends = sign_in.registration_ends
    told = {
        "startUrl": sign_in.start_url,
        "region": sign_in.region,
        "expiresAt": sign_in.expires_at.strftime(_TIME),
        "clientId": sign_in.client_id,
        _ENDPOINTS: sign_in.endpoints,
        "registrationExpiresAt": ends.strftime(_TIME) if ends else "",
        **{name: value.reveal() for name, value in hidden.items() if value is not None},
    }
    write_beside(path, json.dumps({name: value for name, value in told.items() if value}))


def _time(text: str) -> datetime | None:
    """Read a time; older CLIs wrote ``…UTC`` instead of ``…Z``."""
    try:
        found = datetime.fromisoformat(text.removesuffix("UTC").removesuffix("Z") + "+00:00")
    except ValueError:
        return None
    return found.astimezone(UTC).replace(microsecond=0)
