"""Plain HTTP for services without the Query protocol: JSON, forms and metadata endpoints.

Secrets are revealed only while a request is being built, and what is sent is never logged.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Self
from urllib.parse import urlencode

from botocore.awsrequest import AWSRequest

from rolehop import __version__
from rolehop.aws.net.addresses import host_of, origin_of, warn_if_exposed
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import ConnectionFailure, service_error
from rolehop.aws.net.transport import (
    LONGEST_BODY,
    HttpResponse,
    Outcome,
    Transport,
    send_with_retries,
    web_page_error,
)
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, field
from rolehop.base.errors import ServiceError, SourceError
from rolehop.base.startup import debug

Text = str | Secret
"""What may be sent; a secret is revealed when its request is built, and nowhere before."""

OVERRIDES = "AWS_ENDPOINT_URL…, or endpoint_url of the AWS config,"


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request; at most one of ``form``, ``json`` and ``body`` is given."""

    method: str
    url: str
    """Complete, ``http`` or ``https``; its query must not contain secrets."""

    headers: Mapping[str, Text] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    """Added to ``url``, percent-encoded."""

    form: Mapping[str, Text] | None = None
    json: Mapping[str, object] | None = None
    """May contain secrets at any depth."""

    body: bytes | None = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {host_of(self.url)})"


class HttpClient:
    """Sends requests over kept-alive connections; safe to share between threads.

    Args:
        settings: timeouts and CA bundle; the region is named in messages.
        proxies: follow the proxy variables; ``False`` for addresses of this machine or its link.
        overridden: the address comes from AWS_ENDPOINT_URL… or the AWS config, for messages.
        advice: what to do if the address cannot be reached, instead of the advice for AWS.
        set_by: names the setting with the address, e.g. a variable, for messages.
        limit: the longest response, in bytes.
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
        self._set_by = set_by or (OVERRIDES if overridden else "its setting")
        self._longest = limit
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

    def send(self, request: HttpRequest, *, attempts: int = 1) -> HttpResponse:
        """Return the response, whatever its status; redirects are responses, too.

        ``attempts`` is how often it may be sent: again after 429, 5xx and connection failures
        that may pass. By default it is sent once, as is right for what must not be sent twice.

        Raises:
            ServiceError: there was no response, or it was too long or too slow.
            ConfigError: the address cannot be called, or the CA bundle does not exist.
            SourceError: a header's value cannot be sent.
        """

        def may_retry(outcome: Outcome, made: int) -> bool:
            if isinstance(outcome, ConnectionFailure):
                return outcome.retryable and made < min(attempts, self._settings.max_attempts)
            # A server that throttles is asked more often than one that fails.
            allowed = attempts if outcome.throttled else min(attempts, self._settings.max_attempts)
            return outcome.unavailable and made < allowed

        outcome, made = self.outcome(request, may_retry)
        if isinstance(outcome, ConnectionFailure):
            raise self._no_response(outcome, request.url, made)
        return outcome

    def outcome(
        self, request: HttpRequest, may_retry: Callable[[Outcome, int], bool]
    ) -> tuple[Outcome, int]:
        """Return the last outcome and the number of attempts; see `send_with_retries`.

        For callers to whom a failed connection is not an error but says that nobody is there.

        Raises:
            ConfigError: the address cannot be called, or the CA bundle does not exist.
            SourceError: a header's value cannot be sent.
        """
        transport = self._transport(request.url)
        _check_sendable(request)

        def send() -> Outcome:
            outcome = transport.exchange(_built(request), self._longest)
            debug(__name__, "%s %s: %s", request.method, transport.route.host, outcome)
            return outcome

        return send_with_retries(send, may_retry, self._sleep, transport.route.host)

    def proxy_of(self, url: str) -> str | None:
        """Return the proxy that ``url`` is reached through, without its password; ``None``: none.

        Raises:
            ConfigError: the address cannot be called, or the CA bundle does not exist.
        """
        return self._transport(url).route.proxy

    def _no_response(self, failure: ConnectionFailure, url: str, attempts: int) -> ServiceError:
        route = self._transport(url).route
        error = service_error(failure, route, self._settings, attempts=attempts)
        if self._advice is not None and not failure.is_proxy_or_tls:
            return ServiceError(error.what, cause=error.cause, fix=self._advice)
        return error

    def _transport(self, url: str) -> Transport:
        origin = origin_of(url, self._set_by)
        with self._lock:
            if origin not in self._transports:
                warn_if_exposed(origin, self._notify)
                self._transports[origin] = Transport(
                    origin, self._settings, proxies=self._proxies, overridden=self._overridden
                )
            return self._transports[origin]


def unexpected_response(
    response: HttpResponse, url: str, operation: str, reason: str
) -> ServiceError:
    """Return the error for a response to ``operation`` that makes no sense, for ``reason``."""
    host = host_of(url)
    return web_page_error(response, host, operation) or ServiceError(
        f"{host} answered {operation} with something unexpected (HTTP {response.status})",
        cause=reason,
        fix="check the address, and that no proxy or sign-in page stands between",
    )


def _built(request: HttpRequest) -> AWSRequest:
    headers = {name: _revealed(value) for name, value in request.headers.items()}
    headers.setdefault("User-Agent", f"rolehop/{__version__}")
    body = request.body
    if request.form is not None:
        body = urlencode({name: _revealed(value) for name, value in request.form.items()}).encode()
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    elif request.json is not None:
        body = json.dumps(request.json, default=_revealed_member).encode()
        headers.setdefault("Content-Type", "application/json")
    url = request.url
    if request.query:
        url += ("&" if "?" in url else "?") + urlencode(request.query)
    return AWSRequest(
        method=request.method, url=url, data=body or b"", headers=headers, stream_output=True
    )


def _revealed(value: Text) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _revealed_member(value: object) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"a {type(value).__name__} is not sent")


def _check_sendable(request: HttpRequest) -> None:
    """Refuse what would break the headers: HTTP libraries quote such a header in their error."""
    values: Any = request.headers.items()
    wrong = [name for name, value in values if not _is_plain(_revealed(value))]
    if wrong:
        raise SourceError(
            f"the header {wrong[0]} for {host_of(request.url)} cannot be sent",
            cause="it contains a line break or a character that is not ASCII",
            fix="take the token or address as it is, complete and with nothing else",
        )


def _is_plain(value: str) -> bool:
    return value.isascii() and value.isprintable()
