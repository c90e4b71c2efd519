"""Only web addresses reach a browser, whatever Identity Center answers."""

from __future__ import annotations

import signal

import pytest

from tests.doubles import browser
from tests.doubles.addresses import HOSTILE
from tests.doubles.web import Reply
from tests.sources.identity_center.corp import CONFIG, Corp
from tests.support.world import SCRIPT, ended

DEVICE = CONFIG.replace('role = "Developer"', 'role = "Developer"\nflow = "device"')


@pytest.mark.parametrize("address", HOSTILE)
@pytest.mark.parametrize("name", ["verificationUriComplete", "verificationUri"])
def test_nothing_else_becomes_an_argument_of_the_browser(
    corp: Corp, name: str, address: str
) -> None:
    corp.world.config(DEVICE)
    corp.world.more["BROWSER"], log = browser.noting(corp.world.folder)
    good = {"verificationUri": "https://device.sso.example/"} if name != "verificationUri" else {}
    answer = {"deviceCode": "code", "userCode": "ABCD-EFGH", "expiresIn": 1, "interval": 1}
    corp.center.say("/device_authorization", Reply(json={**answer, **good, name: address}))
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 6
    assert f"{name} is not a web address" in done.err
    assert not log.exists()


def test_the_address_of_a_device_reaches_it(corp: Corp) -> None:
    corp.world.config(DEVICE)
    corp.world.more["BROWSER"], log = browser.noting(corp.world.folder)
    address = "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH"
    answer = {"deviceCode": "code", "userCode": "ABCD-EFGH", "expiresIn": 600, "interval": 1}
    page = {"verificationUri": address.partition("?")[0], "verificationUriComplete": address}
    corp.center.say("/device_authorization", Reply(json={**answer, **page}))
    corp.world.more["BROWSER"] = browser.as_variable(log)
    with corp.world.start(SCRIPT, "source", "login", "corp") as login:
        found = browser.seen(log)
        login.send_signal(signal.SIGINT)  # nobody types the code
        assert ended(login).code == 130
    assert [seen[:2] for seen in found] == [[address, 302]]


def test_an_endpoint_without_tls_gets_no_browser(corp: Corp) -> None:
    corp.world.more["BROWSER"], log = browser.noting(corp.world.folder)
    elsewhere = "http://sso.example"
    corp.world.more |= {"AWS_ENDPOINT_URL_SSO_OIDC": elsewhere, "HTTP_PROXY": corp.center.url}
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 4
    assert "sso.example is neither https nor on this machine" in done.err
    assert not log.exists()
