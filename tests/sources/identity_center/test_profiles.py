"""Profiles with a sign-in to Identity Center: by rolehop's own sign-in, or the AWS CLI's."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.doubles.sso import Center
from tests.sources.identity_center.corp import CONFIG, HOME, HUB, SESSION, Corp
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT

LASTS = timedelta(hours=1)


DEV = (
    f"{SESSION}[profile dev]\nregion = eu-west-1\nsso_session = my-sso\n"
    f"sso_account_id = {HOME}\nsso_role_name = Developer\n"
)


@pytest.fixture(autouse=True)
def profile(corp: Corp) -> None:
    corp.world.aws_config(DEV)


def whoami(corp: Corp, **env: str) -> tuple[int, str]:
    done = corp.world.rolehop("whoami", "dev", "--format", "json", env=env)
    return done.code, done.json["arn"].rpartition("/")[2] if done.code == 0 else done.err


def test_a_bare_profile_has_a_name_to_sign_in_by_and_one_sign_in_is_enough(corp: Corp) -> None:
    code, message = whoami(corp)
    assert (code, "rolehop source login dev" in message) == (4, True)
    done = corp.world.rolehop("source", "login", "dev", "--format", "json")
    assert (done.code, done.json["source"]) == (0, "dev"), done.err
    corp.world.aws_config(f"{DEV}[profile admin]\nrole_arn = {HUB}\nsource_profile = dev\n")
    for name in ("dev", "admin", "own"):  # the last one is a chain of the source corp
        assert corp.world.rolehop("credential-process", name).code == 0
    assert corp.center.paths().count("/authorize") == 1
    corp.world.config("version = 1\n")  # the sign-in is of the profile alone now
    (found,) = corp.world.rolehop("status", "--format", "json").json["sign_ins"]
    assert (found["sources"], found["type"]) == (["dev"], "identity-center")
    done = corp.world.rolehop("source", "logout", "dev")
    assert "signed out of 'dev'" in done.err
    assert whoami(corp)[0] == 4


def test_on_a_terminal_a_profile_signs_in_without_being_told(corp: Corp) -> None:
    corp.world.aws_config(DEV.replace("/start", "/start/#/"))  # as the browser shows it
    with OnTerminal(corp.world, SCRIPT, "whoami", "dev", "--format", "json") as person:
        person.expect("sign in to https://corp.awsapps.com/start in the browser")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.json["arn"].endswith("/alice")


def test_a_profile_with_the_name_of_a_source_signs_in_by_another_name(corp: Corp) -> None:
    corp.world.config(CONFIG.replace("corp", "dev").replace("https://dev", "https://other"))
    code, message = whoami(corp)
    assert (code, "rolehop source login profile/dev" in message) == (4, True)
    assert corp.world.rolehop("source", "login", "profile/dev").code == 0
    assert whoami(corp) == (0, "alice")


def test_another_person_who_signs_in_never_gets_the_session_of_the_one_before(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS)
    assert whoami(corp) == (0, "alice")
    calls = corp.center.paths().count("/federation/credentials")
    assert whoami(corp) == (0, "alice")
    assert corp.center.paths().count("/federation/credentials") == calls
    corp.center.person = "bob"
    corp.center.assign("bob", HOME, "Developer")
    corp.cli_signs_in(lasts=LASTS)
    assert whoami(corp) == (0, "bob")


def test_another_sign_in_is_seen_by_the_hot_path_too(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS)
    found = [corp.world.rolehop("credential-process", "dev") for _ in range(2)]
    corp.center.person = "bob"
    corp.center.assign("bob", HOME, "Developer")
    corp.cli_signs_in(lasts=LASTS)
    found.append(corp.world.rolehop("credential-process", "dev"))
    first, second, third = (each.json["AccessKeyId"] for each in found)
    assert first == second != third


def test_a_session_that_was_not_asked_for_is_neither_used_nor_stored(corp: Corp) -> None:
    corp.world.config(
        CONFIG.partition("[chains.hub]")[0] + '[sources.dev]\ntype = "profile"\nprofile = "dev"\n'
        f'[chains.hub]\nsource = "dev"\nhops = [{{ role = "{HUB}" }}]\n'
    )
    corp.cli_signs_in(lasts=LASTS)
    corp.world.sts.world.role(HUB, trusts=[corp.center.assign("alice", HOME, "Admin")])
    corp.center.confused[HOME, "Developer"] = (HOME, "Admin")
    for chain in ("hub", "dev"):
        done = corp.world.rolehop("credential-process", chain)
        assert (done.code, done.out) == (4, ""), done.err
        assert "it must be a session of permission set Developer" in done.err
    assert {each.action for each in corp.world.sts.calls} == {"GetCallerIdentity"}
    assert corp.world.rolehop("status", "--format", "json").json["sessions"] == []


def test_a_session_is_found_at_its_own_endpoint_only(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS)
    assert whoami(corp) == (0, "alice")
    with Center(corp.world.sts) as other:
        other.assign("alice", HOME, "Developer")
        code, message = whoami(corp, AWS_ENDPOINT_URL_SSO=other.url)
        assert code == 4
        assert "made against other endpoints" in message
        assert other.paths() == []


def test_a_sign_in_of_the_aws_cli_is_not_sent_to_an_overridden_endpoint(corp: Corp) -> None:
    corp.cli_signs_in(lasts=LASTS, marked=False)
    before = len(corp.center.asked)
    code, message = whoami(corp)
    assert code == 4
    assert "made against other endpoints" in message
    assert "rolehop source login dev" in message
    assert len(corp.center.asked) == before


def test_a_sign_in_of_the_aws_cli_is_renewed_in_its_cache_as_sdks_do(corp: Corp) -> None:
    path = corp.cli_signs_in(lasts=timedelta(minutes=-1), renewable=True)
    before = json.loads(path.read_text())
    assert whoami(corp) == (0, "alice")
    after = json.loads(path.read_text())
    assert after["accessToken"] != before["accessToken"]
    assert after["refreshToken"] != before["refreshToken"]  # the old one is good once
    assert after["rolehopEndpoints"] == before["rolehopEndpoints"]
    assert corp.world.rolehop("status", "--format", "json").json["sign_ins"] == []


def test_a_sign_in_to_another_start_url_is_never_sent(corp: Corp) -> None:
    path = corp.cli_signs_in(lasts=LASTS, url="https://other.awsapps.com/start")
    before = len(corp.center.asked)
    code, message = whoami(corp)
    assert code == 4
    reason = (
        f"the AWS CLI's sign-in, {path}: of another start URL (https://other.awsapps.com/start)"
    )
    assert reason in message
    assert "rolehop source login dev" in message
    assert len(corp.center.asked) == before
