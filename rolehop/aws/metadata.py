"""Credentials from endpoints beside this machine: EC2 instance metadata (v2 only), containers.

Never through a proxy. What such an endpoint says is credentials, so nothing of an answer is
quoted but its error code and message.

One rule says whose fault it is, for both. Absent or refused is the source's (`SourceError`, exit 4):
nothing takes the connection where the instance's service would be, no variable names a container's
endpoint, there is no role, the service is switched off, a token is not taken, the session is over.
What is there and does not do its part is a fault of network or AWS (`ServiceError`, exit 6), as with
STS and Roles Anywhere: no answer, throttling, HTTP 5xx, an answer that cannot be understood. A
container's endpoint that refuses the connection is there, too: a variable names it, so its agent is
what is down.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

from rolehop.aws import credential_json
from rolehop.credentials import Credentials
from rolehop.errors import RolehopError, ServiceError, SourceError
from rolehop.net.client_settings import ClientSettings
from rolehop.net.connection_errors import ConnectionFailure, FaultKind
from rolehop.net.http import HttpClient, HttpRequest, Text, unexpected
from rolehop.net.transport import HttpAnswer, host_of
from rolehop.startup.dataclass import dataclass, field

TOKEN_SECONDS = 60
"""How long the metadata token lasts; it is used three times at once and forgotten."""

_TOKEN_PATH = "/latest/api/token"  # noqa: S105 - a path
_ROLE_PATH = "/latest/meta-data/iam/security-credentials/"
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_METADATA_TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
_ABSENT = frozenset(
    (FaultKind.NAME, FaultKind.REFUSED, FaultKind.UNREACHABLE, FaultKind.CONNECT_TIMEOUT)
)
_LATER = "try again in a moment; check AWS_EC2_METADATA_SERVICE_ENDPOINT where it is set"
_REFUSALS = {
    401: "it does not take the token that it has just given: something else answers at its address, "
    "or drops the header x-aws-ec2-metadata-token on the way",
    404: "the role that it names is gone from the instance profile, or is not there yet: check "
    "both, and try again in a few minutes",
}
"""What a status means once the token was given (Amazon EC2 user guide, "Access instance metadata")."""
HOP_LIMIT = (
    "inside a container, let the answer travel one hop further: aws ec2 "
    "modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long an endpoint is waited for."""

    seconds: float = 2.0
    """For a connection, and for an answer."""

    attempts: int = 3

    def client(self, sleep: Callable[[float], object], set_by: str) -> HttpClient:
        """Return a client that takes no proxy; ``set_by`` is what names the address."""
        settings = ClientSettings(
            region="this machine",
            connect_timeout_seconds=self.seconds,
            read_timeout_seconds=self.seconds,
        )
        return HttpClient(settings, proxies=False, set_by=set_by, limit=100_000, sleep=sleep)


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
                the service refuses.
            ServiceError: it does not answer, is throttling or at fault, after retries.
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
        if answer.status == 200:
            raise self._unexpected(answer, _TOKEN_PATH, "it is no IMDSv2 token")
        raise _unusable(
            self.endpoint,
            f"it gave no IMDSv2 token: HTTP {answer.status}",
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
        if answer.status != 200:
            raise self._refused(answer, "the role's name")
        if _ROLE_NAME.fullmatch(name) is None:
            raise self._unexpected(answer, _ROLE_PATH, "it is no role's name")
        return name

    def _session(self, token: str, role: str) -> Credentials:
        answer = self._ask("GET", _ROLE_PATH + role, _with(token))
        if answer.status != 200:
            raise self._refused(answer, f"credentials of role {role}")
        code = answer.said("Code")
        if code not in ("", "Success"):
            message = answer.said("Message")
            raise _unusable(
                self.endpoint,
                f"it gave no credentials: {code}{f': {message}' if message else ''}",
                "check the trust policy of the instance's role: it must let ec2.amazonaws.com in",
            )
        return _session(answer, f"{self.endpoint}{_ROLE_PATH}", self.now())

    def _refused(self, answer: HttpAnswer, asked_for: str) -> SourceError:
        """Return the error for a status that says no, with what it means there."""
        fix = _REFUSALS.get(answer.status)
        return _unusable(self.endpoint, f"it gave no {asked_for}: HTTP {answer.status}", fix)

    def _unexpected(self, answer: HttpAnswer, path: str, reason: str) -> ServiceError:
        return unexpected(answer, self.endpoint, path, reason)

    def _ask(self, method: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        url = f"{self.endpoint.rstrip('/')}{path}"
        request = HttpRequest(method, url, headers)
        outcome = self.http.attempt(request)
        for _ in range(self.attempts - 1):
            if not _may_pass(outcome):
                break
            outcome = self.http.attempt(request)
        if isinstance(outcome, ConnectionFailure):
            raise self._told(outcome)
        _refuse_trouble(outcome, f"the EC2 instance metadata service at {host_of(self.endpoint)}")
        return outcome

    def _told(self, fault: ConnectionFailure) -> RolehopError:
        host = host_of(self.endpoint)
        if fault.kind in _ABSENT:
            return SourceError(
                "this machine has no EC2 instance metadata service",
                cause=f"asked {host}: {_words(fault)}",
                fix="run this on an EC2 instance, or choose another source",
            )
        hangs = fault.kind is FaultKind.READ_TIMEOUT
        return ServiceError(
            f"the EC2 instance metadata service at {host} does not answer",
            cause="it took the connection and never answered" if hangs else _words(fault),
            fix=HOP_LIMIT if hangs else _LATER,
        )


def container_session(
    endpoint: ContainerEndpoint, http: HttpClient, attempts: int, now: datetime
) -> Credentials:
    """Return the session that a container-credentials endpoint gives.

    Raises:
        SourceError: it refuses, or the session is over.
        ServiceError: it does not answer, is throttling or at fault, after retries, or gives
            something else.
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
        raise _container_refused(answer, host, told=endpoint.token is not None)
    return _session(answer, endpoint.url, now)


def _container_refused(answer: HttpAnswer, host: str, *, told: bool) -> SourceError:
    """Return the error for what is no answer; ``told``: it was shown an authorization token."""
    code, message = answer.said("Code", "code"), answer.said("Message", "message")
    said = ": ".join(part for part in (f"HTTP {answer.status}", code, message) if part)
    if answer.status in (401, 403):
        refused = "does not take the authorization token"
        return SourceError(
            f"the container credentials endpoint {host} "
            + (refused if told else "wants an authorization token, and none was sent"),
            cause=said,
            fix=f"{'check' if told else 'set'} AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE or "
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
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


def _session(answer: HttpAnswer, url: str, now: datetime) -> Credentials:
    """Return the session that ``answer`` of ``url`` holds.

    Raises:
        ServiceError: it holds none.
        SourceError: it is over.
    """
    try:
        found = credential_json.session_in(answer.document(), credential_json.METADATA)
    except ValueError as error:
        reason = str(error)
    else:
        if found.expires_at is None or found.expires_at > now:
            return found
        raise SourceError(
            f"{host_of(url)} gave no usable credentials",
            cause=f"they ended at {found.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            fix="try again in a minute, and check this machine's clock",
        )
    raise unexpected(answer, url, "for credentials", reason)


def _may_pass(outcome: HttpAnswer | ConnectionFailure) -> bool:
    """Tell whether asking again may help; where nothing listens, nothing will."""
    if isinstance(outcome, ConnectionFailure):
        return outcome.passing and outcome.kind not in _ABSENT
    return _is_trouble(outcome)


def _with(token: str) -> dict[str, str]:
    return {"x-aws-ec2-metadata-token": token}


def _words(fault: ConnectionFailure) -> str:
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
        fix=fix or _LATER,
    )
