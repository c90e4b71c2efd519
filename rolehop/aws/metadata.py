"""Credentials from endpoints beside this machine: EC2 instance metadata (v2 only), containers.

Never through a proxy. What such an endpoint says is credentials, so nothing of an answer is
quoted but its error code and message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from rolehop.aws import given
from rolehop.aws.faults import Fault, FaultKind
from rolehop.aws.http import HttpAnswer, HttpClient, HttpRequest, Text, host_of
from rolehop.aws.settings import ClientSettings
from rolehop.credentials import Credentials
from rolehop.errors import RolehopError, ServiceError, SourceError
from rolehop.values import dataclass, field

TOKEN_SECONDS = 60
"""How long the metadata token lasts; it is used three times at once and forgotten."""

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
_ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_METADATA_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_ABSENT = frozenset(
    (FaultKind.NAME, FaultKind.REFUSED, FaultKind.UNREACHABLE, FaultKind.CONNECT_TIMEOUT)
)
_ADDRESS_VARIABLES = "AWS_EC2_METADATA_SERVICE_ENDPOINT or AWS_CONTAINER_CREDENTIALS_FULL_URI"
HOP_LIMIT = (
    "inside a container, let the answer travel one hop further: aws ec2 "
    "modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"
)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an endpoint is waited for."""

    seconds: float = 2.0
    """For a connection, and for an answer."""

    attempts: int = 3

    def client(self, sleep: Callable[[float], object]) -> HttpClient:
        """Return a client that takes no proxy."""
        settings = ClientSettings(
            region="this machine",
            connect_timeout_seconds=self.seconds,
            read_timeout_seconds=self.seconds,
        )
        return HttpClient(
            settings, proxies=False, set_by=_ADDRESS_VARIABLES, limit=100_000, sleep=sleep
        )


@dataclass(frozen=True, slots=True, repr=False)
class ContainerEndpoint:
    """Where a container asks for its role's session."""

    url: str
    token: Text | None = field(default=None, repr=False)
    """The value of the Authorization header."""


@dataclass(frozen=True, slots=True)
class InstanceMetadata:
    """The metadata service of an EC2 instance. Every method raises as ``role_session`` does."""

    endpoint: str
    """``http://HOST``, with or without a slash at the end."""

    http: HttpClient
    attempts: int
    now: Callable[[], datetime]

    def role_session(self, wanted: str | None) -> tuple[str, Credentials]:
        """Return the name of the instance's role and its session.

        Raises:
            SourceError: there is no such service, or no role, or another one than ``wanted``, or
                the service is here and does not do what it should.
            ServiceError: it is throttling or at fault, after retries.
            ConfigError: the address cannot be called.
        """
        token = self._token()
        role = self._role(token)
        if wanted is not None and role != wanted:
            raise SourceError(
                f"the instance's role is {role}",
                cause=f"the config says it must be {wanted}",
                fix="attach the other role to the instance, or correct role",
            )
        return role, self._session(token, role)

    def _token(self) -> str:
        """Ask for a token: only version 2 of the service knows it."""
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
        said = f"HTTP {answer.status}" if answer.status != 200 else "an answer that is no token"
        raise _unusable(
            self.endpoint,
            f"it gave no IMDSv2 token: {said}",
            "check AWS_EC2_METADATA_SERVICE_ENDPOINT; only version 2 is spoken",
        )

    def _role(self, token: str) -> str:
        answer = self._ask("GET", _ROLE_PATH, _with(token))
        name = answer.body.decode("latin-1").partition("\n")[0].strip()
        if answer.status == 404 or (answer.status == 200 and not name):
            raise SourceError(
                "this EC2 instance has no role",
                cause="no instance profile is attached to it",
                fix="aws ec2 associate-iam-instance-profile --instance-id ID "
                "--iam-instance-profile Name=NAME",
            )
        if answer.status != 200 or _ROLE_NAME.fullmatch(name) is None:
            said = f"HTTP {answer.status}" if answer.status != 200 else "what is no role's name"
            raise _unusable(self.endpoint, f"asked for the role's name, it gave {said}")
        return name

    def _session(self, token: str, role: str) -> Credentials:
        answer = self._ask("GET", _ROLE_PATH + role, _with(token))
        if answer.status != 200:
            raise _unusable(self.endpoint, f"it gave no credentials: HTTP {answer.status}")
        try:
            document = answer.document()
        except ValueError:
            document = {}
        code = answer.said("Code")
        if code not in ("", "Success"):
            message = answer.said("Message")
            raise _unusable(
                self.endpoint,
                f"it gave no credentials: {code}{f': {message}' if message else ''}",
                "check the trust policy of the instance's role: it must let ec2.amazonaws.com in",
            )
        return _session(document, f"the metadata service at {host_of(self.endpoint)}", self.now())

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        url = f"{self.endpoint.rstrip('/')}{path}"
        request = HttpRequest(method, url, headers)
        outcome = self.http.attempt(request)
        for _ in range(self.attempts - 1):
            if not _may_pass(outcome):
                break
            outcome = self.http.attempt(request)
        if isinstance(outcome, Fault):
            raise self._told(outcome)
        _refuse_trouble(outcome, f"the EC2 instance metadata service at {host_of(self.endpoint)}")
        return outcome

    def _told(self, fault: Fault) -> RolehopError:
        host = host_of(self.endpoint)
        if fault.kind in _ABSENT:
            return SourceError(
                "this machine has no EC2 instance metadata service",
                cause=f"asked {host}: {_words(fault)}",
                fix="run this on an EC2 instance, or choose another source",
            )
        if fault.kind is FaultKind.READ_TIMEOUT:
            return _unusable(self.endpoint, "it took the connection and never answered", HOP_LIMIT)
        return _unusable(self.endpoint, _words(fault))


def container_session(
    endpoint: ContainerEndpoint, http: HttpClient, attempts: int, now: datetime
) -> Credentials:
    """Return the session that a container-credentials endpoint gives.

    Raises:
        SourceError: it refuses, or gives something else.
        ServiceError: it does not answer, is throttling or at fault, after retries.
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
    _refuse_trouble(answer, f"the container credentials endpoint {host}")
    if answer.status != 200:
        raise _container_refused(answer, host)
    try:
        document = answer.document()
    except ValueError:
        document = {}
    return _session(document, f"the container credentials endpoint {host}", now)


def _container_refused(answer: HttpAnswer, host: str) -> SourceError:
    code, message = answer.said("Code", "code"), answer.said("Message", "message")
    said = ": ".join(part for part in (f"HTTP {answer.status}", code, message) if part)
    if answer.status in (401, 403):
        return SourceError(
            f"the container credentials endpoint {host} does not take the authorization token",
            cause=said,
            fix="check AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, AWS_CONTAINER_AUTHORIZATION_TOKEN",
        )
    return SourceError(
        f"the container credentials endpoint {host} gives no credentials",
        cause=said,
        fix="check that the task or pod has a role, and the path of the address",
    )


def _refuse_trouble(answer: HttpAnswer, where: str) -> None:
    """Refuse an answer that another time may be better; ``where`` gave it after retries."""
    if not _is_trouble(answer):
        return
    throttled = answer.status == 429
    said = ": ".join(filter(None, (f"HTTP {answer.status}", answer.said("Message", "message"))))
    raise ServiceError(
        f"{where} {'is throttling' if throttled else 'failed'}",
        cause=said,
        fix="try again in a moment" if throttled else "try again; check the agent that serves it",
    )


def _is_trouble(answer: HttpAnswer) -> bool:
    return answer.status == 429 or answer.status >= 500


def _session(document: Mapping[str, object], where: str, now: datetime) -> Credentials:
    try:
        found = given.session_in(document, given.METADATA)
        if found.expires_at is not None and found.expires_at <= now:
            raise ValueError(f"they ended at {found.expires_at:%Y-%m-%dT%H:%M:%SZ}")
    except ValueError as error:
        cause = str(error)
    else:
        return found
    raise SourceError(
        f"{where} gave no usable credentials",
        cause=cause if document else "its answer is no JSON object",
        fix="try again in a minute, and check this machine's clock",
    )


def _may_pass(outcome: HttpAnswer | Fault) -> bool:
    """Tell whether asking again may help; where nothing listens, nothing will."""
    if isinstance(outcome, Fault):
        return outcome.passing and outcome.kind not in _ABSENT
    return _is_trouble(outcome)


def _with(token: str) -> dict[str, str]:
    return {"x-aws-ec2-metadata-token": token}


def _words(fault: Fault) -> str:
    # The kinds that tell a number of seconds have sentences of their own here.
    timed = {
        FaultKind.CONNECT_TIMEOUT: "it takes no connection",
        FaultKind.READ_TIMEOUT: "it does not answer",
    }
    return timed.get(fault.kind, fault.kind.value)


def _unusable(endpoint: str, cause: str, fix: str | None = None) -> SourceError:
    return SourceError(
        f"the EC2 instance metadata service at {host_of(endpoint)} cannot be used",
        cause=cause,
        fix=fix or "try again in a moment; check AWS_EC2_METADATA_SERVICE_ENDPOINT where it is set",
    )
