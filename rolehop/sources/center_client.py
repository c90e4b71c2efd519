"""The API clients of one Identity Center, and the sign-in in the AWS CLI's cache."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from rolehop.advice import Advice, Argument
from rolehop.arn import partition_of_region
from rolehop.credentials import Secret
from rolehop.errors import HopRefused, SourceWithdrawn
from rolehop.plan.identity import wrong_caller
from rolehop.ports import StsRefusal
from rolehop.sources.identity_center.login import (
    SignedIn,
    document_of,
    read_time,
    registration_in,
    sign_in,
)
from rolehop.sources.shared.aws_clients import http_client, region_for, settings_for, sts_client
from rolehop.sources.shared.cli_sign_in import CliSignIn, cached_sign_in, endpoints_digest
from rolehop.startup.dataclass import replace

if TYPE_CHECKING:
    from rolehop.aws.identity_center.oidc import Registration, SsoOidc
    from rolehop.aws.identity_center.portal import Portal
    from rolehop.aws.identity_center.token_cache import CachedSignIn
    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.oauth.responses import Tokens
    from rolehop.sources.context import Document, SourceContext
    from rolehop.sources.identity_center.settings import Center
    from rolehop.sources.source_type import Login

# A token that expires within this time is refreshed first.
SPARE = timedelta(minutes=5)


def cli_sign_in(center: Center, context: SourceContext) -> CliSignIn:
    """Return the AWS CLI's sign-in, if it can be used now."""
    found = cached_sign_in(
        context,
        center.cache_key,
        start_url=center.start_url,
        region=center.region,
        endpoints=center.endpoints,
    )
    sign_in = found.sign_in
    if sign_in is None:
        return found
    renewable = center.renews_cli_sign_in and client_in(sign_in, context) is not None
    usable = renewable or sign_in.expires_at - context.now() > SPARE
    return found if usable else replace(found, sign_in=None)


class CenterClients:
    """The API clients of one Identity Center, closed together; this imports botocore."""

    def __init__(self, center: Center, context: SourceContext) -> None:
        from rolehop.aws.identity_center.portal import Portal

        self._center = center
        self._context = context
        endpoint = center.endpoint("sso")
        self._http = http_client(context, center.region, overridden=endpoint is not None)
        base = endpoint or _public("sso", center, context)
        self.portal: Portal = Portal(self._http, base, context.now, context.on_call)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def oidc(self) -> SsoOidc:
        """A client of the OIDC service."""
        from rolehop.aws.identity_center.oidc import SsoOidc

        center, context = self._center, self._context
        base = center.endpoint("sso-oidc") or _public("sso-oidc", center, context)
        return SsoOidc(self._http, base, context.now, context.on_call)

    def refreshed(self, client: Registration, refresh: Secret) -> Tokens | None:
        """Return new tokens, or ``None`` if the sign-in or the registration has ended."""
        from rolehop.oauth.responses import OAuthRefusal

        if client.expires_at <= self._context.now():
            return None
        try:
            return self.oidc.by_refresh(client, refresh)
        except OAuthRefusal:
            return None

    def sign_in(self, login: Login) -> SignedIn:
        """Let a person sign in, and store the sign-in as a new generation."""
        signed = sign_in(self._center, self.oidc, self._context, login)
        self._context.tokens.begin(self._center.token_name, document_of(signed))
        self.share(signed)
        return signed

    def log_out(self, document: Document | None) -> None:
        """End the sign-in stored as ``document`` at the server, if it is still valid there.

        Raises:
            PortalRefusal, ServiceError: it may still be valid.
        """
        token, expires_at = access_in(document)
        if token is not None and expires_at <= self._context.now():
            token = self._refreshed_token(document)
        if token is not None:
            self.portal.logout(token)

    def _refreshed_token(self, document: Document | None) -> Secret | None:
        """Return a new access token: an expired one cannot end the sign-in."""
        client, refresh = registration_in(document), (document or {}).get("refresh_token")
        if client is None or not isinstance(refresh, Secret):
            return None
        tokens = self.refreshed(client, refresh)
        return None if tokens is None else tokens.access

    def share(self, signed: SignedIn) -> None:
        """Write the AWS CLI's cache, if the config asks for it."""
        if self._center.share_cli_cache:
            self.write_cli_cache(signed)

    def write_cli_cache(self, signed: SignedIn) -> None:
        """Write the sign-in into the AWS CLI's cache."""
        from rolehop.aws.identity_center.token_cache import CachedSignIn, cache_file, write_cache

        path = cache_file(self._context.home, self._center.cache_key)
        shared = CachedSignIn(
            signed.tokens.access,
            signed.tokens.expires_at,
            self._center.start_url,
            self._center.region,
            signed.tokens.refresh,
            signed.client.client_id,
            signed.client.client_secret,
            signed.client.expires_at,
            endpoints_digest(self._center.endpoints),
        )
        try:
            write_cache(path, shared)
        except OSError as error:
            self._context.person.say(f"the AWS CLI's cache was not written: {error.strerror}")


def _public(service: str, center: Center, context: SourceContext) -> str:
    from rolehop.aws.endpoint import public_url

    return public_url(service, settings_for(context, center.region)).rstrip("/")


def access_in(document: Document | None) -> tuple[Secret | None, datetime]:
    """Return the access token stored in ``document``, if any, and when it expires."""
    token = (document or {}).get("access_token")
    expires_at = read_time((document or {}).get("expires_at"))
    if not isinstance(token, Secret) or expires_at is None:
        return None, datetime.min.replace(tzinfo=UTC)
    return token, expires_at


def client_in(cached: CachedSignIn, context: SourceContext) -> Registration | None:
    """Return the client that can refresh the AWS CLI's sign-in, or ``None`` if none can."""
    from rolehop.aws.identity_center.oidc import Registration

    expires_at = cached.registration_ends
    if not cached.client_id or cached.client_secret is None or cached.refresh is None:
        return None
    if expires_at is None or expires_at <= context.now():
        return None
    return Registration(cached.client_id, cached.client_secret, expires_at)


def check_picked(
    source: SourceConfig,
    context: SourceContext,
    center: Center,
    found: Credentials,
    picked: tuple[str, str],
) -> None:
    """Check that a session is of the account and the role that a person picked.

    The access portal does not say whose session it gives.

    Raises:
        SourceError: it is another principal's.
        HopRefused, ServiceError: AWS does not say whose it is.
    """
    region = region_for(source, context, partition_of_region(center.region))
    try:
        caller = sts_client(context, region).caller(found)
    except StsRefusal as refusal:
        raise HopRefused(
            f"AWS does not accept the credentials of source '{source.name}'",
            code=refusal.code,
            cause=f"{refusal.code}: {refusal.message}",
            fix=Advice("rolehop source test ", Argument(source.name)),
        ) from None
    named = {**source.settings, "account": picked[0], "role": picked[1]}
    wanted = wrong_caller(replace(source, settings=named), caller.arn)
    if wanted is not None:
        raise SourceWithdrawn(
            f"source '{source.name}' is {caller.arn}",
            cause=f"what was picked is {wanted}",
            fix="ask whoever runs this Identity Center",
        )
