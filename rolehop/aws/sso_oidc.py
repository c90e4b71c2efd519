"""The OIDC service of IAM Identity Center: registering a client, and getting tokens.

Calls are unsigned JSON (service sso-oidc, 2019-06-10). The address for the browser is no
operation of the model: it is ``/authorize`` of the same endpoint, and its scopes travel as
``scopes``, as the AWS CLI sends them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from rolehop.credentials import Secret
from rolehop.net.http import HttpClient, HttpRequest, unexpected
from rolehop.net.transport import HttpAnswer
from rolehop.oauth.responses import (
    Tokens,
    expiry,
    hidden_text,
    plain_text,
    read_document,
    read_tokens,
)
from rolehop.startup.dataclass import dataclass

CLIENT_NAME = "rolehop"
CODE_GRANT = "authorization_code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_GRANT = "refresh_token"
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Registration:
    """Rolehop as a client of one Identity Center, for about 90 days."""

    client_id: str
    client_secret: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A sign-in that goes on in any browser, on any machine."""

    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_at: datetime
    interval_seconds: int


class SsoOidc:
    """One Identity Center's OIDC endpoint; ``base`` is its URL without a trailing slash.

    Methods raise ``OAuthRefusal`` where the service says no, and ``ServiceError`` where there is
    no answer, or none that makes sense.
    """

    def __init__(self, http: HttpClient, base: str, now: Callable[[], datetime]) -> None:
        self._http = http
        self._base = base
        self._now = now

    def register(
        self, scopes: Sequence[str], *, redirect_uri: str | None = None, issuer: str | None = None
    ) -> Registration:
        """Register a public client: for codes through ``redirect_uri``, else for devices.

        The redirect is registered without its port, which is another one each time (RFC 8252, 7.3).
        """
        wanted: dict[str, object] = {"clientName": CLIENT_NAME, "clientType": "public"}
        wanted["scopes"] = list(scopes)
        if redirect_uri is not None:
            wanted["grantTypes"] = [CODE_GRANT, REFRESH_GRANT]
            wanted["redirectUris"] = [redirect_uri]
            wanted["issuerUrl"] = issuer
        answer, told = self._post("/client/register", wanted, "RegisterClient", _ATTEMPTS)
        try:
            ends = told.get("clientSecretExpiresAt")
            if isinstance(ends, bool) or not isinstance(ends, int | float):
                raise ValueError("clientSecretExpiresAt is no time")
            return Registration(
                plain_text(told, "clientId"),
                hidden_text(told, "clientSecret"),
                datetime.fromtimestamp(int(ends), UTC),
            )
        except (ValueError, OverflowError, OSError) as error:
            reason = str(error)
        raise self._nonsense(answer, "RegisterClient", reason)

    def authorize_url(
        self, client_id: str, redirect_uri: str, state: str, challenge: str, scopes: Sequence[str]
    ) -> str:
        """Return the address that the browser is sent to."""
        query = {
            "response_type": "code",
            "client_id": client_id,
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge_method": "S256",
            "scopes": " ".join(scopes),
            "code_challenge": challenge,
        }
        return f"{self._base}/authorize?{urlencode(query)}"

    def start_device(self, client: Registration, start_url: str) -> DeviceCode:
        """Begin a sign-in on any device."""
        wanted = {**_who(client), "startUrl": start_url}
        asked = "StartDeviceAuthorization"
        answer, told = self._post("/device_authorization", wanted, asked, _ATTEMPTS)
        try:
            interval = told.get("interval") or 5
            if isinstance(interval, bool) or not isinstance(interval, int):
                raise ValueError("interval is no number")
            uri = plain_text(told, "verificationUri")
            complete = told.get("verificationUriComplete")
            return DeviceCode(
                hidden_text(told, "deviceCode"),
                plain_text(told, "userCode"),
                uri,
                plain_text(told, "verificationUriComplete") if complete else uri,
                expiry(told.get("expiresIn", 600), self._now()),
                max(1, min(interval, 60)),
            )
        except ValueError as error:
            reason = str(error)
        raise self._nonsense(answer, asked, reason)

    def by_code(
        self, client: Registration, code: Secret, redirect_uri: str, verifier: Secret
    ) -> Tokens:
        """Exchange an authorization code; sent once, since a code is good once."""
        grant = {"code": code, "redirectUri": redirect_uri, "codeVerifier": verifier}
        return self._token(client, CODE_GRANT, grant, attempts=1)

    def by_device(self, client: Registration, code: DeviceCode) -> Tokens:
        """Ask once whether somebody has signed in: refused as ``authorization_pending`` if not."""
        return self._token(client, DEVICE_GRANT, {"deviceCode": code.device_code}, _ATTEMPTS)

    def by_refresh(self, client: Registration, refresh: Secret) -> Tokens:
        """Get a new access token; the answer may hold a new refresh token, which replaces it."""
        return self._token(client, REFRESH_GRANT, {"refreshToken": refresh}, _ATTEMPTS)

    def _token(
        self, client: Registration, grant: str, more: Mapping[str, object], attempts: int
    ) -> Tokens:
        wanted = {**_who(client), "grantType": grant, **more}
        answer, told = self._post("/token", wanted, "CreateToken", attempts)
        try:
            return read_tokens(told, self._now())
        except ValueError as error:
            reason = str(error)
        raise self._nonsense(answer, "CreateToken", reason)

    def _post(
        self, path: str, wanted: Mapping[str, object], asked: str, attempts: int
    ) -> tuple[HttpAnswer, dict[str, Any]]:
        url = self._base + path
        answer = self._http.send(HttpRequest("POST", url, json=wanted), attempts=attempts)
        return answer, read_document(answer, url, asked)

    def _nonsense(self, answer: HttpAnswer, asked: str, reason: str) -> Exception:
        return unexpected(answer, self._base, asked, reason)


def _who(client: Registration) -> dict[str, object]:
    return {"clientId": client.client_id, "clientSecret": client.client_secret}
