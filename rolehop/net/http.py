"""Plain HTTP for the sources that are no Query service: JSON, forms and metadata endpoints.

It stands on botocore's HTTP session as ``query`` does: proxies by the environment or none, one
answer of bounded size, no redirect followed, and secrets revealed only while a request is made.
"""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import SplitResult, urlencode, urlsplit

from botocore.awsrequest import AWSRequest
from botocore.exceptions import BotoCoreError
from botocore.httpsession import URLLib3Session
from botocore.utils import get_environ_proxies
from urllib3.exceptions import HTTPError

from rolehop import __version__
from rolehop.credentials import Secret, scrub
from rolehop.errors import ConfigError, ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import (
    ConnectionFailure,
    FaultKind,
    Route,
    classify_failure,
    service_error,
)
from rolehop.startup.dataclass import dataclass, field
from rolehop.startup.debug_log import debug
from rolehop.text import clean

# Names and numbers only: what is sent is never logged.
LONGEST_BODY = 1_000_000  # bytes; tokens and pages of lists are far below
_LONGEST_MESSAGE = 500  # characters of a server's own words that are shown

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


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer, read whole; it may hold secrets, so it shows only its size."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes

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

    def __repr__(self) -> str:
        return f"HttpAnswer({self.status}, {len(self.body)} bytes)"


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
    ) -> None:
        self._settings = settings
        self._proxies = proxies
        self._overridden = overridden
        self._advice = advice
        self._set_by = set_by or (_OVERRIDES if overridden else "its setting")
        self._limit = limit
        self._sleep = sleep
        self._sessions: dict[str, tuple[Any, Route]] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for session, _ in self._sessions.values():
                session.close()
            self._sessions.clear()

    def send(self, request: HttpRequest, *, attempts: int = 1) -> HttpAnswer:
        """Return the answer, whatever its status; redirects are answers, too.

        ``attempts`` is how often it may be sent: again, with full jitter, after 429, 5xx and
        passing faults of the connection. What must not be sent twice is sent once by default.

        Raises:
            ServiceError: there was no answer, or it was too long.
            ConfigError: the address cannot be called, or the CA bundle is not there.
            SourceError: a header's value cannot be sent.
        """
        made = 0
        while True:
            made += 1
            outcome = self.attempt(request)
            # Who does not answer, or fails, is not asked as often as who asks for patience (429).
            throttled = isinstance(outcome, HttpAnswer) and outcome.status == _TOO_MANY
            patience = attempts if throttled else self._settings.max_attempts
            if made >= min(attempts, patience) or not _may_pass(outcome):
                break
            self._sleep(_wait_seconds(outcome, made))
        if isinstance(outcome, ConnectionFailure):
            raise self.told(outcome, request.url, attempts=made)
        return outcome

    def attempt(self, request: HttpRequest) -> HttpAnswer | ConnectionFailure:
        """Send once; why there is no answer is a value, for those who tell absent from broken.

        Raises:
            ConfigError: the address cannot be called, or the CA bundle is not there.
            SourceError: a header's value cannot be sent.
        """
        session, route = self._session(request.url)
        _refuse_unsendable(request)
        try:
            response = session.send(_prepared(request))
            outcome = self._receive(response)
        except (BotoCoreError, HTTPError) as error:
            outcome = classify_failure(error)
        debug(__name__, "%s %s: %s", request.method, route.host, outcome)
        return outcome

    def told(self, fault: ConnectionFailure, url: str, *, attempts: int = 1) -> ServiceError:
        """Return the error that tells ``fault``, met on the way to ``url``."""
        _, route = self._session(url)
        error = service_error(fault, route, self._settings, attempts=attempts, coded=False)
        if self._advice is not None and not fault.of_the_way:
            return ServiceError(error.what, cause=error.cause, fix=self._advice)
        return error

    def _receive(self, response: Any) -> HttpAnswer | ConnectionFailure:
        body: bytes = response.raw.read(self._limit + 1)
        if len(body) > self._limit:
            response.raw.close()  # the rest is still on the wire: not for the next caller
            return ConnectionFailure(FaultKind.TOO_LONG)
        response.raw.release_conn()
        length = response.headers.get("Content-Length", "")
        if length.isdecimal() and len(body) < int(length):
            return ConnectionFailure(FaultKind.CLOSED)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return HttpAnswer(response.status_code, headers, body)

    def _session(self, url: str) -> tuple[Any, Route]:
        origin = _origin(url, self._set_by)
        with self._lock:
            if origin not in self._sessions:
                self._sessions[origin] = self._connect(origin)
            return self._sessions[origin]

    def _connect(self, origin: str) -> tuple[Any, Route]:
        settings = self._settings
        if settings.ca_bundle is not None and not Path(settings.ca_bundle).exists():
            raise ConfigError(
                f"the CA bundle {settings.ca_bundle!r} is not there",
                fix="correct AWS_CA_BUNDLE, REQUESTS_CA_BUNDLE, or ca_bundle of the AWS config",
            )
        proxies: dict[str, str] = get_environ_proxies(origin) if self._proxies else {}
        # Any: the stubs of botocore know neither a path nor a pair here; botocore itself does.
        verify: Any = settings.ca_bundle or True
        timeout: Any = (settings.connect_timeout_seconds, settings.read_timeout_seconds)
        session = URLLib3Session(verify=verify, proxies=proxies, timeout=timeout)
        proxy = proxies.get(urlsplit(origin).scheme)
        return session, Route(host_of(origin), _shown(proxy), self._overridden)


def unexpected(answer: HttpAnswer, url: str, asked: str, reason: str) -> ServiceError:
    """Return the error for an answer that cannot be understood; ``asked`` names the request."""
    return ServiceError(
        f"{host_of(url)} answered {asked} with something unexpected (HTTP {answer.status})",
        cause=reason,
        fix="check the address, and that no proxy or sign-in page stands between",
    )


def host_of(url: str) -> str:
    """Return host and, where it is given, port of ``url``; never a user name or password."""
    return clean(urlsplit(url).netloc.rpartition("@")[2])


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


def _prepared(request: HttpRequest) -> Any:
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
    made = AWSRequest(
        method=request.method, url=url, data=body or b"", headers=headers, stream_output=True
    )
    return made.prepare()


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


def _wait_seconds(outcome: HttpAnswer | ConnectionFailure, attempt: int) -> float:
    """Full jitter up to 1 s, 2 s, 4 s …, and at least what Retry-After asks for (20 s at most)."""
    wait = random.uniform(0, min(20.0, 2.0 ** (attempt - 1)))  # noqa: S311 - no secret hangs on it
    asked = "" if isinstance(outcome, ConnectionFailure) else outcome.headers.get("retry-after", "")
    return max(wait, min(20.0, float(asked))) if asked.isdecimal() else wait


def _shown(proxy: str | None) -> str | None:
    """Return a proxy's host and port without the user name and password it may carry."""
    return proxy.rpartition("//")[2].rpartition("@")[2].partition("/")[0] if proxy else None
