"""A strict IAM Identity Center: its OIDC service and its portal, on one loopback address.

It checks the PKCE challenge, the redirect (registered without a port, used with one), that codes
and refresh tokens are good once, and that tokens are neither ended nor another person's. Roles
are those of the STS double, so that a session can be walked on with.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode, urlsplit

from tests.doubles.sts import StrictSts
from tests.doubles.web import Asked, Reply, Service

DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class Client:
    secret: str
    expires_at: datetime
    redirects: list[str]


@dataclass
class Session:
    """One person's sign-in: its current access token and refresh token."""

    person: str
    client: str
    access: str
    refresh: str
    expires_at: datetime
    ended: bool = False


@dataclass
class Center(Service):
    """The double; ``person`` signs in at the browser."""

    sts: StrictSts
    start_url: str = "https://corp.awsapps.com/start"
    person: str = "alice"
    approves: bool = True
    token_seconds: int = 3600
    renews: bool = True
    """Sign-ins get a refresh token."""

    interval: int = 1
    clients: dict[str, Client] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    assignments: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    """Person to pairs of account and role name."""

    confused: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)
    """The account and role whose session is given when another's is asked for."""

    page: int = 100
    """Most items a page, whatever is asked."""

    names: dict[str, str] = field(default_factory=dict)
    """What accounts are called, by ID; others by their last digits."""

    suspended: set[str] = field(default_factory=set)
    """Accounts that the portal does not list, whatever is assigned in them."""

    throttles_every: int = 0
    """Every so many calls that list something are throttled, each once; 0: none is."""

    def __post_init__(self) -> None:
        Service.__init__(self)
        self.codes: dict[str, tuple[str, str, str]] = {}
        """Code to client, redirect, and challenge."""

        self.devices: dict[str, tuple[str, bool]] = {}
        """Device code to client, and whether it was approved."""

        self.cursors: dict[str, tuple[str, str, int]] = {}
        """Token of a next page to the access token and the list it is of, and where that goes on."""

        self.listed = 0
        """Calls that were asked to list something, throttled ones too."""

    @property
    def environ(self) -> dict[str, str]:
        return {"AWS_ENDPOINT_URL_SSO": self.url, "AWS_ENDPOINT_URL_SSO_OIDC": self.url}

    @property
    def now(self) -> datetime:
        return self.sts.now

    def assign(self, person: str, account: str, role: str) -> str:
        """Give ``person`` a role in ``account``; return the IAM role's ARN."""
        digest = hashlib.sha256(f"{account}{role}".encode()).hexdigest()[:16]
        name = f"AWSReservedSSO_{role}_{digest}"
        arn = f"arn:aws:iam::{account}:role/aws-reserved/sso.amazonaws.com/{name}"
        if arn not in self.sts.world.roles:
            self.sts.world.role(arn, max_session=43200)
        mine = self.assignments.setdefault(person, [])
        if (account, role) not in mine:
            mine.append((account, role))
        return arn

    def approve(self) -> None:
        """Approve all device codes that are shown."""
        self.devices = {code: (client, True) for code, (client, _) in self.devices.items()}

    def end_all(self) -> None:
        """End every sign-in at the server, as an administrator does."""
        for each in self.sessions:
            each.ended = True

    def secrets(self) -> list[str]:
        """Return every secret that it ever issued."""
        given = [text for each in self.sessions for text in (each.access, each.refresh)]
        return given + [client.secret for client in self.clients.values()]

    def answer(self, asked: Asked) -> Reply:
        rules: dict[tuple[str, str], Callable[[Asked], Reply]] = {
            ("POST", "/client/register"): self._register,
            ("POST", "/device_authorization"): self._device,
            ("POST", "/token"): self._token,
            ("GET", "/authorize"): self._authorize,
            ("GET", "/federation/credentials"): self._credentials,
            ("GET", "/assignment/accounts"): self._accounts,
            ("GET", "/assignment/roles"): self._roles,
            ("POST", "/logout"): self._logout,
        }
        rule = rules.get((asked.method, asked.path))
        return Reply(404, {"message": "no such path"}) if rule is None else rule(asked)

    # ---- sso-oidc

    def _register(self, asked: Asked) -> Reply:
        fields = asked.json()
        if fields["clientType"] != "public" or not fields["clientName"]:
            return _oauth("invalid_client_metadata")
        redirects = fields.get("redirectUris", [])
        if any(urlsplit(each).port for each in redirects):
            return _oauth("invalid_redirect_uri", "registered with a port")
        if redirects and fields.get("issuerUrl") != self.start_url:
            return _oauth("invalid_request", "another issuer")
        name = secrets.token_hex(8)
        ends = self.now + timedelta(days=90)
        self.clients[name] = Client(secrets.token_urlsafe(32), ends, redirects)
        return Reply(
            json={
                "clientId": name,
                "clientSecret": self.clients[name].secret,
                "clientIdIssuedAt": int(self.now.timestamp()),
                "clientSecretExpiresAt": int(ends.timestamp()),
                "authorizationEndpoint": None,
                "tokenEndpoint": None,
            }
        )

    def _known(self, fields: dict[str, str]) -> Client | None:
        client = self.clients.get(fields.get("clientId", ""))
        if client is None or client.secret != fields.get("clientSecret"):
            return None
        return client if client.expires_at > self.now else None

    def _device(self, asked: Asked) -> Reply:
        fields = asked.json()
        if self._known(fields) is None:
            return _oauth("invalid_client", status=401)
        if fields["startUrl"] != self.start_url:
            return _oauth("invalid_request", "no such start URL")
        code = secrets.token_urlsafe(24)
        self.devices[code] = (fields["clientId"], False)
        return Reply(
            json={
                "deviceCode": code,
                "userCode": "ABCD-EFGH",
                "verificationUri": f"{self.url}/device",
                "verificationUriComplete": f"{self.url}/device?user_code=ABCD-EFGH",
                "expiresIn": 600,
                "interval": self.interval,
            }
        )

    def _authorize(self, asked: Asked) -> Reply:
        query = asked.query
        client = self.clients.get(query["client_id"])
        uri = urlsplit(query["redirect_uri"])
        without_port = f"{uri.scheme}://{uri.hostname}{uri.path}"
        if client is None or without_port not in client.redirects or uri.hostname != "127.0.0.1":
            return _oauth("invalid_redirect_uri")
        if query["response_type"] != "code" or query["code_challenge_method"] != "S256":
            return _oauth("invalid_request")
        if query["scopes"] != "sso:account:access" or not query["state"]:
            return _oauth("invalid_scope")
        back = {"state": query["state"]}
        if self.approves:
            code = secrets.token_urlsafe(24)
            fields = (query["client_id"], query["redirect_uri"], query["code_challenge"])
            self.codes[code] = fields
            back["code"] = code
        else:
            back |= {"error": "access_denied", "error_description": "somebody said no"}
        return Reply(302, {}, headers={"Location": f"{query['redirect_uri']}?{urlencode(back)}"})

    def _token(self, asked: Asked) -> Reply:
        fields = asked.json()
        if self._known(fields) is None:
            return _oauth("invalid_client", status=401)
        grants = {
            "authorization_code": self._by_code,
            DEVICE: self._by_device,
            "refresh_token": self._by_refresh,
        }
        grant = grants.get(fields["grantType"])
        return _oauth("unsupported_grant_type") if grant is None else grant(fields)

    def _by_code(self, fields: dict[str, str]) -> Reply:
        client, redirect, challenge = self.codes.pop(fields["code"], ("", "", ""))
        digest = hashlib.sha256(fields["codeVerifier"].encode()).digest()
        proved = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if client != fields["clientId"] or redirect != fields["redirectUri"] or not proved:
            return _oauth("invalid_grant")
        return self._signed_in(client)

    def _by_device(self, fields: dict[str, str]) -> Reply:
        client, approved = self.devices.get(fields["deviceCode"], ("", False))
        if client != fields["clientId"]:
            return _oauth("invalid_grant")
        if not self.approves:
            return _oauth("access_denied")
        if not approved:
            return _oauth("authorization_pending")
        del self.devices[fields["deviceCode"]]
        return self._signed_in(client)

    def _by_refresh(self, fields: dict[str, str]) -> Reply:
        for each in self.sessions:
            if each.refresh == fields["refreshToken"] and each.client == fields["clientId"]:
                if each.ended:
                    break
                each.access, each.refresh = secrets.token_urlsafe(64), secrets.token_urlsafe(64)
                each.expires_at = self.now + timedelta(seconds=self.token_seconds)
                return self._tokens(each)
        return _oauth("invalid_grant")

    def _signed_in(self, client: str) -> Reply:
        access, refresh = secrets.token_urlsafe(64), secrets.token_urlsafe(64)
        ends = self.now + timedelta(seconds=self.token_seconds)
        self.sessions.append(Session(self.person, client, access, refresh, ends))
        return self._tokens(self.sessions[-1])

    def _tokens(self, session: Session) -> Reply:
        return Reply(
            json={
                "accessToken": session.access,
                "tokenType": "Bearer",
                "expiresIn": self.token_seconds,
                **({"refreshToken": session.refresh} if self.renews else {}),
            }
        )

    # ---- portal

    def _session(self, asked: Asked) -> Session | None:
        token = asked.headers.get("x-amz-sso_bearer_token", "")
        found = next((each for each in self.sessions if each.access == token), None)
        if found is None or found.ended or found.expires_at <= self.now:
            return None
        return found

    def _credentials(self, asked: Asked) -> Reply:
        session = self._session(asked)
        if session is None:
            return _portal(401, "UnauthorizedException", "Session token not found or invalid")
        account, role = asked.query["account_id"], asked.query["role_name"]
        if (account, role) not in self.assignments.get(session.person, []):
            return _portal(403, "ForbiddenException", "No access")
        account, role = self.confused.get((account, role), (account, role))
        arn = self.assign(session.person, account, role)
        iam = self.sts.world.roles[arn]
        ends = self.now.astimezone(UTC).replace(microsecond=0) + timedelta(hours=4)
        key = self.sts.world.issue(
            600,
            account=account,
            arn=f"arn:aws:sts::{account}:assumed-role/{iam.name}/{session.person}",
            user_id=f"{iam.role_id}:{session.person}",
            role=iam,
            expires_at=ends,
        )
        return Reply(
            json={
                "roleCredentials": {
                    "accessKeyId": key.access_key_id,
                    "secretAccessKey": key.secret,
                    "sessionToken": key.token,
                    "expiration": int(ends.timestamp() * 1000),
                }
            }
        )

    def _accounts(self, asked: Asked) -> Reply:
        session = self._session(asked)
        if session is None:
            return _portal(401, "UnauthorizedException", "Session token not found or invalid")
        numbers = list(dict.fromkeys(each for each, _ in self.assignments.get(session.person, [])))
        items = [
            {"accountId": each, "accountName": self.names.get(each, f"account {each[-3:]}")}
            for each in numbers
            if each not in self.suspended
        ]
        return self._paged(asked, "accountList", items)

    def _roles(self, asked: Asked) -> Reply:
        session = self._session(asked)
        if session is None:
            return _portal(401, "UnauthorizedException", "Session token not found or invalid")
        account = asked.query["account_id"]
        mine = dict.fromkeys(self.assignments.get(session.person, []))
        items = [{"roleName": role, "accountId": each} for each, role in mine if each == account]
        return self._paged(asked, "roleList", items)

    def _paged(self, asked: Asked, member: str, items: list[dict[str, str]]) -> Reply:
        self.listed += 1
        if self.throttles_every and self.listed % self.throttles_every == 0:
            return _portal(429, "TooManyRequestsException", "HTTP 429 Unknown Code")
        most = int(asked.query["max_result"])
        bearer = asked.headers["x-amz-sso_bearer_token"]
        of = f"{asked.path} {asked.query.get('account_id')}"
        cursor = asked.query.get("next_token")
        known = self.cursors.get(cursor or "", (bearer, of, 0))
        if not 1 <= most <= 100 or known[:2] != (bearer, of) or (cursor and known[2] == 0):
            return _portal(400, "InvalidRequestException", "no such page")
        start, end = known[2], known[2] + min(self.page, most)
        following = None
        if end < len(items):
            following = secrets.token_urlsafe(24)
            self.cursors[following] = (bearer, of, end)
        return Reply(json={member: items[start:end], "nextToken": following})

    def _logout(self, asked: Asked) -> Reply:
        session = self._session(asked)
        if session is None:
            return _portal(401, "UnauthorizedException", "Session token not found or invalid")
        session.ended = True
        return Reply(text="{}")


def _oauth(error: str, description: str = "", status: int = 400) -> Reply:
    return Reply(status, {"error": error, "error_description": description})


def _portal(status: int, name: str, message: str) -> Reply:
    return Reply(status, {"message": message}, headers={"x-amzn-ErrorType": name})
