"""One signed call to a Query service (STS, IAM): sent, retried, and its answer read.

Credentials are an argument of each call and never state: one client serves callers of every
identity, from any thread.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Self
from urllib.parse import urlencode
from xml.etree.ElementTree import Element

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSPreparedRequest, AWSRequest

from rolehop import __version__
from rolehop.aws.api_calls import query_call
from rolehop.aws.endpoint import Endpoint, Service, find_endpoint
from rolehop.aws.net.addresses import warn_if_exposed
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import ConnectionFailure, service_error
from rolehop.aws.net.transport import (
    HttpResponse,
    Outcome,
    Transport,
    send_with_retries,
    web_page_error,
)
from rolehop.aws.net.unlogged import unlogged
from rolehop.aws.query_answers import QueryDocument, QueryError, query_document, query_error
from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ServiceError, SourceError
from rolehop.base.json_fields import is_sendable
from rolehop.base.startup import debug
from rolehop.walk.ports import OnCall, StsRefusal, ignore_call

# Only names and numbers are logged, never what is sent.
_VERSIONS: Mapping[Service, str] = {
    "sts": "2011-06-15",
    "iam": "2010-05-08",
    "ec2": "2016-11-15",
}

_FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}

# The codes that botocore's standard mode retries (botocore/retries/standard.py).
THROTTLING = frozenset(
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

# AWS could not reach the identity provider: the only 400 of STS that may pass by itself.
_RETRYABLE_REFUSALS = frozenset(("IDPCommunicationError",))


@dataclass(frozen=True, slots=True)
class QueryResult:
    """A successful answer."""

    root: Element
    """Its XML, without namespaces."""

    clock_offset: timedelta = timedelta()
    """AWS's clock minus ours; zero if they agree, and if AWS's is not known for certain."""


@dataclass(frozen=True, slots=True)
class _Client:
    """The endpoint of one service and the connections to it."""

    endpoint: Endpoint
    transport: Transport


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, for messages."""

    action: str
    host: str
    mfa_code: str | None = None


class _SigningKeys:
    """Credentials in the three attributes that botocore's signer reads; without a useful repr."""

    __slots__ = ("access_key", "secret_key", "token")

    def __init__(self, signer: Credentials) -> None:
        self.access_key = signer.access_key_id
        self.secret_key = signer.secret_access_key.reveal()
        self.token = signer.session_token.reveal() if signer.session_token else None


class _PostedBytes(AWSRequest):  # type: ignore[misc]  # botocore has no types
    """A POST whose body is bytes, not empty, and whose URL has its parameters: nothing is to prepare.

    botocore's own way there, once for the signature and once to send it, takes as long as signing.
    """

    @property
    def body(self) -> bytes:
        """The body, which the signer takes a digest of."""
        found: bytes = self.data
        return found

    def prepare(self) -> AWSPreparedRequest:
        """Return the request as it is sent."""
        headers = {**dict(self.headers.items()), "Content-Length": str(len(self.body))}
        prepared = AWSPreparedRequest(self.method, self.url, headers, self.body, self.stream_output)
        prepared.context = self.context  # newer versions of botocore read it; the lowest has none
        return prepared


class QueryClient:
    """Calls Query services over kept-alive connections; safe to share between threads.

    ``pool_size`` connections are kept for each service. ``sleep`` waits.
    ``notify`` shows one line to the user. ``on_call`` is told each call.
    """

    def __init__(
        self,
        settings: ClientSettings,
        *,
        pool_size: int = 10,
        sleep: Callable[[float], object] = time.sleep,
        notify: Callable[[str], None] = lambda line: None,
        on_call: OnCall = ignore_call,
    ) -> None:
        self._settings = settings
        self._notify = notify
        self._on_call = on_call
        self._pool_size = pool_size
        self._sleep = sleep
        self._clients: dict[Service, _Client] = {}
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        with self._lock:
            for client in self._clients.values():
                client.transport.close()
            self._clients.clear()

    def call(
        self,
        service: Service,
        action: str,
        params: Mapping[str, str],
        signer: Credentials | None,
        *,
        attempts: int | None = None,
    ) -> QueryResult:
        """Call ``action`` and return its answer.

        Throttling, AWS's own errors and lost connections are retried with full jitter, at most
        ``attempts`` in all (``None``: as the settings say). A call whose params carry a
        ``TokenCode`` is sent once, because AWS may have seen the code.

        Raises:
            StsRefusal: AWS answered with an error.
            ServiceError: there was no answer, or throttling or an error of AWS after the last
                attempt, or an answer that makes no sense.
            SourceError: ``signer`` cannot sign, because of a character that no AWS key has.
            ConfigError: the settings lead to no endpoint, or the CA bundle does not exist.
        """
        check_sendable(signer)
        client = self._client(service)
        code = params.get("TokenCode")
        body = urlencode({"Action": action, "Version": _VERSIONS[service], **params}).encode()
        outcome, made = self._send(
            client.transport,
            action,
            lambda: signed_request(client.endpoint, service, body, signer),
            most=1 if code else attempts or self._settings.max_attempts,
        )
        response = None if isinstance(outcome, ConnectionFailure) else outcome
        document = query_document(b"" if response is None else response.body)
        self._on_call(query_call(f"{service}:{action}", params, response, document, code))
        route = client.transport.route
        if isinstance(outcome, ConnectionFailure):
            raise service_error(
                outcome, route, self._settings, attempts=made, sent_mfa_code=bool(code)
            )
        return self._read(outcome, document, _Call(action, route.host, code), made)

    def _send(
        self, transport: Transport, action: str, new_request: Callable[[], AWSRequest], *, most: int
    ) -> tuple[Outcome, int]:
        """Send at most ``most`` new requests; return the last one's outcome, and how many were sent."""
        host = transport.route.host

        def send() -> Outcome:
            outcome = transport.exchange(new_request())
            debug(__name__, "%s at %s: %s", action, host, outcome)
            return outcome

        def may_retry(found: Outcome, made: int) -> bool:
            return made < most and _may_retry(found)

        return send_with_retries(send, may_retry, self._sleep, host)

    def _read(
        self, response: HttpResponse, document: QueryDocument, call: _Call, attempts: int
    ) -> QueryResult:
        page = web_page_error(response, call.host, call.action)
        if page is not None:
            raise page
        if response.ok:
            if document.root is None:
                raise _unexpected(response, call, document.problem)
            return QueryResult(document.root, response.clock_offset)
        error_found = query_error(document, hidden=call.mfa_code)
        if _is_unavailable(response, error_found):
            raise _unavailable(response, call, error_found, attempts)
        if error_found is None:
            raise _unexpected(response, call, "it contains no error code of AWS")
        # Here it only explains a refusal, so it need not be trustworthy.
        offset = None if response.date_offset is None else response.date_offset.total_seconds()
        raise StsRefusal(error_found.code, error_found.message, clock_offset_seconds=offset)

    def _client(self, service: Service) -> _Client:
        with self._lock:
            if service not in self._clients:
                endpoint = find_endpoint(service, self._settings)
                warn_if_exposed(endpoint.url, self._notify)
                transport = Transport(
                    endpoint.url,
                    self._settings,
                    overridden=self._settings.override(service) is not None,
                    pool_size=self._pool_size,
                )
                self._clients[service] = _Client(endpoint, transport)
            return self._clients[service]


def signed_request(
    endpoint: Endpoint,
    service: Service,
    body: bytes,
    signer: Credentials | None,
    headers: Mapping[str, str] = _FORM,
) -> AWSRequest:
    """Return a new POST; each attempt needs its own, since signatures carry the time."""
    request = _PostedBytes(
        method="POST",
        url=endpoint.url,
        data=body,
        headers={**headers, "User-Agent": f"rolehop/{__version__}"},
        stream_output=True,
    )
    if signer is not None:
        keys: Any = _SigningKeys(signer)
        with unlogged():
            SigV4Auth(keys, service, endpoint.signing_region).add_auth(request)
    return request


def check_sendable(signer: Credentials | None) -> None:
    """Refuse what would break the headers: HTTP libraries quote such a header in their error."""
    if signer is None:
        return
    parts = {"access key ID": signer.access_key_id}
    parts["secret access key"] = signer.secret_access_key.reveal()
    parts["session token"] = signer.session_token.reveal() if signer.session_token else "-"
    wrong = [name for name, value in parts.items() if not is_sendable(value)]
    if wrong:
        raise SourceError(
            f"the {wrong[0]} of the credentials ending in …{signer.access_key_id[-4:]!r} is not "
            "one that AWS issues",
            cause="it is empty, or contains a space, a line break or a character that is not ASCII",
            fix="copy the credentials again, each value complete and with nothing else",
        )


def _may_retry(outcome: Outcome) -> bool:
    """True if the same call may succeed in a moment."""
    if isinstance(outcome, ConnectionFailure):
        return outcome.retryable
    if outcome.status < 400:
        return False
    error = query_error(query_document(outcome.body))
    refused_for_now = error is not None and error.code in _RETRYABLE_REFUSALS
    return refused_for_now or _is_unavailable(outcome, error)


def _is_unavailable(response: HttpResponse, error: QueryError | None) -> bool:
    """True if AWS is throttling or at fault, rather than refusing."""
    return response.unavailable or _is_throttling(response, error)


def _is_throttling(response: HttpResponse, error: QueryError | None) -> bool:
    return response.throttled or (error is not None and error.code in THROTTLING)


def _unexpected(response: HttpResponse, call: _Call, reason: str) -> ServiceError:
    return ServiceError(
        f"{call.host} answered {call.action} with something unexpected (HTTP {response.status})",
        cause=reason,
        fix="check that the endpoint is AWS's, and that no proxy or sign-in page stands between",
    )


def _unavailable(
    response: HttpResponse, call: _Call, error: QueryError | None, attempts: int
) -> ServiceError:
    throttled = _is_throttling(response, error)
    message = f"HTTP {response.status}" if error is None else f"{error.code}: {error.message}"
    found = ServiceError(
        f"{call.host} {'is throttling' if throttled else 'failed at'} {call.action}",
        cause=message if attempts == 1 else f"{message} ({attempts} attempts)",
        fix="wait a minute, or ask for less at once"
        if throttled
        else "try again in a moment; status of AWS: https://health.aws.amazon.com",
    )
    found.throttled = throttled
    return found
