"""What sign-in services answer: tokens, and refusals in OAuth's own words (RFC 6749, 5)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rolehop.credentials import Secret, scrub
from rolehop.errors import ServiceError
from rolehop.net.http import HttpAnswer, unexpected
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

LONGEST_TOKEN = 20_000
_LONGEST_WORD = 80
_LONGEST_LIFE = timedelta(days=400)


class OAuthRefusal(Exception):
    """The service said no; ``code`` is e.g. ``authorization_pending`` or ``invalid_grant``."""

    def __init__(self, code: str, description: str) -> None:
        super().__init__(f"{code}: {description}" if description else code)
        self.code = code
        self.description = description


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a token endpoint gave."""

    access: Secret
    expires_at: datetime
    """Aware, UTC, whole seconds."""

    refresh: Secret | None = None
    identity: Secret | None = None
    """The ID token of OpenID Connect, where there is one."""


def read_document(answer: HttpAnswer, url: str, asked: str) -> dict[str, Any]:
    """Return the JSON object of a good answer.

    Raises:
        OAuthRefusal: the service refused, in OAuth's words.
        ServiceError: throttling, a fault, or an answer that is no JSON.
    """
    if answer.ok:
        try:
            return answer.document()
        except ValueError as error:
            reason = str(error)
        raise unexpected(answer, url, asked, reason)
    raise_trouble(answer, url, asked)
    code = answer.said("error") or _error_type(answer)
    if not code:
        raise unexpected(answer, url, asked, "there is no error code in it")
    raise OAuthRefusal(code[:_LONGEST_WORD], answer.said("error_description", "message"))


def raise_trouble(answer: HttpAnswer, url: str, asked: str) -> None:
    """Raise where an answer says that the service is throttling or at fault, after retries.

    Raises:
        ServiceError: it says so.
    """
    if answer.status == 429 or answer.status >= 500:
        from rolehop.net.http import host_of

        throttled = answer.status == 429
        raise ServiceError(
            f"{host_of(url)} {'is throttling' if throttled else 'failed at'} {asked}",
            cause=f"HTTP {answer.status}",
            fix="wait a minute and try again",
        )


def read_tokens(told: dict[str, Any], now: datetime) -> Tokens:
    """Return the tokens of ``told``, camelCase (AWS) or snake_case (OAuth).

    Raises:
        ValueError: the access token is missing, or a member makes no sense; never quotes one.
    """
    access = _token(told, "accessToken", "access_token")
    if access is None:
        raise ValueError("the access token is missing")
    return Tokens(
        access,
        expiry(told.get("expiresIn", told.get("expires_in")), now),
        _token(told, "refreshToken", "refresh_token"),
        _token(told, "idToken", "id_token"),
    )


def expiry(seconds: object, now: datetime) -> datetime:
    """Return ``now`` and that many seconds, as a whole second in UTC; absent counts as an hour.

    Raises:
        ValueError: it is no sensible number.
    """
    if seconds is None:
        seconds = 3600
    if isinstance(seconds, str) and seconds.isdecimal():  # some providers quote it
        seconds = int(seconds)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ValueError("the lifetime is no number")
    if not 0 < seconds <= _LONGEST_LIFE.total_seconds():
        raise ValueError("the lifetime makes no sense")
    return (now + timedelta(seconds=int(seconds))).astimezone(UTC).replace(microsecond=0)


def hidden_text(told: dict[str, Any], name: str) -> Secret:
    """Return the secret text under ``name``.

    Raises:
        ValueError: it is not there, or is no text that can be sent.
    """
    found = _token(told, name)
    if found is None:
        raise ValueError(f"{name} is missing")
    return found


def plain_text(told: dict[str, Any], name: str) -> str:
    """Return the plain text under ``name``, cleaned of control characters.

    Raises:
        ValueError: it is not there, or no text.
    """
    value = told.get(name)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{name} is missing")
    return scrub(clean(value))


def _token(told: dict[str, Any], *names: str) -> Secret | None:
    value = next((told[name] for name in names if told.get(name) is not None), None)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_TOKEN:
        raise ValueError(f"{names[0]} is no token")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise ValueError(f"{names[0]} holds characters that cannot be sent")
    return Secret(value)


def _error_type(answer: HttpAnswer) -> str:
    """Return the error's name in the header of AWS's rest-json, e.g. ForbiddenException."""
    told = answer.headers.get("x-amzn-errortype", "")
    return clean(told.partition(":")[0])[:_LONGEST_WORD]
