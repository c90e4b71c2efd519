"""Sign-ins to Identity Center: with a browser, with a device code, and their end."""

from __future__ import annotations

import json
import re
import time

import pytest

from rolehop.base.errors import ServiceError
from rolehop.sources import build_source, identity_center
from rolehop.sources.context import KeyStore
from rolehop.sources.source_type import Login
from tests.doubles import browser
from tests.doubles.web import Reply
from tests.sources.identity_center.corp import (
    BY_SESSION,
    CONFIG,
    HUB,
    SESSION,
    ApprovedAtOnce,
    Corp,
    here,
)
from tests.sources.machines import interrupted
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT


def test_a_sign_in_by_browser_leads_through_one_more_hop(corp: Corp) -> None:
    corp.login()
    done = corp.world.rolehop("export", "hub", "--format", "json")
    assert done.code == 0, done.err
    (call,) = [each for each in corp.world.sts.calls if each.action == "AssumeRole"]
    assert call.role == HUB
    assert "AWSReservedSSO_Developer" in call.signer


def test_the_browser_shows_a_page_that_repeats_nothing_of_the_request(corp: Corp) -> None:
    corp.login()
    ((url, status, page),) = browser.seen(corp.log)
    code = re.search(r"code=([^&]+)", url)
    assert status == 200
    assert "Signed in" in page
    assert code is not None
    assert code[1] not in page


def test_a_sign_in_by_device_code_needs_no_browser_here(corp: Corp) -> None:
    corp.center.interval = 1
    corp.center.devices = ApprovedAtOnce()
    corp.world.config(CONFIG.replace("/start", "/start#/"))  # as the browser shows it
    corp.login("--no-browser")
    assert "/authorize" not in corp.center.paths()
    assert "write https://corp.awsapps.com/start\n" in corp.world.rolehop("source", "list").out
    assert corp.world.rolehop("whoami", "own").code == 0


def test_slow_down_makes_the_questions_rarer_for_good(corp: Corp, key_store: KeyStore) -> None:
    corp.center.interval = 2
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            corp.center.approve()

    corp.center.say("/token", Reply(400, {"error": "slow_down"}))
    source, context = here(corp, key_store, sleep)
    identity_center.login(source, context, Login(browser=False))
    assert waits == [2, 7, 7, 7]


def test_throttling_that_lasts_is_exit_6_after_many_tries(corp: Corp, key_store: KeyStore) -> None:
    corp.center.devices = ApprovedAtOnce()
    source, context = here(corp, key_store, lambda seconds: None)
    identity_center.login(source, context, Login(browser=False))
    corp.center.say("/federation/credentials", Reply(429, {}), times=20)
    with pytest.raises(ServiceError, match="is throttling GetRoleCredentials"):
        build_source(source, context).load()
    assert corp.center.paths().count("/federation/credentials") == 8


def test_without_a_terminal_a_missing_sign_in_is_exit_4_with_the_command_to_type(
    corp: Corp,
) -> None:
    done = corp.world.rolehop("export", "hub", "--format", "json")
    assert (done.code, done.out) == (4, "")
    assert "rolehop source login corp" in done.err


def test_on_a_terminal_a_walk_starts_the_sign_in_itself(corp: Corp) -> None:
    with OnTerminal(corp.world, SCRIPT, "export", "hub", "--format", "json") as person:
        person.expect("sign in to https://corp.awsapps.com/start")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.json["Version"] == 1


def test_no_prompt_never_starts_a_sign_in(corp: Corp) -> None:
    with OnTerminal(corp.world, SCRIPT, "credential-process", "hub", "--no-prompt") as person:
        done = person.ended()
    assert done.code == 4
    assert browser.seen(corp.log, runs=0) == []


def test_a_token_that_ends_soon_is_refreshed_and_the_new_refresh_token_stored(corp: Corp) -> None:
    corp.center.token_seconds = 60
    corp.login()
    for _ in range(2):  # each burns the refresh token of the one before
        done = corp.world.rolehop("source", "test", "corp")
        assert done.code == 0, done.err
    assert re.search(
        r"^corp   signed in until [0-9: -]+, renews itself$",
        corp.world.rolehop("status").out,
        re.MULTILINE,
    )
    (found,) = corp.world.rolehop("status", "--format", "json").json["sign_ins"]
    assert (found["sources"], found["type"]) == (["corp"], "identity-center")
    assert corp.center.paths().count("/authorize") == 1
    assert len(corp.center.sessions) == 1


@pytest.mark.parametrize("shared", [False, True], ids=["in-the-vault", "in-the-cli-cache"])
def test_a_refresh_token_is_not_lost_if_the_programs_time_is_up(corp: Corp, shared: bool) -> None:
    """It is good once, and its successor is on its way when the timer ends the program."""
    if shared:
        corp.world.config(CONFIG.replace('"Developer"', '"Developer"\nshare_cli_cache = true'))
    corp.center.token_seconds = 60
    corp.login()
    corp.center.token_seconds = 3600
    if shared:
        for item in corp.world.items():
            item.unlink()
        (corp.world.state / "index.json").unlink()
    interrupted(corp.world, corp.center, "/token")
    corp.center.answered = lambda asked: None
    done = corp.world.rolehop("credential-process", "own")
    assert done.code == 0, done.err
    assert corp.center.paths().count("/authorize") == 1


def test_a_sign_in_that_is_damaged_in_the_keyring_is_reported_and_replaced_by_another(
    corp: Corp,
) -> None:
    corp.login()
    (path,) = [item for item in corp.world.items() if ".code" not in item.name]
    item = json.loads(path.read_text())
    path.write_text(json.dumps({**item, "password": "damaged"}))
    done = corp.world.rolehop("source", "test", "corp")
    assert done.code == 7
    assert "the item in the keyring is damaged" in done.err
    corp.login()
    assert corp.world.rolehop("source", "test", "corp").code == 0


def test_a_session_ended_at_the_server_needs_a_new_sign_in(corp: Corp) -> None:
    corp.login()
    corp.center.end_all()
    done = corp.world.rolehop("source", "test", "corp")
    assert done.code == 4
    assert "expired or was ended" in done.err
    corp.login()
    assert corp.world.rolehop("source", "test", "corp").code == 0


def test_denying_the_sign_in_is_exit_4_and_says_so(corp: Corp) -> None:
    corp.center.approves = False
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 4
    assert "somebody said no" in done.err


def test_signing_in_again_ends_the_previous_sign_in_at_the_server(corp: Corp) -> None:
    for _ in range(3):
        corp.login()
    assert [each.ended for each in corp.center.sessions] == [True, True, False]
    assert corp.world.rolehop("whoami", "own").code == 0


def test_an_expired_sign_in_is_ended_too_if_its_refresh_token_is_valid(corp: Corp) -> None:
    corp.center.token_seconds = 1
    corp.login()
    corp.center.token_seconds = 3600
    time.sleep(1.1)
    corp.login()
    assert [each.ended for each in corp.center.sessions] == [True, False]


def test_a_sign_in_that_fails_leaves_the_one_before_alone(corp: Corp) -> None:
    corp.login()
    corp.center.approves = False
    assert corp.world.rolehop("source", "login", "corp").code == 4
    assert not corp.center.sessions[0].ended
    assert corp.world.rolehop("whoami", "own").code == 0


@pytest.mark.parametrize("reply", [Reply(500, {}), Reply(400, {"message": "no"})])
def test_a_previous_sign_in_that_cannot_be_ended_is_reported_and_not_a_failure(
    corp: Corp, reply: Reply
) -> None:
    corp.login()
    corp.center.say("/logout", reply, times=9)
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 0
    assert "Identity Center did not end the old sign-in" in done.err
    assert corp.world.rolehop("whoami", "own").code == 0


def test_logout_ends_the_sign_in_here_and_at_the_server(corp: Corp) -> None:
    corp.login()
    assert "1 sign-in stays: " in corp.world.rolehop("logout", "--all").err
    assert corp.world.rolehop("source", "logout", "corp").code == 0
    assert "stays" not in corp.world.rolehop("logout", "--all").err
    assert corp.center.sessions[0].ended
    assert corp.world.items() == []
    assert corp.world.rolehop("export", "hub", "--format", "json").code == 4
    again = corp.world.rolehop("source", "logout", "corp")
    assert again.code == 0
    assert "nobody was signed in" in again.err


def test_an_sso_session_of_the_aws_config_is_used(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    corp.login()
    assert corp.world.rolehop("whoami", "own").code == 0


def test_an_sso_session_that_is_not_there_is_named_with_the_nearest(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION.replace("my-sso", "my-ssso"))
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 3
    assert "my-ssso" in done.err
    assert "my-sso" in done.err


def test_no_secret_of_a_sign_in_is_stored_outside_the_vault_or_shown(corp: Corp) -> None:
    outputs = []
    for arguments in (
        ("source", "login", "corp", "--debug"),
        ("source", "test", "corp", "--debug"),
        ("source", "list", "--debug"),
        ("plan", "hub", "--debug"),
        ("export", "hub", "--format", "json", "--debug"),
        ("status", "--debug"),
    ):
        done = corp.world.rolehop(*arguments)
        assert done.code == 0, done.err
        outputs += [done.out if arguments[0] != "export" else "", done.err]
    texts = [path.read_bytes().decode("utf-8", "replace") for path in corp.world.files()]
    secrets = corp.center.secrets()
    assert secrets
    for secret in secrets:
        assert not any(secret in text for text in (*texts, *outputs))


def test_without_a_name_the_only_source_with_a_sign_in_is_taken(corp: Corp) -> None:
    text = corp.world.config_file.read_text()
    corp.world.config(text + '[sources.me]\ntype = "environment"\n')
    done = corp.world.rolehop("source", "login")
    assert done.code == 0, done.err
    assert "corp" in done.err + done.out
    other = text.partition("[chains")[0].replace("corp", "x")
    corp.world.config(other + text.replace("version = 1", ""))
    done = corp.world.rolehop("source", "login")
    assert done.code == 2
    assert "no source is named" in done.err
    with OnTerminal(corp.world, SCRIPT, "source", "login", "--no-browser") as person:
        person.expect("2 sources; type to narrow, Enter picks, Esc leaves")
        assert "identity-center" in person.shown
        person.types("\r")  # the first line is what was signed in to last
        person.expect("sign in to https://corp.awsapps.com/start")
        person.presses_ctrl_c()


def test_with_force_the_sign_in_that_is_there_is_ended_before_the_new_one(corp: Corp) -> None:
    """The portal would go on with it, and the new one would end when it does."""
    corp.login()
    first = corp.center.sessions[-1]
    corp.login("--force")
    assert first.ended
    paths = corp.center.paths()
    assert paths.index("/logout") < len(paths) - 1 - paths[::-1].index("/authorize")
    assert corp.center.sessions[-1] is not first
    assert corp.world.rolehop("whoami", "own").code == 0
