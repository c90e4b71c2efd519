"""The page is given once, to this user's browser, and repeats nothing."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from rolehop.base.credentials import Secret
from rolehop.commands.console.opening import OneShotPage
from tests.support.other_users import AS_ROOT, SOMEBODY

FIELDS: dict[str, str | Secret] = {
    "Action": "login",
    "Destination": 'https://x/?a="b"&<c>',
    "SigninToken": Secret("t0ken"),
}


@pytest.fixture
def page() -> Iterator[OneShotPage]:
    with OneShotPage("https://signin.example/federation", FIELDS, user=os.getuid()) as page:
        yield page


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


def test_what_is_no_secret_is_a_link() -> None:
    with OneShotPage("https://corp.example/#/console?a=1&b=2", {}, user=os.getuid()) as page:
        status, text = ask(page)
    assert status == 200
    assert 'href="https://corp.example/#/console?a=1&amp;b=2"' in text
    assert "<form" not in text


def test_signing_out_comes_first_and_its_address_has_no_token() -> None:
    sign_out = "https://signin.example/oauth?Action=logout"
    url = "https://signin.example/federation"
    with OneShotPage(url, FIELDS, user=os.getuid(), sign_out_url=sign_out) as page:
        _, text = ask(page)
    assert f'<a id="first" target="_blank" href="{sign_out}">' in text
    assert 'name="SigninToken" value="t0ken"' in text
    assert text.count("t0ken") == 1


_ASK = """
import encodings.idna, os, sys, urllib.request, urllib.error
os.setuid(int(sys.argv[1]))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try: print(opener.open(sys.argv[2]).status)
except urllib.error.HTTPError as error: print(error.code)
"""


@AS_ROOT
def test_another_user_who_saw_the_address_gets_nothing(page: OneShotPage) -> None:
    command = [sys.executable, "-I", "-c", _ASK, str(SOMEBODY), page.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stdout == "404\n", done.stderr
    assert ask(page)[0] == 200


def test_no_repr_shows_the_token(page: OneShotPage) -> None:
    assert "t0ken" not in f"{page!r}{vars(page)!r}"
