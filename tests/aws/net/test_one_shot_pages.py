"""A page is given once, to this user's browser, and its address is in no argument where it is a key."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from rolehop.aws.net import loopback_pages
from rolehop.aws.net.loopback_pages import (
    Callback,
    OneShotPage,
    PageServer,
    Peers,
    peers_of,
    redirect,
)
from rolehop.base.credentials import Secret
from rolehop.base.errors import SourceError
from rolehop.commands.console.login import ConsoleLogin
from rolehop.commands.console.opening import page_of
from tests.support.other_users import AS_ROOT, SOMEBODY

FIELDS: dict[str, str | Secret] = {
    "Action": "login",
    "Destination": 'https://x/?a="b"&<c>',
    "SigninToken": Secret("t0ken"),
}
LOGIN = ConsoleLogin("hub", "https://signin.example/federation", FIELDS, None)
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def page() -> Iterator[OneShotPage]:
    with PageServer() as server:
        yield server.once(page_of(LOGIN))


def ask(page: OneShotPage, method: str = "GET", path: str = "", **headers: str) -> tuple[int, str]:
    parts = urlsplit(page.url)
    connection = http.client.HTTPConnection("127.0.0.1", parts.port or 0, timeout=60)
    connection.putrequest(method, path or parts.path, skip_host=True)
    for name, value in {"Host": parts.netloc, **headers}.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    try:
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_it_is_given_once_and_sends_its_fields_in_a_form(page: OneShotPage) -> None:
    assert not page.wait(0)
    status, text = ask(page)
    assert status == 200
    assert '<form method="post" action="https://signin.example/federation">' in text
    assert 'name="Destination" value="https://x/?a=&quot;b&quot;&amp;&lt;c&gt;"' in text
    assert 'name="SigninToken" value="t0ken"' in text
    assert page.wait(60)
    status, text = ask(page)
    assert (status, "t0ken" in text) == (404, False)


@pytest.mark.parametrize(
    "asked",
    [
        {"path": "/"},
        {"path": "/x"},
        {"method": "POST"},
        {"method": "HEAD"},
        {"Host": "localhost"},
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Purpose": "preview"},
        {"X-Moz": "prefetch"},
        {"Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Dest": "iframe"},
    ],
)
def test_nothing_else_gets_it_or_uses_it_up(page: OneShotPage, asked: dict[str, str]) -> None:
    status, text = ask(page, **asked)
    assert (status, "t0ken" in text) == (404, False)
    assert not page.wait(0)
    assert ask(page)[0] == 200


def test_a_query_is_another_address(page: OneShotPage) -> None:
    assert ask(page, path=f"{urlsplit(page.url).path}?x")[0] == 404


def test_what_is_no_secret_is_a_redirect() -> None:
    login = ConsoleLogin("hub", "https://corp.example/#/console?a=1&b=2", {}, None)
    found = page_of(login)
    assert (found.status, found.location) == (302, login.url)


def test_signing_out_comes_first_and_its_address_has_no_token() -> None:
    sign_out = "https://signin.example/oauth?Action=logout"
    login = ConsoleLogin("hub", LOGIN.url, FIELDS, None, sign_out)
    text = page_of(login).body.decode()
    assert f'<a id="first" target="_blank" href="{sign_out}">' in text
    assert 'name="SigninToken" value="t0ken"' in text
    assert text.count("t0ken") == 1


def test_no_repr_shows_the_token(page: OneShotPage) -> None:
    assert "t0ken" not in f"{page!r}{page.page!r}"


def test_who_sends_byte_after_byte_is_hung_up_on(
    page: OneShotPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte came in time: the deadline is that of the whole exchange."""
    monkeypatch.setattr(loopback_pages, "_CLIENT_SECONDS", 0.3)
    slow = socket.create_connection(("127.0.0.1", urlsplit(page.url).port or 0), timeout=0.05)
    with slow:
        assert any(_is_hung_up(slow) for _ in range(1000))


def _is_hung_up(connection: socket.socket) -> bool:
    try:
        connection.send(b"x")
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionError:
        return True


# ---- who connects


_ASK = """
import encodings.idna, os, sys, urllib.request
os.setuid(int(sys.argv[1]))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try: print(opener.open(sys.argv[2]).status)
except OSError as error: print(type(error).__name__)
"""


def as_somebody(url: str) -> str:
    command = [sys.executable, "-I", "-c", _ASK, str(SOMEBODY), url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


HUNG_UP = ("RemoteDisconnected", "ConnectionResetError", "URLError")


@AS_ROOT
def test_another_user_who_saw_the_address_gets_nothing(page: OneShotPage) -> None:
    assert as_somebody(page.url) in HUNG_UP
    assert not page.wait(0)
    assert ask(page)[0] == 200


@AS_ROOT
@pytest.mark.parametrize("peers", [Peers.TOLD, Peers.RELAYED])
def test_another_user_who_knows_the_state_does_not_sign_in(peers: Peers) -> None:
    with Callback("state", peers=peers) as callback:
        assert as_somebody(f"{callback.redirect_uri}?code=theirs&state=state") in HUNG_UP
        with pytest.raises(SourceError, match="nobody signed in"):
            callback.wait(0)
        answer = callback.once(redirect(f"{callback.redirect_uri}?code=mine&state=state"))
        assert ask(answer)[0] == 302
        parts = urlsplit(callback.redirect_uri)
        assert ask(answer, path=f"{parts.path}?code=mine&state=state")[0] == 200
        assert callback.wait(60).reveal() == "mine"


@pytest.mark.parametrize(
    ("platform", "release", "peers"),
    [
        ("linux", "6.8.0-45-generic", Peers.TOLD),
        ("linux", "5.15.153.1-microsoft-standard-WSL2", Peers.RELAYED),
        ("linux", "4.4.0-19041-Microsoft", Peers.RELAYED),
        ("darwin", "24.1.0", Peers.UNTOLD),
        ("win32", "", Peers.UNTOLD),
        ("freebsd14", "14.1-RELEASE", Peers.UNTOLD),
    ],
)
def test_the_system_decides_in_one_place(platform: str, release: str, peers: Peers) -> None:
    assert peers_of(platform, release) is peers
    assert peers.needs_secret is (peers is not Peers.TOLD)


@pytest.mark.parametrize(
    ("user", "told", "relayed"),
    [
        (os.getuid(), True, True),
        (SOMEBODY, False, False),
        (65_534, False, False),  # whoever has no number in this user namespace
        (None, False, True),  # a browser of Windows' with a mirrored network
    ],
)
def test_who_is_not_told_is_let_in_where_windows_may_be(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, user: int | None, told: bool, relayed: bool
) -> None:
    theirs, ours = "0100007F:0001", "0100007F:0002"
    rows = [(ours, theirs, os.getuid()), *([] if user is None else [(theirs, ours, user)])]
    table = tmp_path / "tcp"
    table.write_text(
        "heads\n" + "".join(f"0: {a} {b} 01 0:0 00:0 0 {uid} 0 1\n" for a, b, uid in rows)
    )
    monkeypatch.setattr(loopback_pages, "_TABLES", (table,))
    client = ("127.0.0.1", 1)
    found = [peers.lets_in(client, 2) for peers in (Peers.TOLD, Peers.RELAYED, Peers.UNTOLD)]
    assert found == [told, relayed, True]


def test_where_the_tables_are_hidden_linux_serves_no_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(loopback_pages, "_TABLES", (tmp_path / "tcp", tmp_path / "tcp6"))
    with pytest.raises(PermissionError):
        PageServer(peers=Peers.TOLD)
    with pytest.raises(SourceError) as caught:
        Callback("state", peers=Peers.TOLD)
    assert "--no-browser" in (caught.value.fix or "")


# ---- what an argument may hold


def test_where_the_system_tells_who_connects_an_argument_is_the_pages_address() -> None:
    with PageServer(peers=Peers.TOLD) as server:
        page = server.once(page_of(LOGIN))
        assert page.argument == page.url
        led = server.once(page_of(LOGIN), lambda url: f"ext+container:url={url}")
        assert led.argument == f"ext+container:url={led.url}"


@pytest.mark.parametrize("peers", [Peers.RELAYED, Peers.UNTOLD])
def test_where_it_does_not_an_argument_is_a_file_of_this_user_alone(peers: Peers) -> None:
    with PageServer(peers=peers) as server:
        page = server.once(page_of(LOGIN))
        secret = urlsplit(page.url).path.removeprefix("/")
        file = Path(unquote(urlsplit(page.argument).path))
        assert page.argument.startswith("file:///")
        assert secret not in page.argument
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        assert f'href="{page.url}"' in file.read_text()
        assert "t0ken" not in file.read_text()
        led = server.once(page_of(LOGIN), lambda url: f"ext+container:name=a&url={url}")
        text = Path(unquote(urlsplit(led.argument).path)).read_text()
        assert f'href="ext+container:name=a&amp;url={led.url}"' in text
    assert not file.parent.exists()


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)")
def test_chromium_is_led_by_the_file_to_the_page_and_back(tmp_path: Path) -> None:
    """As on macOS: the sign-in page answers at once, and leads back to where the code is awaited."""
    with (
        Callback("state", peers=Peers.UNTOLD) as callback,
        PageServer(
            lambda target: redirect(f"{callback.redirect_uri}?code=c&state=state")
        ) as provider,
    ):
        page = callback.once(redirect(f"http://{provider.authority}/authorize"))
        done = subprocess.run(
            [
                *(str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu"),
                *("--no-proxy-server", f"--user-data-dir={tmp_path}", "--dump-dom"),
                *("--virtual-time-budget=30000", page.argument),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert callback.wait(60).reveal() == "c", done.stderr
    assert "Signed in" in done.stdout
