"""An OpenID Connect issuer: its discovery document, and its token endpoint (RFC 6749, RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from rolehop.aws.net.addresses import host_of, is_private, is_web_address, may_lead_here
from rolehop.aws.net.http import HttpClient, HttpRequest, Text, unexpected_response
from rolehop.aws.net.transport import HttpResponse
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ServiceError, SourceError
from rolehop.base.json_fields import secret_in, text_in
from rolehop.base.text import clean, quoted

_LONGEST_CODE = 80
_LONGEST_LIFE = timedelta(days=400)


class OAuthRefusal(Exception):
    """The service refused; ``code`` is e.g. ``authorization_pending`` or ``invalid_grant``."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens in the answer of a token endpoint."""

    access: Secret
    expires_at: datetime
    """Aware, UTC, whole seconds."""

    refresh: Secret | None = None
    identity: Secret | None = None
    """The ID token of OpenID Connect, if there is one."""


def read_document(answer: HttpResponse, url: str, asked: str) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    Raises:
        OAuthRefusal: the service refused, with an OAuth error code.
        ServiceError: throttling, a server error, or an answer that is not JSON.
    """
    if answer.ok:
        try:
            return answer.json_object()
        except ValueError as error:
            reason = str(error)
        raise unexpected_response(answer, url, asked, reason)
    raise_if_unavailable(answer, url, asked)
    code = answer.first_text("error") or clean(answer.error_type)
    if not code:
        raise unexpected_response(answer, url, asked, "there is no error code in it")
    raise OAuthRefusal(code[:_LONGEST_CODE], answer.first_text("error_description", "message"))


def raise_if_unavailable(answer: HttpResponse, url: str, asked: str) -> None:
    """Check that the answer is not one of throttling or a server error, after retries.

    Raises:
        ServiceError: it is.
    """
    if answer.unavailable:
        error = ServiceError(
            f"{host_of(url)} {'is throttling' if answer.throttled else 'failed at'} {asked}",
            cause=f"HTTP {answer.status}",
            fix="wait a minute and try again",
        )
        error.throttled = answer.throttled
        raise error


def read_tokens(document: dict[str, Any], asked_at: datetime) -> Tokens:
    """Return the tokens of ``document``, in camelCase (AWS) or snake_case (OAuth).

    ``asked_at`` is when the request was sent: the machine may have slept until the answer was there.

    Raises:
        ValueError: the access token is missing, or a member is invalid; nothing is quoted.
    """
    access = _token(document, "accessToken", "access_token")
    if access is None:
        raise ValueError("the access token is missing")
    return Tokens(
        access,
        expiry(document.get("expiresIn", document.get("expires_in")), asked_at),
        _token(document, "refreshToken", "refresh_token"),
        _token(document, "idToken", "id_token"),
    )


def expiry(seconds: object, asked_at: datetime) -> datetime:
    """Return ``asked_at`` plus ``seconds``, in UTC and whole seconds; ``None`` counts as an hour.

    Raises:
        ValueError: it is not a plausible number.
    """
    if seconds is None:
        seconds = 3600
    if (
        isinstance(seconds, str) and seconds.isdecimal() and len(seconds) < 10
    ):  # some providers quote it
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("the lifetime is not a number")
    if not 0 < seconds <= _LONGEST_LIFE.total_seconds():
        raise ValueError("the lifetime is not plausible")
    return (asked_at + timedelta(seconds=int(seconds))).astimezone(UTC).replace(microsecond=0)


def _token(document: dict[str, Any], *names: str) -> Secret | None:
    name = next((name for name in names if document.get(name) is not None), None)
    return None if name is None else secret_in(document, name)


_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The issuer's endpoints, from its discovery document."""

    authorization: str
    token: str
    revocation: str | None = None
    offline: bool = False
    """True if the issuer supports the scope ``offline_access``, which gives a refresh token."""


class Issuer:
    """One issuer and rolehop's client ID there.

    Methods raise ``OAuthRefusal`` if the issuer refuses, and ``ServiceError`` if there is no answer
    or an invalid one.
    """

    def __init__(
        self, http: HttpClient, issuer: str, client_id: str, now: Callable[[], datetime]
    ) -> None:
        self._http = http
        self._issuer = issuer.rstrip("/")
        self._client_id = client_id
        self._now = now

    def discover(self) -> Endpoints:
        """Read the discovery document (OpenID Connect Discovery 1.0, 4).

        Raises:
            SourceError: it is another issuer's, or names an endpoint that must not be called.
        """
        url = f"{self._issuer}/.well-known/openid-configuration"
        answer = self._http.send(HttpRequest("GET", url), attempts=_ATTEMPTS)
        try:
            document = read_document(answer, url, "its discovery document")
        except OAuthRefusal as refusal:
            raise unexpected_response(answer, url, "its discovery document", str(refusal)) from None
        try:
            named = text_in(document, "issuer").rstrip("/")
            found = Endpoints(
                text_in(document, "authorization_endpoint"),
                text_in(document, "token_endpoint"),
                text_in(document, "revocation_endpoint")
                if document.get("revocation_endpoint")
                else None,
                "offline_access" in (document.get("scopes_supported") or ()),
            )
        except (ValueError, TypeError) as error:
            reason = str(error)
        else:
            self._check(named, found)
            return found
        raise unexpected_response(answer, url, "its discovery document", reason)

    def authorize_url(
        self,
        endpoints: Endpoints,
        redirect_uri: str,
        state: str,
        challenge: str,
        scopes: Sequence[str],
        more: Mapping[str, str],
    ) -> str:
        """Return the URL that the browser opens; ``more`` are further parameters."""
        query = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "scope": " ".join(scopes),
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        joint = "&" if urlsplit(endpoints.authorization).query else "?"
        return f"{endpoints.authorization}{joint}{urlencode(query)}"

    def by_code(
        self,
        endpoints: Endpoints,
        code: Secret,
        redirect_uri: str,
        verifier: Secret,
        client_secret: Secret | None,
    ) -> Tokens:
        """Exchange an authorization code; sent once, because a code can be used once."""
        form: dict[str, Text] = {"code": code, "redirect_uri": redirect_uri}
        form["code_verifier"] = verifier
        return self._token(endpoints, "authorization_code", form, client_secret, attempts=1)

    def by_refresh(
        self, endpoints: Endpoints, refresh: Secret, client_secret: Secret | None
    ) -> Tokens:
        """Get new tokens; a new refresh token in the answer replaces this one."""
        form: dict[str, Text] = {"refresh_token": refresh}
        return self._token(endpoints, "refresh_token", form, client_secret, attempts=1)

    def revoke(self, endpoints: Endpoints, refresh: Secret, client_secret: Secret | None) -> bool:
        """End the sign-in at the issuer (RFC 7009); ``False`` if it has no revocation endpoint."""
        if endpoints.revocation is None:
            return False
        form: dict[str, Text] = {
            "token": refresh,
            "token_type_hint": "refresh_token",
            **self._client(client_secret),
        }
        answer = self._http.send(HttpRequest("POST", endpoints.revocation, form=form))
        if not answer.ok:
            raise_if_unavailable(answer, endpoints.revocation, "a revocation")
            code = answer.first_text("error") or f"HTTP {answer.status}"
            raise OAuthRefusal(code, answer.first_text("error_description"))
        return True

    def _token(
        self,
        endpoints: Endpoints,
        grant: str,
        form: Mapping[str, Text],
        client_secret: Secret | None,
        *,
        attempts: int,
    ) -> Tokens:
        complete = {"grant_type": grant, **form, **self._client(client_secret)}
        request = HttpRequest(
            "POST", endpoints.token, headers={"Accept": "application/json"}, form=complete
        )
        answer = self._http.send(request, attempts=attempts)
        document = read_document(answer, endpoints.token, "a token request")
        try:
            return read_tokens(document, self._now() - answer.took)
        except ValueError as error:
            reason = str(error)
        raise unexpected_response(answer, endpoints.token, "a token request", reason)

    def _client(self, client_secret: Secret | None) -> dict[str, Text]:
        client: dict[str, Text] = {"client_id": self._client_id}
        return client if client_secret is None else {**client, "client_secret": client_secret}

    def _check(self, named: str, found: Endpoints) -> None:
        if named != self._issuer:
            raise SourceError(
                f"the issuer {self._issuer} calls itself {clean(named)}",
                cause="a discovery document must be its own issuer's",
                fix="write the issuer exactly as it calls itself",
            )
        for url in (found.authorization, found.token, found.revocation or found.token):
            problem = self._problem_with(url)
            if problem is not None:
                raise SourceError(
                    f"the issuer {self._issuer} {problem}",
                    cause=f"its discovery document names {quoted(url)}",
                    fix="ask whoever runs it for https endpoints",
                )

    def _problem_with(self, url: str) -> str | None:
        if url.startswith("http://") and not is_private(url):
            return "wants to be called without TLS"
        if not is_web_address(url):
            return "names an endpoint that is not a web address"
        # Its pages and tokens would be those of whoever listens there.
        if may_lead_here(url) and not may_lead_here(self._issuer):
            return "names an endpoint on this machine"
        return None


@dataclass(frozen=True, slots=True)
class Pkce:
    """The random values of one sign-in."""

    verifier: Secret
    challenge: str
    """base64url(SHA-256(verifier)) without padding; method S256."""

    state: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)


def new_pkce() -> Pkce:
    """Return new values, with a verifier of 64 characters (384 random bits)."""
    verifier = secrets.token_urlsafe(48)
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return Pkce(Secret(verifier), challenge)
