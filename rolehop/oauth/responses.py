"""The answers of sign-in services: tokens, and OAuth's error codes (RFC 6749, 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rolehop.credentials import Secret, scrub
from rolehop.errors import ServiceError
from rolehop.net.http import unexpected
from rolehop.net.transport import HttpAnswer
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

LONGEST_TOKEN = 20_000
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


def read_document(answer: HttpAnswer, url: str, asked: str) -> dict[str, Any]:
    """Return the JSON object of a successful answer.

    Raises:
        OAuthRefusal: the service refused, with an OAuth error code.
        ServiceError: throttling, a server error, or an answer that is not JSON.
    """
    if answer.ok:
        try:
            return answer.document()
        except ValueError as error:
            reason = str(error)
        raise unexpected(answer, url, asked, reason)
    raise_if_unavailable(answer, url, asked)
    code = answer.said("error") or _error_type(answer)
    if not code:
        raise unexpected(answer, url, asked, "there is no error code in it")
    raise OAuthRefusal(code[:_LONGEST_CODE], answer.said("error_description", "message"))


def raise_if_unavailable(answer: HttpAnswer, url: str, asked: str) -> None:
    """Check that the answer is not one of throttling or a server error, after retries.

    Raises:
        ServiceError: it is.
    """
    if answer.status == 429 or answer.status >= 500:
        from rolehop.net.transport import host_of

        throttled = answer.status == 429
        raise ServiceError(
            f"{host_of(url)} {'is throttling' if throttled else 'failed at'} {asked}",
            cause=f"HTTP {answer.status}",
            fix="wait a minute and try again",
        )


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
    if isinstance(seconds, str) and seconds.isdecimal():  # some providers quote it
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("the lifetime is not a number")
    if not 0 < seconds <= _LONGEST_LIFE.total_seconds():
        raise ValueError("the lifetime is not plausible")
    return (now + timedelta(seconds=int(seconds))).astimezone(UTC).replace(microsecond=0)


def hidden_text(document: dict[str, Any], name: str) -> Secret:
    """Return the secret text under ``name``.

    Raises:
        ValueError: it is missing, or is not a text that can be sent.
    """
    found = _token(document, name)
    if found is None:
        raise ValueError(f"{name} is missing")
    return found


def plain_text(document: dict[str, Any], name: str) -> str:
    """Return the plain text under ``name``, cleaned of control characters.

    Raises:
        ValueError: it is missing, or not a text.
    """
    value = document.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing")
    return scrub(clean(value))


def _token(document: dict[str, Any], *names: str) -> Secret | None:
    value = next((document[name] for name in names if document.get(name) is not None), None)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TOKEN:
        raise ValueError(f"{names[0]} is not a token")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError(f"{names[0]} holds characters that cannot be sent")
    return Secret(value)


def _error_type(answer: HttpAnswer) -> str:
    """Return the error's name from AWS's rest-json header, e.g. ForbiddenException."""
    name = answer.headers.get("x-amzn-errortype", "")
    return clean(name.partition(":")[0])[:_LONGEST_CODE]
