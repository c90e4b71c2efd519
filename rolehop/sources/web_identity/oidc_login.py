"""A person's sign-in at any OpenID Connect issuer: PKCE on loopback, refreshed from the vault."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rolehop.credentials import Secret
from rolehop.errors import NoTerminal, RolehopError, SourceError, VaultBroken
from rolehop.sources.context import Document, SourceChanged, SourceContext
from rolehop.sources.shared.aws_clients import http_of, region_for
from rolehop.sources.source_type import Login
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rolehop.config.model import SourceConfig
    from rolehop.net.http import HttpClient
    from rolehop.oauth.oidc_provider import Endpoints, Issuer
    from rolehop.oauth.responses import OAuthRefusal, Tokens

# A token that ends within this is refreshed first.
_SPARE = timedelta(minutes=2)
_GOOGLE = "accounts.google.com"
# They end all that the same person ever granted this client, with one refresh token of it
# (RFC 7009, 2.1, leaves it to the issuer): a new sign-in would end with the former.
_END_ALL = (_GOOGLE, "auth0.com")
_SECRET_WANTED = ("invalid_client", "unauthorized_client", "invalid_request")


@dataclass(frozen=True, slots=True)
class Provider:
    """Where a source signs in."""

    issuer: str
    client_id: str
    scopes: tuple[str, ...]
    """Empty: ``openid``, and ``offline_access`` where the issuer knows it."""

    port: int

    @property
    def token_name(self) -> str:
        """Name of the sign-in in the vault: sources with the same client share it."""
        told = f"{self.issuer.rstrip('/')}\n{self.client_id}\n{' '.join(sorted(self.scopes))}"
        return f"oidc/{hashlib.sha256(told.encode()).hexdigest()[:24]}"

    @property
    def lock(self) -> str:
        """Name of the lock that a refresh or a sign-in takes."""
        return f"sign-in-{self.token_name.replace('/', '-')}"


def provider_of(source: SourceConfig) -> Provider | None:
    """Return where ``source`` signs in; ``None``: it takes its token from elsewhere."""
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
    inputs: SourceContext
    provider: Provider
    state: str | None = None

    def token(self) -> Secret:
        """Return an ID token of the very sign-in that was planned with, refreshed if need be.

        Raises:
            SourceChanged: somebody has just signed in; plan again.
            SourceError: nobody is signed in, and nobody can be asked.
        """
        with self.inputs.locks.hold(self.provider.lock), self._http() as http:
            name = self.provider.token_name
            if self.inputs.tokens.generation(name) != self.state:
                raise SourceChanged
            document = self.inputs.tokens.get(name) if self.state is not None else None
            if document is not None:
                if document.get("generation") != self.state:
                    raise SourceChanged
                found = self._kept(http, document)
                if found is not None:
                    return found
            if not self.inputs.person.can_ask:
                raise self._needed()
            with self.inputs.locks.waiting_for_person():
                self._sign_in(http, Login())
        raise SourceChanged

    def login(self, how: Login) -> str:
        """Let a person sign in; return one line that says who did, and where."""
        from rolehop.oauth.jwt import read_claims

        with (
            self._http() as http,
            self.inputs.locks.hold(self.provider.lock),
            self.inputs.locks.waiting_for_person(),
        ):
            tokens = self._sign_in(http, how)
        subject = read_claims(tokens.identity).subject if tokens.identity else "?"
        renewed = "renewed by itself" if tokens.refresh else "not renewable"
        return f"signed in to {self.provider.issuer} as {subject}, {renewed}"

    def logout(self) -> bool:
        """Forget the sign-in, and revoke it at the issuer where that can be reached."""
        document = self._former()
        there = self.inputs.tokens.remove(self.provider.token_name)
        refresh = document.get("refresh_token")
        if isinstance(refresh, Secret):
            with self._http() as http:
                why = self._revoke(self._issuer(http), None, refresh, _client_secret(document))
            if why is not None:
                self.inputs.person.say(f"forgotten here; the issuer did not end it: {why}")
        return there

    def _revoke(
        self, issuer: Issuer, endpoints: Endpoints | None, refresh: Secret, secret: Secret | None
    ) -> str | None:
        """End a sign-in at the issuer; return why it lives on there, where it does."""
        from rolehop.oauth.responses import OAuthRefusal

        try:
            ended = issuer.revoke(endpoints or issuer.discover(), refresh, secret)
        except (RolehopError, OAuthRefusal) as error:
            return str(error)
        return None if ended else "it has no address for that"

    def _kept(self, http: HttpClient, document: Document) -> Secret | None:
        from rolehop.oauth.jwt import read_claims
        from rolehop.oauth.responses import OAuthRefusal

        token, refresh = document.get("id_token"), document.get("refresh_token")
        if isinstance(token, Secret):
            ends = read_claims(token).expires_at
            if ends is not None and ends - self.inputs.now() > _SPARE:
                return token
        if not isinstance(refresh, Secret):
            return None
        issuer = self._issuer(http)
        try:
            fresh = issuer.by_refresh(issuer.discover(), refresh, _client_secret(document))
        except OAuthRefusal:
            return None
        if fresh.identity is None or not self._is_same_person(token, fresh.identity):
            return None
        changed = {"id_token": fresh.identity, "refresh_token": fresh.refresh or refresh}
        self.inputs.tokens.put(self.provider.token_name, {**document, **changed})
        return fresh.identity

    def _is_same_person(self, old: object, new: Secret) -> bool:
        """Tell whether a later token is the same person's, as OpenID Connect Core, 12.2, says."""
        from rolehop.oauth.jwt import read_claims

        try:
            before = read_claims(old) if isinstance(old, Secret) else None
            after = read_claims(new)
        except ValueError:
            return False
        return before is None or (before.issuer, before.subject) == (after.issuer, after.subject)

    def _sign_in(self, http: HttpClient, how: Login) -> Tokens:
        issuer = self._issuer(http)
        endpoints, former = issuer.discover(), self._former()
        tokens, secret = self._tokens(issuer, endpoints, how, _client_secret(former))
        if tokens.identity is None:
            raise self._no_identity()
        hidden = {"refresh_token": tokens.refresh, "client_secret": secret}
        document = {name: value for name, value in hidden.items() if value is not None}
        self.inputs.tokens.begin(
            self.provider.token_name, {"id_token": tokens.identity, **document}
        )
        self._end(former, issuer, endpoints, tokens)
        return tokens

    def _end(self, former: Document, issuer: Issuer, endpoints: Endpoints, tokens: Tokens) -> None:
        """End the sign-in that another one has just replaced, where the new one outlives that."""
        refresh, host = former.get("refresh_token"), urlsplit(self.provider.issuer).hostname or ""
        if not isinstance(refresh, Secret) or refresh == tokens.refresh:
            return
        if endpoints.revocation is None or tokens.identity is None:
            return
        ends_all = any(host == each or host.endswith(f".{each}") for each in _END_ALL)
        if ends_all and self._is_same_person(former.get("id_token"), tokens.identity):
            return
        why = self._revoke(issuer, endpoints, refresh, _client_secret(former))
        if why is not None:
            self.inputs.person.say(f"the issuer did not end the sign-in before this one: {why}")

    def _tokens(
        self, issuer: Issuer, endpoints: Endpoints, how: Login, secret: Secret | None
    ) -> tuple[Tokens, Secret | None]:
        """Return the tokens and the client secret they took, if any."""
        from rolehop.oauth.responses import OAuthRefusal

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
        from rolehop.oauth.loopback_server import Callback
        from rolehop.oauth.pkce import new_pkce

        pkce, person, nonce = new_pkce(), self.inputs.person, secrets.token_urlsafe(32)
        scopes = self.provider.scopes or (
            ("openid", "offline_access") if endpoints.offline else ("openid",)
        )
        with Callback(pkce.state, self.provider.port) as callback:
            uri = callback.redirect_uri
            url = issuer.authorize_url(
                endpoints, uri, pkce.state, pkce.challenge, scopes, self._extras(nonce)
            )
            if how.browser and person.open_browser(url):
                person.say(f"sign in to {self.provider.issuer} in the browser; if none opens:")
            else:
                person.say("open this address in a browser on this machine:")
            person.say(url)
            code = callback.wait()
        tokens = issuer.by_code(endpoints, code, uri, pkce.verifier, secret)
        if tokens.identity is not None:
            self._check_person(tokens.identity, nonce)
        return tokens

    def _extras(self, nonce: str) -> Mapping[str, str]:
        # Google gives refresh tokens by a parameter of its own, and only with a new consent.
        if urlsplit(self.provider.issuer).hostname == _GOOGLE:
            return {"nonce": nonce, "access_type": "offline", "prompt": "consent"}
        return {"nonce": nonce}

    def _check_person(self, token: Secret, nonce: str) -> None:
        """Make sure that the token can be what was asked for; STS verifies it.

        The ``nonce`` tells it from one of another sign-in (OpenID Connect Core, 3.1.3.7).
        """
        from rolehop.oauth.jwt import read_claims

        fix = "check client_id"
        try:
            claims = read_claims(token)
        except ValueError as error:
            reason = str(error)
        else:
            if self.provider.client_id not in claims.audiences or not claims.subject:
                reason = f"it is for {', '.join(claims.audiences) or 'nobody'}"
            elif claims.nonce == nonce:
                return
            else:
                reason = "its nonce is not the one that was sent: it is of another sign-in"
                fix = "sign in again; if it comes back, ask whoever runs the issuer"
        raise SourceError(
            f"{self.provider.issuer} gave an ID token that is not this sign-in's",
            cause=reason,
            fix=fix,
        )

    def _former(self) -> Document:
        """Return what is kept of the last sign-in; empty: nothing that can be read."""
        try:
            return self.inputs.tokens.get(self.provider.token_name) or {}
        except VaultBroken:
            return {}

    def _no_identity(self) -> SourceError:
        return SourceError(
            f"{self.provider.issuer} gave no ID token",
            cause="AWS takes ID tokens, and gets none without the scope openid",
            fix='let scopes hold "openid"',
        )

    def _asked_client_secret(self, refusal: OAuthRefusal) -> Secret:
        """Ask for a client secret: some issuers give one even to programs on people's machines."""
        person = self.inputs.person
        person.say(f"the issuer wants more: {refusal}")
        question = f"client secret of {self.provider.client_id} (kept in the keyring):"
        try:
            return Secret(person.ask(question, needed="a client secret", hidden=True))
        except NoTerminal:
            raise self._refused(refusal) from None

    def _issuer(self, http: HttpClient) -> Issuer:
        from rolehop.oauth.oidc_provider import Issuer

        return Issuer(http, self.provider.issuer, self.provider.client_id, self.inputs.now)

    def _http(self) -> HttpClient:
        region = region_for(self.source, self.inputs)
        return http_of(self.inputs, region, advice="check issuer, and this machine's network")

    def _needed(self) -> SourceError:
        signed_in = self.state is not None
        return SourceError(
            f"source '{self.source.name}' needs a sign-in to {self.provider.issuer}",
            cause="the last sign-in has expired or was ended"
            if signed_in
            else "nobody is signed in",
            fix=f"rolehop source login {self.source.name}",
        )

    def _refused(self, refusal: OAuthRefusal) -> SourceError:
        return SourceError(
            f"{self.provider.issuer} refused the sign-in",
            cause=str(refusal),
            fix="check client_id and scopes, and that the client may come back to "
            "http://127.0.0.1/oauth/callback (any port, or redirect_port)",
        )


def _client_secret(document: Document) -> Secret | None:
    found = document.get("client_secret")
    return found if isinstance(found, Secret) else None


def _wants_secret(refusal: OAuthRefusal) -> bool:
    """Tell whether a secret may be all that is missing."""
    told = f"{refusal.code} {refusal.description}".lower()
    return refusal.code in _SECRET_WANTED and (
        "secret" in told or refusal.code == _SECRET_WANTED[0]
    )
