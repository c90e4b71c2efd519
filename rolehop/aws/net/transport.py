"""HTTP exchanges with one origin over kept-alive connections, and when to try again.

It uses botocore's HTTP session, so proxies, CA bundles and TLS are those of the AWS CLI. Redirects
are not followed, and responses have a bounded size.

That session's own timeouts are for one read each: a server that sends one byte a second, headers
without end, or "100 Continue" again and again would never exceed them. So an exchange has a limit
as a whole, from looking up the name to the last byte.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
    AWSRequest,
)
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from rolehop.aws.net.addresses import host_of, is_private, without_user
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import (
    ConnectionFailure,
    FailureKind,
    NetworkPath,
    classify_failure,
)
from rolehop.aws.net.exchange_clock import offset_of_server, this_moment
from rolehop.base.credentials import scrub
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import ConfigError, ServiceError
from rolehop.base.file_access import distrust_of_authorities
from rolehop.base.files import endless, is_there
from rolehop.base.json_fields import json_object
from rolehop.base.startup import Pattern
from rolehop.base.text import clean, quoted
from rolehop.base.threads import call_within
from rolehop.base.time_limit import seconds_left, time_limit
from rolehop.base.waits import Wait

# Headers and body are sent in two segments. With Nagle's algorithm, which botocore leaves on, the
# second one waits some 40 ms for the other side's delayed acknowledgement.
_NO_DELAY = (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


class Exchange:
    """The connections that one exchange uses; a context manager in the thread that makes it."""

    def __init__(self) -> None:
        self._handles: list[socket.socket] = []
        self._ended = False
        self.connected = False
        """A connection stood, through a proxy's tunnel and TLS, so that the request may be sent."""

        self._lock = threading.Lock()

    def __enter__(self) -> None:
        _current.exchange = self

    def __exit__(self, *_: object) -> None:
        _current.exchange = None
        with self._lock:
            while self._handles:
                self._handles.pop().close()

    def uses(self, connection: socket.socket) -> None:
        """Note that the exchange uses ``connection`` from now on."""
        with self._lock:
            # A handle of its own: http.client closes the connection's before it reads the last
            # body, and TLS takes it over.
            self._handles.append(connection.dup())
            if self._ended:
                self._shut_down()

    def end(self) -> None:
        """Shut its connections down, from any thread; what it waits for fails."""
        with self._lock:
            self._ended = True
            self._shut_down()

    def _shut_down(self) -> None:
        for handle in self._handles:
            with suppress(OSError):  # the other side was quicker
                handle.shutdown(socket.SHUT_RDWR)


class _Current(threading.local):
    exchange: Exchange | None = None


_current = _Current()


class EndableSession(URLLib3Session):  # type: ignore[misc]  # botocore has no types
    """A session of botocore's; what it sends within an `Exchange` can be ended."""

    def __init__(self, **options: Any) -> None:
        super().__init__(socket_options=[_NO_DELAY], **options)
        # botocore shares this mapping with its pool managers, those of proxies included.
        self._pool_classes_by_scheme.update(http=_HttpPool, https=_HttpsPool)


class _NotedConnection:
    """Mixin for botocore's connections that notes each use with the exchange in progress."""

    _handle: socket.socket | None = None

    def _new_conn(self) -> socket.socket:
        """Open a TCP connection: urllib3's own hook, before any tunnel or TLS."""
        opened: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            self._handle = opened.dup()
            self._note()
        except OSError:  # no more files may be open
            opened.close()
            raise
        return opened

    def connect(self) -> None:
        """Open the connection with all that comes before a request."""
        super().connect()  # type: ignore[misc]
        self._stands()

    def request(self, *arguments: Any, **options: Any) -> Any:
        """Send a request, over a connection that stands already or is opened for it."""
        self._note()
        if self.sock is not None:  # type: ignore[attr-defined]
            self._stands()
        return super().request(*arguments, **options)  # type: ignore[misc]

    def close(self) -> None:
        super().close()  # type: ignore[misc]
        if self._handle is not None:
            self._handle.close()
            self._handle = None

    def _stands(self) -> None:
        if _current.exchange is not None:
            _current.exchange.connected = True

    def _note(self) -> None:
        if _current.exchange is not None and self._handle is not None:
            _current.exchange.uses(self._handle)


class _HttpConnection(_NotedConnection, AWSHTTPConnection):  # type: ignore[misc]
    pass


class _HttpsConnection(_NotedConnection, AWSHTTPSConnection):  # type: ignore[misc]
    pass


class _HttpPool(AWSHTTPConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HttpConnection


class _HttpsPool(AWSHTTPSConnectionPool):  # type: ignore[misc]
    ConnectionCls = _HttpsConnection


CALL_SECONDS = 40.0
"""For one call with all its attempts: whoever waits for a lock held by it gives up after 45 s."""

LONGEST_BODY = 1_000_000
"""In bytes; the longest lists and tokens of AWS's services are far below."""

_LONGEST_MESSAGE = 500  # characters of a server's own message that are shown
_LONGEST_WAIT = 20.0  # seconds between two attempts

_LONGEST_LENGTH = 18  # digits of a Content-Length that may be true
_TOO_MANY_REQUESTS = 429
_NETWORK_SIGN_IN = 511


def check_ca_bundle(path: str) -> None:
    """Check that a CA bundle is there, is a file with an end, and is not for others to write.

    Raises:
        ConfigError: it is not there, is a folder, a pipe or a device, or others could have written
            it: they could be whom AWS's services are taken for.
    """
    _check_readable(path)
    distrust = distrust_of_authorities(Path(path))
    if distrust is not None:
        raise ConfigError(
            f"the CA bundle {path!r} is not followed",
            cause=str(distrust),
            fix=distrust.advice(path),
        )


def _check_readable(path: str) -> None:
    reason = endless(path) if is_there(path) else "it does not exist"
    fix = "correct AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or ca_bundle of the AWS config"
    if reason is None and Path(path).is_dir():
        # As `requests` takes it (REQUESTS_CA_BUNDLE), and botocore, like the AWS CLI, does not.
        reason = "it is a folder, and botocore reads the certificates of one file"
        fix = "name that file in AWS_CA_BUNDLE, which wins; to make one: cat *.pem >bundle.pem"
    if reason is not None:
        raise ConfigError(f"the CA bundle {path!r} cannot be read", cause=reason, fix=fix)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One response, read completely. It may contain secrets, so its repr shows only its size."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

    private: bool = False
    """It came over TLS or from this machine: nobody on the network can have changed it."""

    date_offset: timedelta | None = None
    """Its Date minus this machine's clock; ``None``: that says nothing about the server's clock."""

    took: timedelta = timedelta()
    """From sending to the last byte, also while the machine slept."""

    @property
    def ok(self) -> bool:
        """True if the status is 2xx."""
        return 200 <= self.status < 300

    @property
    def throttled(self) -> bool:
        """True if the server asks for fewer requests (429)."""
        return self.status == _TOO_MANY_REQUESTS

    @property
    def unavailable(self) -> bool:
        """True if the same request may succeed later: throttling, or an error of the server."""
        return self.throttled or (self.status >= 500 and not self.wants_network_sign_in)

    @property
    def wants_network_sign_in(self) -> bool:
        """True if the network answered, for a sign-in to it (511; RFC 6585, 6)."""
        return self.status == _NETWORK_SIGN_IN

    @property
    def error_type(self) -> str:
        """The exception's name in the header of AWS's JSON protocols, as it came; empty if none is."""
        return self.headers.get("x-amzn-errortype", "").partition(":")[0]

    @property
    def date(self) -> datetime | None:
        """The server's clock by its Date header (aware, UTC), ``None`` if there is none."""
        return _http_date(self.headers.get("date", ""))

    @property
    def clock_offset(self) -> timedelta:
        """The server's clock minus this machine's, in whole seconds.

        Zero if the two agree, if it is not known, and if somebody on the network could have changed
        what it follows from.
        """
        return (self.date_offset if self.private else None) or timedelta()

    def json_object(self) -> dict[str, Any]:
        """Return the JSON object in the body.

        Raises:
            ValueError: it is anything else; the body is not quoted.
        """
        return json_object(self.body)

    def first_text(self, *names: str) -> str:
        """Return the first text among the JSON members ``names``, cleaned; empty if none is."""
        try:
            document = self.json_object()
        except ValueError:
            return ""
        texts = (document.get(name) for name in names)
        found = next((text for text in texts if isinstance(text, str) and text), "")
        return scrub(clean(found))[:_LONGEST_MESSAGE]

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, {len(self.body)} bytes)"


Outcome = HttpResponse | ConnectionFailure


class Transport:
    """Connections to one origin; safe to share between threads.

    Attributes:
        route: how the origin is reached, as far as it may be shown.
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
            settings: timeouts and CA bundle.
            proxies: use the proxy variables; ``False`` for addresses of this machine or its link.
            overridden: the address comes from AWS_ENDPOINT_URL… or the AWS config, for messages.
            pool_size: connections that are kept; extra ones are closed after use.

        Raises:
            ConfigError: the CA bundle must not be used, as `check_ca_bundle` says.
        """
        if settings.ca_bundle is not None:
            check_ca_bundle(settings.ca_bundle)
        found: dict[str, str] = get_environ_proxies(origin) if proxies else {}
        self._session = EndableSession(
            verify=settings.ca_bundle or True,
            proxies=found,
            timeout=(settings.connect_timeout_seconds, settings.read_timeout_seconds),
            max_pool_connections=pool_size,
        )
        self._seconds = settings.connect_timeout_seconds + settings.read_timeout_seconds
        proxy = without_user(found.get(urlsplit(origin).scheme))
        self.route = NetworkPath(host_of(origin), proxy, overridden)

    def close(self) -> None:
        """Close all connections that are not in use."""
        self._session.close()

    def exchange(self, request: AWSRequest, longest: int = LONGEST_BODY) -> Outcome:
        """Send once and read the response, of at most ``longest`` bytes, all within a limit.

        A failure is a value, so that no traceback holds the request with its secrets.
        """
        prepared: Any = request.prepare()
        exchange = Exchange()

        def send() -> Outcome:
            with exchange:
                return self._send(prepared, longest)

        seconds = seconds_left(self._seconds)
        try:
            outcome = call_within(seconds, send)
        except TimeoutError:
            exchange.end()
            outcome = ConnectionFailure(FailureKind.TOO_SLOW, f"more than {seconds:.3g} s")
        if isinstance(outcome, ConnectionFailure) and not exchange.connected:
            return replace(outcome, connected=False)
        return outcome

    def _send(self, prepared: Any, longest: int) -> Outcome:
        sent = this_moment()
        try:
            response = self._session.send(prepared)
            found = _receive(response, is_private(prepared.url), longest)
        except (BotoCoreError, HTTPError, HTTPException, OSError, ValueError) as error:
            return classify_failure(error)
        if isinstance(found, ConnectionFailure):
            return found
        received = this_moment()
        offset = offset_of_server(found.date, sent, received)
        return replace(found, date_offset=offset, took=received.since(sent))


def _receive(response: Any, private: bool, longest: int) -> Outcome:
    body: bytes = response.raw.read(longest + 1)
    if len(body) > longest:
        response.raw.close()  # the rest is still in the connection: not for the next caller
        return ConnectionFailure(FailureKind.TOO_LONG)
    response.raw.release_conn()
    headers = {name.lower(): value for name, value in response.headers.items()}
    if _is_cut_off(headers.get("content-length", ""), len(body)):
        return ConnectionFailure(FailureKind.CLOSED)
    return HttpResponse(response.status_code, headers, body, private)


def send_with_retries(
    send: Callable[[], Outcome],
    may_retry: Callable[[Outcome, int], bool],
    sleep: Callable[[float], object],
    host: str,
    *,
    seconds: float | None = None,
) -> tuple[Outcome, int]:
    """Return the last outcome of ``send``, which asks ``host``, and the number of attempts.

    It is sent again while ``may_retry`` says so of an outcome and the number of attempts so far,
    after a wait, as long as the time for the whole call, ``seconds``, allows.
    """
    seconds = CALL_SECONDS if seconds is None else seconds
    attempts = 0
    with time_limit(seconds), Wait(f"waiting for {host}"):
        while True:
            attempts += 1
            outcome = send()
            if not may_retry(outcome, attempts):
                return outcome, attempts
            wait = _wait_seconds(outcome, attempts)
            if wait >= seconds_left(seconds):
                return outcome, attempts
            sleep(wait)


def _wait_seconds(outcome: Outcome, attempt: int) -> float:
    """Return up to 1 s, 2 s, 4 s … (full jitter), at least what Retry-After says, at most 20 s.

    Jitter keeps clients that were refused together from coming back together.
    """
    jitter = random.uniform(0, min(_LONGEST_WAIT, 2.0 ** (attempt - 1)))  # noqa: S311 - no secret
    asked = _retry_after(outcome) if isinstance(outcome, HttpResponse) else 0.0
    return max(jitter, min(_LONGEST_WAIT, asked))


def _retry_after(response: HttpResponse) -> float:
    """Return the seconds that Retry-After asks for (RFC 9110, 10.2.3: a number or a date)."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    at = _http_date(text)
    if at is None:
        return 0.0
    return (at - (response.date or datetime.now(UTC))).total_seconds()


def _http_date(text: str) -> datetime | None:
    if not text:
        return None
    try:
        found = parsedate_to_datetime(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _is_cut_off(declared: str, received: int) -> bool:
    """True if fewer bytes came than Content-Length declares."""
    if not (declared.isascii() and declared.isdecimal()):
        return False
    return len(declared) > _LONGEST_LENGTH or received < int(declared)


_HTML = Pattern(
    r"(?is)\A\ufeff?(?:\s|(?><\?.*?\?>)|(?><!--.*?-->))*+<(?:!doctype\s+html|html|head|body)\b"
)

_TITLE = Pattern(r"(?i)<title[^>]*>([^<]{1,200})</title>")
_READ = 20_000  # bytes of a page that are looked at


def web_page_error(response: HttpResponse, host: str, asked: str) -> ServiceError | None:
    """Return the error for a web page in place of an answer to ``asked``; ``None``: it is none.

    No service that is asked here redirects, and none answers with HTML unless it fails (5xx).
    A network that wants a sign-in answers for the service, whatever the page is.
    """
    found = _described(response)
    if found is None:
        return None
    return ServiceError(
        f"a web page answered instead of {host}",
        cause=f"{asked} {found} (HTTP {response.status})",
        fix="sign in to this network in a browser, if it asks for that; else check the address, "
        "and HTTPS_PROXY",
    )


def _described(response: HttpResponse) -> str | None:
    if 300 <= response.status < 400:
        to = host_of(response.headers.get("location", ""))
        return f"was redirected to {to}" if to else "was redirected"
    if response.unavailable:
        return None
    text = response.body[:_READ].decode("utf-8", "replace")
    media_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_html = media_type in ("text/html", "application/xhtml+xml") or _HTML.search(text)
    if not is_html and not response.wants_network_sign_in:
        return None
    title = _TITLE.search(text)
    named = quoted(scrub(clean(title[1]))) if title else "without a title"
    return f"got the page {named}"
