"""Connections to one origin, kept alive; each exchange ends in time and gives an answer or a reason.

It stands on botocore's HTTP session, so proxies, CA bundles and TLS are those of the AWS CLI. That
session's own timeouts are for one read each: a server that sends a byte a second, headers without
end, or "100 Continue" again and again would never exceed them. So an exchange has a limit as a
whole, from the look-up of the name to the last byte.
"""

from __future__ import annotations

import ipaddress
import json
import random
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from rolehop.credentials import scrub
from rolehop.daemon_threads import call_within
from rolehop.errors import ConfigError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import ConnectionFailure, FaultKind, Route, classify_failure
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean
from rolehop.time_limit import seconds_left, time_limit

CALL_SECONDS = 40.0
"""For one call with all its attempts: whoever waits for a lock that it holds gives up after 45."""

_LONGEST_WAIT = 20.0  # seconds between two attempts
_LONGEST_MESSAGE = 500  # characters of a server's own words that are shown
_LONGEST_NUMBER = 18  # digits of a Content-Length that is looked at
# Headers and body leave in two segments; with Nagle's algorithm, which botocore leaves on, the
# second waits some 40 ms for the other side's delayed acknowledgement.
_NO_DELAY: Any = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
# Where credentials come from in plain HTTP by AWS's own design: EC2, ECS and EKS Pod Identity.
_METADATA_HOSTS = frozenset(
    ["169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"]
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One HTTP answer, read whole; it may hold secrets, so it shows only its size."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

    def __repr__(self) -> str:
        return f"HttpAnswer({self.status}, {len(self.body)} bytes)"

    @property
    def ok(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300

    def document(self) -> dict[str, Any]:
        """Return the JSON object that the body is.

        Raises:
            ValueError: it is anything else; the body is not quoted.
        """
        try:
            found = json.loads(self.body)
        except (ValueError, RecursionError):
            found = None
        # Raised outside of except: a JSONDecodeError carries the whole text.
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
        return found

    def said(self, *names: str) -> str:
        """Return the first text among the JSON members ``names``, cleaned; empty: there is none."""
        try:
            told = self.document()
        except ValueError:
            return ""
        texts = (told.get(name) for name in names)
        found = next((text for text in texts if isinstance(text, str) and text), "")
        return scrub(clean(found))[:_LONGEST_MESSAGE]


class Transport:
    """Safe to share between threads.

    Attributes:
        route: the way to the origin, as far as people may see it.
    """

    def __init__(
        self,
        origin: str,
        settings: ClientSettings,
        *,
        proxies: bool = True,
        overridden: bool = False,
        pool_size: int = 10,
    ) -> None:
        """Connect to nothing yet.

        Args:
            origin: ``http://HOST`` or ``https://HOST``, with or without a port.
            settings: timeouts and the CA bundle.
            proxies: use the proxy variables; ``False`` for addresses of this machine or link.
            overridden: AWS_ENDPOINT_URL… or the AWS config sets the address; for messages.
            pool_size: connections that are kept; extra ones are closed after use.

        Raises:
            ConfigError: the CA bundle does not exist.
        """
        if settings.ca_bundle is not None and not Path(settings.ca_bundle).exists():
            raise ConfigError(
                f"the CA bundle {settings.ca_bundle!r} does not exist",
                fix="correct AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or ca_bundle of the AWS config",
            )
        found: dict[str, str] = get_environ_proxies(origin) if proxies else {}
        # Any: the stubs of botocore know neither a path nor a pair here; botocore itself does.
        verify: Any = settings.ca_bundle or True
        timeout: Any = (settings.connect_timeout_seconds, settings.read_timeout_seconds)
        self._session = URLLib3Session(
            verify=verify,
            proxies=found,
            timeout=timeout,
            max_pool_connections=pool_size,
            socket_options=_NO_DELAY,
        )
        self._seconds = settings.connect_timeout_seconds + settings.read_timeout_seconds
        proxy = found.get(urlsplit(origin).scheme)
        self.route = Route(host_of(origin), _without_user(proxy), overridden)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._session.close()

    def exchange(self, request: AWSRequest, limit: int) -> HttpAnswer | ConnectionFailure:
        """Send once and read the answer, of at most ``limit`` bytes.

        A failure is a value, so that no traceback holds the request.
        """
        prepared: Any = request.prepare()
        seconds = seconds_left(self._seconds)
        try:
            return call_within(seconds, lambda: self._exchange(prepared, limit))
        except TimeoutError:
            return ConnectionFailure(FaultKind.TOO_SLOW)

    def _exchange(self, prepared: Any, limit: int) -> HttpAnswer | ConnectionFailure:
        try:
            return _receive(self._session.send(prepared), limit)
        except (BotoCoreError, HTTPError) as error:
            return classify_failure(error)


def _receive(response: Any, limit: int) -> HttpAnswer | ConnectionFailure:
    body: bytes = response.raw.read(limit + 1)
    if len(body) > limit:
        response.raw.close()  # the rest is still on the wire: not for the next caller
        return ConnectionFailure(FaultKind.TOO_LONG)
    response.raw.release_conn()
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and len(length) <= _LONGEST_NUMBER and len(body) < int(length):
        return ConnectionFailure(FaultKind.CLOSED)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return HttpAnswer(response.status_code, headers, body)


def with_retries(
    send: Callable[[], T | ConnectionFailure],
    *,
    may_retry: Callable[[T | ConnectionFailure, int], bool],
    sleep: Callable[[float], object],
) -> tuple[T | ConnectionFailure, int]:
    """Return the last outcome of ``send``, and how often it was called.

    It is called again while ``may_retry`` says so of an outcome and the number of attempts made,
    after a wait, as long as the time for the whole call allows.
    """
    made = 0
    with time_limit(CALL_SECONDS):
        while True:
            made += 1
            outcome = send()
            if not may_retry(outcome, made):
                return outcome, made
            wait = _wait_seconds(outcome, made)
            if wait >= seconds_left(CALL_SECONDS):
                return outcome, made
            sleep(wait)


def _wait_seconds(outcome: object, attempt: int) -> float:
    """Full jitter up to 1 s, 2 s, 4 s …, and at least what Retry-After asks for (20 s at most).

    Jitter keeps callers that were refused together from coming back together.
    """
    wait = random.uniform(0, min(_LONGEST_WAIT, 2.0 ** (attempt - 1)))  # noqa: S311 - no secret
    asked = outcome.headers.get("retry-after", "") if isinstance(outcome, HttpAnswer) else ""
    if not asked.isdecimal():
        return wait
    return max(wait, _LONGEST_WAIT if len(asked) > 2 else min(_LONGEST_WAIT, float(asked)))


def host_of(url: str) -> str:
    """Return host and, if it is given, port of ``url``; never a user name or password."""
    return clean(urlsplit(url).netloc.rpartition("@")[2])


def is_exposed(url: str) -> bool:
    """True if what is sent to ``url`` crosses a network unencrypted.

    Not so are HTTPS, loopback, and the metadata addresses, which are this machine's own link.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "http" or host == "localhost" or host in _METADATA_HOSTS:
        return False
    try:
        return not ipaddress.ip_address(host).is_loopback
    except ValueError:
        return True


def exposed_note(url: str) -> str:
    """Return the warning that `is_exposed` calls for."""
    return (
        f"{host_of(url)} is called over plain http: signatures, tokens and answers can be read and"
        " changed on the way; use https"
    )


def _without_user(proxy: str | None) -> str | None:
    """Return a proxy's host and port without the user name and password it may carry."""
    return proxy.rpartition("//")[2].rpartition("@")[2].partition("/")[0] if proxy else None
