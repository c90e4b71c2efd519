"""Plain HTTP: bounded answers, no redirects, retries where asked, and no secret in any message."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.connection_errors import ConnectionFailure, FailureKind
from rolehop.aws.net.http import HttpClient, HttpRequest
from rolehop.aws.net.transport import HttpResponse, check_ca_bundle
from rolehop.base.credentials import Secret
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, RolehopError, ServiceError, SourceError
from tests.doubles.web import Asked, Reply, Service
from tests.support.other_users import AS_ROOT

HIDDEN = "a-bearer-token-nobody-sees"
SETTINGS = ClientSettings("eu-west-1")


class Echo(Service):
    def answer(self, asked: Asked) -> Reply:
        return Reply(json={"got": asked.body.decode(), "query": dict(asked.query)})


@pytest.fixture
def echo() -> Iterator[Echo]:
    with Echo() as service:
        yield service


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def client(waits: list[float]) -> Iterator[HttpClient]:
    with HttpClient(SETTINGS, proxies=False, sleep=waits.append, limit=10_000) as made:
        yield made


def test_secrets_are_revealed_in_headers_forms_and_json_alone(
    client: HttpClient, echo: Echo
) -> None:
    secret = Secret(HIDDEN)
    client.send(HttpRequest("POST", echo.url, headers={"X-Token": secret}))
    client.send(HttpRequest("POST", echo.url, form={"code": secret, "b": "c d"}))
    client.send(HttpRequest("POST", echo.url, json={"deep": {"token": secret}}))
    first, second, third = echo.asked
    assert first.headers["x-token"] == HIDDEN
    assert second.form() == {"code": HIDDEN, "b": "c d"}
    assert third.json() == {"deep": {"token": HIDDEN}}


def test_requests_and_answers_hide_what_is_in_them(client: HttpClient, echo: Echo) -> None:
    request = HttpRequest("POST", echo.url, form={"code": HIDDEN})
    assert HIDDEN not in repr(request)
    assert HIDDEN not in repr(client.send(request))


def test_a_query_is_added_to_the_one_that_is_there(client: HttpClient, echo: Echo) -> None:
    client.send(HttpRequest("GET", f"{echo.url}/?a=1", query={"b": "x y&z"}))
    assert echo.asked[0].query == {"a": "1", "b": "x y&z"}


def test_redirects_are_not_followed(client: HttpClient, echo: Echo) -> None:
    echo.say("/", Reply(302, {}, headers={"Location": f"{echo.url}/elsewhere"}))
    assert client.send(HttpRequest("GET", f"{echo.url}/")).status == 302
    assert echo.paths() == ["/"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_failure_is_retried_only_if_the_caller_allows_it(
    client: HttpClient, echo: Echo, waits: list[float], status: int
) -> None:
    echo.say("/", Reply(status, {}))
    assert client.send(HttpRequest("GET", f"{echo.url}/")).status == status
    echo.say("/", Reply(status, {}), times=2)
    assert client.send(HttpRequest("GET", f"{echo.url}/"), attempts=3).ok
    assert len(waits) == 2


def test_a_server_that_names_a_wait_is_heeded(
    client: HttpClient, echo: Echo, waits: list[float]
) -> None:
    echo.say("/", Reply(429, {}, headers={"Retry-After": "7"}))
    client.send(HttpRequest("GET", f"{echo.url}/"), attempts=2)
    assert waits == [7.0]


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_a_refusal_is_never_sent_again(client: HttpClient, echo: Echo, status: int) -> None:
    echo.say("/", Reply(status, {}))
    assert client.send(HttpRequest("GET", f"{echo.url}/"), attempts=5).status == status
    assert len(echo.asked) == 1


def test_an_answer_without_end_is_cut_off(client: HttpClient, echo: Echo) -> None:
    echo.say("/", Reply(text="x" * 20_000))
    with pytest.raises(ServiceError) as caught:
        client.send(HttpRequest("GET", f"{echo.url}/"), attempts=3)
    assert "longer than any" in (caught.value.cause or "")
    assert len(echo.asked) == 1


def test_a_server_that_hangs_is_given_up(echo: Echo) -> None:
    echo.say("/", None)
    with HttpClient(replace(SETTINGS, read_timeout_seconds=0.3), proxies=False) as client:
        outcome, _ = client.outcome(HttpRequest("GET", f"{echo.url}/"), lambda *_: False)
    assert outcome == ConnectionFailure(FailureKind.READ_TIMEOUT)


def test_a_refused_connection_is_reported_with_the_callers_advice() -> None:
    with (
        HttpClient(SETTINGS, proxies=False, advice="do this instead") as client,
        pytest.raises(ServiceError) as caught,
    ):
        client.send(HttpRequest("GET", "http://127.0.0.1:9/"))
    assert "127.0.0.1:9" in caught.value.what
    assert caught.value.fix == "do this instead"


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "x", "http://a:b/", "http://a b/", "http://ä/"]
)
def test_what_is_no_address_is_refused_before_anything_is_sent(
    client: HttpClient, url: str
) -> None:
    with pytest.raises(ConfigError):
        client.send(HttpRequest("GET", url))


@pytest.mark.parametrize("value", [f"{HIDDEN}\r\nX: y", f"{HIDDEN}ä", f"{HIDDEN}\n"])
def test_a_header_that_cannot_be_sent_is_named_and_not_quoted(
    client: HttpClient, echo: Echo, value: str
) -> None:
    with pytest.raises(SourceError) as caught:
        client.send(HttpRequest("GET", echo.url, headers={"Authorization": Secret(value)}))
    assert "Authorization" in caught.value.what
    _tells_nothing(caught.value)


def test_no_failure_reveals_what_was_sent(client: HttpClient) -> None:
    request = HttpRequest(
        "POST",
        "http://127.0.0.1:9/",
        headers={"Authorization": Secret(HIDDEN)},
        form={"t": Secret(HIDDEN)},
    )
    with pytest.raises(ServiceError) as caught:
        client.send(request)
    _tells_nothing(caught.value)


def test_a_ca_bundle_that_is_not_there_is_a_config_error(tmp_path: Path) -> None:
    settings = ClientSettings("eu-west-1", ca_bundle=str(tmp_path / "none"))
    with HttpClient(settings) as client, pytest.raises(ConfigError, match="cannot be read"):
        client.send(HttpRequest("GET", "https://127.0.0.1/"))


def test_a_folder_of_certificates_is_refused_as_botocore_cannot_read_it(tmp_path: Path) -> None:
    settings = ClientSettings("eu-west-1", ca_bundle=str(tmp_path))
    with HttpClient(settings) as client, pytest.raises(ConfigError) as caught:
        client.send(HttpRequest("GET", "https://127.0.0.1/"))
    assert caught.value.cause == "it is a folder, and botocore reads the certificates of one file"
    assert "name that file in AWS_CA_BUNDLE" in str(caught.value.fix)


def test_a_ca_bundle_that_others_can_write_is_not_followed(tmp_path: Path) -> None:
    bundle = tmp_path / "shared" / "bundle"
    bundle.parent.mkdir()
    bundle.write_text("")
    check_ca_bundle(str(bundle))
    bundle.chmod(0o777)
    with pytest.raises(ConfigError, match="everybody on this machine can write it") as caught:
        check_ca_bundle(str(bundle))
    assert caught.value.fix == f"chmod go-w {bundle}"
    bundle.chmod(0o755)
    bundle.parent.chmod(0o777)
    with pytest.raises(ConfigError, match=f"can write {bundle.parent} on the way to it"):
        check_ca_bundle(str(bundle))


@AS_ROOT
def test_a_ca_bundle_of_homebrews_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its folders are for macOS's group admin to write."""
    bundle = tmp_path / "etc" / "cert.pem"
    bundle.parent.mkdir()
    bundle.write_text("")
    for path in (bundle.parent, bundle):
        os.chown(path, -1, 80)
    bundle.parent.chmod(0o775)
    with pytest.raises(ConfigError, match="not followed"):
        check_ca_bundle(str(bundle))
    monkeypatch.setattr(sys, "platform", "darwin")
    check_ca_bundle(str(bundle))
    bundle.chmod(0o664)
    with pytest.raises(ConfigError, match="can write it"):
        check_ca_bundle(str(bundle))


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_not_quoted(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"^it is not a JSON object$") as caught:
        HttpResponse(200, {}, body).json_object()
    assert caught.value.__context__ is None


def test_words_of_a_server_are_cleaned_and_cut() -> None:
    answer = HttpResponse(400, {}, b'{"message": "\\u001b[31mred\\nline ' + b"x" * 900 + b'"}')
    said = answer.first_text("error", "message")
    assert said.startswith("[31mred line x")
    assert len(said) == 500


def _tells_nothing(error: RolehopError) -> None:
    shown = "".join(traceback.format_exception(error)) + repr([error.cause, error.fix])
    assert HIDDEN not in shown
