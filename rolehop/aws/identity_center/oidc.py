"""The OIDC service of IAM Identity Center: register a client, and get tokens.

Calls are unsigned JSON (service sso-oidc, 2019-06-10). The address for the browser is not an
operation of the model: it is ``/authorize`` of the same endpoint, and its scopes are in a
parameter ``scopes``, as the AWS CLI sends them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from rolehop.aws.api_calls import send_json
from rolehop.credentials import Secret
from rolehop.json_fields import epoch_instant, secret_in, shown_text_in, text_in
from rolehop.net.addresses import is_web_address, may_lead_here
from rolehop.net.http import HttpClient, HttpRequest, unexpected_response
from rolehop.net.transport import HttpResponse
from rolehop.oauth.responses import (
    Tokens,
    expiry,
    read_document,
    read_tokens,
)
from rolehop.ports import OnCall, ignore_call
from rolehop.startup.dataclass import dataclass

CLIENT_NAME = "rolehop"
CODE_GRANT = "authorization_code"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
REFRESH_GRANT = "refresh_token"
_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Registration:
    """rolehop as a registered client of one Identity Center, for about 90 days."""

    client_id: str
    client_secret: Secret
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class DeviceCode:
    """A sign-in that is continued in any browser, on any machine."""

    device_code: Secret
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_at: datetime
    interval_seconds: int


class SsoOidc:
    """One Identity Center's OIDC endpoint; ``base`` is its URL without a trailing slash.

    Methods raise ``OAuthRefusal`` if the service refuses, and ``ServiceError`` if there is no
    answer or it makes no sense.
    """

    def __init__(
        self,
        http: HttpClient,
        base: str,
        now: Callable[[], datetime],
        on_call: OnCall = ignore_call,
    ) -> None:
        self._http = http
        self._on_call = on_call
        self._base = base
        self._now = now

    def register(
        self, scopes: Sequence[str], *, redirect_uri: str | None = None, issuer: str | None = None
    ) -> Registration:
        """Register a public client: for codes through ``redirect_uri``, otherwise for devices.

        The redirect is registered without its port, which differs each time (RFC 8252, 7.3).
        """
        wanted: dict[str, object] = {"clientName": CLIENT_NAME, "clientType": "public"}
        wanted["scopes"] = list(scopes)
        if redirect_uri is not None:
            wanted["grantTypes"] = [CODE_GRANT, REFRESH_GRANT]
            wanted["redirectUris"] = [redirect_uri]
            wanted["issuerUrl"] = issuer
        answer, document = self._post("/client/register", wanted, "RegisterClient", _ATTEMPTS)
        try:
            return Registration(
                shown_text_in(document, "clientId"),
                secret_in(document, "clientSecret"),
                epoch_instant(document.get("clientSecretExpiresAt"), "clientSecretExpiresAt"),
            )
        except ValueError as error:
            reason = str(error)
        raise self._unexpected(answer, "RegisterClient", reason)

    def authorize_url(
        self, client_id: str, redirect_uri: str, state: str, challenge: str, scopes: Sequence[str]
    ) -> str:
        """Return the address to open in the browser."""
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
        """Start a sign-in on any device."""
        wanted = {**_client_fields(client), "startUrl": start_url}
        operation = "StartDeviceAuthorization"
        answer, document = self._post("/device_authorization", wanted, operation, _ATTEMPTS)
        try:
            interval = document.get("interval") or 5
            if isinstance(interval, bool) or not isinstance(interval, int):
                raise ValueError("interval is not a number")
            uri = self._web_address(document, "verificationUri")
            complete = document.get("verificationUriComplete")
            return DeviceCode(
                secret_in(document, "deviceCode"),
                shown_text_in(document, "userCode"),
                uri,
                self._web_address(document, "verificationUriComplete") if complete else uri,
                expiry(document.get("expiresIn", 600), self._now()),
                max(1, min(interval, 60)),
            )
        except ValueError as error:
            reason = str(error)
        raise self._unexpected(answer, operation, reason)

    def _web_address(self, document: Mapping[str, object], name: str) -> str:
        """Return a URL for the browser."""
        url = text_in(document, name)
        if not is_web_address(url):
            raise ValueError(f"{name} is not a web address (https, with a host)")
        if may_lead_here(url) and not may_lead_here(self._base):
            raise ValueError(f"{name} leads to this machine")
        return url

    def by_code(
        self, client: Registration, code: Secret, redirect_uri: str, verifier: Secret
    ) -> Tokens:
        """Exchange an authorization code; sent once, since a code works once."""
        grant = {"code": code, "redirectUri": redirect_uri, "codeVerifier": verifier}
        return self._token(client, CODE_GRANT, grant, attempts=1)

    def by_device(self, client: Registration, code: DeviceCode) -> Tokens:
        """Ask once for the tokens; refused as ``authorization_pending`` until somebody signs in."""
        return self._token(client, DEVICE_GRANT, {"deviceCode": code.device_code}, _ATTEMPTS)

    def by_refresh(self, client: Registration, refresh: Secret) -> Tokens:
        """Get a new access token; a new refresh token in the answer replaces ``refresh``."""
        return self._token(client, REFRESH_GRANT, {"refreshToken": refresh}, _ATTEMPTS)

    def _token(
        self, client: Registration, grant: str, more: Mapping[str, object], attempts: int
    ) -> Tokens:
        wanted = {**_client_fields(client), "grantType": grant, **more}
        answer, document = self._post("/token", wanted, "CreateToken", attempts)
        try:
            return read_tokens(document, self._now())
        except ValueError as error:
            reason = str(error)
        raise self._unexpected(answer, "CreateToken", reason)

    def _post(
        self, path: str, wanted: Mapping[str, object], operation: str, attempts: int
    ) -> tuple[HttpResponse, dict[str, Any]]:
        url = self._base + path
        answer = send_json(
            lambda: self._http.send(HttpRequest("POST", url, json=wanted), attempts=attempts),
            self._on_call,
            f"sso-oidc:{operation}",
        )
        return answer, read_document(answer, url, operation)

    def _unexpected(self, answer: HttpResponse, operation: str, reason: str) -> Exception:
        return unexpected_response(answer, self._base, operation, reason)


def _client_fields(client: Registration) -> dict[str, object]:
    return {"clientId": client.client_id, "clientSecret": client.client_secret}
