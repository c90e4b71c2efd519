"""Only web addresses reach a browser, whatever an issuer's discovery document names."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.aws.certificates import make_certificates
from tests.doubles import browser
from tests.doubles.addresses import HOSTILE
from tests.doubles.oidc import Issuer
from tests.doubles.proxy import ProxyDouble
from tests.doubles.web import Reply
from tests.sources.web_identity.federated import Federated

DISCOVERY = "/.well-known/openid-configuration"


def use(federated: Federated, issuer: str) -> Path:
    """Configure a sign-in at ``issuer``; return the file with the browser's arguments."""
    federated.source(f'issuer = "{issuer}"', f'client_id = "{federated.issuer.client_id}"')
    federated.world.more["BROWSER"], log = browser.noting(federated.world.folder)
    return log


@pytest.mark.parametrize("address", HOSTILE)
def test_nothing_else_becomes_an_argument_of_the_browser(
    federated: Federated, address: str
) -> None:
    issuer = federated.issuer
    log = use(federated, issuer.url)
    issuer.say(DISCOVERY, Reply(json=issuer.discovery(authorization_endpoint=address)))
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert f"the issuer {issuer.url} " in done.err
    assert not log.exists()


def test_a_browser_that_is_a_shell_finds_nothing_to_expand(federated: Federated) -> None:
    """wslview, for one, hands its argument to PowerShell."""
    issuer, bad = federated.issuer, federated.world.home / "bad"
    use(federated, issuer.url)
    opener, log = federated.world.folder / "opener", federated.world.folder / "log"
    opener.write_text(f'#!/bin/sh\neval "echo \\"$1\\"" > {log}.new; mv {log}.new {log}\n')
    opener.chmod(0o700)
    federated.world.more["BROWSER"] = str(opener)
    address = f"{issuer.url}/authorize?a=$(touch$IFS{bad})"
    issuer.say(DISCOVERY, Reply(json=issuer.discovery(authorization_endpoint=address)))
    with federated.world.fork("source", "login", "ci") as process:
        ends_at = time.monotonic() + 60
        while not log.exists() and time.monotonic() < ends_at:
            time.sleep(0.05)
        process.kill()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{43}\n", log.read_text())
    assert not bad.exists()


@pytest.fixture
def remote(federated: Federated, tmp_path: Path) -> Iterator[Issuer]:
    """An issuer on another host, which is reached through a proxy."""
    certificates = make_certificates(tmp_path)
    with (
        Issuer(certificate=certificates.stranger, name="https://other.example") as issuer,
        ProxyDouble() as proxy,
    ):
        proxy.routes["other.example:443"] = issuer.url.removeprefix("https://")
        federated.world.more |= {
            "HTTPS_PROXY": f"http://{proxy.host}",
            "AWS_CA_BUNDLE": str(certificates.authority),
        }
        yield issuer


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint"])
@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:8080/authorize",
        "https://127.0.0.1:8443/authorize",
        "http://localhost/authorize",
        "http://[::1]/authorize",
        "https://ip6-localhost/authorize",
        "https://0.0.0.0/authorize",
        "https://idp.localhost/authorize",
    ],
)
def test_an_issuer_elsewhere_names_no_endpoint_on_this_machine(
    federated: Federated, remote: Issuer, name: str, address: str
) -> None:
    log = use(federated, "https://other.example")
    remote.say(DISCOVERY, Reply(json=remote.discovery(**{name: address})))
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "names an endpoint on this machine" in done.err
    assert not log.exists()
