"""Plain HTTP for the sources that are no Query service: JSON, forms and metadata endpoints.

No redirect is followed, and secrets are revealed only while a request is made.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Self
from urllib.parse import SplitResult, urlencode, urlsplit

from botocore.awsrequest import AWSRequest

from rolehop import __version__
from rolehop.credentials import Secret
from rolehop.errors import ConfigError, ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import ConnectionFailure, service_error
from rolehop.net.transport import (
    HttpAnswer,
    Transport,
    exposed_note,
    host_of,
    is_exposed,
    with_retries,
)
from rolehop.startup.dataclass import dataclass, field
from rolehop.startup.debug_log import debug

# Names and numbers only: what is sent is never logged.
LONGEST_BODY = 1_000_000  # bytes; tokens and pages of lists are far below

Text = str | Secret
"""What may be sent: a secret is revealed here and nowhere before."""


_TOO_MANY = 429
_OVERRIDES = "AWS_ENDPOINT_URL…, or endpoint_url of the AWS config,"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; at most one of ``form``, ``json`` and ``body`` is given."""

    method: str
    url: str
    """Whole, ``http`` or ``https``; its query must hold nothing secret."""

    headers: Mapping[str, Text] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """Added to ``url``, percent-encoded."""

    form: Mapping[str, Text] | None = None
    json: Mapping[str, object] | None = None
    """May hold secrets at any depth."""

    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {host_of(self.url)})"


class HttpClient:
    """Sends requests over kept-alive connections; safe to share between threads.

    Args:
        settings: its timeouts and CA bundle rule; its region is named in messages.
        proxies: follow the proxy variables; ``False`` for addresses of this machine or link.
        overridden: the address comes from AWS_ENDPOINT_URL… or the AWS config, for messages.
        advice: what to do when the address cannot be reached, instead of the words for AWS.
        set_by: what names the address, e.g. a variable, for messages.
        limit: the longest answer, in bytes.
        sleep: waits that many seconds.
        notify: shows one line to the user.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        proxies: bool = True,
        overridden: bool = False,
        advice: str | None = None,
        set_by: str | None = None,
        limit: int = LONGEST_BODY,
        sleep: Callable[[float], object] = time.sleep,
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._settings = settings
        self._proxies = proxies
        self._overridden = overridden
        self._advice = advice
        self._set_by = set_by or (_OVERRIDES if overridden else "its setting")
        self._limit = limit
        self._sleep = sleep
        self._notify = notify
        self._transports: dict[str, Transport] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for transport in self._transports.values():
                transport.close()
            self._transports.clear()

    def send(self, request: HttpRequest, *, attempts: int = 1) -> HttpAnswer:
        """Return the answer, whatever its status; redirects are answers, too.

        ``attempts`` is how often it may be sent: again, with full jitter, after 429, 5xx and
        passing faults of the connection. What must not be sent twice is sent once by default.

        Raises:
            ServiceError: there was no answer, or it was too long.
            ConfigError: the address cannot be called, or the CA bundle is not there.
            SourceError: a header's value cannot be sent.
        """

        def may_retry(outcome: HttpAnswer | ConnectionFailure, made: int) -> bool:
            # A server that fails is not asked as often as one that asks for patience (429).
            throttled = isinstance(outcome, HttpAnswer) and outcome.status == _TOO_MANY
            most = attempts if throttled else self._settings.max_attempts
            return made < min(attempts, most) and _may_pass(outcome)

        outcome, made = with_retries(
            lambda: self.attempt(request), may_retry=may_retry, sleep=self._sleep
        )
        if isinstance(outcome, ConnectionFailure):
            raise self.told(outcome, request.url, attempts=made)
        return outcome

    def attempt(self, request: HttpRequest) -> HttpAnswer | ConnectionFailure:
        """Send once; why there is no answer is a value, for those who tell absent from broken.

        Raises:
            ConfigError: the address cannot be called, or the CA bundle is not there.
            SourceError: a header's value cannot be sent.
        """
        transport = self._transport(request.url)
        _refuse_unsendable(request)
        outcome = transport.exchange(_prepared(request), self._limit)
        debug(__name__, "%s %s: %s", request.method, transport.route.host, outcome)
        return outcome

    def told(self, fault: ConnectionFailure, url: str, *, attempts: int = 1) -> ServiceError:
        """Return the error that tells ``fault``, met on the way to ``url``."""
        route = self._transport(url).route
        error = service_error(fault, route, self._settings, attempts=attempts, coded=False)
        if self._advice is not None and not fault.of_the_way:
            return ServiceError(error.what, cause=error.cause, fix=self._advice)
        return error

    def _transport(self, url: str) -> Transport:
        origin = _origin(url, self._set_by)
        with self._lock:
            if origin not in self._transports:
                if is_exposed(origin):
                    self._notify(exposed_note(origin))
                self._transports[origin] = Transport(
                    origin, self._settings, proxies=self._proxies, overridden=self._overridden
                )
            return self._transports[origin]


def unexpected(answer: HttpAnswer, url: str, asked: str, reason: str) -> ServiceError:
    """Return the error for an answer that cannot be understood; ``asked`` names the request."""
    return ServiceError(
        f"{host_of(url)} answered {asked} with something unexpected (HTTP {answer.status})",
        cause=reason,
        fix="check the address, and that no proxy or sign-in page stands between",
    )


def _origin(url: str, set_by: str) -> str:
    """Return scheme and host of an address that can be called; it is never shown.

    Raises:
        ConfigError: it cannot.
    """
    parts = _split(url)
    if parts is None or not _is_plain(url) or " " in url:
        raise ConfigError(
            f"the address in {set_by} cannot be called",
            cause="it is no http:// or https:// URL with a host",
            fix=f"correct {set_by}",
        )
    return f"{parts.scheme}://{parts.netloc}"


def _split(url: str) -> SplitResult | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # read for its check
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None


def _prepared(request: HttpRequest) -> AWSRequest:
    headers = {name: _revealed(value) for name, value in request.headers.items()}
    headers.setdefault("User-Agent", f"rolehop/{__version__}")
    body = request.body
    if request.form is not None:
        body = urlencode({name: _revealed(value) for name, value in request.form.items()}).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif request.json is not None:
        body = json.dumps(request.json, default=_plain).encode()
        headers.setdefault("Content-Type", "application/json")
    url = request.url
    if request.query:
        url += ("&" if "?" in url else "?") + urlencode(request.query)
    return AWSRequest(
        method=request.method, url=url, data=body or b"", headers=headers, stream_output=True
    )


def _revealed(value: Text) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _plain(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a {type(value).__name__} is not sent")


def _refuse_unsendable(request: HttpRequest) -> None:
    """Refuse what would break the headers: HTTP libraries quote such a header in their error."""
    wrong = [name for name, value in request.headers.items() if not _is_plain(_revealed(value))]
    if wrong:
        raise SourceError(
            f"the header {wrong[0]} for {host_of(request.url)} cannot be sent",
            cause="it holds a line end or a character that is not ASCII",
            fix="take the token or address whole and alone from where it comes from",
        )


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable()


def _may_pass(outcome: HttpAnswer | ConnectionFailure) -> bool:
    if isinstance(outcome, ConnectionFailure):
        return outcome.passing
    return outcome.status == _TOO_MANY or outcome.status >= 500
