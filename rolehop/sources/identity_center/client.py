"""The clients of one Identity Center, and where its sign-ins rest between calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from rolehop.credentials import Secret
from rolehop.sources.identity_center.login import (
    SignedIn,
    document_of,
    read_time,
    registration_in,
    sign_in,
)
from rolehop.sources.shared.aws_clients import endpoint_of, http_of, settings_for
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

if TYPE_CHECKING:
    from pathlib import Path

    from rolehop.aws.sso_oidc import Registration, SsoOidc
    from rolehop.aws.sso_portal import Portal
    from rolehop.aws.sso_token_cache import CachedSignIn
    from rolehop.oauth.responses import Tokens
    from rolehop.sources.context import Document, SourceContext
    from rolehop.sources.identity_center.settings import Center
    from rolehop.sources.source_type import Login

# Less than this is not worth starting with: a token is refreshed before.
SPARE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Cached:
    """The AWS CLI's sign-in to one Identity Center."""

    path: Path
    usable: CachedSignIn | None
    """``None``: there is none that is of use now; ``said`` says why."""

    said: str
    """E.g. ``not there``, ``broken: …``, ``expired at …``."""

    @property
    def trouble(self) -> str:
        """Say why what is there is of no use; empty where nothing is there."""
        if self.usable or self.said == "not there":
            return ""
        return f"the AWS CLI's sign-in, {self.path}: {self.said}"


def cached_in(center: Center, inputs: SourceContext) -> Cached:
    """Look at the AWS CLI's sign-in; a broken file is never followed."""
    from rolehop.aws.sso_token_cache import cache_file, look

    path = inputs.watched(cache_file(inputs.home, center.cache_key))
    looked = look(path, inputs.now())
    found = looked.sign_in
    if found is None:
        return Cached(path, None, looked.said)
    if found.region and found.region != center.region:
        return Cached(path, None, f"of another sso_region ({clean(found.region)})")
    renewable = center.share_cli_cache and client_in(found, inputs) is not None
    usable = renewable or found.expires_at - inputs.now() > SPARE
    return Cached(path, found if usable else None, looked.said)


class Calls:
    """The clients of one Identity Center, closed together; this loads botocore."""

    def __init__(self, center: Center, inputs: SourceContext) -> None:
        from rolehop.aws.sso_portal import Portal

        self._center = center
        self._inputs = inputs
        base = _base("sso", center, inputs)
        self._http = http_of(
            inputs, center.region, overridden=base != _public("sso", center, inputs)
        )
        self.portal: Portal = Portal(self._http, base, inputs.now)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def oidc(self) -> SsoOidc:
        """The OIDC endpoint."""
        from rolehop.aws.sso_oidc import SsoOidc

        return SsoOidc(self._http, _base("sso-oidc", self._center, self._inputs), self._inputs.now)

    def refreshed(self, client: Registration, refresh: Secret) -> Tokens | None:
        """Return new tokens; ``None``: the sign-in has ended, or the registration has."""
        from rolehop.oauth.responses import OAuthRefusal

        if client.expires_at <= self._inputs.now():
            return None
        try:
            return self.oidc.by_refresh(client, refresh)
        except OAuthRefusal:
            return None

    def sign_in(self, login: Login) -> SignedIn:
        """Let a person sign in, and keep it as a new generation."""
        signed = sign_in(self._center, self.oidc, self._inputs, login)
        self._inputs.tokens.begin(self._center.token_name, document_of(signed))
        self.share(signed)
        return signed

    def end(self, document: Document | None) -> None:
        """End at the server the sign-in that was kept as ``document``, where it is alive there.

        Raises:
            PortalRefusal, ServiceError: it may still be alive.
        """
        token, ends = access_in(document)
        if token is not None and ends <= self._inputs.now():
            token = self._token_anew(document)
        if token is not None:
            self.portal.logout(token)

    def _token_anew(self, document: Document | None) -> Secret | None:
        """Return a fresh access token: an expired one ends nothing, its refresh token lives on."""
        client, refresh = registration_in(document), (document or {}).get("refresh_token")
        if client is None or not isinstance(refresh, Secret):
            return None
        tokens = self.refreshed(client, refresh)
        return None if tokens is None else tokens.access

    def share(self, signed: SignedIn) -> None:
        """Write the AWS CLI's cache, where the config asks for it."""
        if not self._center.share_cli_cache:
            return
        from rolehop.aws.sso_token_cache import CachedSignIn, cache_file, write_cache

        path = cache_file(self._inputs.home, self._center.cache_key)
        shared = CachedSignIn(
            signed.tokens.access,
            signed.tokens.expires_at,
            self._center.start_url,
            self._center.region,
            signed.tokens.refresh,
            signed.client.client_id,
            signed.client.client_secret,
            signed.client.expires_at,
        )
        try:
            write_cache(path, shared)
        except OSError as error:
            self._inputs.person.say(f"the AWS CLI's cache was not written: {error.strerror}")


def _base(service: str, center: Center, inputs: SourceContext) -> str:
    return (endpoint_of(inputs, service) or _public(service, center, inputs)).rstrip("/")


def _public(service: str, center: Center, inputs: SourceContext) -> str:
    from rolehop.aws.endpoint import public_url

    return public_url(service, settings_for(inputs, center.region)).rstrip("/")


def access_in(document: Document | None) -> tuple[Secret | None, datetime]:
    """Return the access token kept in ``document`` and when it ends; ``None``: there is none."""
    token = (document or {}).get("access_token")
    ends = read_time((document or {}).get("expires_at"))
    if not isinstance(token, Secret) or ends is None:
        return None, datetime.min.replace(tzinfo=UTC)
    return token, ends


def client_in(cached: CachedSignIn, inputs: SourceContext) -> Registration | None:
    """Return the client that can refresh the AWS CLI's sign-in; ``None``: none can."""
    from rolehop.aws.sso_oidc import Registration

    ends = cached.registration_ends
    if not cached.client_id or cached.client_secret is None or cached.refresh is None:
        return None
    if ends is None or ends <= inputs.now():
        return None
    return Registration(cached.client_id, cached.client_secret, ends)
