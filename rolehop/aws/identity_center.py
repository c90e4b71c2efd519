"""The OIDC service of IAM Identity Center: register a client, and get tokens.

Calls are unsigned JSON (service sso-oidc, 2019-06-10). The address for the browser is not an
operation of the model: it is ``/authorize`` of the same endpoint, and its scopes are in a
parameter ``scopes``, as the AWS CLI sends them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from rolehop.aws.api_calls import send_json
from rolehop.aws.net.addresses import host_of, is_web_address, may_lead_here
from rolehop.aws.net.http import HttpClient, HttpRequest, unexpected_response
from rolehop.aws.net.transport import HttpResponse
from rolehop.aws.oauth import Tokens, expiry, raise_if_unavailable, read_document, read_tokens
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ServiceError
from rolehop.base.json_fields import access_key_id, epoch_instant, secret_in, shown_text_in, text_in
from rolehop.base.text import clean, quoted
from rolehop.walk.ports import OnCall, ignore_call

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
                self._web_address(document, "verificationUriComplete") if complete else uri,
                expiry(document.get("expiresIn", 600), self._now() - answer.took),
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
            return read_tokens(document, self._now() - answer.took)
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


_PORTAL_ATTEMPTS = 8
"""Listing hundreds of accounts is throttled (429) as a matter of course."""

_MOST_PAGES = 1_000

# Permission sets allow 12 hours; the rest is for clocks that differ.
_LONGEST_SESSION = timedelta(hours=13)
_TOKEN_HEADER = "x-amz-sso_bearer_token"  # noqa: S105 - the header's name
_ACCOUNT = re.compile(r"[0-9]{12}")
_LONGEST_NAME = 128  # characters; AWS allows 50 for an account, 64 for a role


class PortalRefusal(Exception):
    """The portal refused. ``status`` 401: sign in again; 403: not assigned; 404: not found.

    ``is_named``: the answer names an error, as the portal's do; else a proxy may have given it.
    """

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code or f"HTTP {status}"
        self.is_named = bool(code)
        super().__init__(f"{self.code}: {message}" if message else self.code)


@dataclass(frozen=True, slots=True)
class Account:
    """An account to which the signed-in person has access."""

    account_id: str
    name: str


def _give_up() -> bool:
    return False


class Portal:
    """One Identity Center's portal; ``base`` is its URL without a trailing slash.

    Methods raise ``PortalRefusal`` if it refuses, and ``ServiceError`` if there is no answer or it
    makes no sense.
    """

    def __init__(
        self,
        http: HttpClient,
        base: str,
        now: Callable[[], datetime],
        on_call: OnCall = ignore_call,
        on_names: Callable[[Mapping[str, str]], object] = dict,
    ) -> None:
        """``on_names`` is told what the accounts are called, by ID, when all are listed."""
        self._http = http
        self._on_call = on_call
        self._on_names = on_names
        self._base = base
        self._now = now

    def role_credentials(self, token: Secret, account: str, role: str) -> Credentials:
        """Return a session of ``role`` in ``account``; the permission set determines its lifetime."""
        operation = "GetRoleCredentials"
        query = {"role_name": role, "account_id": account}
        response, document = self._get("/federation/credentials", token, query, operation)
        try:
            now = self._now()
            credentials = document.get("roleCredentials")
            return _read_credentials(credentials, now, response.clock_offset)
        except ValueError as error:
            reason = str(error)
        raise unexpected_response(response, self._base, operation, reason)

    def accounts(self, token: Secret, waits: Callable[[], bool] = _give_up) -> tuple[Account, ...]:
        """Return all accounts to which the person has access, in the portal's order.

        ``waits``: asked when the portal still throttles after all attempts; true: try again.
        """
        operation = "ListAccounts"
        pages = self._pages("/assignment/accounts", token, {}, "accountList", operation, waits)
        found = tuple(self._account(each, operation) for page in pages for each in page)
        self._on_names({each.account_id: each.name for each in found})
        return found

    def _account(self, found: dict[str, Any], operation: str) -> Account:
        account, name = found.get("accountId"), found.get("accountName")
        if not isinstance(account, str) or not _ACCOUNT.fullmatch(account):
            raise self._nonsense(operation, f"not an account ID: {quoted(str(account))}")
        return Account(account, clean(str(name or ""))[:_LONGEST_NAME])

    def roles(
        self, token: Secret, account: str, waits: Callable[[], bool] = _give_up
    ) -> tuple[str, ...]:
        """Return the names of the roles that the person has in ``account``; ``waits``: as above."""
        query = {"account_id": account}
        pages = self._pages(
            "/assignment/roles", token, query, "roleList", "ListAccountRoles", waits
        )
        return tuple(self._role(each.get("roleName")) for page in pages for each in page)

    def _role(self, name: object) -> str:
        """Return the name of a role as it came: one that was changed would be another role's."""
        if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or name != clean(name):
            raise self._nonsense("ListAccountRoles", f"not a role: {quoted(str(name))}")
        return name

    def _nonsense(self, operation: str, reason: str) -> ServiceError:
        return ServiceError(
            f"{host_of(self._base)} answered {operation} with something unexpected",
            cause=reason,
            fix="check the address",
        )

    def logout(self, token: Secret) -> None:
        """End the session at the server; it is no error if it has ended already."""
        headers = {_TOKEN_HEADER: token}
        url = f"{self._base}/logout"
        response = send_json(
            lambda: self._http.send(HttpRequest("POST", url, headers=headers), attempts=2),
            self._on_call,
            "sso:Logout",
        )
        if response.status not in (401, 403):
            _raise_if_refused(response, url, "Logout")

    def _pages(
        self,
        path: str,
        token: Secret,
        query: Mapping[str, str],
        member: str,
        operation: str,
        waits: Callable[[], bool],
    ) -> Iterator[list[dict[str, Any]]]:
        wanted = {**query, "max_result": "100"}
        tokens: set[str] = set()
        for _ in range(_MOST_PAGES):
            response, document = self._get(path, token, wanted, operation, waits)
            items = document.get(member)
            if not isinstance(items, list):
                raise unexpected_response(response, self._base, operation, f"{member} is missing")
            yield [each if isinstance(each, dict) else {} for each in items]
            following = document.get("nextToken")
            if following is None or following == "":
                return
            if not isinstance(following, str) or following in tokens:
                raise self._nonsense(operation, "its pages go round, or lead nowhere")
            tokens.add(following)
            wanted["next_token"] = following
        raise ServiceError(
            f"{host_of(self._base)} does not stop listing: {operation}",
            cause=f"more than {_MOST_PAGES} pages arrived",
            fix="name account and role in the config: then nothing is listed",
        )

    def _get(
        self,
        path: str,
        token: Secret,
        query: Mapping[str, str],
        operation: str,
        waits: Callable[[], bool] = _give_up,
    ) -> tuple[HttpResponse, dict[str, Any]]:
        url = self._base + path
        request = HttpRequest("GET", url, headers={_TOKEN_HEADER: token}, query=query)
        role = f"{query['account_id']}:{query['role_name']}" if "role_name" in query else None
        while True:
            response = send_json(
                lambda: self._http.send(request, attempts=_PORTAL_ATTEMPTS),
                self._on_call,
                f"sso:{operation}",
                role,
            )
            if not (response.throttled and waits()):
                break
        _raise_if_refused(response, url, operation)
        try:
            return response, response.json_object()
        except ValueError as error:
            reason = str(error)
        raise unexpected_response(response, url, operation, reason)


def _raise_if_refused(response: HttpResponse, url: str, operation: str) -> None:
    if response.ok:
        return
    raise_if_unavailable(response, url, operation)
    if response.status not in (400, 401, 403, 404):
        raise unexpected_response(response, url, operation, "this call has no such status")
    code = clean(response.error_type)[:80]
    message = response.first_text("message")
    raise PortalRefusal(response.status, code, message)


def _read_credentials(document: object, now: datetime, clock_offset: timedelta) -> Credentials:
    if not isinstance(document, dict):
        raise ValueError("roleCredentials is missing")
    key_id = access_key_id(text_in(document, "accessKeyId"), "accessKeyId")
    milliseconds = document.get("expiration")  # since the epoch
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int):
        raise ValueError("expiration is not a number")
    expires_at = epoch_instant(milliseconds // 1000, "expiration")
    if not now < expires_at - clock_offset <= now + _LONGEST_SESSION:
        raise ValueError(f"the session expires at {expires_at:%Y-%m-%dT%H:%M:%SZ}: not plausible")
    secret, session = secret_in(document, "secretAccessKey"), secret_in(document, "sessionToken")
    return Credentials(key_id, secret, session, expires_at, clock_offset)
