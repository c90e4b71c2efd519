"""Which addresses may reach a browser."""

from __future__ import annotations

import pytest

from rolehop.net.addresses import is_web_address, may_lead_here
from rolehop.terminal.prompts import TerminalPerson
from rolehop.terminal.terminal import Settings, Terminal
from tests.doubles.addresses import HOSTILE


@pytest.mark.parametrize(
    "url",
    [
        "https://idp.example/device?user_code=ABCD-EFGH",
        "https://idp.example:8443/#/device",
        "https://[2001:db8::1]/",
        "http://127.0.0.1:8080/authorize?a=b&c=%20d",
        "http://localhost/",
        "http://[::1]:1/",
    ],
)
def test_web_addresses(url: str) -> None:
    assert is_web_address(url)


@pytest.mark.parametrize("url", [*HOSTILE, "", " https://idp.example/", "https://idp.example/\n"])
def test_other_addresses(url: str) -> None:
    assert not is_web_address(url)


@pytest.mark.parametrize("url", HOSTILE)
def test_the_person_at_the_terminal_opens_nothing_else(url: str) -> None:
    person = TerminalPerson(Terminal(Settings(), {}, str), {"BROWSER": "false", "PATH": "/bin"})
    with pytest.raises(ValueError, match="not a web address"):
        person.open_browser(url)


@pytest.mark.parametrize(
    ("url", "here"),
    [
        ("https://idp.example/", False),
        ("https://127.0.0.1.idp.example/", False),
        ("https://localhost./", True),
        ("https://a.localhost/", True),
        ("http://0.0.0.0/", True),
        ("https://[::]/", True),
        ("https://[::ffff:127.0.0.1]/", True),
    ],
)
def test_addresses_that_may_lead_to_this_machine(url: str, here: bool) -> None:
    assert may_lead_here(url) is here
