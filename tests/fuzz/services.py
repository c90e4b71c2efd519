"""The parsers of what services answer: a client of each, and a server that answers anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self

from hypothesis import strategies as st

from rolehop.aws.identity_center import DeviceCode, Portal, PortalRefusal, Registration, SsoOidc
from rolehop.aws.metadata import ContainerEndpoint, InstanceMetadata, Timeouts, container_session
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.http import HttpClient
from rolehop.aws.oauth import Issuer, OAuthRefusal
from rolehop.aws.sts import StsClient, WebIdentity
from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Credentials, Secret
from rolehop.plan.model import Hop
from rolehop.walk.ports import StsRefusal
from tests.fuzz.run import Parser
from tests.fuzz.samples import PROCESS, SIGN_IN
from tests.fuzz.texts import json_bytes, mutated_bytes, pieces
from tests.support.world import HUB

_NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
_STATUSES = st.sampled_from([200] * 12 + [201, 204, 301, 400, 401, 403, 404, 408, 429, 500, 503])
_headers = st.sampled_from(
    [
        {},
        {},
        {},
        {"Date": "Thu, 01 Jan 2026 12:00:00 GMT"},
        {"Date": "Fri, 31 Dec 9999 23:59:59 -2359"},
        {"Content-Encoding": "gzip"},
        {"Content-Type": "text/html; charset=utf-16"},
        {"Retry-After": "9" * 400},
        {"Location": "http://127.0.0.1:1/"},
        {"x-amzn-errortype": "Odd\x1b[2J:http://x"},
    ]
)


@dataclass(frozen=True)
class Canned:
    """One answer."""

    status: int
    headers: dict[str, str]
    body: bytes


def answers(bodies: st.SearchStrategy[bytes]) -> st.SearchStrategy[list[Canned]]:
    """Return what is answered: to each request of a call the next, the last one to all others."""
    one = st.builds(Canned, _STATUSES, _headers, bodies)
    return st.lists(one, min_size=1, max_size=3)


@dataclass
class AnythingServer:
    """A context manager; answers every request with the next of ``canned``."""

    canned: list[Canned] = field(default_factory=list)

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"owner": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def next(self) -> Canned:
        return self.canned.pop(0) if len(self.canned) > 1 else self.canned[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    owner: AnythingServer

    def _do(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        canned = self.owner.next()
        self.send_response_only(canned.status)
        self.send_header("Content-Length", str(len(canned.body)))
        for name, value in canned.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(b"" if canned.status == 204 else canned.body)

    do_GET = do_POST = do_PUT = _do  # noqa: N815 - the names that http.server calls

    def log_message(self, format: str, *args: object) -> None:
        del format, args


_CREDENTIALS = (
    "<Credentials><AccessKeyId>ASIAEXAMPLE000000001</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2026-01-01T13:00:00Z</Expiration></Credentials>"
)
_USER = (
    "<AssumedRoleUser><Arn>arn:aws:sts::222222222222:assumed-role/Hub/me</Arn>"
    "<AssumedRoleId>AROA:me</AssumedRoleId></AssumedRoleUser>"
)
STS = [
    f"<{action}Response xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><{action}Result>{inside}"
    f"</{action}Result></{action}Response>"
    for action, inside in {
        "AssumeRole": _CREDENTIALS + _USER + "<PackedPolicySize>6</PackedPolicySize>",
        "AssumeRoleWithWebIdentity": _CREDENTIALS + _USER + "<Audience>a</Audience>",
        "AssumeRoleWithSAML": _CREDENTIALS + _USER + "<Subject>s</Subject>",
        "GetSessionToken": _CREDENTIALS,
        "GetCallerIdentity": "<Arn>arn:aws:iam::111111111111:user/a</Arn><UserId>A</UserId>"
        "<Account>111111111111</Account>",
        "DecodeAuthorizationMessage": "<DecodedMessage>{}</DecodedMessage>",
        "ListAccessKeys": "<AccessKeyMetadata><member><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId>"
        "<Status>Active</Status><CreateDate>2026-01-01T00:00:00Z</CreateDate></member>"
        "</AccessKeyMetadata><IsTruncated>false</IsTruncated>",
        "CreateAccessKey": "<AccessKey><AccessKeyId>AKIAEXAMPLE000000001</AccessKeyId>"
        "<SecretAccessKey>s</SecretAccessKey></AccessKey>",
        "ListMFADevices": "<MFADevices><member><SerialNumber>arn:aws:iam::1:mfa/a</SerialNumber>"
        "</member></MFADevices>",
    }.items()
] + [
    (
        "<ErrorResponse><Error><Code>AccessDenied</Code><Message>User: arn:aws:iam::1:user/a is not"
        " authorized to perform: sts:AssumeRole on resource: x</Message></Error></ErrorResponse>"
    )
]
SIGNER = Credentials(
    "ASIAEXAMPLE000000001", Secret("kept-by-the-samples"), Secret("given-by-the-samples"), None
)
_CLIENT = Registration("id", Secret("kept-by-the-samples"), _NOW + timedelta(days=9))
_DEVICE = {
    "deviceCode": "d",
    "userCode": "ABCD",
    "verificationUri": "https://device.sso.eu-west-1.amazonaws.com/",
    "verificationUriComplete": "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD",
    "expiresIn": 600,
    "interval": 1,
}
PORTAL = [
    {"roleCredentials": {
        "accessKeyId": "ASIAEXAMPLE000000001", "secretAccessKey": "s", "sessionToken": "t",
        "expiration": 1767272400000,
    }},
    {"accountList": [{"accountId": "111111111111", "accountName": "prod"}], "nextToken": "n"},
    {"roleList": [{"roleName": "Dev", "accountId": "111111111111"}]},
    {"message": "no", "__type": "ForbiddenException"},
]  # fmt: skip
OIDC = [
    {**SIGN_IN, "tokenType": "Bearer"},
    _DEVICE,
    {"clientId": "id", "clientSecret": "s", "clientSecretExpiresAt": 1777272400},
    {"error": "authorization_pending", "error_description": "wait"},
]
_METADATA = {**PROCESS, "Code": "Success", "Token": "t", "Type": "AWS-HMAC", "RoleArn": HUB}


@contextmanager
def parsers() -> Iterator[list[Parser]]:
    """Give all parsers of answers, over one server."""
    with ExitStack() as stack:
        server = stack.enter_context(AnythingServer())
        url = server.url
        settings = ClientSettings(
            "eu-west-1", endpoint_url=url, iam_endpoint_url=url, max_attempts=2
        )
        sts = stack.enter_context(StsClient(settings, now=lambda: _NOW, sleep=lambda _: None))
        http = stack.enter_context(HttpClient(settings, proxies=False, sleep=lambda _: None))
        near = stack.enter_context(Timeouts(5).client(lambda _: None, "a test"))
        yield _made(server, sts, http, near)


def parser_of_answers(
    server: AnythingServer,
    name: str,
    bodies: st.SearchStrategy[bytes],
    calls: list[Callable[[], object]],
    expected: tuple[type[Exception], ...] = (),
) -> Parser:
    """Return the parser of what ``server`` answers to one of some calls."""

    def read(given: tuple[list[Canned], int]) -> Any:
        server.canned, call = list(given[0]), given[1]
        return calls[call]()

    inputs = st.tuples(answers(bodies), st.sampled_from(range(len(calls))))
    return Parser(name, inputs, read, expected, share=3)


def _made(
    server: AnythingServer, sts: StsClient, http: HttpClient, near: HttpClient
) -> list[Parser]:
    parser = partial(parser_of_answers, server)
    return [
        parser("STS and IAM", mutated_bytes(STS), _sts_calls(sts), (StsRefusal,)),
        parser("Identity Center's portal", json_bytes(PORTAL), _portal_calls(http, server.url),
               (PortalRefusal,)),
        parser("Identity Center's OIDC", json_bytes(OIDC), _oidc_calls(http, server.url),
               (OAuthRefusal,)),
        parser("OIDC issuers", json_bytes([_discovery(server.url), SIGN_IN]),
               [Issuer(http, server.url, "id", lambda: _NOW).discover], (OAuthRefusal,)),
        parser("instance metadata",
               json_bytes([_METADATA]) | st.just(b"Role") | pieces.map(lambda t: t.encode("utf-8", "replace")),
               [lambda: InstanceMetadata(server.url, near, 2, lambda: _NOW).role_session(None)[0]]),
        parser("container credentials", json_bytes([_METADATA]),
               [lambda: container_session(ContainerEndpoint(server.url, "t"), near, 2, lambda: _NOW)]),
    ]  # fmt: skip


def _discovery(url: str) -> dict[str, object]:
    return {
        "issuer": url,
        "authorization_endpoint": f"{url}/authorize",
        "token_endpoint": f"{url}/token",
        "revocation_endpoint": f"{url}/revoke",
        "scopes_supported": ["openid", "offline_access"],
    }


def _sts_calls(sts: StsClient) -> list[Callable[[], object]]:
    hop = Hop(RoleArn.parse(HUB), "me", 3600)
    web = WebIdentity(hop.role, "me", 3600)
    return [
        *[lambda: sts.assume_role(hop, SIGNER, None)] * 5,
        lambda: sts.session_token(SIGNER, 3600, None),
        lambda: sts.caller(SIGNER).arn,
        lambda: sts.decode_message(SIGNER, "x"),
        lambda: sts.mfa_device(SIGNER),
        lambda: sts.assume_role_with_web_identity(web, Secret("given-by-the-samples")),
        lambda: sts.assume_role_with_saml(hop.role, "arn:aws:iam::222222222222:saml-provider/x", Secret("a"), None),
        lambda: sts.iam_keys.list(SIGNER),
        lambda: sts.iam_keys.create(SIGNER),
    ]  # fmt: skip


def _portal_calls(http: HttpClient, url: str) -> list[Callable[[], object]]:
    portal, token = Portal(http, url, lambda: _NOW), Secret("given-by-the-samples")
    return [
        lambda: portal.role_credentials(token, "111111111111", "Dev"),
        lambda: "\n".join(each.name for each in portal.accounts(token)),
        lambda: "\n".join(portal.roles(token, "111111111111")),
        lambda: portal.logout(token),
    ]


def _oidc_calls(http: HttpClient, url: str) -> list[Callable[[], object]]:
    oidc = SsoOidc(http, url, lambda: _NOW)
    device = DeviceCode(Secret("d"), "ABCD", "https://x", _NOW, 5)
    return [
        lambda: oidc.register(["sso:account:access"]),
        lambda: oidc.start_device(_CLIENT, "https://corp.awsapps.com/start").user_code,
        lambda: oidc.by_device(_CLIENT, device),
        lambda: oidc.by_refresh(_CLIENT, Secret("r")),
        lambda: oidc.by_code(_CLIENT, Secret("c"), "http://127.0.0.1/", Secret("v")),
    ]
