"""The access portal of IAM Identity Center: accounts, roles, and credentials for one of them.

Calls are unsigned and carry the access token in a header (service sso, 2019-06-10).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rolehop.credentials import Credentials, Secret
from rolehop.errors import ServiceError
from rolehop.net.http import HttpClient, HttpRequest, unexpected
from rolehop.net.transport import HttpAnswer, host_of
from rolehop.oauth.responses import hidden_text, plain_text, raise_if_unavailable
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

_ATTEMPTS = 8
"""Listing hundreds of accounts meets 429 as a matter of course; it passes."""

_MOST_PAGES = 1_000
_TOKEN_HEADER = "x-amz-sso_bearer_token"  # noqa: S105 - the header's name
_ACCOUNT = re.compile(r"[0-9]{12}")
_KEY_ID = re.compile(r"[A-Za-z0-9_]{16,128}")


class PortalRefusal(Exception):
    """The portal said no. ``status`` 401: sign in again; 403: not assigned; 404: no such."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True)
class Account:
    """One account that the person may see."""

    account_id: str
    name: str


class Portal:
    """One Identity Center's portal; ``base`` is its URL without a trailing slash.

    Methods raise ``PortalRefusal`` where it says no, and ``ServiceError`` where there is no
    answer, or none that makes sense.
    """

    def __init__(self, http: HttpClient, base: str, now: Callable[[], datetime]) -> None:
        self._http = http
        self._base = base
        self._now = now

    def role_credentials(self, token: Secret, account: str, role: str) -> Credentials:
        """Return a session of ``role`` in ``account``; its life is the permission set's."""
        asked = "GetRoleCredentials"
        query = {"role_name": role, "account_id": account}
        answer, told = self._get("/federation/credentials", token, query, asked)
        try:
            return _read_credentials(told.get("roleCredentials"), self._now())
        except ValueError as error:
            reason = str(error)
        raise unexpected(answer, self._base, asked, reason)

    def accounts(self, token: Secret) -> tuple[Account, ...]:
        """Return every account that the person may see, as the portal orders them."""
        found = self._pages("/assignment/accounts", token, {}, "accountList", "ListAccounts")
        return tuple(
            Account(str(each["accountId"]), clean(str(each.get("accountName") or "")))
            for each in found
            if _ACCOUNT.fullmatch(str(each.get("accountId")))
        )

    def roles(self, token: Secret, account: str) -> tuple[str, ...]:
        """Return the names of the roles that the person may take in ``account``."""
        query = {"account_id": account}
        found = self._pages("/assignment/roles", token, query, "roleList", "ListAccountRoles")
        return tuple(clean(str(each["roleName"])) for each in found if each.get("roleName"))

    def logout(self, token: Secret) -> None:
        """End the session at the server; one that has ended already is no error."""
        headers = {_TOKEN_HEADER: token}
        url = f"{self._base}/logout"
        answer = self._http.send(HttpRequest("POST", url, headers=headers), attempts=2)
        if answer.status not in (401, 403):
            _refuse(answer, url, "Logout")

    def _pages(
        self, path: str, token: Secret, query: Mapping[str, str], member: str, asked: str
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        wanted = {**query, "max_result": "100"}
        for _ in range(_MOST_PAGES):
            answer, told = self._get(path, token, wanted, asked)
            items = told.get(member)
            if not isinstance(items, list):
                raise unexpected(answer, self._base, asked, f"{member} is missing")
            found += [each for each in items if isinstance(each, dict)]
            following = told.get("nextToken")
            if not isinstance(following, str) or not following:
                return found
            wanted["next_token"] = following
        raise ServiceError(
            f"{host_of(self._base)} does not come to an end with {asked}",
            cause=f"more than {_MOST_PAGES} pages came",
            fix="name account and role in the config: then nothing is listed",
        )

    def _get(
        self, path: str, token: Secret, query: Mapping[str, str], asked: str
    ) -> tuple[HttpAnswer, dict[str, Any]]:
        url = self._base + path
        request = HttpRequest("GET", url, headers={_TOKEN_HEADER: token}, query=query)
        answer = self._http.send(request, attempts=_ATTEMPTS)
        _refuse(answer, url, asked)
        try:
            return answer, answer.document()
        except ValueError as error:
            reason = str(error)
        raise unexpected(answer, url, asked, reason)


def _refuse(answer: HttpAnswer, url: str, asked: str) -> None:
    if answer.ok:
        return
    raise_if_unavailable(answer, url, asked)
    if answer.status not in (400, 401, 403, 404):
        raise unexpected(answer, url, asked, "the status is none that this call has")
    named = clean(answer.headers.get("x-amzn-errortype", "").partition(":")[0])[:80]
    raise PortalRefusal(answer.status, named or f"HTTP {answer.status}", answer.said("message"))


def _read_credentials(told: object, now: datetime) -> Credentials:
    if not isinstance(told, dict):
        raise ValueError("roleCredentials is missing")
    key_id = plain_text(told, "accessKeyId")
    if _KEY_ID.fullmatch(key_id) is None:
        raise ValueError("accessKeyId is no access key ID")
    ends = told.get("expiration")
    if isinstance(ends, bool) or not isinstance(ends, int):
        raise ValueError("expiration is no number")
    try:
        expires_at = datetime.fromtimestamp(ends // 1000, UTC)  # milliseconds since the epoch
    except (ValueError, OverflowError, OSError):
        raise ValueError("expiration is no time") from None
    if expires_at <= now:
        raise ValueError(f"the session has ended at {expires_at:%Y-%m-%dT%H:%M:%SZ}")
    secret, session = hidden_text(told, "secretAccessKey"), hidden_text(told, "sessionToken")
    return Credentials(key_id, secret, session, expires_at)
