"""The conversation of ``config init``, held in this process: no terminal, no AWS."""

from __future__ import annotations

import signal
import stat

import pytest

from rolehop.base.credentials import Secret
from rolehop.base.errors import ConfigError, RolehopError, UsageError
from rolehop.commands.config.init.writing import usable_app, write_new
from rolehop.commands.keys.access_keys import user_keys
from tests.commands.config.init.home import KEY_ID, SECRET, WRITE, Home
from tests.commands.config.init.scripted import Answers, Scripted
from tests.support.world import HUB


def test_a_profile_with_keys_needs_three_answers(home: Home) -> None:
    home.with_profiles()
    person = home.asked(("Where", "AWS profile work"), ("Role", HUB), WRITE)
    assert person.offered[0][:5] == [
        *("AWS profile work", "AWS profile prod", "AWS profile dev"),
        *("Identity Center corp", "All AWS profiles"),
    ]
    assert [each for each in person.said if each.startswith(("hop", "!"))] == [
        "hop 1   222222222222:role/Hub, lasts 1 h"
    ]
    chain = home.config.chains["Hub"]
    assert [hop.role for hop in chain.hops] == [HUB]
    assert dict(home.config.sources[chain.source or ""].settings) == {"profile": "work"}
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("profile", "settings"),
    [
        ("prod", {"profile": "prod"}),
        (
            "dev",
            {
                "start_url": "https://corp.awsapps.com/start",
                "sso_region": "eu-west-1",
                "account": "111111111111",
                "role": "Developer",
            },
        ),
    ],
)
def test_a_profile_that_leads_to_a_role_needs_two(
    home: Home, profile: str, settings: dict[str, str]
) -> None:
    home.with_profiles()
    home.asked(("Where", f"AWS profile {profile}"), WRITE)
    chain = home.config.chains[profile]
    assert dict(home.config.sources[chain.source or ""].settings) == settings


WRONG = [
    ("Role", "arn:aws:iam::22222222222:role/Hub", "has 11 digits and needs 12, as in"),
    ("Role", "arn:aws:iam::222222222222:user/Hub", 'not a role: "arn:'),
    ("Another", "22222222222:role/X", "as in"),
    ("External", "a b", "not an external ID"),
    ("Duration", "5", "shorter than allowed"),
    ("Duration", "13h", "it may be 15 min to 12 h"),
    ("Duration", "soon", "soon"),
    ("MFA", "arn:aws:iam::111111111111:user/me", '"arn:aws:iam::111111111111:mfa/me"'),
    ("Name", "my chain", "not a name"),
    ("Region", "mars", 'as in "eu-west-1"'),
    ("Region", "eu-wst-1", 'did you mean "eu-west-1"?'),
]
RIGHT = {
    "Another": "333333333333:role/Admin",
    "External": "x-42",
    "Duration": "30m",
    "MFA": "auto",
    "Name": "prod",
    "Region": "eu-west-1",
}


def test_each_wrong_answer_is_answered_at_once_and_nothing_is_lost(home: Home) -> None:
    home.with_profiles()
    script: list[tuple[str, Answers]] = [("Where", "An AWS profile, by name")]
    script.append(("Which AWS profile?", ["wrok", "work"]))
    script.append(("Role", [*(wrong for about, wrong, _ in WRONG if about == "Role"), HUB]))
    for about, right in RIGHT.items():
        script.append(("What now?", about))
        script.append(("", [*(wrong for of, wrong, _ in WRONG if of == about), right]))
    person = home.asked(*script, WRITE)
    assert person.problems[0] == 'there is no AWS profile "wrok"; did you mean "work"?'
    for (_, _, words), problem in zip(WRONG, person.problems[1:], strict=True):
        assert words in problem
    chain = home.config.chains["prod"]
    first, last = chain.hops
    assert (first.role, last.role) == (HUB, "333333333333:role/Admin")
    assert (last.external_id, last.duration_seconds) == ("x-42", 1800)
    assert home.config.sources[chain.source or ""].settings["mfa_serial"] == "auto"
    assert home.config.defaults.region == "eu-west-1"


def test_answers_can_be_taken_back(home: Home) -> None:
    home.environ |= {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
    person = home.asked(
        ("Where", "The environment"),
        ("Role", HUB),
        *(("What now?", "External"), ("External", "x-42")),
        *(("What now?", "External"), ("External", "")),
        *(("What now?", "MFA"), ("MFA", "auto"), ("What now?", "MFA"), ("MFA", "")),
        *(("What now?", "Duration"), ("How", "2h"), ("What now?", "Duration"), ("How", "")),
        *(("What now?", "Region"), ("In", "us-east-1"), ("What now?", "Region"), ("In", "")),
        *(("What now?", "Another"), ("Role", ""), ("What now?", "Remove the last hop")),
        WRITE,
    )
    assert [each for each in person.initial if each] == ["x-42", "auto", "2 h", "us-east-1"]
    assert [(name, chain.hops) for name, chain in home.config.chains.items()] == [("env", ())]
    assert "mfa_serial" not in home.config.sources["env"].settings


KEYS = (("Where", "IAM user keys"), ("Access key ID?", KEY_ID), ("Secret", SECRET), ("Role", HUB))


def test_keys_go_into_the_keyring_with_the_file(home: Home) -> None:
    wrong = ("Access key ID?", ["ASIAIOSFODNN7EXAMPLE", "akia", KEY_ID])
    person = home.asked(KEYS[0], wrong, ("Secret", ["", "a b", "short", SECRET]), KEYS[3], WRITE)
    assert len(person.problems) == 5
    assert not any(each.startswith("!") for each in person.said)
    stored = home.app.vault.keys.get("me")
    assert stored is not None
    assert stored.access_key_id == KEY_ID
    assert SECRET not in home.path.read_text()


def test_keys_that_a_try_found_wrong_are_typed_again_and_all_else_is_kept(home: Home) -> None:
    home.environ["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1"
    again = (("What now?", "Access key"), ("Access key ID?", KEY_ID), ("Secret", SECRET[::-1]))
    person = Scripted(*KEYS, ("What now?", "Try it"), *again, WRITE)
    home.talk(person)
    assert KEY_ID in person.initial
    stored = home.app.vault.keys.get("me")
    assert stored is not None
    assert stored.secret_access_key == Secret(SECRET[::-1])
    assert home.config.chains["Hub"].hops[0].role == HUB


def test_who_leaves_leaves_nothing_behind(home: Home) -> None:
    """Not even keys that were tried."""
    person = Scripted(*KEYS, ("What now?", "Try it"))
    home.environ["AWS_ENDPOINT_URL_STS"] = "http://127.0.0.1:1"
    with pytest.raises(KeyboardInterrupt):
        home.talk(person)
    assert [each.exit_code for each in person.errors] == [6]
    assert not home.path.exists()
    assert list((home.folder / "vault").glob("*.json")) == []


def test_keys_stay_nowhere_after_ctrl_c_while_they_are_stored(home: Home) -> None:
    home.environ["PYTHON_KEYRING_BACKEND"] = "tests.doubles.keyrings.InterruptedAfterWrite"
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            home.talk(Scripted(*KEYS, WRITE))
    finally:
        signal.signal(signal.SIGINT, before)
    assert not home.path.exists()
    assert list((home.folder / "vault").glob("*.json")) == []


@pytest.mark.parametrize("answered", range(4))
def test_at_every_question_leaving_writes_no_file(home: Home, answered: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        home.talk(Scripted(*KEYS[:answered]))
    assert not home.path.exists()


ROLE, ID = ("Which role", HUB), "0" * 36
TYPES: list[tuple[str, list[tuple[str, Answers]], str]] = [
    ("The environment", [("Role", "")], "environment"),
    ("An EC2 instance's role", [], "instance"),
    ("A container's role", [], "container"),
    ("OpenID Connect, by file", [ROLE, ("Which file", ["nowhere", "~/token"])], "web-identity"),
    (
        "OpenID Connect, sign-in",
        [ROLE, ("Issuer?", ["idp.example.com", "https://idp.example.com"]), ("Client", "me")],
        "web-identity",
    ),
    ("SAML", [("Which command", ["a | b", "no-such-program", "cat print"])], "saml"),
    ("SAML", [("Which command", "")], "saml"),
    (
        "A certificate",
        [
            (
                "Trust anchor?",
                ["x", f"arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/{ID}"],
            ),
            (
                "Roles Anywhere profile?",
                f"arn:aws:rolesanywhere:eu-west-1:111111111111:profile/{ID}",
            ),
            ROLE,
            *(("Certificate?", "~/token"), ("Its private key?", "~/token")),
        ],
        "roles-anywhere",
    ),
    ("Another program", [("Which command?", "cat 'a b'"), ("Role", HUB)], "process"),
]


@pytest.mark.parametrize(("way", "script", "source_type"), TYPES)
def test_every_type_of_source_is_offered(
    home: Home, way: str, script: list[tuple[str, Answers]], source_type: str
) -> None:
    home.write("token", "x")
    home.asked(("Where", way), *script, WRITE)
    assert [each.type for each in home.config.sources.values()] == [source_type]
    assert len(home.config.chains) == 1


def test_what_is_found_comes_first(home: Home) -> None:
    token = home.write("token", "x")
    home.environ |= {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_ROLE_ARN": HUB,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x",
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://127.0.0.1/x",
        "AWS_EC2_METADATA_DISABLED": "",
    }
    person = home.asked(("Where", "This pod's token"), WRITE)
    assert person.offered[0][:3] == [
        *("This pod's token", "This container's role", "This EC2 instance's role")
    ]
    assert [each.type for each in home.config.sources.values()] == ["web-identity"]


def test_all_profiles_become_chains_at_once(home: Home) -> None:
    home.with_profiles()
    done = home.talk(Scripted(("Where", "All AWS profiles"), WRITE))
    assert set(done.draft.names) == set(home.config.chains) == {"work", "prod", "dev"}


def test_a_broken_aws_config_is_no_reason_to_stop(home: Home) -> None:
    home.write(".aws/config", "[profile work\n")
    person = home.asked(("Where", "IAM user keys"), ("Access key ID?", ""), ("Role", HUB), WRITE)
    assert any("not read" in each and ".aws/config" in each for each in person.said)


def test_a_file_that_came_in_the_meantime_is_kept(home: Home) -> None:
    class Slow(Scripted):
        def show(self, lines: object) -> None:
            home.write("config.toml", "version = 1\n")

    person = Slow(("Where", "SAML"), ("Which", ""), WRITE)
    with pytest.raises(KeyboardInterrupt):
        home.talk(person)
    assert [each.exit_code for each in person.errors] == [2]
    assert home.path.read_text() == "version = 1\n"
    assert isinstance(person.errors[0], RolehopError)


def test_a_link_that_leads_nowhere_is_followed_and_of_two_files_the_first_stays(home: Home) -> None:
    real = home.folder / "dotfiles" / "config.toml"
    home.path.symlink_to(real)
    with pytest.raises(ConfigError) as caught:
        write_new(home.path, "version = 1\n")
    assert caught.value.cause == f"it is a link to {real}, whose folder is not there"
    real.parent.mkdir()
    assert write_new(home.path, "version = 1\n") == real
    with pytest.raises(UsageError, match="already exists"):
        write_new(home.path, "# another\n")
    assert home.path.is_symlink()
    assert real.read_text() == "version = 1\n"


def test_who_starts_elsewhere_keeps_what_follows(home: Home) -> None:
    home.with_profiles()
    program = home.write("credentials", "#!/bin/sh\n")
    program.chmod(0o700)
    person = home.asked(
        ("Where", "Another program"),
        ("Which command", ["no-such-program --json", str(program)]),
        ("Role", HUB),
        ("What", "Name"),
        ("What should", "mine"),
        ("What", "Start elsewhere"),
        ("Where", "Another program"),
        ("Which command", f"{program} --again"),
        ("What", "Start elsewhere"),
        ("Where", "AWS profile work"),
        WRITE,
    )
    assert person.problems == ['"no-such-program" cannot be started: it is not on PATH']
    assert str(program) in person.initial
    chain = home.config.chains["mine"]
    assert [hop.role for hop in chain.hops] == [HUB]
    assert dict(home.config.sources[chain.source or ""].settings) == {"profile": "work"}


def test_keys_of_a_start_that_was_left_are_not_stored(home: Home) -> None:
    home.with_profiles()
    home.asked(
        ("Where", "IAM user keys"),
        ("Access", KEY_ID),
        ("Secret", SECRET),
        ("Role", HUB),
        ("What", "Start elsewhere"),
        ("Where", "AWS profile work"),
        WRITE,
    )
    assert not home.app.vault.keys.names()


def test_keys_that_are_stored_are_used_and_said(home: Home) -> None:
    keys = usable_app(home.app, home.path).vault.keys
    keys.add("me", user_keys(KEY_ID, SECRET), replace=False, until_reboot=False)
    person = home.asked(("Where", "IAM user keys"), ("Role", HUB), WRITE)
    assert "the keys of me are in the keyring already, and are used" in person.said
