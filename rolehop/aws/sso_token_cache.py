"""The token cache shared by the AWS CLI and the SDKs: ``~/.aws/sso/cache``, plain text on disk.

A file is named after the SHA-1 of the sso-session's name, or without a session of the start URL
exactly as written (botocore ``SSOTokenLoader``). rolehop writes it only if the config says so.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.files import read_trusted, sweep_unfinished, write_beside
from rolehop.base.json_fields import instant, json_object, secret_in

_TIME = "%Y-%m-%dT%H:%M:%SZ"

_ENDPOINTS = "rolehopEndpoints"
"""A member of rolehop's own; other programs ignore what they do not know."""


@dataclass(frozen=True, slots=True)
class CachedSignIn:
    """The sign-in stored in one file."""

    access: Secret
    expires_at: datetime
    start_url: str
    region: str
    refresh: Secret | None = None
    client_id: str = ""
    client_secret: Secret | None = None
    registration_ends: datetime | None = None
    endpoints: str | None = None
    """What tells the endpoints that rolehop signed in at from others, empty for AWS's own;
    ``None`` if another program wrote the file."""

    @property
    def digest(self) -> str:
        """Identifies the token without revealing it."""
        return hashlib.sha256(self.access.reveal().encode()).hexdigest()


def cache_file(home: Path, session_or_url: str) -> Path:
    """Return the path of the file for a sign-in; ``home`` is the folder with ``.aws`` in it."""
    name = hashlib.sha1(session_or_url.encode(), usedforsecurity=False).hexdigest()
    return home / ".aws" / "sso" / "cache" / f"{name}.json"


def read_cache(path: Path) -> CachedSignIn | None:
    """Return the sign-in in the file ``path``, or ``None`` if there is no such file.

    Raises:
        ValueError: the file is not a sign-in that may be used; says why and quotes nothing.
    """
    try:
        file = read_trusted(path)
    except (OSError, UnicodeDecodeError):
        raise ValueError("it cannot be read") from None
    if file is None:
        return None
    if file.distrust is not None:
        raise ValueError(str(file.distrust))
    document = json_object(file.text)
    texts = {name: value for name, value in document.items() if isinstance(value, str) and value}
    expires_at = _time(texts.get("expiresAt", ""))
    if expires_at is None:
        raise ValueError("expiresAt is not a time")
    return CachedSignIn(
        secret_in(texts, "accessToken"),
        expires_at,
        texts.get("startUrl", ""),
        texts.get("region", ""),
        secret_in(texts, "refreshToken") if "refreshToken" in texts else None,
        texts.get("clientId", ""),
        secret_in(texts, "clientSecret") if "clientSecret" in texts else None,
        _time(texts.get("registrationExpiresAt", "")),
        marker if isinstance(marker := document.get(_ENDPOINTS), str) else None,
    )


@dataclass(frozen=True, slots=True)
class CacheLookup:
    """A sign-in, if a file has one, and the state of the file."""

    sign_in: CachedSignIn | None
    said: str
    """``not there``, ``broken: …``, ``expired at …`` or ``until …``."""


def look(path: Path, now: datetime) -> CacheLookup:
    """Look for a sign-in at ``path``; a broken file counts as none."""
    try:
        found = read_cache(path)
    except ValueError as error:
        return CacheLookup(None, f"broken: {error}")
    if found is None:
        return CacheLookup(None, "not there")
    word = "until" if found.expires_at > now else "expired at"
    return CacheLookup(found, f"{word} {found.expires_at:%Y-%m-%dT%H:%M:%SZ}")


def write_cache(path: Path, sign_in: CachedSignIn) -> None:
    """Write the file as the AWS CLI does: mode 0600, to a temporary file that is then renamed.

    Raises:
        OSError: it cannot be written.
    """
    hidden = {
        "accessToken": sign_in.access,
        "refreshToken": sign_in.refresh,
        "clientSecret": sign_in.client_secret,
    }
    ends = sign_in.registration_ends
    members = {
        "startUrl": sign_in.start_url,
        "region": sign_in.region,
        "expiresAt": sign_in.expires_at.strftime(_TIME),
        "clientId": sign_in.client_id,
        "registrationExpiresAt": ends.strftime(_TIME) if ends else "",
        **{name: value.reveal() for name, value in hidden.items() if value is not None},
    }
    document = {name: value for name, value in members.items() if value}
    write_beside(path, json.dumps({**document, _ENDPOINTS: sign_in.endpoints or ""}))


def delete_cache(path: Path) -> None:
    """Delete the file, and what processes that were killed left beside it, with tokens in it, too."""
    path.unlink(missing_ok=True)
    sweep_unfinished(path.parent, path.name, 0)


def _time(text: str) -> datetime | None:
    """Return a time, ``None`` if it is none; older CLIs wrote ``…UTC`` instead of ``…Z``."""
    try:
        return instant(text.removesuffix("UTC").removesuffix("Z") + "+00:00", "the time")
    except ValueError:
        return None
