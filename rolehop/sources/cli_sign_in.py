"""The sign-in to one Identity Center in the cache that the AWS CLI and the SDKs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.text import clean

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.aws.sso_token_cache import CachedSignIn
    from rolehop.sources.context import SourceContext

Endpoints = tuple[tuple[str, str], ...]
OTHER_ENDPOINTS = "made against other endpoints"


@dataclass(frozen=True, slots=True)
class CliSignIn:
    """What is in the cache under one name."""

    path: Path
    sign_in: CachedSignIn | None
    """``None`` if there is none for this Identity Center, or none that can be used."""

    state: str
    """E.g. ``not there``, ``broken: …``, ``expired at …``."""

    is_foreign: bool = False
    """True if there is one, but for another Identity Center."""

    @property
    def ends(self) -> datetime | None:
        """When the sign-in ends, if there is one that can be used."""
        return None if self.sign_in is None else self.sign_in.expires_at

    @property
    def problem(self) -> str:
        """Why the file cannot be used; empty if there is no file."""
        if self.sign_in or self.state == "not there":
            return ""
        return f"the AWS CLI's sign-in, {self.path}: {self.state}"


def cached_sign_in(
    context: SourceContext, name: str, *, start_url: str, region: str, endpoints: Endpoints
) -> CliSignIn:
    """Look for the sign-in to one Identity Center; a broken or foreign file is never used.

    ``name`` is the ``sso-session``, or the start URL if there is none: the cache has a file for
    each. A session's start URL may have been edited since, so its file must name that itself.
    ``endpoints`` are service and URL of those that are overridden in this process. Only rolehop
    notes them in the file: a sign-in by another program is taken for one at AWS's own.
    """
    from rolehop.aws.sso_token_cache import cache_file, look

    path = context.watched(cache_file(context.home, name))
    looked = look(path, context.now())
    found = looked.sign_in
    if found is None:
        return CliSignIn(path, None, looked.said)
    mismatch = _mismatch(found, start_url, region, endpoints_digest(endpoints))
    if mismatch is not None:
        return CliSignIn(path, None, mismatch, is_foreign=True)
    return CliSignIn(path, found, looked.said)


def _mismatch(found: CachedSignIn, start_url: str, region: str, endpoints: str) -> str | None:
    """Return why a sign-in is not for this Identity Center, or ``None`` if it is."""
    if not found.start_url:
        return "of an unknown start URL"
    if portal_address(found.start_url) != portal_address(start_url):
        return f"of another start URL ({clean(found.start_url)})"
    if found.region and found.region != region:
        return f"of another sso_region ({clean(found.region)})"
    return None if (found.endpoints or "") == endpoints else OTHER_ENDPOINTS


def endpoints_digest(endpoints: Endpoints) -> str:
    """Return what tells overridden endpoints from others, or an empty text for AWS's own.

    It is written to a file, and a URL may hold a password.
    """
    return digest_of(*endpoints) if endpoints else ""


def portal_address(start_url: str) -> str:
    """Return a start URL without what makes no difference to a browser: a last "/" or "#/"."""
    return start_url.rstrip("#/")
