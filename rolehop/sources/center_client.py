"""The API clients of one Identity Center, and the sign-in in the AWS CLI's cache."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Self

from rolehop.awsconfig import check_file, current_profile, endpoint_overrides
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import partition_of_region
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import (
    ConfigError,
    HopRefused,
    ServiceError,
    SourceError,
    SourceWithdrawn,
)
from rolehop.base.text import nearest
from rolehop.base.time_limit import time_limit
from rolehop.config import value_types
from rolehop.config.schema import Key, Table
from rolehop.plan.identity import wrong_caller
from rolehop.sources.aws_clients import http_client, region_for, settings_for, sts_client
from rolehop.sources.cli_sign_in import CliSignIn, cached_sign_in, endpoints_digest, portal_address
from rolehop.sources.source_type import PortalRole
from rolehop.walk.ports import StsRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.aws.identity_center import DeviceCode, Portal, Registration, SsoOidc
    from rolehop.aws.oauth import OAuthRefusal, Tokens
    from rolehop.aws.sso_token_cache import CachedSignIn
    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import Document, SourceContext
    from rolehop.sources.source_type import Login

_TIME = "%Y-%m-%dT%H:%M:%SZ"
_SPARE = timedelta(minutes=15)
_SLOWER = 5  # seconds added to the polling interval at each slow_down (RFC 8628, 3.5)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Tokens, and the registered client that they were issued to."""

    tokens: Tokens
    client: Registration


def sign_in(center: Center, oidc: SsoOidc, context: SourceContext, login: Login) -> SignedIn:
    """Let a person sign in.

    Raises:
        SourceError: it was refused, cancelled, or took too long.
        ServiceError: Identity Center cannot be reached.
    """
    from rolehop.aws.oauth import OAuthRefusal

    browser = login.browser and context.person.has_browser
    by_code = center.flow == "pkce" or (center.flow == "auto" and browser)
    try:
        if by_code and login.browser:
            return _by_code(center, oidc, context)
        return _by_device(center, oidc, context, browser=browser)
    except OAuthRefusal as refusal:
        raise _sign_in_refused(center, refusal) from None


def _by_code(center: Center, oidc: SsoOidc, context: SourceContext) -> SignedIn:
    from rolehop.aws.net.loopback_pages import HOST, PATH, Callback
    from rolehop.aws.oauth import new_pkce
    from rolehop.sources.sign_in_page import code_from_browser

    client = _client(center, oidc, context, redirect_uri=f"http://{HOST}{PATH}")
    pkce = new_pkce()
    with Callback(pkce.state) as callback:
        uri = callback.redirect_uri
        url = oidc.authorize_url(client.client_id, uri, pkce.state, pkce.challenge, center.scopes)
        _check_page(url, center)
        code = code_from_browser(callback, url, center.address, context.person, browser=True)
    return SignedIn(oidc.by_code(client, code, uri, pkce.verifier), client)


def _check_page(url: str, center: Center) -> None:
    """Check that the page of an overridden endpoint may be opened in a browser.

    Raises:
        SourceError: it may not.
    """
    from rolehop.aws.net.addresses import host_of, is_web_address

    if not is_web_address(url):
        raise SourceError(
            f"the sign-in page for {center.address} is not opened in a browser",
            cause=f"{host_of(url)} is neither https nor on this machine",
            fix="use an https endpoint for sso-oidc",
        )


def _by_device(center: Center, oidc: SsoOidc, context: SourceContext, *, browser: bool) -> SignedIn:
    from rolehop.sources.sign_in_page import nowhere_to_show

    client = _client(center, oidc, context, redirect_uri=None)
    device = oidc.start_device(client, center.address)
    context.person.say(f"sign in to {center.address}")
    with ExitStack() as stack:
        is_open = browser and _is_opened(device.verification_uri_complete, context, stack)
        is_shown = context.person.show(
            f"open {device.verification_uri_complete}",
            f"and make sure that it shows the code {device.user_code}",
        )
        if not is_shown and not is_open:
            raise nowhere_to_show(center.address)
        return SignedIn(_polled(oidc, client, device, context), client)


def _is_opened(url: str, context: SourceContext, stack: ExitStack) -> bool:
    """Open ``url`` in a browser, by a page that is there as long as ``stack``."""
    from rolehop.aws.net.loopback_pages import PageServer, redirect

    try:
        server = stack.enter_context(PageServer())
    except OSError:  # another browser can be sent there, by the terminal
        return False
    return context.person.open_browser(server.once(redirect(url)))


def _polled(
    oidc: SsoOidc, client: Registration, device: DeviceCode, context: SourceContext
) -> Tokens:
    """Poll until somebody has signed in, never more often than allowed."""
    from rolehop.aws.oauth import OAuthRefusal

    interval = device.interval_seconds
    while context.now() < device.expires_at:
        context.sleep(interval)
        try:
            return oidc.by_device(client, device)
        except OAuthRefusal as refusal:
            if refusal.code in ("slow_down", "SlowDownException"):
                interval += _SLOWER
            elif refusal.code not in ("authorization_pending", "AuthorizationPendingException"):
                raise
    raise SourceError(
        "nobody signed in",
        cause="the code shown has expired",
        fix="start again, and open the address right away",
    )


def _client(
    center: Center, oidc: SsoOidc, context: SourceContext, *, redirect_uri: str | None
) -> Registration:
    """Return the stored registration for this flow, or a new one."""
    name = f"{center.token_name}.{'device' if redirect_uri is None else 'code'}"
    stored = registration_in(context.tokens.get(name))
    if stored is not None and stored.expires_at - context.now() > _SPARE:
        return stored
    created = oidc.register(center.scopes, redirect_uri=redirect_uri, issuer=center.address)
    context.tokens.put(name, registration_document(created))
    return created


def forget_clients(center: Center, context: SourceContext) -> None:
    """Forget the client registrations."""
    for flow in ("device", "code"):
        context.tokens.remove(f"{center.token_name}.{flow}")


def registration_document(client: Registration) -> Document:
    """Return the registration in its stored form."""
    return {
        "client_id": client.client_id,
        "client_secret": client.client_secret,
        "client_expires_at": client.expires_at.strftime(_TIME),
    }


def registration_in(document: Document | None) -> Registration | None:
    """Return the registration stored in ``document``, or ``None`` if none is complete."""
    from rolehop.aws.identity_center import Registration

    if document is None:
        return None
    client_id, secret = document.get("client_id"), document.get("client_secret")
    expires_at = read_time(document.get("client_expires_at"))
    if not isinstance(client_id, str) or not isinstance(secret, Secret) or expires_at is None:
        return None
    return Registration(client_id, secret, expires_at)


def document_of(signed: SignedIn) -> Document:
    """Return a sign-in in its stored form."""
    refresh = signed.tokens.refresh
    return {
        **registration_document(signed.client),
        "access_token": signed.tokens.access,
        "expires_at": signed.tokens.expires_at.strftime(_TIME),
        **({"refresh_token": refresh} if refresh is not None else {}),
    }


def read_time(value: object) -> datetime | None:
    """Return a stored time (aware, UTC), or ``None`` if it is not one."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.strptime(value, _TIME).replace(tzinfo=UTC)
    except ValueError:
        return None


def _sign_in_refused(center: Center, refusal: OAuthRefusal) -> SourceError:
    """Return the error that explains a refusal to the person."""
    if refusal.code in ("access_denied", "AccessDeniedException"):
        cause = "somebody pressed deny, or may not use this Identity Center"
    elif refusal.code in ("expired_token", "ExpiredTokenException"):
        cause = "the code shown has expired"
    else:
        cause = str(refusal)
    return SourceError(
        f"the sign-in to {center.address} was refused",
        cause=cause,
        fix=f"check start_url and sso_region ({center.region}): it is the Identity Center's own",
    )


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


_NAMES_SECONDS = 5.0  # for what is only nice to have, while a person waits


class CenterClients:
    """The API clients of one Identity Center, closed together; this imports botocore."""

    def __init__(self, center: Center, context: SourceContext) -> None:
        from rolehop.aws.identity_center import Portal

        self._center = center
        self._context = context
        endpoint = center.endpoint("sso")
        self._http = http_client(context, center.region, overridden=endpoint is not None)
        base = endpoint or _public("sso", center, context)
        self.portal: Portal = Portal(
            self._http, base, context.now, context.on_call, context.on_names
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    @property
    def oidc(self) -> SsoOidc:
        """A client of the OIDC service."""
        from rolehop.aws.identity_center import SsoOidc

        center, context = self._center, self._context
        base = center.endpoint("sso-oidc") or _public("sso-oidc", center, context)
        return SsoOidc(self._http, base, context.now, context.on_call)

    def refreshed(self, client: Registration, refresh: Secret) -> Tokens | None:
        """Return new tokens, or ``None`` if the sign-in or the registration has ended."""
        from rolehop.aws.oauth import OAuthRefusal

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
        self._hear_names(signed.tokens.access)
        return signed

    def _hear_names(self, token: Secret) -> None:
        """Let the portal say what the person's accounts are called; without an answer it goes on."""
        from rolehop.aws.identity_center import PortalRefusal

        with suppress(ServiceError, PortalRefusal), time_limit(_NAMES_SECONDS):
            self.portal.accounts(token)

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
        from rolehop.aws.sso_token_cache import CachedSignIn, cache_file, write_cache

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
    from rolehop.aws.identity_center import Registration

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


DEFAULT_SCOPES = ("sso:account:access",)


def _one_center(values: Mapping[str, object]) -> None:
    own = [key for key in ("start_url", "sso_region") if key in values]
    if "sso_session" in values and own:
        raise ValueError(f"keep one of sso_session and {' + '.join(own)}")
    if "sso_session" not in values and len(own) < 2:
        raise ValueError("needs start_url and sso_region, or sso_session")


def _account(value: object) -> str:
    # A fleet's chains replace the placeholder.
    return "{account}" if value == "{account}" else str(value_types.ACCOUNT.run(value))


TABLE = Table(
    "sources.NAME (identity-center)",
    "a person's sign-in to IAM Identity Center, and one role in one account",
    (
        Key("start_url", value_types.URL, "the access portal's address"),
        Key("sso_region", value_types.REGION, "the region of the Identity Center itself"),
        Key("sso_session", value_types.TEXT, "an sso-session of the AWS config, instead of both"),
        Key(
            "account",
            value_types.Check("account ID", '12 digits, or "{account}" for a fleet', _account),
            "the account",
            "asked on the terminal",
            template=True,
        ),
        Key("role", value_types.TEXT, "the permission set's name", "asked on the terminal"),
        Key("flow", value_types.choice("auto", "pkce", "device"), "how to sign in", '"auto"'),
        Key(
            "share_cli_cache",
            value_types.BOOLEAN,
            "stores the sign-in in the AWS CLI's cache too, in plain text on disk",
            "false",
        ),
    ),
    _one_center,
    fields=("account",),
)


@dataclass(frozen=True, slots=True)
class Center:
    """One Identity Center, and how this source signs in to it."""

    start_url: str
    """As it is written, which is what the AWS CLI's cache goes by."""

    region: str
    scopes: tuple[str, ...]
    session: str | None
    """Name of the ``sso-session`` section that it came from, if any."""

    flow: str = "auto"
    share_cli_cache: bool = False
    endpoints: tuple[tuple[str, str], ...] = ()
    """Service and URL of each overridden endpoint of Identity Center."""

    of_profile: bool = False
    """True if an AWS profile says all this. Then the AWS CLI's sign-in is renewed in its cache, as the
    CLI and every SDK do for that profile."""

    @property
    def renews_cli_sign_in(self) -> bool:
        """True if the AWS CLI's sign-in may be renewed, which writes its cache."""
        return self.share_cli_cache or self.of_profile

    @property
    def address(self) -> str:
        """The portal's address as AWS has it: what a browser shows of it ends in ``#/``."""
        return portal_address(self.start_url)

    @property
    def token_name(self) -> str:
        """Name of the sign-in in the vault, shared by all sources of one Identity Center."""
        text = f"{self.address}\n{self.region}\n{self.scopes}"
        # A token that came from one endpoint is never sent to another.
        text += f"\n{self.endpoints}" if self.endpoints else ""
        return f"identity-center/{sha256_hex(text.encode())[:24]}"

    def endpoint(self, service: str) -> str | None:
        """Return the URL that overrides AWS's own for ``service``, without a last slash."""
        return dict(self.endpoints).get(service, "").rstrip("/") or None

    @property
    def cache_key(self) -> str:
        """The name that the AWS CLI's cache file is derived from."""
        return self.session or self.start_url


def center_of(source: SourceConfig, context: SourceContext) -> Center:
    """Return the Identity Center of ``source``.

    Raises:
        ConfigError: its ``sso_session`` is not in the AWS config, or is incomplete.
        SourceError: it is that of an AWS profile, which is broken.
    """
    settings = source.settings
    if isinstance(profile := settings.get("profile"), str):
        return _center_of_profile(profile, context)
    flow = settings.get("flow")
    profile = current_profile(context.environ)
    options = (
        flow if isinstance(flow, str) else "auto",
        settings.get("share_cli_cache") is True,
        endpoint_overrides(context.aws, profile, context.environ, ("sso", "sso-oidc")),
    )
    name = settings.get("sso_session")
    if not isinstance(name, str):
        own_url, own_region = str(settings.get("start_url")), str(settings.get("sso_region"))
        return Center(own_url, own_region, DEFAULT_SCOPES, None, *options)
    check_file(context.aws, context.aws.config_file, f"the sso-session '{name}' is not followed")
    section = context.aws.sso_sessions.get(name)
    if section is None:
        near = nearest(name, context.aws.sso_sessions)
        raise ConfigError(
            f"source '{source.name}' names the sso-session '{name}', which does not exist",
            cause=f"{context.aws.config_file} has no [sso-session {name}]",
            fix=f"did you mean {', '.join(near)}" if near else "aws configure sso-session",
        )
    start_url, region = section.get("sso_start_url"), section.get("sso_region")
    if not isinstance(start_url, str) or not isinstance(region, str) or not (start_url and region):
        raise ConfigError(
            f"the sso-session '{name}' is not complete",
            cause="sso_start_url and sso_region are needed",
            fix=f"add them to [sso-session {name}] in {context.aws.config_file}",
        )
    scopes = section.get("sso_registration_scopes")
    listed = tuple(each.strip() for each in scopes.split(",")) if isinstance(scopes, str) else ()
    return Center(start_url, region, tuple(filter(None, listed)) or DEFAULT_SCOPES, name, *options)


def _center_of_profile(name: str, context: SourceContext) -> Center:
    """Return the Identity Center of an AWS profile; the profile's own endpoints count."""
    from rolehop.awsconfig.sso_profile import sso_profile

    found = sso_profile(context.aws, name)
    return Center(
        found.start_url,
        found.region,
        found.scopes or DEFAULT_SCOPES,
        found.session,
        endpoints=endpoint_overrides(context.aws, name, context.environ, ("sso", "sso-oidc")),
        of_profile=True,
    )


def unnamed_keys(source: SourceConfig) -> list[str]:
    """Return which of account and role a person must choose."""
    return [key for key in ("account", "role") if not source.settings.get(key)]


def portal_role(source: SourceConfig, context: SourceContext) -> PortalRole | None:
    """Return the role that the portal offers; ``None`` if account or role is asked for.

    Raises:
        ConfigError: see `center_of`.
    """
    if unnamed_keys(source):
        return None
    center = center_of(source, context)
    account, role = (str(source.settings[key]) for key in ("account", "role"))
    return PortalRole(center.start_url, center.region, account, role)
