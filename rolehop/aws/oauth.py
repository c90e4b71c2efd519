"""An OpenID Connect issuer: its discovery document, and its token endpoint (RFC 6749, RFC 7636)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from urllib.parse import urlencode, urlsplit

from rolehop.credentials import Secret
from rolehop.errors import SourceError
from rolehop.json_fields import text_in
from rolehop.net.addresses import is_private, is_web_address, may_lead_here
from rolehop.net.http import HttpClient, HttpRequest, Text, unexpected_response
from rolehop.oauth.responses import (
    OAuthRefusal,
    Tokens,
    raise_if_unavailable,
    read_document,
    read_tokens,
)
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean, quoted

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
            return read_tokens(document, self._now())
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
