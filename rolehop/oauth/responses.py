"""The answers of sign-in services: tokens, and OAuth's error codes (RFC 6749, 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rolehop.credentials import Secret
from rolehop.errors import ServiceError
from rolehop.json_fields import secret_in
from rolehop.net.addresses import host_of
from rolehop.net.http import unexpected_response
from rolehop.net.transport import HttpResponse
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

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


def read_tokens(document: dict[str, Any], now: datetime) -> Tokens:
    """Return the tokens of ``document``, in camelCase (AWS) or snake_case (OAuth).

    Raises:
        ValueError: the access token is missing, or a member is invalid; nothing is quoted.
    """
    access = _token(document, "accessToken", "access_token")
    if access is None:
        raise ValueError("the access token is missing")
    return Tokens(
        access,
        expiry(document.get("expiresIn", document.get("expires_in")), now),
        _token(document, "refreshToken", "refresh_token"),
        _token(document, "idToken", "id_token"),
    )


def expiry(seconds: object, now: datetime) -> datetime:
    """Return ``now`` plus ``seconds``, in UTC and whole seconds; ``None`` counts as an hour.

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
    return (now + timedelta(seconds=int(seconds))).astimezone(UTC).replace(microsecond=0)


def _token(document: dict[str, Any], *names: str) -> Secret | None:
    name = next((name for name in names if document.get(name) is not None), None)
    return None if name is None else secret_in(document, name)
