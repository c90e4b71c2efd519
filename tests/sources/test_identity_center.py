"""Identity Center from end to end: the real script, a strict double, a browser, and one more hop."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.awsconfig import AwsConfig
from rolehop.config.model import SourceConfig
from rolehop.errors import ServiceError
from rolehop.sources import build_source
from rolehop.sources.context import KeyStore, SourceContext
from rolehop.sources.identity_center import source as identity_center
from rolehop.sources.source_type import Login
from tests.doubles import browser
from tests.doubles.sso import Center
from tests.doubles.web import Reply
from tests.sources.machines import MemoryTokens
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

HUB = "arn:aws:iam::222222222222:role/Hub"
HOME = "111111111111"
CONFIG = """\
version = 1
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "Developer"

[chains.own]
source = "corp"

[chains.hub]
source = "corp"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub", duration = "2h" }]
"""
PICKED = CONFIG.replace('account = "111111111111"\nrole = "Developer"\n', "")


class Corp:
    """A world with one Identity Center in it."""

    def __init__(self, world: World, center: Center) -> None:
        self.world = world
        self.center = center
        self.log = world.folder / "browser"
        developer = center.assign("alice", HOME, "Developer")
        world.sts.world.role(HUB, trusts=[developer], max_session=43200)
        world.config(CONFIG)
        world.more = {
            **center.environ,
            "BROWSER": browser.as_variable(self.log),
            "AWS_ACCESS_KEY_ID": "",
            "AWS_SECRET_ACCESS_KEY": "",
        }

    def login(self, *options: str) -> None:
        done = self.world.rolehop("source", "login", "corp", *options)
        assert done.code == 0, done.err


@pytest.fixture
def corp() -> Iterator[Corp]:
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        World(Path(folder)) as world,
        Center(world.sts) as center,
    ):
        yield Corp(world, center)


def test_a_sign_in_by_browser_leads_through_one_more_hop(corp: Corp) -> None:
    corp.login()
    done = corp.world.rolehop("export", "hub", "--format", "json")
    assert done.code == 0, done.err
    (call,) = [each for each in corp.world.sts.calls if each.action == "AssumeRole"]
    assert call.role == HUB
    assert "AWSReservedSSO_Developer" in call.signer


def test_hop_1_is_chained_so_it_lasts_an_hour_at_most(corp: Corp) -> None:
    corp.login()
    assert corp.world.rolehop("export", "hub", "--format", "json").code == 0
    (call,) = [each for each in corp.world.sts.calls if each.action == "AssumeRole"]
    assert call.params["DurationSeconds"] == "3600"


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
    corp.center.devices = _ApprovedAtOnce()
    corp.login("--no-browser")
    assert "/authorize" not in corp.center.paths()
    assert corp.world.rolehop("whoami", "own").code == 0


def test_slow_down_makes_the_questions_rarer_for_good(corp: Corp, kept_keys: KeyStore) -> None:
    corp.center.interval = 2
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 4:
            corp.center.approve()

    corp.center.say("/token", Reply(400, {"error": "slow_down"}))
    source, context = _here(corp, kept_keys, sleep)
    identity_center.login(source, context, Login(browser=False))
    assert waits == [2, 7, 7, 7]


def _here(
    corp: Corp, keys: KeyStore, sleep: Callable[[float], object]
) -> tuple[SourceConfig, SourceContext]:
    """Return the source and what it may use, in this process."""
    context = SourceContext(
        environ=corp.center.environ,
        aws=AwsConfig(),
        aws_files=(Path("config"), Path("credentials")),
        keys=keys,
        now=lambda: corp.center.now,
        home=corp.world.home,
        sleep=sleep,
        tokens=MemoryTokens(),
    )
    settings = {"start_url": corp.center.start_url, "sso_region": "eu-west-1"}
    settings |= {"account": HOME, "role": "Developer"}
    return SourceConfig("corp", "identity-center", settings), context


def test_throttling_that_lasts_is_exit_6_after_many_tries(corp: Corp, kept_keys: KeyStore) -> None:
    corp.center.devices = _ApprovedAtOnce()
    source, context = _here(corp, kept_keys, lambda seconds: None)
    identity_center.login(source, context, Login(browser=False))
    corp.center.say("/federation/credentials", Reply(429, {}), times=20)
    with pytest.raises(ServiceError, match="is throttling GetRoleCredentials"):
        build_source(source, context).load()
    assert corp.center.paths().count("/federation/credentials") == 8


class _ApprovedAtOnce(dict[str, tuple[str, bool]]):
    """Device codes that somebody approves the moment they are shown."""

    def __setitem__(self, code: str, told: tuple[str, bool]) -> None:
        super().__setitem__(code, (told[0], True))


def test_sources_of_one_center_share_the_sign_in_and_the_registration(corp: Corp) -> None:
    other = corp.center.assign("alice", "999999999999", "ReadOnly")
    corp.world.config(
        CONFIG
        + CONFIG.partition("[chains.own]")[0]
        .partition("[sources.corp]")[2]
        .join(("[sources.other]", ""))
        .replace("111111111111", "999999999999")
        .replace("Developer", "ReadOnly")
        + '[chains.other]\nsource = "other"\n'
    )
    corp.login()
    corp.login()
    done = corp.world.rolehop("whoami", "other", "--format", "json")
    assert done.code == 0, done.err
    assert other.rpartition("/")[2] in done.json["arn"]
    assert corp.center.paths().count("/client/register") == 1


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
    assert browser.seen(corp.log) == []


def test_a_token_that_ends_soon_is_refreshed_and_the_new_refresh_token_kept(corp: Corp) -> None:
    corp.center.token_seconds = 60
    corp.login()
    for _ in range(2):  # each burns the refresh token of the one before
        done = corp.world.rolehop("source", "test", "corp")
        assert done.code == 0, done.err
    assert corp.center.paths().count("/authorize") == 1
    assert len(corp.center.sessions) == 1


def test_a_sign_in_that_is_damaged_in_the_keyring_is_told_and_mended_by_another(
    corp: Corp,
) -> None:
    corp.login()
    (kept,) = [item for item in corp.world.items() if ".code" not in item.name]
    told = json.loads(kept.read_text())
    kept.write_text(json.dumps({**told, "password": "damaged"}))
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


@pytest.mark.parametrize(
    "command", [("export", "hub", "--format", "json"), ("credential-process", "hub")]
)
def test_another_person_never_gets_the_sessions_of_the_one_before(
    corp: Corp, command: tuple[str, ...]
) -> None:
    corp.login()
    first = [corp.world.rolehop(*command).json["AccessKeyId"] for _ in range(2)]
    assert first[0] == first[1]
    corp.center.person = "bob"
    corp.center.assign("bob", HOME, "Developer")
    corp.login()
    second = corp.world.rolehop(*command).json["AccessKeyId"]
    assert second != first[0]
    last = [each for each in corp.world.sts.calls if each.action == "AssumeRole"][-1]
    assert last.signer.endswith("/bob")


def test_a_held_session_is_used_without_a_call_and_without_the_token(corp: Corp) -> None:
    corp.login()
    first = corp.world.rolehop("export", "hub", "--format", "json")
    before = len(corp.center.asked)
    second = corp.world.rolehop("export", "hub", "--format", "json")
    assert second.out == first.out
    assert len(corp.center.asked) == before


def test_a_role_that_is_not_assigned_is_told_from_one_that_ended(corp: Corp) -> None:
    corp.world.config(CONFIG.replace('"Developer"', '"Nobody"'))
    corp.login()
    done = corp.world.rolehop("export", "hub", "--format", "json")
    assert done.code == 5
    assert "role 'Nobody' in account 111111111111" in done.err
    assert "not assigned" in done.err


def test_account_and_role_are_picked_on_a_terminal(corp: Corp) -> None:
    corp.center.assign("alice", "999999999999", "Developer")
    corp.center.assign("alice", "999999999999", "Auditor")
    corp.world.config(PICKED)
    corp.login()
    with OnTerminal(corp.world, SCRIPT, "whoami", "own", "--format", "json") as person:
        person.expect("which account?")
        person.types("999")
        person.expect("which role")
        person.types("audit")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.json["account"] == "999999999999"
    assert "AWSReservedSSO_Auditor" in done.json["arn"]


def test_picking_without_a_terminal_names_the_key_to_write(corp: Corp) -> None:
    corp.world.config(PICKED)
    corp.login()
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert done.code == 8
    assert "add account" in done.err
    planned = corp.world.rolehop("plan", "hub", "--format", "json").json["hops"][0]
    assert "account and role must be named where nobody can be asked" in planned["will_fail"]
    (listed,) = corp.world.rolehop("source", "list", "--format", "json").json["sources"]
    assert listed["state"] == "not ready"


def test_hundreds_of_accounts_are_listed_through_pages_and_throttling(corp: Corp) -> None:
    for number in range(250):
        corp.center.assign("alice", f"{400000000000 + number}", "Developer")
    corp.center.say("/assignment/accounts", Reply(429, {"message": "slow"}), times=2)
    corp.world.config(PICKED)
    corp.login()
    with OnTerminal(corp.world, SCRIPT, "whoami", "own", "--format", "json") as person:
        person.expect("which account?", 60)
        person.types("400000000249")
        done = person.ended()
    assert done.code == 0, done.err
    assert done.json["account"] == "400000000249"


def test_denying_the_sign_in_is_exit_4_and_says_so(corp: Corp) -> None:
    corp.center.approves = False
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 4
    assert "somebody said no" in done.err


def test_signing_in_again_ends_the_sign_in_before_at_the_server(corp: Corp) -> None:
    for _ in range(3):
        corp.login()
    assert [each.ended for each in corp.center.sessions] == [True, True, False]
    assert corp.world.rolehop("whoami", "own").code == 0


def test_an_expired_sign_in_is_ended_too_where_its_refresh_token_lives(corp: Corp) -> None:
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
def test_a_sign_in_before_that_cannot_be_ended_is_said_and_no_failure(
    corp: Corp, reply: Reply
) -> None:
    corp.login()
    corp.center.say("/logout", reply, times=9)
    done = corp.world.rolehop("source", "login", "corp")
    assert done.code == 0
    assert "Identity Center did not end the old sign-in" in done.err
    assert corp.world.rolehop("whoami", "own").code == 0


def test_a_sign_in_that_the_aws_cli_shares_is_not_ended_under_it(corp: Corp) -> None:
    shared = CONFIG.replace('role = "Developer"', 'role = "Developer"\nshare_cli_cache = true')
    corp.world.config(shared)
    for _ in range(2):
        corp.login()
    assert not any(each.ended for each in corp.center.sessions)


def test_logout_ends_the_sign_in_here_and_at_the_server(corp: Corp) -> None:
    corp.login()
    assert corp.world.rolehop("source", "logout", "corp").code == 0
    assert corp.center.sessions[0].ended
    assert corp.world.items() == []
    assert corp.world.rolehop("export", "hub", "--format", "json").code == 4
    again = corp.world.rolehop("source", "logout", "corp")
    assert again.code == 0
    assert "nobody was signed in" in again.err


SESSION = """\
[sso-session my-sso]
sso_start_url = https://corp.awsapps.com/start
sso_region = eu-west-1
sso_registration_scopes = sso:account:access
"""
BY_SESSION = CONFIG.replace(
    'start_url = "https://corp.awsapps.com/start"\nsso_region = "eu-west-1"',
    'sso_session = "my-sso"',
)


def test_an_sso_session_of_the_aws_config_is_taken_over(corp: Corp) -> None:
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


def _cli_cache(corp: Corp, name: str) -> Path:
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest()
    return corp.world.home / ".aws" / "sso" / "cache" / f"{digest}.json"


def _cli_signs_in(corp: Corp, *, lasts: timedelta) -> Path:
    """Let the AWS CLI sign in: take a session of the double's and write the CLI's file."""
    corp.login()
    session = corp.center.sessions[-1]
    corp.world.rolehop("source", "logout", "corp")
    session.ended = False
    path = _cli_cache(corp, "my-sso")
    path.parent.mkdir(parents=True, exist_ok=True)
    ends = corp.center.now + lasts
    told = {
        "startUrl": corp.center.start_url,
        "region": "eu-west-1",
        "accessToken": session.access,
        "expiresAt": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    path.write_text(json.dumps(told))
    path.chmod(0o600)
    return path


def test_the_sign_in_of_the_aws_cli_is_enough(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = _cli_signs_in(corp, lasts=timedelta(hours=1))
    before = path.read_text()
    done = corp.world.rolehop("whoami", "own")
    assert done.code == 0, done.err
    assert path.read_text() == before


@pytest.mark.parametrize("text", ["{", "[]", '{"accessToken": "x"}', ""])
def test_a_broken_cache_file_is_told_by_source_test_and_never_followed(
    corp: Corp, text: str
) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = _cli_cache(corp, "my-sso")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = corp.world.rolehop("source", "test", "corp", "--no-prompt")
    assert done.code == 4
    assert f"trouble   the AWS CLI's sign-in, {path}: broken: " in done.out
    for command in (("export", "own"), ("plan", "hub"), ("source", "list")):
        told = corp.world.rolehop(*command, "--format", "json")
        assert f"the AWS CLI's sign-in, {path}: broken: " in told.out + told.err


def test_an_expired_sign_in_of_the_aws_cli_is_told_from_none(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = _cli_signs_in(corp, lasts=timedelta(minutes=-1))
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert done.code == 4
    ended = json.loads(path.read_text())["expiresAt"]
    assert f"the AWS CLI's sign-in, {path}: expired at {ended}" in done.err
    path.unlink()
    absent = corp.world.rolehop("export", "own", "--format", "json")
    assert "nobody is signed in, neither here nor in the AWS CLI" in absent.err


def test_a_sign_in_of_the_aws_cli_to_another_region_is_told(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    path = _cli_signs_in(corp, lasts=timedelta(hours=1))
    path.write_text(path.read_text().replace("eu-west-1", "us-east-1"))
    done = corp.world.rolehop("export", "own", "--format", "json")
    assert done.code == 4
    assert "of another sso_region (us-east-1)" in done.err


def test_the_cache_of_the_aws_cli_is_written_when_asked_and_only_then(corp: Corp) -> None:
    corp.world.aws_config(SESSION)
    corp.world.config(BY_SESSION)
    corp.login()
    path = _cli_cache(corp, "my-sso")
    assert not path.exists()
    corp.world.config(
        BY_SESSION.replace('role = "Developer"', 'role = "Developer"\nshare_cli_cache = true')
    )
    corp.login()
    told = json.loads(path.read_text())
    assert told["accessToken"] == corp.center.sessions[-1].access
    assert told["startUrl"] == corp.center.start_url
    assert path.stat().st_mode & 0o777 == 0o600
    assert corp.world.rolehop("source", "logout", "corp").code == 0
    assert not path.exists()


def test_no_secret_of_a_sign_in_rests_outside_the_vault_or_is_shown(corp: Corp) -> None:
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


@pytest.mark.parametrize(
    ("reply", "code", "words"),
    [
        pytest.param(Reply(text="<html>"), 6, "unexpected", id="a-sign-in-page-of-a-hotel"),
        pytest.param(Reply(json={"roleCredentials": {}}), 6, "accessKeyId", id="half-an-answer"),
        pytest.param(Reply(500, {}), 6, "failed", id="a-fault"),
        pytest.param(Reply(404, {"message": "no"}), 5, "not assigned", id="no-such-role"),
    ],
)
def test_answers_that_make_no_sense_are_told_apart(
    corp: Corp, reply: Reply, code: int, words: str
) -> None:
    corp.login()
    corp.center.say("/federation/credentials", reply, times=20)
    done = corp.world.rolehop("source", "test", "corp", "--no-prompt")
    assert done.code == code, done.err
    assert words in done.err


def test_a_center_that_hangs_is_given_up_with_its_name(corp: Corp) -> None:
    corp.login()
    corp.center.say("/federation/credentials", None)
    done = corp.world.rolehop("source", "test", "corp", env={"AWS_MAX_ATTEMPTS": "1"})
    assert done.code == 6
    assert "no answer" in done.err


def test_a_center_that_cannot_be_reached_is_exit_6(corp: Corp) -> None:
    corp.login()
    done = corp.world.rolehop(
        "source", "test", "corp", env={"AWS_ENDPOINT_URL_SSO": "http://127.0.0.1:9"}
    )
    assert done.code == 6
    assert "127.0.0.1:9" in done.err
