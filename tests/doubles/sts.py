"""A strict STS (and the one IAM call rolehop makes) on loopback, with keep-alive.

It checks what moto lets pass: signatures, trust policies, MFA codes used once, external IDs, the
chaining ceiling, tags and source identity down a chain, and it remembers who signed which call.

    with StrictSts() as sts:
        alice = sts.world.user("111111111111", "alice")
        sts.world.role("arn:aws:iam::222222222222:role/Hub", trusts=[alice.arn])
        ...                     # AWS_ENDPOINT_URL=sts.url, credentials alice.environ
        assert [call.role for call in sts.calls] == [...]

``sts.now`` is its clock and may be moved (``sts.now += timedelta(hours=1)``); sessions end by
it. Signatures are judged by the real clock, shifted by ``date_offset``.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl

from rolehop.base.dataclass import replace
from tests.doubles import saml, web_identity
from tests.doubles.accounts import ec2_regions, iam_keys, iam_read
from tests.doubles.accounts.organizations import error_json
from tests.doubles.accounts.query_answers import VERSIONS, error_xml, result_xml
from tests.doubles.held_calls import HeldCalls
from tests.doubles.sts_auth import AUTHORIZATION, Signed, Signer, authenticate
from tests.doubles.sts_params import Refused, Request, credentials_xml
from tests.doubles.sts_rules import OPERATIONS, check_layers
from tests.doubles.sts_world import Device, Key, Role, User, World

__all__ = ["Call", "Device", "Key", "Role", "StrictSts", "User", "World"]

_OPERATIONS = {
    **OPERATIONS,
    **iam_keys.OPERATIONS,
    **iam_read.OPERATIONS,
    **ec2_regions.OPERATIONS,
}
# The token in the call proves the identity, so the call is not signed.
UNSIGNED = {
    "AssumeRoleWithSAML": saml.assume_role_with_saml,
    "AssumeRoleWithWebIdentity": web_identity.assume_role_with_web_identity,
}


@dataclass(frozen=True)
class Call:
    """One call as it arrived; secrets and MFA codes are left out."""

    action: str
    signer: str
    """ARN; empty where the call was not authenticated."""

    access_key_id: str
    role: str
    """The ARN asked for; empty for calls that ask for none."""

    params: Mapping[str, str]
    connection: int
    """Numbers the connections in the order they were opened, from 1."""

    at: datetime
    user_agent: str
    refused: str = ""
    """The error code of the answer; ``drop`` and the like for injected faults."""


@dataclass
class _Fault:
    kind: str
    left: int
    status: int = 0
    body: bytes = b""
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    role: str = ""  # that is asked for; empty: any call


class StrictSts(HeldCalls):
    """The double; a context manager. ``certificate`` is (certificate file, key file) for TLS."""

    def __init__(self, *, certificate: tuple[str, str] | None = None) -> None:
        super().__init__()
        self.world = World()
        self.calls: list[Call] = []
        self.token_length = 600
        self.packed_limit = 3000
        """Characters of session policies and tags that count as 100 %."""

        self.delay_seconds = 0.0
        self.date_offset = timedelta()
        """Its Date header minus the real time."""

        self.region: str | None = None
        """The only region calls may be signed for; ``None``: any."""

        self.not_served: set[str] = set()
        """Actions that this endpoint does not know, as those of an older region or emulator."""

        self.refusing: dict[str, Refused] = {}
        """Actions that are refused, whoever calls them."""

        self.echoes: set[str] = set()
        """Actions that answer with the very session that signed, as a broken emulator may."""

        self.tells_reasons = False
        """AccessDenied names the policy that refuses, as AWS does in some cases."""

        self._shift = timedelta()
        self._faults: list[_Fault] = []
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._certificate = certificate
        self._connections = 0
        self._open: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _handler_of(self))
        if self._certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self._certificate)
            self._server.tls = context
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._may_answer.set()
        self._server.shutdown()
        self._thread.join()
        with self._lock:
            for connection in self._open:
                _shut(connection)
        self._server.server_close()  # waits for the connections' threads

    @property
    def url(self) -> str:
        """The endpoint, without a slash at the end."""
        scheme = "http" if self._certificate is None else "https"
        return f"{scheme}://127.0.0.1:{self._server.server_port}"

    @property
    def environ(self) -> dict[str, str]:
        """The variables that point a process at this double."""
        return {
            "AWS_ENDPOINT_URL_STS": self.url,
            "AWS_ENDPOINT_URL_IAM": self.url,
            "AWS_ENDPOINT_URL_ORGANIZATIONS": self.url,
            "AWS_ENDPOINT_URL_EC2": self.url,
        }

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    @now.setter
    def now(self, value: datetime) -> None:
        self._shift = value - datetime.now(UTC)

    @property
    def roles_called(self) -> list[str]:
        """The roles of all AssumeRole calls, in order, refused ones included."""
        return [call.role for call in self.calls if call.action == "AssumeRole"]

    @property
    def connections(self) -> int:
        """How many connections were ever opened."""
        return self._connections

    def fail(
        self, times: int = 1, *, status: int = 503, code: str = "ServiceUnavailable", text: str = ""
    ) -> None:
        """Answer the next ``times`` calls with an error."""
        body = error_xml(code, text or code)
        self._inject(_Fault("fail", times, status, body, code))

    def throttle(self, times: int = 1, role: str = "") -> None:
        """Answer the next ``times`` calls, those for ``role`` if it is named, with Throttling."""
        body = error_xml("Throttling", "Rate exceeded")
        self._inject(_Fault("fail", times, 400, body, "Throttling", role=role))

    def drop(self, times: int = 1) -> None:
        """Read the next ``times`` calls and close their connections without an answer."""
        self._inject(_Fault("drop", times))

    def truncate(self, times: int = 1) -> None:
        """Carry out the next ``times`` calls, and break off in the middle of the answer."""
        self._inject(_Fault("truncate", times))

    def say(
        self, body: bytes, times: int = 1, *, status: int = 200, headers: Mapping[str, str] = {}
    ) -> None:
        """Answer the next ``times`` calls with exactly this."""
        self._inject(_Fault("say", times, status, body, headers=headers))

    def recover(self) -> None:
        """Answer properly from now on."""
        with self._lock:
            self._faults.clear()

    def _inject(self, fault: _Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    # The rest is called by the connections' threads.

    def opened(self, connection: socket.socket) -> int:
        with self._lock:
            self._connections += 1
            self._open.add(connection)
            return self._connections

    def closed(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)

    def answer(self, handler: _Handler, body: bytes) -> tuple[int, bytes, str, Mapping[str, str]]:
        """Return status, body, the fault to act out, and more headers."""
        with self._one_call():
            return self._answer(handler, body)

    def _answer(self, handler: _Handler, body: bytes) -> tuple[int, bytes, str, Mapping[str, str]]:
        if self.delay_seconds:
            self._closing.wait(self.delay_seconds)
        with self._lock:
            call = self._arrived(handler, body)
            fault = self._next_fault(call.role)
            if fault is not None and fault.kind != "truncate":
                self.calls.append(replace(call, refused=fault.code or fault.kind))
                return fault.status, fault.body, fault.kind, fault.headers
            status, answer = self._carry_out(handler, body, call)
            return status, answer, fault.kind if fault else "", {}

    def _next_fault(self, role: str) -> _Fault | None:
        fault = next((each for each in self._faults if each.role in ("", role)), None)
        if fault is None:
            return None
        fault.left -= 1
        if not fault.left:
            self._faults.remove(fault)
        return fault

    def _arrived(self, handler: _Handler, body: bytes) -> Call:
        params = dict(parse_qsl(body.decode(), keep_blank_values=True))
        for name in ("TokenCode", "SAMLAssertion", "WebIdentityToken"):
            if name in params:
                params[name] = "hidden"
        match = AUTHORIZATION.fullmatch(handler.headers.get("Authorization", ""))
        return Call(
            action=params.pop("Action", ""),
            signer="",
            access_key_id=match["key"] if match else "",
            role=params.get("RoleArn", ""),
            params=params,
            connection=handler.number,
            at=self.now,
            user_agent=handler.headers.get("User-Agent", ""),
        )

    def _carry_out(self, handler: _Handler, body: bytes, call: Call) -> tuple[int, bytes]:
        try:
            if call.action in UNSIGNED:
                answer = self._operate_unsigned(handler, body)
                self.calls.append(call)
                return 200, answer
            signer = authenticate(
                Signed(handler.command, handler.path, handler.headers, body),
                self.world.keys,
                clock=datetime.now(UTC) + self.date_offset,
                now=self.now,
                region=self.region,
            )
            call = replace(call, signer=signer.key.arn)
            target = handler.headers.get("X-Amz-Target")
            if target is not None:
                owner = signer.key.role or signer.key.user
                caller = None if owner is None else owner.arn
                organization = self.world.organization
                return organization.answer(target, body, caller, signer.service)
            answer = self._operate(body, signer)
        except Refused as refused:
            self.calls.append(replace(call, refused=refused.code))
            if "X-Amz-Target" in handler.headers:
                return 400, error_json(refused.code, refused.message)
            return refused.status, error_xml(refused.code, refused.message, call.action)
        self.calls.append(call)
        return 200, answer

    def _operate(self, body: bytes, signer: Signer) -> bytes:
        params = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        action, version = params.pop("Action", ""), params.pop("Version", "")
        known, operation = _OPERATIONS.get(action, ("", None))
        if action in self.not_served:
            operation = None
        if operation is None or version != VERSIONS[known]:
            text = f"Could not find operation {action} for version {version}"
            raise Refused("InvalidAction", text)
        if action in self.refusing:
            raise self.refusing[action]
        if action in self.echoes:
            ends_at = signer.key.expires_at or self.now + timedelta(hours=1)
            whole = replace(signer.key, expires_at=ends_at)
            return result_xml(known, action, credentials_xml(whole))
        if signer.service != known:
            text = f"Credential should be scoped to correct service: '{known}'. "
            raise Refused("SignatureDoesNotMatch", text, 403)
        check_layers(signer.key, known, action)
        request = Request(
            params,
            signer.key,
            signer.region,
            self.now,
            self.token_length,
            self.packed_limit,
            self.tells_reasons,
        )
        return result_xml(known, action, operation(self.world, request))

    def _operate_unsigned(self, handler: _Handler, body: bytes) -> bytes:
        params = dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        action, version = params.pop("Action"), params.pop("Version", "")
        if version != VERSIONS["sts"] or "Authorization" in handler.headers:
            raise Refused("ValidationError", f"{action} is called unsigned")
        result = UNSIGNED[action](self.world, params, self.now, self.token_length)
        return result_xml("sts", action, result)


def _shut(connection: socket.socket) -> None:
    with suppress(OSError):  # the other side was quicker
        connection.shutdown(socket.SHUT_RDWR)


class _Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 128
    tls: ssl.SSLContext | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away, or do not trust the certificate, are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment an answer
    sts: StrictSts
    number: int

    def setup(self) -> None:
        if isinstance(self.server, _Server) and self.server.tls is not None:
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()
        self.number = self.sts.opened(self.connection)

    def finish(self) -> None:
        self.sts.closed(self.connection)
        try:
            super().finish()
        finally:
            self.connection.close()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, answer, fault, headers = self.sts.answer(self, body)
        if fault == "drop":
            self.close_connection = True
            _shut(self.connection)
            return
        self.send_response(status)
        self.send_header("Content-Type", "text/xml")
        self.send_header("Content-Length", str(len(answer)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if fault == "truncate":
            self.close_connection = True
            answer = answer[: len(answer) // 2]
        self.wfile.write(answer)

    def date_time_string(self, timestamp: float | None = None) -> str:
        return format_datetime(datetime.now(UTC) + self.sts.date_offset, usegmt=True)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _handler_of(double: StrictSts) -> type[_Handler]:
    return type("Handler", (_Handler,), {"sts": double})
