"""`rolehop source`: list, test and login for sources of any type."""

from __future__ import annotations

import json
import shutil

import pytest

from rolehop.terminal.prompts import browser_commands, has_browser
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

CONFIG = """\
version = 1
[sources.me]
type = "environment"
description = "whoever is here"
[sources.stored]
type = "keys"
[sources.pinned]
type = "environment"
principal = "arn:aws:iam::111111111111:user/bob"
[chains.own]
source = "me"
"""


@pytest.fixture
def proved(world: World) -> World:
    world.config(CONFIG)
    return world


def test_the_list_says_what_is_ready_and_what_is_not_without_a_call(proved: World) -> None:
    done = proved.rolehop("source", "list", "--format", "json")
    assert done.code == 0, done.err
    listed = {each["name"]: each for each in done.json["sources"]}
    assert listed["me"]["state"] == "ready"
    assert listed["me"]["chains"] == ["own"]
    assert listed["stored"]["state"] == "not ready"
    assert "keys add stored" in listed["stored"]["problem"]
    assert proved.sts.calls == []


def test_the_list_as_a_table_has_a_line_for_each(proved: World) -> None:
    done = proved.rolehop("source", "list")
    assert done.code == 0, done.err
    for name in ("me", "stored", "pinned", "environment", "keys", "whoever is here"):
        assert name in done.out


def test_user_keys_allow_a_longer_first_hop(proved: World) -> None:
    done = proved.rolehop("source", "test", "me", "--format", "json")
    assert done.code == 0, done.err
    assert done.json["arn"] == proved.alice.arn
    assert done.json["expires_at"] is None
    assert done.json["next_hop_ceiling"] == 43_200


def test_a_test_shows_the_identity_and_what_follows_from_it(proved: World) -> None:
    done = proved.rolehop("source", "test", "me")
    assert done.code == 0, done.err
    assert proved.alice.arn in done.out
    assert "these are IAM user keys" in done.out


def test_another_principal_than_the_pinned_one_is_shown_and_refused(proved: World) -> None:
    done = proved.rolehop("source", "test", "pinned")
    assert done.code == 4
    assert proved.alice.arn in done.out
    assert "user/bob" in done.err


def test_a_failure_is_a_document_too(proved: World) -> None:
    done = proved.rolehop("source", "test", "stored", "--format", "json")
    assert done.code == 4
    assert done.json["arn"] is None
    assert "no keys are in the keyring" in done.json["error"]


@pytest.mark.parametrize("verb", ["login", "logout"])
def test_sources_without_a_sign_in_say_so(proved: World, verb: str) -> None:
    proved.aws_config("[profile half]\nsso_account_id = 111111111111\n")
    for name, why in (
        ("me", "a source of type environment needs no sign-in"),
        ("half", "AWS profile 'half' cannot sign in: its sign-in has no sso_start_url"),
    ):
        done = proved.rolehop("source", verb, name)
        assert done.code == 2
        assert f"source '{name}' has no sign-in" in done.err
        assert why in done.err


FEDERATED = """\
version = 1
[sources.corp]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
[sources.from-file]
type = "saml"
assertion_file = "/nowhere/assertion"
[sources.from-command]
type = "roles-anywhere"
trust_anchor = "arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/0f3b0f3b-0f3b-0f3b-0f3b-0f3b0f3b0f3b"
profile = "arn:aws:rolesanywhere:eu-west-1:111111111111:profile/0f3b0f3b-0f3b-0f3b-0f3b-0f3b0f3b0f3b"
role = "arn:aws:iam::111111111111:role/Start"
certificate = "/nowhere/certificate"
private_key = "/nowhere/key"
passphrase_command = "pass"
"""


@pytest.mark.parametrize("name", ["corp", "from-file", "from-command"])
def test_stdin_is_not_read_if_it_would_be_discarded(world: World, name: str) -> None:
    world.config(FEDERATED)
    done = world.rolehop("source", "login", name, "--stdin", input="secret-of-stdin")
    assert done.code == 2
    assert f"source '{name}' takes nothing from --stdin" in done.err
    assert "saml sources without assertion_" in done.err
    assert "secret-of-stdin" not in done.err


def test_a_source_that_aws_refuses_is_exit_5(proved: World) -> None:
    proved.sts.world.keys.pop(proved.alice.key.access_key_id)
    for arguments in (("source", "test", "me"), ("whoami",)):
        done = proved.rolehop(*arguments)
        assert done.code == 5
        assert "AWS does not accept the credentials" in done.err
        assert "InvalidClientTokenId" in done.err


def test_a_session_without_an_end_is_not_shown_as_endless(proved: World) -> None:
    session = proved.sts.world.issue(
        600, account="111111111111", arn=proved.alice.arn, user_id="x", user=proved.alice
    )
    for arguments in (("source", "test", "me"), ("whoami",)):
        assert "end unknown" in proved.rolehop(*arguments, env=session.environ).out
        assert "does not end: IAM user keys" in proved.rolehop(*arguments).out


def test_with_an_mfa_device_both_limits_of_the_next_hop_are_shown(proved: World) -> None:
    proved.config(CONFIG.replace('"whoever is here"', '"x"\nmfa_serial = "auto"'))
    done = proved.rolehop("source", "test", "me")
    assert "1 h at most by the shared MFA session; up to the role's own maximum" in done.out


def test_a_profile_is_asked_in_its_own_region(proved: World) -> None:
    proved.config('version = 1\n[sources.p]\ntype = "profile"\nprofile = "p"\n')
    key = proved.alice.key
    proved.aws_config("[profile p]\nregion = eu-central-1\n")
    proved.aws_credentials(
        f"[p]\naws_access_key_id = {key.access_key_id}\naws_secret_access_key = {key.secret}\n"
    )
    proved.sts.region = "eu-central-1"
    done = proved.rolehop("source", "test", "p", env={"AWS_REGION": None})
    assert done.code == 0, done.err
    assert "✓ AWS profile 'p' in " in done.out


@pytest.mark.parametrize("verb", ["test", "login", "logout"])
def test_an_unknown_name_is_answered_with_the_nearest(proved: World, verb: str) -> None:
    done = proved.rolehop("source", verb, "pined")
    assert done.code == 3
    assert "pinned" in done.err


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_names_of_sources_are_completed(proved: World) -> None:
    done = proved.rolehop(
        "completion", "--", "source", "test", "", env={"_ROLEHOP_COMPLETE": "bash"}
    )
    assert done.code == 0, done.err
    assert {"me", "stored", "pinned"} <= set(done.out.split())


def test_on_a_terminal_the_table_is_drawn_too(proved: World) -> None:
    with OnTerminal(proved, SCRIPT, "source", "list", stdout_too=True) as person:
        person.expect("pinned")
        assert person.ended().code == 0


@pytest.mark.parametrize(
    ("environ", "platform", "found"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({"BROWSER": "firefox"}, "linux", True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "1 2 3 4"}, "linux", False),
        ({}, "darwin", True),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", False),
        ({}, "win32", True),
    ],
)
def test_a_browser_is_expected_on_a_desktop(
    environ: dict[str, str], platform: str, found: bool
) -> None:
    assert has_browser(environ, platform) is found


@pytest.mark.parametrize(
    ("environ", "platform", "first"),
    [
        ({"BROWSER": "firefox --new-tab %s"}, "linux", ("firefox", "--new-tab", "URL")),
        ({"BROWSER": "firefox:chromium"}, "linux", ("firefox", "URL")),
        ({}, "linux", ("xdg-open", "URL")),
        ({}, "darwin", ("open", "URL")),
        ({}, "win32", ("rundll32", "url.dll,FileProtocolHandler", "URL")),
    ],
)
def test_an_address_goes_to_the_browser_as_one_argument(
    environ: dict[str, str], platform: str, first: tuple[str, ...]
) -> None:
    assert browser_commands("URL", environ, platform)[0] == first


def test_a_browser_that_cannot_be_read_is_left_out() -> None:
    found = browser_commands("URL", {"BROWSER": "foo 'bar: :edge"}, "linux")
    assert found[:2] == (("edge", "URL"), ("xdg-open", "URL"))


def test_a_sign_in_and_its_end_are_documents_for_programs(world: World) -> None:
    world.config(FEDERATED)
    done = world.rolehop("source", "logout", "corp", "--format", "json")
    assert (done.code, done.err) == (0, "")
    assert done.json == {
        "schema": "rolehop.sign-in/1",
        "source": "corp",
        "type": "identity-center",
        "signed_in": False,
        "message": "nobody was signed in to 'corp'",
    }
    done = world.rolehop("source", "login", "from-file", "--format", "json")
    assert done.code == 4
    assert done.out == ""
    assert json.loads(done.err)["schema"] == "rolehop.error/1"


def test_a_program_of_windows_gets_a_file_as_windows_sees_it() -> None:
    environ = {
        "BROWSER": "'/mnt/c/Program Files/x/chrome.exe':wslview",
        "WSL_DISTRO_NAME": "Debian",
    }
    found = browser_commands("file:///tmp/rolehop-1/a.html", environ, "linux")
    assert found[:2] == (
        ("/mnt/c/Program Files/x/chrome.exe", "file://wsl.localhost/Debian/tmp/rolehop-1/a.html"),
        ("wslview", "file:///tmp/rolehop-1/a.html"),
    )
