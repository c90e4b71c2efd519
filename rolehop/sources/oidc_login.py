"""A person's sign-in at any OpenID Connect issuer: PKCE on loopback, a refresh token in the vault."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.errors import (
    NoTerminal,
    RolehopError,
    SignInExpired,
    SourceError,
    SourceWithdrawn,
    VaultBroken,
)
from rolehop.base.time_limit import uninterrupted
from rolehop.sources.aws_clients import http_client, region_for
from rolehop.sources.context import Document, SourceChanged, SourceContext
from rolehop.sources.source_type import Login

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.aws.jwt import Claims
    from rolehop.aws.net.http import HttpClient
    from rolehop.aws.oauth import Endpoints, Issuer, OAuthRefusal, Tokens
    from rolehop.config.model import SourceConfig

# A token that expires within this time is refreshed first.
_SPARE = timedelta(minutes=2)
_GOOGLE = "accounts.google.com"

# Revoking one refresh token at these issuers ends everything that the person ever granted to the
# client (RFC 7009, 2.1, leaves that to the issuer), a new sign-in included.
_REVOKES_ALL = (_GOOGLE, "auth0.com")
_SECRET_WANTED = ("invalid_client", "unauthorized_client", "invalid_request")


@dataclass(frozen=True, slots=True)
class Provider:
    """The issuer and client that a source signs in with."""

    issuer: str
    client_id: str
    scopes: tuple[str, ...]
    """If empty, ``openid``, and ``offline_access`` if the issuer supports it."""

    port: int

    @property
    def token_name(self) -> str:
        """Name of the sign-in in the vault, shared by all sources with the same client."""
        digest = digest_of(self.issuer.rstrip("/"), self.client_id, sorted(self.scopes))
        return f"oidc/{digest[:24]}"

    @property
    def lock(self) -> str:
        """Name of the lock to hold during a refresh or a sign-in."""
        return f"sign-in-{self.token_name.replace('/', '-')}"


def provider_of(source: SourceConfig) -> Provider | None:
    """Return the provider of ``source``, or ``None`` if its token comes from elsewhere."""
    settings = source.settings
    issuer, client_id = settings.get("issuer"), settings.get("client_id")
    if not isinstance(issuer, str) or not isinstance(client_id, str):
        return None
    scopes, port = settings.get("scopes"), settings.get("redirect_port")
    return Provider(
        issuer,
        client_id,
        scopes if isinstance(scopes, tuple) else (),
        port if isinstance(port, int) else 0,
    )


@dataclass(frozen=True, slots=True, repr=False)
class OidcSignIn:
    """The sign-in of one source; ``state`` is the generation that the walk was planned with."""

    source: SourceConfig
    context: SourceContext
    provider: Provider
    state: str | None = None

    def token(self) -> Secret:
        """Return an ID token of the sign-in that the walk was planned with, refreshed if needed.

        Raises:
            SourceChanged: somebody has just signed in, so the caller must plan again.
            SourceError: nobody is signed in, and nobody can be asked.
        """
        with self.context.locks.hold(self.provider.lock), self._http() as http:
            name = self.provider.token_name
            if self.context.tokens.generation(name) != self.state:
                raise SourceChanged
            document = self.context.tokens.get(name) if self.state is not None else None
            if document is not None:
                if document.get("generation") != self.state:
                    raise SourceChanged
                found = self._stored_token(http, document)
                if found is not None:
                    return found
            if not self.context.person.can_ask:
                raise self._sign_in_needed()
            with self.context.locks.waiting_for_person("a sign-in"):
                self._sign_in(http, Login())
        raise SourceChanged

    def login(self, how: Login) -> str:
        """Let a person sign in; return one line that names the issuer and the subject."""
        from rolehop.aws.jwt import read_claims, shown

        with (
            self._http() as http,
            self.context.locks.hold(self.provider.lock),
            self.context.locks.waiting_for_person("a sign-in"),
        ):
            tokens = self._sign_in(http, how)
        subject = shown(read_claims(tokens.identity).subject) if tokens.identity else "?"
        renewal = "renewed automatically" if tokens.refresh else "not renewable"
        return f"signed in to {self.provider.issuer} as {subject}, {renewal}"

    def logout(self) -> bool:
        """Forget the sign-in, and revoke it at the issuer if that can be reached."""
        document = self._previous()
        removed = self.context.tokens.remove(self.provider.token_name)
        refresh = document.get("refresh_token")
        if isinstance(refresh, Secret):
            with self._http() as http:
                problem = self._revoke(self._issuer(http), None, refresh, _client_secret(document))
            if problem is not None:
                self.context.person.say(f"forgotten here; the issuer did not end it: {problem}")
        return removed

    def _revoke(
        self, issuer: Issuer, endpoints: Endpoints | None, refresh: Secret, secret: Secret | None
    ) -> str | None:
        """End a sign-in at the issuer; return why it is still valid there, or ``None``."""
        from rolehop.aws.oauth import OAuthRefusal

        try:
            ended = issuer.revoke(endpoints or issuer.discover(), refresh, secret)
        except (RolehopError, OAuthRefusal) as error:
            return error.what if isinstance(error, RolehopError) else str(error)
        return None if ended else "it has no revocation endpoint"

    def _stored_token(self, http: HttpClient, document: Document) -> Secret | None:
        from rolehop.aws.jwt import read_claims
        from rolehop.aws.oauth import OAuthRefusal

        token, refresh = document.get("id_token"), document.get("refresh_token")
        if isinstance(token, Secret):
            expires_at = read_claims(token).expires_at
            if expires_at is not None and expires_at - self.context.now() > _SPARE:
                return token
        if not isinstance(refresh, Secret):
            return None
        issuer = self._issuer(http)
        endpoints = issuer.discover()
        with uninterrupted():  # the issuer may take a refresh token once only
            try:
                fresh = issuer.by_refresh(endpoints, refresh, _client_secret(document))
            except OAuthRefusal:
                return None
            return self._stored_fresh(document, token, fresh, refresh)

    def _stored_fresh(
        self, document: Document, token: object, fresh: Tokens, refresh: Secret
    ) -> Secret | None:
        """Store the tokens that took the place of ``token`` and ``refresh``; return the ID token.

        ``None`` if they are another person's.
        """
        before, after = _claims(token), _claims(fresh.identity)
        if fresh.identity is None or not _is_same_person(before, after):
            return None
        name = self.provider.token_name
        changed: Document = {
            "id_token": fresh.identity,
            "refresh_token": fresh.refresh or refresh,
            "expires_at": _end_of(after),
        }
        if before is not None and after is not None and before.digest != after.digest:
            # E.g. other session tags: what was cached with the old token must not be found again.
            self.context.tokens.begin(name, {**document, **changed})
            raise SourceChanged
        self.context.tokens.put(name, {**document, **changed})
        return fresh.identity

    def _sign_in(self, http: HttpClient, how: Login) -> Tokens:
        issuer = self._issuer(http)
        endpoints, previous = issuer.discover(), self._previous()
        tokens, secret = self._tokens(issuer, endpoints, how, _client_secret(previous))
        if tokens.identity is None:
            raise self._no_identity()
        hidden = {
            "refresh_token": tokens.refresh,
            "client_secret": secret,
            "expires_at": _end_of(_claims(tokens.identity)),
        }
        document = {name: value for name, value in hidden.items() if value is not None}
        self.context.tokens.begin(
            self.provider.token_name, {"id_token": tokens.identity, **document}
        )
        self._end_previous(previous, issuer, endpoints, tokens)
        return tokens

    def _end_previous(
        self, previous: Document, issuer: Issuer, endpoints: Endpoints, tokens: Tokens
    ) -> None:
        """End the sign-in that was just replaced, unless that would end the new one, too."""
        refresh, host = previous.get("refresh_token"), urlsplit(self.provider.issuer).hostname or ""
        if not isinstance(refresh, Secret) or refresh == tokens.refresh:
            return
        if endpoints.revocation is None or tokens.identity is None:
            return
        revokes_all = any(host == each or host.endswith(f".{each}") for each in _REVOKES_ALL)
        before = _claims(previous.get("id_token"))
        if revokes_all and _is_same_person(before, _claims(tokens.identity)):
            return
        problem = self._revoke(issuer, endpoints, refresh, _client_secret(previous))
        if problem is not None:
            self.context.person.say(f"the issuer did not end the previous sign-in: {problem}")

    def _tokens(
        self, issuer: Issuer, endpoints: Endpoints, how: Login, secret: Secret | None
    ) -> tuple[Tokens, Secret | None]:
        """Return the tokens and the client secret that was needed, if any."""
        from rolehop.aws.oauth import OAuthRefusal

        try:
            return self._through_browser(issuer, endpoints, how, secret), secret
        except OAuthRefusal as refusal:
            if secret is not None or not _wants_secret(refusal):
                raise self._refused(refusal) from None
            asked = self._asked_client_secret(refusal)
        return self._tokens(issuer, endpoints, how, asked)

    def _through_browser(
        self, issuer: Issuer, endpoints: Endpoints, how: Login, secret: Secret | None
    ) -> Tokens:
        from rolehop.aws.net.loopback_pages import Callback
        from rolehop.aws.oauth import new_pkce
        from rolehop.sources.sign_in_page import code_from_browser

        pkce, nonce = new_pkce(), secrets.token_urlsafe(32)
        scopes = self.provider.scopes or (
            ("openid", "offline_access") if endpoints.offline else ("openid",)
        )
        with Callback(pkce.state, self.provider.port) as callback:
            uri = callback.redirect_uri
            url = issuer.authorize_url(
                endpoints,
                uri,
                pkce.state,
                pkce.challenge,
                scopes,
                self._extra_parameters(nonce, how),
            )
            code = code_from_browser(
                callback, url, self.provider.issuer, self.context.person, browser=how.browser
            )
        tokens = issuer.by_code(endpoints, code, uri, pkce.verifier, secret)
        if tokens.identity is not None:
            self._check_person(tokens.identity, nonce)
        return tokens

    def _extra_parameters(self, nonce: str, how: Login) -> Mapping[str, str]:
        # Google issues refresh tokens with a parameter of its own, and only after a new consent.
        if urlsplit(self.provider.issuer).hostname == _GOOGLE:
            return {"nonce": nonce, "access_type": "offline", "prompt": "consent"}
        if how.anew:  # though the browser is signed in (OpenID Connect Core, 3.1.2.1)
            return {"nonce": nonce, "prompt": "login"}
        return {"nonce": nonce}

    def _check_person(self, token: Secret, nonce: str) -> None:
        """Check that the token belongs to this sign-in; STS verifies its signature.

        The ``nonce`` tells it from those of other sign-ins (OpenID Connect Core, 3.1.3.7).
        """
        from rolehop.aws.jwt import read_claims, shown

        fix = "check client_id"
        try:
            claims = read_claims(token)
        except ValueError as error:
            reason = str(error)
        else:
            if self.provider.client_id not in claims.audiences or not claims.subject:
                reason = f"it is for {', '.join(map(shown, claims.audiences)) or 'nobody'}"
            elif claims.nonce == nonce:
                return
            else:
                reason = "its nonce is not the one that was sent: it is from another sign-in"
                fix = "sign in again; if that fails, ask whoever runs the issuer"
        raise SourceError(
            f"{self.provider.issuer} gave an ID token that is not this sign-in's",
            cause=reason,
            fix=fix,
        )

    def _previous(self) -> Document:
        """Return the stored sign-in; empty if there is none that can be read."""
        try:
            return self.context.tokens.get(self.provider.token_name) or {}
        except VaultBroken:
            return {}

    def _no_identity(self) -> SourceError:
        return SourceError(
            f"{self.provider.issuer} gave no ID token",
            cause="AWS needs an ID token, and there is none without the scope openid",
            fix='add "openid" to scopes',
        )

    def _asked_client_secret(self, refusal: OAuthRefusal) -> Secret:
        """Ask for a client secret: some issuers need one even from programs on people's machines."""
        person = self.context.person
        person.say(f"the issuer refused: {refusal}")
        question = f"client secret of {self.provider.client_id} (stored in the keyring):"
        try:
            return Secret(person.ask(question, needed="a client secret", hidden=True))
        except NoTerminal:
            raise self._refused(refusal) from None

    def _issuer(self, http: HttpClient) -> Issuer:
        from rolehop.aws.oauth import Issuer

        return Issuer(http, self.provider.issuer, self.provider.client_id, self.context.now)

    def _http(self) -> HttpClient:
        region = region_for(self.source, self.context)
        return http_client(self.context, region, advice="check issuer, and this machine's network")

    def _sign_in_needed(self) -> SourceError:
        signed_in = self.state is not None
        kind = SignInExpired if signed_in else SourceWithdrawn
        return kind(
            f"source '{self.source.name}' needs a sign-in to {self.provider.issuer}",
            cause="the last sign-in has expired or was ended"
            if signed_in
            else "nobody is signed in",
            fix=Advice("rolehop source login ", Argument(self.source.name)),
        )

    def _refused(self, refusal: OAuthRefusal) -> SourceError:
        return SourceError(
            f"{self.provider.issuer} refused the sign-in",
            cause=str(refusal),
            fix="check client_id, scopes, and the client's redirect URI:"
            " http://127.0.0.1/oauth/callback (any port, or redirect_port)",
        )


def _end_of(claims: Claims | None) -> str:
    """Return when an ID token expires, for `status`; empty if it does not say."""
    return claims.expires_at.isoformat() if claims and claims.expires_at else ""


def _client_secret(document: Document) -> Secret | None:
    found = document.get("client_secret")
    return found if isinstance(found, Secret) else None


def _claims(token: object) -> Claims | None:
    from rolehop.aws.jwt import read_claims

    try:
        return read_claims(token) if isinstance(token, Secret) else None
    except ValueError:
        return None


def _is_same_person(before: Claims | None, after: Claims | None) -> bool:
    """True if a new token is for the same person (OpenID Connect Core, 12.2)."""
    if after is None:
        return False
    return before is None or (before.issuer, before.subject) == (after.issuer, after.subject)


def _wants_secret(refusal: OAuthRefusal) -> bool:
    """True if a client secret may be all that is missing."""
    text = f"{refusal.code} {refusal.description}".lower()
    return refusal.code in _SECRET_WANTED and (
        "secret" in text or refusal.code == _SECRET_WANTED[0]
    )
