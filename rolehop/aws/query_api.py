"""One signed call to a Query service (STS, IAM): sent, retried, and read.

Credentials are an argument of each call and never state: one connection pool serves callers of
every identity, from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Self
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from rolehop import __version__
from rolehop.aws.endpoint import Endpoint, Service, find_endpoint
from rolehop.aws.query_xml import (
    LONGEST_ANSWER,
    Answer,
    WireError,
    clock_offset,
    parse_xml,
    wire_error,
)
from rolehop.credentials import Credentials
from rolehop.errors import ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import ConnectionFailure, Route, service_error
from rolehop.net.transport import HttpAnswer, Transport, exposed_note, is_exposed, with_retries
from rolehop.ports import StsRefusal
from rolehop.startup.dataclass import dataclass
from rolehop.startup.debug_log import debug

# Names and numbers only: what is sent is never logged.
_VERSIONS: Mapping[Service, str] = {"sts": "2011-06-15", "iam": "2010-05-08"}

# The union that botocore's standard mode retries (botocore/retries/standard.py).
_THROTTLING = frozenset(
    [
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "SlowDown",
        "TransactionInProgressException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "LimitExceededException",
        "PriorRequestNotComplete",
        "EC2ThrottledException",
        "RequestTimeout",
        "RequestTimeoutException",
    ]
)
# AWS could not reach the identity provider: the one 400 of STS that passes by itself.
_PASSING_REFUSALS = frozenset(("IDPCommunicationError",))


@dataclass(frozen=True, slots=True)
class _Connection:
    """One service's endpoint with its connections."""

    endpoint: Endpoint
    transport: Transport


class _Keys:
    """Credentials in the three attributes that botocore's signer reads; hides itself."""

    __slots__ = ("access_key", "secret_key", "token")

    def __init__(self, signer: Credentials) -> None:
        self.access_key = signer.access_key_id
        self.secret_key = signer.secret_access_key.reveal()
        self.token = signer.session_token.reveal() if signer.session_token else None


class QueryClient:
    """Calls Query services over kept-alive connections; safe to share between threads.

    ``pool_size`` connections a service are kept; more callers than that work, and their extra
    connections are closed after use. ``sleep`` and ``now`` are the clock, given by tests.
    ``notify`` shows one line to the user.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        pool_size: int = 10,
        sleep: Callable[[float], object] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        notify: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._settings = settings
        self._notify = notify
        self._pool_size = pool_size
        self._sleep = sleep
        self._now = now
        self._connections: dict[Service, _Connection] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for connection in self._connections.values():
                connection.transport.close()
            self._connections.clear()

    def call(
        self,
        service: Service,
        action: str,
        params: Mapping[str, str],
        signer: Credentials | None,
        *,
        attempts: int | None = None,
    ) -> Element:
        """Return the root of the answer, its namespaces taken off.

        ``attempts`` is the most there may be, where that is not for the settings to say.

        Throttling, faults of AWS and lost connections are tried again with full jitter; a call
        whose params carry a ``TokenCode`` is sent once, because AWS may have seen the code.

        Raises:
            StsRefusal: AWS answered with an error.
            ServiceError: no answer, or throttling or a fault after the last attempt, or an
                answer that cannot be understood.
            SourceError: ``signer`` cannot sign, because of a character no AWS key has.
            ConfigError: the settings lead to no endpoint, or to no CA bundle.
        """
        _refuse_unsendable(signer)
        connection = self._connection(service)
        code = params.get("TokenCode")
        body = urlencode({"Action": action, "Version": _VERSIONS[service], **params}).encode()
        allowed = 1 if code else attempts or self._settings.max_attempts

        def send() -> HttpAnswer | ConnectionFailure:
            outcome = self._send(connection, service, body, signer)
            debug(__name__, "%s at %s: %s", action, connection.endpoint.host, outcome)
            return outcome

        outcome, made = with_retries(
            send,
            may_retry=lambda outcome, made: made < allowed and _may_pass(outcome),
            sleep=self._sleep,
        )
        route = connection.transport.route
        if isinstance(outcome, ConnectionFailure):
            raise service_error(outcome, route, self._settings, attempts=made, coded=bool(code))
        offset = clock_offset(outcome.headers.get("date"), self._now())
        return _read(Answer(outcome.status, outcome.body, offset), action, route, made, code)

    def _send(
        self, connection: _Connection, service: Service, body: bytes, signer: Credentials | None
    ) -> HttpAnswer | ConnectionFailure:
        request = AWSRequest(
            method="POST",
            url=connection.endpoint.url,
            data=body,
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                "User-Agent": f"rolehop/{__version__}",
            },
            stream_output=True,
        )
        if signer is not None:
            keys: Any = _Keys(signer)
            SigV4Auth(keys, service, connection.endpoint.signing_region).add_auth(request)
        return connection.transport.exchange(request, LONGEST_ANSWER)

    def _connection(self, service: Service) -> _Connection:
        with self._lock:
            if service not in self._connections:
                self._connections[service] = self._connect(service)
            return self._connections[service]

    def _connect(self, service: Service) -> _Connection:
        settings = self._settings
        endpoint = find_endpoint(service, settings)
        if is_exposed(endpoint.url):
            self._notify(exposed_note(endpoint.url))
        overridden = settings.override(service) is not None
        transport = Transport(
            endpoint.url, settings, overridden=overridden, pool_size=self._pool_size
        )
        return _Connection(endpoint, transport)


def _refuse_unsendable(signer: Credentials | None) -> None:
    """Refuse what would break the headers: HTTP libraries quote such a header in their error."""
    if signer is None:
        return
    parts = {"access key ID": signer.access_key_id}
    parts["secret access key"] = signer.secret_access_key.reveal()
    parts["session token"] = signer.session_token.reveal() if signer.session_token else "-"
    wrong = [name for name, value in parts.items() if not _is_sendable(value)]
    if wrong:
        raise SourceError(
            f"the {wrong[0]} of the credentials ending in …{signer.access_key_id[-4:]!r} is no "
            "text that AWS gives out",
            cause="it is empty, or holds a blank, a line end or a character that is not ASCII",
            fix="copy the credentials anew, each value whole and alone",
        )


def _is_sendable(value: str) -> bool:
    return bool(value) and value.isascii() and value.isprintable() and " " not in value


def _may_pass(outcome: HttpAnswer | ConnectionFailure) -> bool:
    """Tell whether the same call may succeed in a moment."""
    if isinstance(outcome, ConnectionFailure):
        return outcome.passing
    if outcome.status < 400:
        return False
    answer = Answer(outcome.status, outcome.body, None)
    error = wire_error(answer)
    refused_for_now = error is not None and error.code in _PASSING_REFUSALS
    return refused_for_now or _is_trouble(answer, error)


def _is_trouble(answer: Answer, error: WireError | None) -> bool:
    """Tell whether this is throttling or a fault of AWS, rather than a refusal."""
    return answer.status >= 500 or _is_throttling(answer, error)


def _is_throttling(answer: Answer, error: WireError | None) -> bool:
    return answer.status == 429 or (error is not None and error.code in _THROTTLING)


def _read(answer: Answer, action: str, route: Route, attempts: int, code: str | None) -> Element:
    if 200 <= answer.status < 300:
        try:
            return parse_xml(answer.body)
        except ValueError as wrong:
            reason = str(wrong)
        raise _nonsense(answer, action, route, reason)
    error = wire_error(answer, hidden=code)
    if _is_trouble(answer, error):
        raise _trouble(answer, action, route, error, attempts)
    if error is None:
        raise _nonsense(answer, action, route, "there is no error code of AWS in it")
    raise StsRefusal(error.code, error.message, clock_offset_seconds=answer.clock_offset_seconds)


def _nonsense(answer: Answer, action: str, route: Route, reason: str) -> ServiceError:
    return ServiceError(
        f"{route.host} answered {action} with something unexpected (HTTP {answer.status})",
        cause=reason,
        fix="check that the endpoint is AWS's, and that no proxy or sign-in page stands between",
    )


def _trouble(
    answer: Answer, action: str, route: Route, error: WireError | None, attempts: int
) -> ServiceError:
    throttled = _is_throttling(answer, error)
    said = f"HTTP {answer.status}" if error is None else f"{error.code}: {error.message}"
    return ServiceError(
        f"{route.host} {'is throttling' if throttled else 'failed at'} {action}",
        cause=said if attempts == 1 else f"{said} ({attempts} attempts)",
        fix="wait a minute, or ask for less at once"
        if throttled
        else "try again in a moment; status of AWS: https://health.aws.amazon.com",
    )
