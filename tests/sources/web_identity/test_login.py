"""A person's sign-in at an issuer by PKCE."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from urllib.request import urlopen

import pytest

from rolehop.aws.net.client_settings import ClientSettings
from rolehop.aws.net.http import HttpClient
from rolehop.aws.net.loopback_pages import OneShotPage
from rolehop.aws.oauth import Issuer as OidcClient
from rolehop.base.credentials import Secret
from rolehop.base.errors import ServiceError
from rolehop.base.files import read_trusted
from rolehop.config.loader import load_config
from rolehop.sources import SOURCE_TABLES, web_identity
from rolehop.sources import oidc_login as oidc_signin
from rolehop.sources.source_type import Login
from tests.doubles.web import Reply
from tests.sources.machines import MemoryTokens, context_of, interrupted
from tests.sources.web_identity.federated import (
    IMPATIENT,
    Federated,
)
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT


def _issuer(federated: Federated, *more: str) -> None:
    client = f'client_id = "{federated.issuer.client_id}"'
    federated.source(f'issuer = "{federated.issuer.url}"', client, *more)


def test_a_person_signs_in_at_an_issuer_by_pkce(federated: Federated) -> None:
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 0, done.err
    assert "alice@corp" in done.err
    done = federated.export()
    assert done.code == 0, done.err
    assert federated.world.sts.calls[0].params["RoleSessionName"] == "alice@corp"


def test_an_id_token_that_ends_is_refreshed_and_the_new_refresh_token_stored(
    federated: Federated,
) -> None:
    federated.issuer.seconds = 60
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    for _ in range(2):
        done = federated.world.rolehop("source", "test", "ci")
        assert done.code == 0, done.err
    assert federated.issuer.paths().count("/authorize") == 1
    assert len(federated.issuer.refreshes) == 1


def test_a_refresh_token_is_not_lost_if_the_programs_time_is_up(federated: Federated) -> None:
    federated.issuer.seconds = 60
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    interrupted(federated.world, federated.issuer, "/token")
    federated.issuer.answered = lambda asked: None
    done = federated.world.rolehop("credential-process", "own")
    assert done.code == 0, done.err
    assert federated.issuer.paths().count("/authorize") == 1


def test_a_sign_in_revoked_at_the_issuer_is_exit_4_with_the_command(federated: Federated) -> None:
    federated.issuer.seconds = 60
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.issuer.refreshes.clear()
    done = federated.export()
    assert done.code == 4
    assert "rolehop source login ci" in done.err


def test_a_walk_on_a_terminal_starts_the_sign_in_itself(federated: Federated) -> None:
    _issuer(federated)
    with OnTerminal(federated.world, SCRIPT, "export", "hub", "--format", "json") as person:
        person.expect("sign in to")
        done = person.ended()
    assert done.code == 0, done.err


def test_an_issuer_that_wants_a_client_secret_gets_it_asked_and_stored(
    federated: Federated,
) -> None:
    federated.issuer.client_secret = "the-client-secret"
    _issuer(federated)
    with OnTerminal(federated.world, SCRIPT, "source", "login", "ci") as person:
        person.expect("client secret")
        person.types("the-client-secret")
        done = person.ended()
    assert done.code == 0, done.err
    assert federated.export().code == 0
    texts = [path.read_bytes().decode("utf-8", "replace") for path in federated.world.files()]
    assert not any("the-client-secret" in text for text in texts)


def test_logout_revokes_the_refresh_token_and_forgets_it(federated: Federated) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    assert federated.world.rolehop("source", "logout", "ci").code == 0
    assert federated.issuer.refreshes == {}
    assert federated.world.items() == []


@pytest.mark.parametrize("person", ["alice@corp", "bob@corp"])
def test_signing_in_again_ends_the_previous_sign_in_at_the_issuer(
    federated: Federated, person: str
) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.issuer.person = person
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 0, done.err
    assert list(federated.issuer.refreshes.values()) == [person]
    assert federated.export().code == 0


@pytest.mark.parametrize("reply", [Reply(503), Reply(400, {"error": "unsupported_token_type"})])
def test_a_sign_in_does_not_fail_if_the_one_before_stays_valid(
    federated: Federated, reply: Reply
) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.issuer.say("/revoke", reply)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 0, done.err
    assert "the issuer did not end the previous sign-in" in done.err
    assert federated.export().code == 0


def test_where_one_token_ends_all_the_same_person_s_is_left_alone(
    federated: Federated, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oidc_signin, "_REVOKES_ALL", ("127.0.0.1",))
    _issuer(federated)
    config = federated.world.config_file
    found = load_config([config], explicit=True, read=read_trusted, source_types=SOURCE_TABLES)
    tokens, source = MemoryTokens(), found.sources["ci"]
    context = context_of(federated.world, tokens=tokens, person=AtBrowser())
    for person in ("alice", "alice", "bob"):
        federated.issuer.person = person
        message = web_identity.login(source, context, Login())
        assert f"as {person}" in message
    assert sorted(federated.issuer.refreshes.values()) == ["alice", "bob"]


class AtBrowser:
    """Somebody whose browser goes where it is sent."""

    can_ask = has_browser = True

    def say(self, line: str) -> None:
        del line

    def show(self, *lines: str) -> bool:
        del lines
        return False

    def open_browser(self, page: OneShotPage) -> bool:
        url = page.argument
        threading.Thread(target=lambda: urlopen(url).close(), daemon=True).start()  # noqa: S310
        return True


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        pytest.param(Reply(text="<html>"), 6, "a web page answered", id="no-json"),
        pytest.param(Reply(json={"id_token": "x"}), 6, "access token is missing", id="half"),
        pytest.param(
            Reply(json={"access_token": "a", "id_token": "x"}),
            4,
            "not a JSON Web Token",
            id="no-jwt",
        ),
        pytest.param(Reply(json={"access_token": "a"}), 4, "gave no ID token", id="no-id-token"),
        pytest.param(Reply(400, {"error": "invalid_grant"}), 4, "invalid_grant", id="refused"),
        pytest.param(Reply(503), 6, "HTTP 503", id="fault"),
    ],
)
def test_answers_of_the_token_endpoint_are_checked(
    federated: Federated, reply: Reply, code: int, words: str
) -> None:
    federated.issuer.say("/token", reply)
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == code, done.err
    assert words in done.err
    assert federated.world.items() == []


def test_an_id_token_of_another_sign_in_is_refused(federated: Federated) -> None:
    federated.issuer.nonce = "another"
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "its nonce is not the one that was sent" in done.err
    assert federated.world.items() == []


def test_a_refused_sign_in_is_exit_4(federated: Federated) -> None:
    federated.issuer.approves = False
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "access_denied" in done.err


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        pytest.param(Reply(text="<html>"), 6, "a web page answered", id="no-json"),
        pytest.param(Reply(json={"issuer": "x"}), 6, "missing", id="half"),
        pytest.param(Reply(404, {}), 6, "unexpected", id="no-issuer"),
        pytest.param(
            Reply(
                json={
                    "issuer": "https://evil.example",
                    "authorization_endpoint": "https://evil.example/a",
                    "token_endpoint": "https://evil.example/t",
                }
            ),
            4,
            "calls itself https://evil.example",
            id="another-issuer",
        ),
    ],
)
def test_a_discovery_document_is_not_trusted_unread(
    federated: Federated, reply: Reply, code: int, words: str
) -> None:
    federated.issuer.say("/.well-known/openid-configuration", reply)
    _issuer(federated)
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == code, done.err
    assert words in done.err


def test_no_token_is_stored_outside_the_vault_or_shown(federated: Federated) -> None:
    _issuer(federated)
    outputs = []
    for arguments in (
        ("source", "login", "ci", "--debug"),
        ("source", "test", "ci", "--debug"),
        ("source", "list", "--format", "json"),
        ("export", "hub", "--format", "json", "--debug"),
    ):
        done = federated.world.rolehop(*arguments)
        assert done.code == 0, done.err
        outputs += ["" if arguments[0] == "export" else done.out, done.err]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in federated.world.files()]
    assert federated.issuer.given
    for secret in federated.issuer.given:
        assert not any(secret in text for text in (*texts, *outputs))


def test_nobody_signs_in_to_a_token_file(federated: Federated) -> None:
    federated.source('token_env = "T"')
    done = federated.world.rolehop("source", "login", "ci")
    assert done.code == 4
    assert "rolehop source test ci" in done.err


def test_an_id_token_too_old_for_aws_names_the_sign_in(federated: Federated) -> None:
    _issuer(federated)
    assert federated.world.rolehop("source", "login", "ci").code == 0
    federated.world.sts.fail(status=400, code="ExpiredTokenException")
    done = federated.export()
    assert done.code == 4
    assert json.loads(done.err)["fix"] == "rolehop source login ci"


def test_an_issuer_that_hangs_is_given_up(federated: Federated) -> None:
    issuer = federated.issuer
    with HttpClient(ClientSettings("eu-west-1")) as http:
        client = OidcClient(http, issuer.url, issuer.client_id, lambda: datetime.now(UTC))
        endpoints = client.discover()
    with HttpClient(IMPATIENT) as http:
        client = OidcClient(http, issuer.url, issuer.client_id, lambda: datetime.now(UTC))
        issuer.say("/.well-known/openid-configuration", None)
        with pytest.raises(ServiceError) as caught:
            client.discover()
        assert caught.value.cause == "no answer within 0.2 s"
        issuer.say("/token", None)
        with pytest.raises(ServiceError) as caught:
            client.by_refresh(endpoints, Secret("made-up-refresh-token"), None)
        assert caught.value.cause == "no answer within 0.2 s"
