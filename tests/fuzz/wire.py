"""The parsers of bytes on a connection: requests to rolehop's servers, the bus, answers of any form."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Thread

from hypothesis import strategies as st

from rolehop.aws.console_sign_in import ConsoleSignIn
from rolehop.aws.enabled_regions import enabled_regions
from rolehop.aws.iam_reader import IamReader
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.http import HttpClient, HttpRequest
from rolehop.aws.net.loopback_pages import Callback, Peers
from rolehop.aws.organizations import (
    OrganizationAccountReader,
    OrganizationReader,
    OrganizationsApi,
)
from rolehop.aws.query_api import QueryClient
from rolehop.base.errors import RolehopError, ServiceError
from rolehop.commands.serve.connection import BadRequest, Response, take_request
from rolehop.commands.serve.rules import MetadataService, Rules, SessionForm
from rolehop.config.account_query import OrganizationAccounts
from rolehop.hotpath import dbus
from rolehop.walk.ports import StsRefusal
from tests.fuzz.run import Parser
from tests.fuzz.services import SIGNER, AnythingServer, parser_of_answers
from tests.fuzz.texts import json_bytes, mutated_bytes
from tests.support.world import HUB

_TOKEN = b"the-token"


@contextmanager
def parsers() -> Iterator[list[Parser]]:
    """Give all parsers, over servers of their own."""
    with ExitStack() as stack:
        server = stack.enter_context(AnythingServer())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rh-")))
        raw = stack.enter_context(_raw_server(socket.AF_INET, ("127.0.0.1", 0)))
        bus = stack.enter_context(_raw_server(socket.AF_UNIX, str(folder / "bus")))
        settings = ClientSettings("eu-west-1", max_attempts=1)
        http = stack.enter_context(HttpClient(settings, proxies=False, sleep=lambda _: None))
        yield [*_of_aws(server, stack, http), _of_any_form(raw, http), _of_the_bus(bus), *_REQUESTS]


# ---- lists and other answers of AWS

_IAM = [
    f"<{action}Response><{action}Result>{inside}</{action}Result></{action}Response>"
    for action, inside in {
        "GetRole": f"<Role><Arn>{HUB}</Arn><RoleId>AROA</RoleId><AssumeRolePolicyDocument>%7B%7D"
        "</AssumeRolePolicyDocument><MaxSessionDuration>3600</MaxSessionDuration>"
        "<Tags><member><Key>a</Key><Value>b</Value></member></Tags></Role>",
        "GetUser": "<User><Arn>arn:aws:iam::111111111111:user/a</Arn><UserId>A</UserId></User>",
        "ListAttachedRolePolicies": "<AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/x"
        "</PolicyArn></member></AttachedPolicies><IsTruncated>true</IsTruncated><Marker>m</Marker>",
        "ListRolePolicies": "<PolicyNames><member>p</member></PolicyNames>",
        "GetRolePolicy": "<PolicyDocument>%7B%22Statement%22%3A%5B%5D%7D</PolicyDocument>",
        "GetPolicy": "<Policy><Arn>arn:aws:iam::aws:policy/x</Arn><DefaultVersionId>v1"
        "</DefaultVersionId><AttachmentCount>2</AttachmentCount></Policy>",
        "DescribeRegions": "<regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo>",
    }.items()
]
_ACCOUNT = {
    "Id": "444444444444",
    "Name": "web",
    "Status": "ACTIVE",
    "State": "ACTIVE",
    "Paths": ["o-1/r-1/444444444444"],
}
_ORGANIZATION = [
    {"Organization": {"Id": "o-1", "MasterAccountId": "111111111111"}},
    {"Roots": [{"Id": "r-1", "PolicyTypes": [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]}]},
    {"Accounts": [_ACCOUNT, {**_ACCOUNT, "Id": "555555555555", "Status": "SUSPENDED"}], "NextToken": "n"},
    {"Children": [{"Id": "ou-1", "Type": "ORGANIZATIONAL_UNIT"}], "Parents": [{"Id": "r-1"}]},
    {"OrganizationalUnits": [{"Id": "ou-1", "Name": "Prod"}], "OrganizationalUnit": {"Name": "Prod"}},
    {"Policies": [{"Id": "p-1", "Name": "p"}], "Policy": {"Content": "{}"}, "Tags": [{"Key": "a", "Value": "b"}]},
    {"__type": "TooManyRequestsException", "Message": "slow down"},
]  # fmt: skip


def _give_up(_: float) -> None:
    """Wait for nothing: throttling would be waited out."""
    raise ServiceError("it would be waited for")


def _of_aws(server: AnythingServer, stack: ExitStack, http: HttpClient) -> Iterator[Parser]:
    url = server.url
    names = ("endpoint_url", "iam_endpoint_url", "organizations_endpoint_url", "ec2_endpoint_url")
    settings = ClientSettings("eu-west-1", **dict.fromkeys(names, url), max_attempts=1)  # type: ignore[arg-type]
    query = stack.enter_context(QueryClient(settings, sleep=lambda _: None))
    reader = IamReader(lambda: query, SIGNER)
    calls: list[Callable[[], object]] = [
        lambda: f"{reader.role(HUB)}",
        lambda: f"{reader.user('arn:aws:iam::111111111111:user/a')}",
        lambda: "\n".join(enabled_regions(query, SIGNER)),
    ]
    yield parser_of_answers(server, "IAM and regions", mutated_bytes(_IAM), calls, (StsRefusal,))

    def api() -> OrganizationsApi:
        return OrganizationsApi(settings, SIGNER, sleep=_give_up)

    query_of = OrganizationAccounts("hub", ("Prod/*",), (("env", "x"),), ("not-*",))
    calls = [
        lambda: f"{OrganizationReader(settings, SIGNER, sleep=_give_up).read(['444444444444'])}",
        lambda: f"{OrganizationAccountReader(api()).accounts(OrganizationAccounts('hub'))}",
        lambda: f"{OrganizationAccountReader(api()).accounts(query_of)}",
    ]
    yield parser_of_answers(
        server, "Organizations", json_bytes(_ORGANIZATION), calls, (StsRefusal,)
    )
    sign_in = ConsoleSignIn(http, url, lambda _: None)
    yield parser_of_answers(
        server, "the console's sign-in", json_bytes([{"SigninToken": "t"}]),
        [lambda: sign_in.token(SIGNER, 3600)],
    )  # fmt: skip


# ---- answers that are no HTTP, or no end of it


class _RawServer:
    """Sends ``data`` to each client, then hangs up."""

    def __init__(self, listener: socket.socket) -> None:
        self.address = listener.getsockname()
        self.data = b""
        self._listener = listener

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                with client, suppress(OSError):
                    client.settimeout(1)
                    client.recv(1 << 16)
                    client.sendall(self.data)
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1 << 16):
                        pass


@contextmanager
def _raw_server(family: int, address: object) -> Iterator[_RawServer]:
    with socket.socket(family) as listener:
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen()
        server = _RawServer(listener)
        thread = Thread(target=server.serve)
        thread.start()
        yield server
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


_ANSWERS = [
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 14\r\n\r\n{"token": "x"}',
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a": 1\r\n1;x=y\r\n}\r\n0\r\nA: b\r\n\r\n',
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.0 500 \x1b[2J\r\nDate: x\r\n\r\n<html>",
    "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nSet-Cookie: a=b; Expires=never\r\n\r\n",
]


def _of_any_form(server: _RawServer, http: HttpClient) -> Parser:
    host, port = server.address

    def ask(data: bytes) -> str:
        server.data = data
        found = http.send(HttpRequest("GET", f"http://{host}:{port}/"))
        with suppress(ValueError):
            found.json_object()
        return f"{found} {found.first_text('message')} {found.error_type} {found.clock_offset}"

    return Parser("HTTP answers", mutated_bytes(_ANSWERS), ask, share=2)


# ---- the session bus


def _reply(number: int, signature: str, body: bytes) -> bytes:
    fields = b"\x05\x01u\0" + dbus._number(number)
    if signature:
        fields += b"\x08\x01g\0" + bytes([len(signature)]) + signature.encode() + b"\0"
    start = (
        b"l\x02\x01\x01"
        + dbus._number(len(body))
        + dbus._number(number)
        + dbus._number(len(fields))
    )
    return dbus._aligned(start + fields, 8) + body


def _of_the_bus(server: _RawServer) -> Parser:
    """Answers to the hot path's own client; what is asked does not change what is sent."""
    path = dbus._string("/a/b")
    variant = dbus._aligned(b"\x01s\0", 4) + dbus._string("")
    secret = dbus._aligned(path, 4) + dbus._number(0) + dbus._string("{}")[:-1]
    found = dbus._number(len(path)) + path
    replies = [
        _reply(1, "s", dbus._string(":1.1")), _reply(2, "o", dbus._string("/")),
        _reply(3, "vo", dbus._aligned(variant, 4) + path), _reply(4, "o", path),
        _reply(5, "ao", found), _reply(6, "(oayays)", secret),
    ]  # fmt: skip
    sample = [b"OK 1234\r\n", *replies]

    def read(parts: list[bytes]) -> None:
        server.data = b"".join(parts)
        dbus.read_secrets(f"unix:path={server.address}", ["rolehop/a"], "u", timeout=5)

    read(sample)  # as it is, it is understood
    return Parser(
        "the session bus", _changed_parts(sample), read, (OSError, dbus.BusTrouble), share=2
    )


@st.composite
def _changed_parts(draw: st.DrawFn, sample: list[bytes]) -> list[bytes]:
    """Draw the messages with bytes of one of them changed, or in another order."""
    parts = list(sample)
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(parts) - 1))
        part = bytearray(parts[number])
        at = draw(st.integers(0, len(part)))
        part[at : at + draw(st.sampled_from((0, 1, 1, 4)))] = draw(
            st.binary(max_size=4) | st.just(b"\xff" * 4)
        )
        parts[number] = bytes(part)
    return draw(st.permutations(parts)) if draw(st.integers(0, 5)) == 0 else parts


# ---- requests to rolehop


class _Chains:
    """Serves one chain."""

    def __contains__(self, chain: object) -> bool:
        return chain == "a/b"

    def answer(self, chain: str, client: str, form: SessionForm, *, final: bool) -> Response:
        return Response(200, b"the session")


_HOST = "127.0.0.1:1"
_SERVED = [
    f"GET /chains/a%2Fb HTTP/1.1\r\nHost: {_HOST}\r\nAuthorization: the-token\r\nUser-Agent: x\r\n\r\n",
    f"PUT /latest/api/token HTTP/1.1\r\nHost: {_HOST}\r\nx-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n",
    (
        f"GET /latest/meta-data/iam/security-credentials/a%2Fb HTTP/1.1\r\nHost: {_HOST}\r\n"
        "x-aws-ec2-metadata-token: 1-2-3\r\n\r\n"
    ),
    f"GET /health HTTP/1.1\r\nHost: {_HOST}\r\nConnection: close\r\n\r\n",
]


def _served(data: bytes) -> None:
    """Only a request with the token, and to this host, gets the session."""
    rules = Rules(_TOKEN.__eq__, _Chains(), 1, MetadataService("a/b", _Chains()))
    left = bytearray(data)
    with suppress(BadRequest):
        while (request := take_request(left)) is not None:
            response = rules.answer(request, [_HOST], final=True)
            assert response is not None
            response.as_bytes(stays_open=False)
            if response.body == b"the session":
                assert request.headers["host"] == (_HOST,)
                assert request.headers["authorization"] == (_TOKEN.decode(),)


_CALLBACKS = [
    "GET /oauth/callback?code=abc&state=S HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
    (
        "GET /oauth/callback?error=access_denied&error_description=%1b%5b2Jno&state=S HTTP/1.1\r\n"
        "Host: 127.0.0.1:PORT\r\n\r\n"
    ),
]


def _called_back(data: bytes) -> str:
    """A browser's request ends in a code, in a refusal, or leaves the sign-in waiting."""
    # It hangs up at once, and Linux no longer tells whose that connection was.
    with Callback("S", peers=Peers.UNTOLD) as callback:
        with socket.create_connection(("127.0.0.1", callback.port)) as client:
            client.settimeout(10)
            client.sendall(data.replace(b"PORT", str(callback.port).encode()))
            client.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while client.recv(1 << 16):
                    pass
        try:
            return f"{callback.wait(0.0)}"
        except RolehopError as error:
            return f"{error.cause}"


_REQUESTS = [
    Parser("requests to serve", mutated_bytes(_SERVED), _served, share=3),
    Parser("a browser's requests", mutated_bytes(_CALLBACKS), _called_back, (OSError,), share=0.5),
]
