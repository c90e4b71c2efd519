from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from botocore.awsrequest import AWSRequest

from rolehop.aws.endpoint import Endpoint
from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.transport import LONGEST_BODY
from rolehop.aws.query_api import QueryClient, signed_request
from rolehop.aws.sts import StsClient
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.errors import ServiceError, SourceError
from rolehop.plan.model import Hop
from rolehop.walk.ports import MfaCode, StsRefusal
from tests.doubles.sts import StrictSts, User

HopTo = Callable[..., Hop]


@pytest.fixture
def query(sts: StrictSts, settings: ClientSettings, naps: list[float]) -> Iterator[QueryClient]:
    with QueryClient(settings, sleep=naps.append) as made:
        yield made


def test_one_connection_is_reused_across_callers(
    sts: StrictSts, query: QueryClient, alice: User
) -> None:
    bob = sts.world.user("999999999999", "bob")
    for signer in (alice, bob, alice):
        answer = query.call("sts", "GetCallerIdentity", {}, signer.credentials)
        assert answer.root.findtext("GetCallerIdentityResult/Arn") == signer.arn
    assert [call.connection for call in sts.calls] == [1, 1, 1]
    assert [call.signer for call in sts.calls] == [alice.arn, bob.arn, alice.arn]
    assert sts.calls[0].user_agent.startswith("rolehop/")


def test_many_threads_share_the_pool_and_never_mix_up_signers(
    sts: StrictSts, settings: ClientSettings
) -> None:
    users = [sts.world.user(f"{n:012d}", f"u{n}") for n in range(1, 9)]
    wrong: list[str] = []

    def ask(query: QueryClient, user: User) -> None:
        for _ in range(5):
            root = query.call("sts", "GetCallerIdentity", {}, user.credentials).root
            if root.findtext("GetCallerIdentityResult/Arn") != user.arn:
                wrong.append(user.arn)

    with QueryClient(settings, pool_size=8) as query:
        threads = [threading.Thread(target=ask, args=(query, user)) for user in users]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not wrong
    assert len(sts.calls) == 40
    assert sts.connections <= 8


def test_a_request_is_sent_as_botocore_would_send_it(alice: User) -> None:
    endpoint = Endpoint("https://sts.eu-west-1.amazonaws.com/", "eu-west-1")
    request = signed_request(endpoint, "sts", b"Action=GetCallerIdentity", alice.credentials)
    ours, theirs = request.prepare(), AWSRequest.prepare(request)
    assert list(ours.headers.items()) == list(theirs.headers.items())
    for name in ("method", "url", "body", "stream_output", "context"):
        assert getattr(ours, name) == getattr(theirs, name)


def _throttle(sts: StrictSts, times: int) -> None:
    sts.throttle(times)


def _fail(sts: StrictSts, times: int) -> None:
    sts.fail(times)


def _idp(sts: StrictSts, times: int) -> None:
    sts.fail(times, status=400, code="IDPCommunicationError")


def _html(sts: StrictSts, times: int) -> None:
    sts.say(b"<html>502", times, status=502)


def _too_many(sts: StrictSts, times: int) -> None:
    sts.say(b"", times, status=429)


def _drop(sts: StrictSts, times: int) -> None:
    sts.drop(times)


def _truncate(sts: StrictSts, times: int) -> None:
    sts.truncate(times)


TROUBLES = [_throttle, _fail, _idp, _html, _too_many, _drop, _truncate]


@pytest.mark.parametrize("trouble", TROUBLES)
def test_trouble_that_passes_is_waited_out_with_jitter(
    sts: StrictSts,
    client: StsClient,
    alice: User,
    naps: list[float],
    trouble: Callable[[StrictSts, int], None],
) -> None:
    trouble(sts, 2)
    assert client.caller(alice.credentials).arn == alice.arn
    assert len(sts.calls) == 3
    assert len(naps) == 2
    assert 0 <= naps[0] <= 1
    assert 0 <= naps[1] <= 2


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_call_that_carries_an_mfa_code_is_sent_once(
    sts: StrictSts,
    client: StsClient,
    alice: User,
    naps: list[float],
    hop_to: HopTo,
    trouble: Callable[[StrictSts, int], None],
) -> None:
    device = sts.world.mfa_device(alice)
    trouble(sts, 1)
    code = MfaCode(device.serial, device.code(sts.now))
    with pytest.raises((ServiceError, StsRefusal)) as caught:
        client.assume_role(hop_to(), alice.credentials, code)
    assert len(sts.calls) == 1
    assert not naps
    if trouble in (_drop, _truncate):
        assert (getattr(caught.value, "fix", "") or "").endswith("this one may be used up")
    assert code.code not in f"{caught.value} {getattr(caught.value, 'cause', '')}"


@pytest.mark.parametrize(
    ("trouble", "what", "cause"),
    [
        (
            _throttle,
            "127.0.0.1:{port} is throttling GetCallerIdentity",
            "Throttling: Rate exceeded (3 attempts)",
        ),
        (
            _fail,
            "127.0.0.1:{port} failed at GetCallerIdentity",
            "ServiceUnavailable: ServiceUnavailable (3 attempts)",
        ),
        (_html, "127.0.0.1:{port} failed at GetCallerIdentity", "HTTP 502 (3 attempts)"),
        (_too_many, "127.0.0.1:{port} is throttling GetCallerIdentity", "HTTP 429 (3 attempts)"),
        (
            _drop,
            "no answer from 127.0.0.1:{port}",
            "the connection was closed before the answer was complete (3 attempts)",
        ),
    ],
)
def test_trouble_that_stays_is_the_services_fault(
    sts: StrictSts,
    client: StsClient,
    alice: User,
    trouble: Callable[[StrictSts, int], None],
    what: str,
    cause: str,
) -> None:
    trouble(sts, 99)
    with pytest.raises(ServiceError) as caught:
        client.caller(alice.credentials)
    assert caught.value.what == what.format(port=sts.url.rpartition(":")[2])
    assert caught.value.cause == cause
    assert caught.value.fix
    assert len(sts.calls) == 3


def test_a_refusal_is_never_tried_again(
    sts: StrictSts, client: StsClient, naps: list[float], hop_to: HopTo
) -> None:
    stranger = sts.world.user("999999999999", "stranger")
    with pytest.raises(StsRefusal) as caught:
        client.assume_role(hop_to(), stranger.credentials, None)
    assert caught.value.code == "AccessDenied"
    assert len(sts.calls) == 1
    assert not naps


def test_max_attempts_counts_the_first(sts: StrictSts, alice: User, naps: list[float]) -> None:
    sts.fail(99)
    asked = ClientSettings("eu-west-1", endpoint_url=sts.url, max_attempts=1)
    with StsClient(asked, sleep=naps.append) as client, pytest.raises(ServiceError):
        client.caller(alice.credentials)
    assert len(sts.calls) == 1


NAMESPACE = b'xmlns="https://sts.amazonaws.com/doc/2011-06-15/"'
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]>'
    b"<GetCallerIdentityResponse " + NAMESPACE + b">&b;</GetCallerIdentityResponse>"
)


@pytest.mark.parametrize(
    ("body", "status", "cause"),
    [
        pytest.param(b"", 200, "it is not well-formed XML", id="nothing"),
        pytest.param(b"<html>sign in", 200, "the page without a title", id="a-captive-portal"),
        pytest.param(b"<html><title>Hi</title></html>", 200, 'the page "Hi"', id="an-xml-page"),
        pytest.param(BOMB, 200, "it declares a document type", id="doctype"),
        pytest.param(BOMB, 403, "it contains no error code", id="doctype-in-an-error"),
        pytest.param(
            BOMB.decode().encode("utf-16"), 200, "it is not UTF-8", id="doctype-in-another-encoding"
        ),
        pytest.param(b"\xff\xfe", 200, "it is not UTF-8", id="not-utf-8"),
        pytest.param(b"<html>403</html>", 403, "the page without a title", id="a-proxys-page"),
        pytest.param(b"", 511, "the page without a title", id="a-network-that-wants-a-sign-in"),
        pytest.param(b"<a/>", 200, "it contains no GetCallerIdentityResult", id="another-answer"),
        pytest.param(b"", 302, "was redirected to 127.0.0.1", id="a-redirect-is-not-followed"),
    ],
)
def test_an_answer_that_cannot_be_understood_is_not_guessed_at(
    sts: StrictSts, client: StsClient, alice: User, body: bytes, status: int, cause: str
) -> None:
    sts.say(body, status=status, headers={"Location": f"{sts.url}/elsewhere"})
    with pytest.raises(ServiceError) as caught:
        client.caller(alice.credentials)
    is_page = body.startswith(b"<html>") or status in (302, 511)
    assert ("a web page answered" if is_page else "unexpected") in caught.value.what
    assert cause in (caught.value.cause or "")
    assert len(sts.calls) == 1


def test_an_answer_without_end_is_given_up_and_its_connection_with_it(
    sts: StrictSts, client: StsClient, alice: User
) -> None:
    sts.say(b"<a>" + b" " * (LONGEST_BODY + 10) + b"</a>")
    with pytest.raises(ServiceError) as caught:
        client.caller(alice.credentials)
    assert caught.value.cause == "its answer is longer than any expected answer"
    assert client.caller(alice.credentials).arn == alice.arn
    assert [call.connection for call in sts.calls] == [1, 2]


def test_a_refusal_says_how_far_the_clocks_are_apart(
    sts: StrictSts, client: StsClient, alice: User
) -> None:
    sts.date_offset = timedelta(minutes=7, seconds=12)
    with pytest.raises(StsRefusal) as caught:
        client.caller(alice.credentials)
    assert caught.value.code == "SignatureDoesNotMatch"
    assert caught.value.message.startswith("Signature expired: ")
    assert caught.value.clock_offset_seconds == pytest.approx(432, abs=30)


def test_secrets_and_control_characters_are_removed_from_messages_of_aws(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    session = client.assume_role(hop_to(), alice.credentials, None).credentials
    assert session.session_token is not None
    token, secret = session.session_token.reveal(), session.secret_access_key.reveal()
    echo = f"The canonical string was x-amz-security-token:{token}\n{secret}\x1b[2J"
    sts.fail(status=403, code="SignatureDoesNotMatch", text=echo.replace("\x1b", "&#x9b;"))
    with pytest.raises(StsRefusal) as caught:
        client.caller(session)
    assert token not in str(caught.value)
    assert secret not in str(caught.value)
    assert "x-amz-security-token:[hidden] [hidden]" in caught.value.message
    assert caught.value.message.isprintable()


def test_an_mfa_code_is_removed_from_messages_of_aws(
    sts: StrictSts, client: StsClient, alice: User, hop_to: HopTo
) -> None:
    sts.fail(status=400, code="ValidationError", text="Value '123456' at 'tokenCode' is bad")
    with pytest.raises(StsRefusal) as caught:
        client.assume_role(hop_to(), alice.credentials, MfaCode("arn:x:mfa/alice", "123456"))
    assert caught.value.message == "Value '[hidden]' at 'tokenCode' is bad"


@pytest.mark.parametrize(
    ("key_id", "secret", "token", "named"),
    [
        ("AKIASOURCE\n", "s3cr3t-value", None, "access key ID"),
        ("AKIASOURCE", "s3cr3t-value ", None, "secret access key"),
        ("AKIASOURCE", "", None, "secret access key"),
        ("ASIASOURCE", "s3cr3t-value", "t0ken-value\r\nX-Evil: 1", "session token"),
        ("ASIASOURCE", "s3cr3t-valü", "t0ken-value", "secret access key"),
    ],
)
def test_credentials_that_would_break_a_header_are_refused_before_the_call(
    sts: StrictSts, client: StsClient, key_id: str, secret: str, token: str | None, named: str
) -> None:
    signer = Credentials(key_id, Secret(secret), Secret(token) if token else None)
    with pytest.raises(SourceError) as caught:
        client.caller(signer)
    said = f"{caught.value.what} {caught.value.cause} {caught.value.fix}"
    assert named in caught.value.what
    assert "s3cr3t" not in said
    assert "t0ken" not in said
    assert sts.calls == []
