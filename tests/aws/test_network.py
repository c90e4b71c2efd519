"""What stands between here and AWS: proxies, TLS, and all the ways to get no answer."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.sts import StsClient
from rolehop.base.errors import ConfigError, ServiceError
from tests.aws.certificates import Certificates, make_certificates
from tests.doubles.proxy import ProxyDouble
from tests.doubles.sts import StrictSts, User
from tests.support.ports import refusing_port


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def tls(certificates: Certificates) -> Iterator[StrictSts]:
    with StrictSts(certificate=certificates.server) as double:
        yield double


def _error(asked: ClientSettings, user: User, naps: list[float]) -> ServiceError:
    with StsClient(asked, sleep=naps.append) as client, pytest.raises(ServiceError) as caught:
        client.caller(user.credentials)
    error = caught.value
    said = f"{error.what} {error.cause} {error.fix}"
    assert user.key.secret not in said
    assert "pa55word" not in said
    # No signed request hides behind the error, for a traceback with locals to show.
    assert error.__cause__ is None
    assert error.__context__ is None
    return error


@pytest.fixture
def unused_port() -> Iterator[int]:
    with refusing_port() as port:
        yield port


def test_a_ca_bundle_makes_an_endpoint_trusted(tls: StrictSts, certificates: Certificates) -> None:
    user = tls.world.user("111111111111", "alice")
    asked = ClientSettings("eu-west-1", endpoint_url=tls.url, ca_bundle=str(certificates.authority))
    with StsClient(asked) as client:
        for _ in range(3):
            assert client.caller(user.credentials).arn == user.arn
    assert [call.connection for call in tls.calls] == [1, 1, 1]


def test_without_the_bundle_the_certificate_is_not_trusted_nor_tried_again(
    tls: StrictSts, naps: list[float]
) -> None:
    user = tls.world.user("111111111111", "alice")
    error = _error(ClientSettings("eu-west-1", endpoint_url=tls.url), user, naps)
    assert error.what.startswith("cannot make a trusted connection to 127.0.0.1:")
    assert (error.cause or "").startswith("its certificate cannot be trusted: ")
    assert "AWS_CA_BUNDLE" in (error.fix or "")
    assert not naps
    assert tls.calls == []


def test_another_hosts_certificate_is_not_trusted(
    certificates: Certificates, naps: list[float]
) -> None:
    with StrictSts(certificate=certificates.stranger) as double:
        user = double.world.user("111111111111", "alice")
        bundle = str(certificates.authority)
        error = _error(
            ClientSettings("eu-west-1", endpoint_url=double.url, ca_bundle=bundle), user, naps
        )
    assert (error.cause or "").startswith("its certificate cannot be trusted: ")
    assert not naps


def test_an_endpoint_without_tls_has_its_own_error(
    sts: StrictSts, alice: User, naps: list[float]
) -> None:
    asked = ClientSettings("eu-west-1", endpoint_url=sts.url.replace("http:", "https:"))
    error = _error(asked, alice, naps)
    assert error.cause == "the TLS handshake failed"
    assert sts.calls == []


@pytest.mark.parametrize("content", [None, "this is no certificate"])
def test_a_bundle_that_is_not_there_or_none_is_named(
    sts: StrictSts, alice: User, tmp_path: Path, content: str | None
) -> None:
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content)
    url = sts.url.replace("http:", "https:")
    asked = ClientSettings("eu-west-1", endpoint_url=url, ca_bundle=str(bundle))
    with StsClient(asked) as client, pytest.raises((ConfigError, ServiceError)) as caught:
        client.caller(alice.credentials)
    assert "AWS_CA_BUNDLE" in (caught.value.fix or "")


def test_plain_calls_go_through_http_proxy(
    sts: StrictSts, client: StsClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyDouble() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        assert client.caller(alice.credentials).arn == alice.arn
    assert proxy.seen == [f"POST {sts.url}/"]


def test_tls_is_tunnelled_through_https_proxy_and_signs_in_there(
    tls: StrictSts, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = tls.world.user("111111111111", "alice")
    with ProxyDouble(wants="Basic bWU6cGE1NXdvcmQ=") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pa55word@{proxy.host}")
        bundle = str(certificates.authority)
        with StsClient(
            ClientSettings("eu-west-1", endpoint_url=tls.url, ca_bundle=bundle)
        ) as client:
            for _ in range(2):
                assert client.caller(user.credentials).arn == user.arn
    assert proxy.seen == [f"CONNECT {tls.url.removeprefix('https://')}"]


def test_no_proxy_exempts_the_endpoint(
    sts: StrictSts, client: StsClient, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ProxyDouble() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://{proxy.host}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert client.caller(alice.credentials).arn == alice.arn
    assert proxy.seen == []


def test_a_proxy_that_wants_a_sign_in_is_named_without_the_password(
    tls: StrictSts, naps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = tls.world.user("111111111111", "alice")
    with ProxyDouble(wants="Basic other") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:pa55word@{proxy.host}")
        error = _error(ClientSettings("eu-west-1", endpoint_url=tls.url), user, naps)
    assert error.what.endswith(f"through the proxy {proxy.host}")
    assert error.cause == "the proxy needs a sign-in (407)"
    assert "NO_PROXY" in (error.fix or "")
    assert not naps


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_missing_proxy_has_its_own_error(
    scheme: str,
    sts: StrictSts,
    alice: User,
    naps: list[float],
    unused_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    proxy = f"127.0.0.1:{unused_port}"
    monkeypatch.setenv(f"{scheme.upper()}_PROXY", f"http://me:pa55word@{proxy}")
    url = sts.url.replace("http:", f"{scheme}:")
    error = _error(ClientSettings("eu-west-1", endpoint_url=url), alice, naps)
    assert error.what.endswith(f"through the proxy {proxy}")
    assert error.cause == "the proxy cannot be reached (3 attempts)"


def test_a_refused_connection_has_its_own_error(
    alice: User, naps: list[float], unused_port: int
) -> None:
    host = f"127.0.0.1:{unused_port}"
    error = _error(ClientSettings("eu-west-1", endpoint_url=f"http://{host}"), alice, naps)
    assert error.what == f"cannot reach {host}"
    assert error.cause == "connection refused: nothing listens there (3 attempts)"
    assert "AWS_ENDPOINT_URL" in (error.fix or "")


@pytest.mark.parametrize(
    ("fips", "fix"),
    [
        (False, "check the region (xx-west-1) and this machine's network"),
        (True, "check that region xx-west-1 has a FIPS endpoint: most have none"),
    ],
)
def test_a_name_that_does_not_resolve_has_its_own_error(
    sts: StrictSts,
    alice: User,
    naps: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fips: bool,
    fix: str,
) -> None:
    def nothing(*_: object, **__: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    error = _error(ClientSettings("xx-west-1", use_fips=fips), alice, naps)
    name = "sts-fips" if fips else "sts"
    assert error.what == f"cannot reach {name}.xx-west-1.amazonaws.com"
    assert error.cause == "the name does not resolve (DNS) (3 attempts)"
    assert error.fix == fix


def test_a_missing_answer_has_its_own_error(sts: StrictSts, alice: User, naps: list[float]) -> None:
    sts.delay_seconds = 30
    asked = ClientSettings(
        "eu-west-1", endpoint_url=sts.url, read_timeout_seconds=0.1, max_attempts=2
    )
    error = _error(asked, alice, naps)
    assert error.what.startswith("no answer from 127.0.0.1:")
    assert error.cause == "no answer within 0.1 s (2 attempts)"


def test_a_connection_that_is_not_accepted_has_its_own_error(
    alice: User, naps: list[float]
) -> None:
    with closing(socket.socket()) as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        callers = [socket.socket() for _ in range(4)]
        for caller in callers:
            caller.setblocking(False)
            with suppress(BlockingIOError):
                caller.connect(deaf.getsockname())
        asked = ClientSettings(
            "eu-west-1",
            endpoint_url=f"http://127.0.0.1:{deaf.getsockname()[1]}",
            connect_timeout_seconds=0.2,
            max_attempts=1,
        )
        error = _error(asked, alice, naps)
        for caller in callers:
            caller.close()
    assert error.cause == "no connection within 0.2 s"
