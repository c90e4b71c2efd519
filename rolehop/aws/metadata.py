"""Credentials from metadata endpoints: EC2 instances (IMDSv2 only) and containers.

They are never called through a proxy. Nothing of an answer is quoted except its error code and
message.

Both report failures by one rule. Something absent or refused is the source's fault (`SourceError`,
exit 4): nothing accepts a connection at the instance's address, no variable names a container's
endpoint, there is no role, the service is switched off, a token is not accepted, the session has
expired. A service that is there but fails is a fault of network or AWS (`ServiceError`, exit 6),
as with STS and Roles Anywhere: no answer, throttling, HTTP 5xx, an answer that makes no sense. That
includes a container's endpoint that refuses the connection: a variable names it, so its agent is
down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from rolehop.aws.net.addresses import host_of
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import ConnectionFailure, FailureKind
from rolehop.aws.net.http import HttpClient, HttpRequest, Text, unexpected_response
from rolehop.aws.net.transport import HttpResponse, Outcome
from rolehop.base import json_fields
from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import RolehopError, ServiceError, SourceError, SourceWithdrawn

TOKEN_SECONDS = 60
"""Lifetime of the metadata token, which is used right away and then forgotten."""

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
_ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_METADATA_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")

_ABSENT = frozenset(
    (FailureKind.NAME, FailureKind.REFUSED, FailureKind.UNREACHABLE, FailureKind.CONNECT_TIMEOUT)
)

_LATER = "try again in a moment; check AWS_EC2_METADATA_SERVICE_ENDPOINT if it is set"

_REFUSALS = {
    401: "it refuses its own token: something else answers at its address, or removes the header"
    " x-aws-ec2-metadata-token",
    404: "the role that it names is not in the instance profile: check both, try again in minutes",
}
"""What to do about a status, once there is a token (EC2 user guide, "Access instance metadata")."""

HOP_LIMIT = (
    "in a container, allow the answer one more network hop: aws ec2 "
    "modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long to wait for an endpoint."""

    seconds: float = 2.0
    """For a connection, and for each part of an answer."""

    attempts: int = 3

    def client(self, sleep: Callable[[float], object], set_by: str) -> HttpClient:
        """Return a client that uses no proxy; ``set_by`` names the setting with the address."""
        settings = ClientSettings(
            region="this machine",
            connect_timeout_seconds=self.seconds,
            read_timeout_seconds=self.seconds,
        )
        return HttpClient(settings, proxies=False, set_by=set_by, limit=100_000, sleep=sleep)


@dataclass(frozen=True, slots=True, repr=False)
class ContainerEndpoint:
    """The endpoint from which a container gets its role's session."""

    url: str
    token: Text | None = field(default=None, repr=False)
    """The value of the Authorization header."""


@dataclass(frozen=True, slots=True)
class InstanceMetadata:
    """The metadata service of an EC2 instance. All methods raise what ``role_session`` does."""

    endpoint: str
    """``http://HOST``, with or without a slash at the end."""

    http: HttpClient
    attempts: int
    now: Callable[[], datetime]

    def role_session(self, wanted: str | None) -> tuple[str, Credentials]:
        """Return the name of the instance's role and its session.

        Raises:
            SourceError: there is no such service, no role, or another one than ``wanted``, or the
                service refuses.
            ServiceError: it does not answer, throttles or fails, after retries.
            ConfigError: the address cannot be called.
        """
        token = self._token()
        role = self._role(token)
        if wanted is not None and role != wanted:
            raise SourceWithdrawn(
                f"the instance's role is {role}",
                cause=f"the config says it must be {wanted}",
                fix="attach the other role to the instance, or correct role",
            )
        return role, self._session(token, role)

    def _token(self) -> str:
        """Return a token; only version 2 of the service issues them."""
        headers = {"x-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_SECONDS)}
        answer = self._ask("PUT", _TOKEN_PATH, headers)
        token = answer.body.decode("latin-1").strip()
        if answer.status == 200 and _METADATA_TOKEN.fullmatch(token):
            return token
        if answer.status == 403:
            raise _unusable(
                self.endpoint,
                "it is switched off for this instance (HTTP 403)",
                "aws ec2 modify-instance-metadata-options --instance-id ID --http-endpoint enabled",
            )
        if answer.status == 200:
            raise self._unexpected(answer, _TOKEN_PATH, "it is not an IMDSv2 token")
        raise _unusable(
            self.endpoint,
            f"it issued no IMDSv2 token: HTTP {answer.status}",
            "check AWS_EC2_METADATA_SERVICE_ENDPOINT; only version 2 is supported",
        )

    def _role(self, token: str) -> str:
        answer = self._ask("GET", _ROLE_PATH, _token_header(token))
        name = answer.body.decode("latin-1").partition("\n")[0].strip()
        if answer.status == 404 or (answer.status == 200 and not name):
            raise SourceWithdrawn(
                "this EC2 instance has no role",
                cause="no instance profile is attached to it",
                fix="aws ec2 associate-iam-instance-profile --instance-id ID "
                "--iam-instance-profile Name=NAME",
            )
        if answer.status != 200:
            raise self._refused(answer, "the role's name")
        if _ROLE_NAME.fullmatch(name) is None:
            raise self._unexpected(answer, _ROLE_PATH, "it is not the name of a role")
        return name

    def _session(self, token: str, role: str) -> Credentials:
        answer = self._ask("GET", _ROLE_PATH + role, _token_header(token))
        if answer.status != 200:
            raise self._refused(answer, f"credentials of role {role}")
        code = answer.first_text("Code")
        if code not in ("", "Success"):
            message = answer.first_text("Message")
            raise _unusable(
                self.endpoint,
                f"it gave no credentials: {code}{f': {message}' if message else ''}",
                "check the trust policy of the instance's role: it must let ec2.amazonaws.com in",
            )
        return _read_session(answer, f"{self.endpoint}{_ROLE_PATH}", self.now())

    def _refused(self, answer: HttpResponse, wanted: str) -> SourceError:
        """Return the error for a status that is a refusal; ``wanted`` names what is missing."""
        fix = _REFUSALS.get(answer.status)
        return _unusable(self.endpoint, f"it gave no {wanted}: HTTP {answer.status}", fix)

    def _unexpected(self, answer: HttpResponse, path: str, reason: str) -> ServiceError:
        return unexpected_response(answer, self.endpoint, path, reason)

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> HttpResponse:
        url = f"{self.endpoint.rstrip('/')}{path}"
        request = HttpRequest(method, url, headers)
        outcome, _ = self.http.outcome(
            request, lambda found, made: made < self.attempts and _may_retry(found)
        )
        if isinstance(outcome, ConnectionFailure):
            raise self._no_response(outcome)
        _raise_if_unavailable(
            outcome, f"the EC2 instance metadata service at {host_of(self.endpoint)}"
        )
        return outcome

    def _no_response(self, failure: ConnectionFailure) -> RolehopError:
        host = host_of(self.endpoint)
        if failure.kind in _ABSENT:
            return SourceError(
                "this machine has no EC2 instance metadata service",
                cause=f"asked {host}: {_reason(failure)}",
                fix="run this on an EC2 instance, or choose another source",
            )
        hangs = failure.kind is FailureKind.READ_TIMEOUT
        return ServiceError(
            f"the EC2 instance metadata service at {host} does not answer",
            cause="it accepted the connection and never answered" if hangs else _reason(failure),
            fix=HOP_LIMIT if hangs else _LATER,
        )


def container_session(
    endpoint: ContainerEndpoint, http: HttpClient, attempts: int, now: Callable[[], datetime]
) -> Credentials:
    """Return the session from a container-credentials endpoint.

    Raises:
        SourceError: it refuses, or the session has expired.
        ServiceError: it does not answer, throttles or fails, after retries, or answers something
            else.
        ConfigError: the address cannot be called.
    """
    headers: dict[str, Text] = {"Accept": "application/json"}
    if endpoint.token is not None:
        headers["Authorization"] = endpoint.token
    host = host_of(endpoint.url)
    try:
        answer = http.send(HttpRequest("GET", endpoint.url, headers), attempts=attempts)
    except ServiceError as error:
        raise ServiceError(
            f"the container credentials endpoint {host} does not answer",
            cause=error.cause,
            fix="check the AWS_CONTAINER_CREDENTIALS_… variables, and the agent that serves it",
        ) from None
    _raise_if_unavailable(answer, f"the container credentials endpoint {host}")
    if answer.status != 200:
        raise _container_refused(answer, host, sent_token=endpoint.token is not None)
    return _read_session(answer, endpoint.url, now())


def _container_refused(answer: HttpResponse, host: str, *, sent_token: bool) -> SourceError:
    code, message = answer.first_text("Code", "code"), answer.first_text("Message", "message")
    cause = ": ".join(part for part in (f"HTTP {answer.status}", code, message) if part)
    if answer.status in (401, 403):
        refused = "does not accept the authorization token"
        return SourceError(
            f"the container credentials endpoint {host} "
            + (refused if sent_token else "needs an authorization token, and none was sent"),
            cause=cause,
            fix=f"{'check' if sent_token else 'set'} AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or "
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
        )
    return SourceError(
        f"the container credentials endpoint {host} gives no credentials",
        cause=cause,
        fix="check that the task or pod has a role, and the path of the address",
    )


def _raise_if_unavailable(answer: HttpResponse, service: str) -> None:
    """Raise a ServiceError if ``answer``, the last one of ``service``, may be better later."""
    if not answer.unavailable:
        return
    parts = (f"HTTP {answer.status}", answer.first_text("Message", "message"))
    error = ServiceError(
        f"{service} {'is throttling' if answer.throttled else 'failed'}",
        cause=": ".join(filter(None, parts)),
        fix="try again in a moment"
        if answer.throttled
        else "try again; check the agent that serves it",
    )
    error.throttled = answer.throttled
    raise error


def _read_session(answer: HttpResponse, url: str, now: datetime) -> Credentials:
    """Return the session in ``answer``, which came from ``url``.

    Raises:
        ServiceError: there is none in it.
        SourceError: it has expired.
    """
    offset = answer.clock_offset
    try:
        found = json_fields.read_session(answer.json_object(), json_fields.METADATA)
    except ValueError as error:
        reason = str(error)
    else:
        if found.expires_at is None or found.expires_at > now + offset:
            return replace(found, clock_offset=offset)
        raise SourceError(
            f"{host_of(url)} gave no usable credentials",
            cause=f"they expired at {found.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            fix="try again in a minute, and check this machine's clock",
        )
    raise unexpected_response(answer, url, "for credentials", reason)


def _may_retry(outcome: Outcome) -> bool:
    """True if another attempt may succeed; where nothing listens, none will."""
    if isinstance(outcome, ConnectionFailure):
        return outcome.retryable and outcome.kind not in _ABSENT
    return outcome.unavailable


def _token_header(token: str) -> dict[str, str]:
    return {"x-aws-ec2-metadata-token": token}


def _reason(failure: ConnectionFailure) -> str:
    # The texts of these two kinds have a number of seconds to fill in.
    without_seconds = {
        FailureKind.CONNECT_TIMEOUT: "it accepts no connection",
        FailureKind.READ_TIMEOUT: "it does not answer",
    }
    return without_seconds.get(failure.kind, failure.kind.value)


def _unusable(endpoint: str, cause: str, fix: str | None = None) -> SourceError:
    return SourceError(
        f"the EC2 instance metadata service at {host_of(endpoint)} cannot be used",
        cause=cause,
        fix=fix or _LATER,
    )
