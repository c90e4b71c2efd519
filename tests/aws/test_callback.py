"""The loopback address: one answer of this user's, its state and Host checked, and nothing repeated."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
from base64 import b64encode, urlsafe_b64encode

import pytest

from rolehop.aws.net.loopback_pages import PATH, Callback, page
from rolehop.aws.oauth import new_pkce
from rolehop.base.errors import SourceError

STATE = "the-state"


def ask(
    callback: Callback, target: str, *, method: str = "GET", host: str | None = None
) -> tuple[int, str, dict[str, str]]:
    """Send one request; return status, text and headers."""
    connection = http.client.HTTPConnection("127.0.0.1", callback.port, timeout=60)
    connection.request(method, target, headers={"Host": host} if host else {})
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text, {name.lower(): value for name, value in answer.getheaders()}


def test_the_first_good_request_gives_the_code() -> None:
    with Callback(STATE) as callback:
        status, text, _ = ask(callback, f"{PATH}?code=the-code&state={STATE}")
        assert callback.wait(60).reveal() == "the-code"
    assert status == 200
    assert "Signed in" in text


def test_a_second_request_is_without_effect() -> None:
    with Callback(STATE) as callback:
        ask(callback, f"{PATH}?code=first&state={STATE}")
        status, text, _ = ask(callback, f"{PATH}?code=second&state={STATE}")
        assert callback.wait(60).reveal() == "first"
    assert status == 404
    assert "Nothing to do here" in text


@pytest.mark.parametrize(
    ("target", "method", "host"),
    [
        pytest.param(f"{PATH}?code=c&state=other", "GET", None, id="wrong-state"),
        pytest.param(f"{PATH}?code=c", "GET", None, id="no-state"),
        pytest.param(f"{PATH}?code=c&state={STATE}&state=x", "GET", None, id="two-states"),
        pytest.param(f"{PATH}?code=c&code=d&state={STATE}", "GET", None, id="two-codes"),
        pytest.param(f"{PATH}?code=c&error=e&state={STATE}", "GET", None, id="both"),
        pytest.param(f"{PATH}?state={STATE}", "GET", None, id="neither"),
        pytest.param(f"/?code=c&state={STATE}", "GET", None, id="wrong-path"),
        pytest.param(f"{PATH}?code=c&state={STATE}", "POST", None, id="wrong-method"),
        pytest.param(f"{PATH}?code=c&state={STATE}", "GET", "evil.example", id="wrong-host"),
        pytest.param(f"{PATH}?code=c&state={STATE}", "GET", "127.0.0.1", id="no-port"),
        pytest.param(f"{PATH}?error=e", "GET", None, id="an-error-of-nobody"),
    ],
)
def test_what_is_not_the_answer_is_without_effect(
    target: str, method: str, host: str | None
) -> None:
    with Callback(STATE) as callback:
        assert ask(callback, target, method=method, host=host)[0] == 404
        ask(callback, f"{PATH}?code=good&state={STATE}")
        assert callback.wait(60).reveal() == "good"


def test_a_refusal_is_reported_without_control_characters() -> None:
    with Callback(STATE) as callback:
        ask(callback, f"{PATH}?error=access_denied&error_description=%1b[31mno&state={STATE}")
        with pytest.raises(SourceError) as caught:
            callback.wait(60)
    assert caught.value.cause == "access_denied: [31mno"


def test_nobody_coming_is_an_error_that_names_the_other_way() -> None:
    with (
        Callback(STATE) as callback,
        pytest.raises(SourceError, match="nobody signed in") as caught,
    ):
        callback.wait(0.01)
    assert "--no-browser" in (caught.value.fix or "")


def test_a_connection_that_sends_nothing_does_not_hold_up_others() -> None:
    with Callback(STATE) as callback, socket.create_connection(("127.0.0.1", callback.port)):
        ask(callback, f"{PATH}?code=c&state={STATE}")
        assert callback.wait(60).reveal() == "c"


def test_it_listens_on_loopback_alone() -> None:
    with Callback(STATE) as callback:
        assert callback.redirect_uri == f"http://127.0.0.1:{callback.port}{PATH}"
        assert callback.server_address[0] == "127.0.0.1"


def test_a_port_that_is_taken_is_an_error_with_its_cause() -> None:
    with Callback(STATE) as callback, pytest.raises(SourceError, match="rolehop cannot listen"):
        Callback(STATE, callback.port)


def test_pages_repeat_nothing_and_let_nothing_in_but_their_own_style() -> None:
    with Callback(STATE) as callback:
        for query in ("code=%3Cscript%3E", "error=%3Cscript%3E"):
            _, text, headers = ask(callback, f"{PATH}?{query}&state={STATE}")
            assert "<script" not in text
            style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
            assert style is not None
            digest = b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
            assert f"style-src 'sha256-{digest}'" in headers["content-security-policy"]
            assert headers["content-security-policy"].startswith("default-src 'none'")
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"


def test_the_page_is_whole_without_a_network() -> None:
    body, _ = page("Signed in", "words")
    assert len(body) < 3_000
    assert not re.search(rb"(?:src|href)=\"(?!data:)", body)
    assert b"url(" not in body


def test_the_challenge_is_the_digest_of_the_verifier() -> None:
    pkce = new_pkce()
    verifier = pkce.verifier.reveal()
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", verifier)
    digest = hashlib.sha256(verifier.encode()).digest()
    assert pkce.challenge == urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert len(pkce.state) >= 32
    assert pkce.state not in repr(pkce)
