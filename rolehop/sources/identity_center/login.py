"""Signing in to an Identity Center, with an authorization code or with a device code."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.aws.identity_center.oidc import DeviceCode, Registration, SsoOidc
    from rolehop.oauth.responses import OAuthRefusal, Tokens
    from rolehop.sources.context import Document, SourceContext
    from rolehop.sources.identity_center.settings import Center
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
    from rolehop.oauth.responses import OAuthRefusal

    browser = login.browser and context.person.has_browser
    by_code = center.flow == "pkce" or (center.flow == "auto" and browser)
    try:
        if by_code and login.browser:
            return _by_code(center, oidc, context)
        return _by_device(center, oidc, context, browser=browser)
    except OAuthRefusal as refusal:
        raise _sign_in_refused(center, refusal) from None


def _by_code(center: Center, oidc: SsoOidc, context: SourceContext) -> SignedIn:
    from rolehop.net.loopback_pages import HOST
    from rolehop.oauth.loopback_server import PATH, Callback
    from rolehop.oauth.pkce import new_pkce

    client = _client(center, oidc, context, redirect_uri=f"http://{HOST}{PATH}")
    pkce = new_pkce()
    with Callback(pkce.state) as callback:
        uri = callback.redirect_uri
        url = oidc.authorize_url(client.client_id, uri, pkce.state, pkce.challenge, center.scopes)
        _check_page(url, center)
        if not context.person.open_browser(url):
            context.person.say("open this address in a browser on this machine:")
        else:
            context.person.say(f"sign in to {center.address} in the browser; if none opens:")
        context.person.say(url)
        code = callback.wait()
    return SignedIn(oidc.by_code(client, code, uri, pkce.verifier), client)


def _check_page(url: str, center: Center) -> None:
    """Check that the page of an overridden endpoint may be opened in a browser.

    Raises:
        SourceError: it may not.
    """
    from rolehop.net.addresses import host_of, is_web_address

    if not is_web_address(url):
        raise SourceError(
            f"the sign-in page for {center.address} is not opened in a browser",
            cause=f"{host_of(url)} is neither https nor on this machine",
            fix="use an https endpoint for sso-oidc",
        )


def _by_device(center: Center, oidc: SsoOidc, context: SourceContext, *, browser: bool) -> SignedIn:
    client = _client(center, oidc, context, redirect_uri=None)
    device = oidc.start_device(client, center.address)
    say = context.person.say
    say(f"sign in to {center.address}")
    say(f"open {device.verification_uri_complete}")
    say(f"and make sure that it shows the code {device.user_code}")
    if browser:
        context.person.open_browser(device.verification_uri_complete)
    return SignedIn(_polled(oidc, client, device, context), client)


def _polled(
    oidc: SsoOidc, client: Registration, device: DeviceCode, context: SourceContext
) -> Tokens:
    """Poll until somebody has signed in, never more often than allowed."""
    from rolehop.oauth.responses import OAuthRefusal

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
    from rolehop.aws.identity_center.oidc import Registration

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
