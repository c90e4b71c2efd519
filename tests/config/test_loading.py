"""What a good config becomes: values, files laid over each other, includes, fleets."""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType

import pytest

from rolehop.base.files import FileText
from rolehop.config.loader import load_config
from rolehop.config.model import ChainConfig, Defaults, HopConfig, SourceConfig
from rolehop.sources import SOURCE_TABLES
from tests.config.texts import HERE, complaints_of, error_of, load

EVERYTHING = """\
version = 1
[defaults]
region = "eu-west-1"
session_name = "{user}"
duration = "30m"
min_ttl = 0
[vault]
backend = "keyring.backends.SecretService.Keyring"
[sources.alice]
type = "keys"
description = "Alice's keys"
region = "eu-central-1"
principal = "arn:aws:iam::111111111111:user/alice"
mfa_serial = "arn:aws:iam::111111111111:mfa/alice"
mfa_command = "ykman oath accounts code --single 'my aws'"
mfa_duration = 3600
[chains.hub]
source = "alice"
hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]
[chains.prod-admin]
description = "Break-glass admin in prod"
from = "hub"
region = "us-east-1"
confirm = true
color = "bright_red"
labels = { env = "prod" }
[[chains.prod-admin.hops]]
role = "333333333333:role/{user}"
session_name = "{user}-{chain}"
external_id = "x-42"
duration = "30m"
policy = '{"Version": "2012-10-17", "Statement": []}'
source_identity = "{user}"
tags = { team = "platform", Cost = "" }
transitive_tags = ["team"]
policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
"""
EVERYTHING = EVERYTHING.replace(
    '"Statement": []', '"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}'
)


def test_every_key_becomes_a_value() -> None:
    config = load(EVERYTHING)
    assert config.defaults == Defaults(
        region="eu-west-1", session_name="{user}", duration_seconds=1800, min_ttl_seconds=0
    )
    assert config.vault_backend == "keyring.backends.SecretService.Keyring"
    assert config.sources == {
        "alice": SourceConfig(
            name="alice",
            type="keys",
            settings={
                "mfa_serial": "arn:aws:iam::111111111111:mfa/alice",
                "mfa_command": ("ykman", "oath", "accounts", "code", "--single", "my aws"),
                "mfa_duration": 3600,
            },
            description="Alice's keys",
            region="eu-central-1",
            principal="arn:aws:iam::111111111111:user/alice",
        )
    }
    assert config.chains == {
        "hub": ChainConfig(
            name="hub",
            source="alice",
            hops=(HopConfig(role="arn:aws:iam::222222222222:role/Hub"),),
            labels={},
        ),
        "prod-admin": ChainConfig(
            name="prod-admin",
            continues="hub",
            description="Break-glass admin in prod",
            region="us-east-1",
            confirm=True,
            color="bright_red",
            labels={"env": "prod"},
            hops=(
                HopConfig(
                    role="333333333333:role/{user}",
                    session_name="{user}-{chain}",
                    external_id="x-42",
                    duration_seconds=1800,
                    policy='{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}',
                    policy_arns=("arn:aws:iam::aws:policy/ReadOnlyAccess",),
                    tags=(("team", "platform"), ("Cost", "")),
                    transitive_tags=("team",),
                    source_identity="{user}",
                ),
            ),
        ),
    }


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('"./login"', ("/etc/rolehop/login",)),
        ('"../bin/login -x"', ("/etc/bin/login", "-x")),
        ('"bin/login"', ("/etc/rolehop/bin/login",)),
        ('"login"', ("login",)),
        ('"/bin/login"', ("/bin/login",)),
        ('"~/bin/login"', ("~/bin/login",)),
        ('"$HOME/bin/login"', ("$HOME/bin/login",)),
        (
            '["sh", "./login", "../x", "x/y", "."]',
            ("sh", "/etc/rolehop/login", "/etc/x", "x/y", "."),
        ),
    ],
)
def test_paths_in_a_command_are_relative_to_the_file(written: str, meant: tuple[str, ...]) -> None:
    text = f'version = 1\n[sources.s]\ntype = "process"\ncommand = {written}\n'
    config = load_config(
        [Path("/etc/rolehop/config.toml")],
        explicit=True,
        read=lambda path: FileText(str(path), text),
        source_types=SOURCE_TABLES,
    )
    assert config.sources["s"].settings["command"] == meant


def test_an_empty_file_is_the_defaults() -> None:
    config = load("")
    assert config.defaults == Defaults()
    assert config.vault_backend is None
    assert (dict(config.sources), dict(config.chains)) == ({}, {})


def test_auto_is_no_back_end_by_name() -> None:
    assert load('[vault]\nbackend = "auto"').vault_backend is None


SOURCE = '[sources.alice]\ntype = "keys"\n'


def test_the_users_file_wins_over_the_sites_by_name_and_by_key() -> None:
    site = SOURCE + (
        '[defaults]\nregion = "eu-west-1"\nduration = "2h"\n[vault]\nbackend = "a.B"\n'
        '[chains.x]\nsource = "alice"\ndescription = "site"\nconfirm = true\n'
        '[chains.y]\nsource = "alice"\n'
        '[fleets.f]\nsource = "alice"\naccounts = ["444444444444"]'
    )
    user = (
        '[defaults]\nregion = "eu-north-1"\n[chains.x]\nsource = "alice"\ndescription = "user"\n'
        '[fleets.f]\nsource = "alice"\naccounts = ["555555555555"]'
    )
    config = load({"site.toml": site, "config.toml": user}, "site.toml", "config.toml")
    assert config.defaults == Defaults(region="eu-north-1", duration_seconds=7200)
    assert config.vault_backend == "a.B"
    assert config.chains["x"].description == "user"
    assert config.chains["x"].confirm is False
    assert list(config.chains) == ["x", "y", "f/555555555555"]


def test_a_problem_in_an_overridden_chain_is_reported_all_the_same() -> None:
    files = {"site.toml": SOURCE + '[chains.x]\nsource = "alice"\nconfirm = 1', "config.toml": ""}
    assert [each[:3] for each in complaints_of(files, "site.toml", "config.toml")] == [
        ("site.toml", 5, "chains.x.confirm")
    ]


def test_absent_files_are_no_error_and_are_noted() -> None:
    config = load({}, "site.toml", "config.toml", explicit=False)
    assert config.files == (f"{HERE}/site.toml", f"{HERE}/config.toml")


def test_a_file_that_was_named_must_be_there() -> None:
    assert complaints_of({}) == [("config.toml", None, "", "there is no such file")]


def test_every_file_that_was_looked_for_is_noted_with_its_whole_path() -> None:
    files = {
        "config.toml": SOURCE.replace("[", 'include = ["sub/../t.toml"]\n[', 1)
        + '[fleets.f]\nsource = "alice"\nrole = "{account}:role/x"\naccounts_file = "a.txt"\n'
        + 'policy_file = "/etc/p.json"',
        "t.toml": "",
        "a.txt": "",
        "/etc/p.json": '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}',
    }
    config = load(files)
    assert set(config.files) == {
        *(f"{HERE}/{name}" for name in ("config.toml", "t.toml", "a.txt")),
        "/etc/p.json",
    }


# includes


def chain(description: str, name: str = "x") -> str:
    return f'[chains.{name}]\nsource = "alice"\ndescription = "{description}"\n'


def test_an_include_is_relative_to_its_file_and_the_including_file_wins() -> None:
    config = load(
        {
            "config.toml": 'include = ["team/a.toml"]\n' + SOURCE + chain("mine"),
            "team/a.toml": 'include = ["b.toml"]\n' + chain("a") + chain("a", "y"),
            "team/b.toml": chain("b") + chain("b", "y") + chain("b", "z"),
        }
    )
    said = {name: each.description for name, each in config.chains.items()}
    assert said == {"x": "mine", "y": "a", "z": "b"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('[chains.x]\nsource = "alice"', "chains.x"),
        ('[sources.x]\ntype = "keys"', "sources.x"),
        ('[fleets.x]\nsource = "alice"\naccounts = []', "fleets.x"),
        ('[defaults]\nregion = "eu-west-1"', "defaults.region"),
    ],
)
def test_the_same_name_in_two_includes_names_both(text: str, name: str) -> None:
    files = {
        "config.toml": 'include = [\n"a.toml",\n"b.toml"]\n' + SOURCE,
        "a.toml": text,
        "b.toml": text,
    }
    assert complaints_of(files) == [
        (
            "config.toml",
            3,
            "include[1]",
            f"{name} is in two includes: {HERE}/a.toml and {HERE}/b.toml",
        )
    ]


def test_two_includes_may_include_one_third_file() -> None:
    config = load(
        {
            "config.toml": 'include = ["a.toml", "b.toml"]\n' + SOURCE,
            "a.toml": 'include = ["c.toml"]',
            "b.toml": 'include = ["c.toml"]',
            "c.toml": chain("c"),
        }
    )
    assert list(config.chains) == ["x"]


def test_a_loop_of_includes_is_shown_whole() -> None:
    files = {
        "config.toml": 'include = ["a.toml"]',
        "a.toml": 'include = ["b.toml"]',
        "b.toml": 'version = 1\ninclude = ["../rolehop/a.toml"]',
    }
    assert complaints_of(files) == [
        ("b.toml", 2, "include[0]", "the file includes itself: a.toml -> b.toml -> a.toml")
    ]


def nested(depth: int) -> dict[str, str]:
    files = {f"{n}.toml": f'include = ["{n + 1}.toml"]' for n in range(1, depth)}
    return {"config.toml": 'include = ["1.toml"]', **files, f"{depth}.toml": ""}


def test_includes_go_eight_deep() -> None:
    assert len(load(nested(8)).files) == 9
    assert complaints_of(nested(9)) == [
        ("8.toml", 1, "include[0]", "this would be more than 8 includes deep")
    ]


def test_an_include_must_be_there_and_hides_no_other_complaint() -> None:
    files = {
        "config.toml": 'include = ["t.toml", "~/u.toml"]\nnonsense = 1\n[chains.x]\nfrom = "t"'
    }
    assert complaints_of(files) == [
        ("config.toml", 1, "include[0]", f"there is no file {HERE}/t.toml"),
        (
            "config.toml",
            1,
            "include[1]",
            '"~" is not expanded here; write the full path: "~/u.toml"',
        ),
        (
            "config.toml",
            2,
            "nonsense",
            "unknown; known here: version, include, defaults, vault, organization, console, history, sources, chains, fleets, accounts",
        ),
    ]


def test_a_file_that_two_include_is_complained_of_once() -> None:
    files = {
        "config.toml": 'include = ["a.toml", "b.toml"]\n',
        "a.toml": 'include = ["c.toml"]',
        "b.toml": 'include = ["c.toml"]',
        "c.toml": "x = = 1",
    }
    assert [each[:2] for each in complaints_of(files)] == [("c.toml", 1)]


# fleets

FLEET = """\
[fleets.spokes]
description = "Audit"
source = "alice"
role = "{account}:role/Audit"
external_id = "x-1"
tags = { team = "a" }
region = "eu-west-1"
confirm = true
color = "red"
labels = { env = "prod" }
"""


def test_a_fleet_is_one_chain_for_each_account() -> None:
    config = load(SOURCE + FLEET + 'accounts = ["444444444444", "555555555555"]')
    assert list(config.chains) == ["spokes/444444444444", "spokes/555555555555"]
    assert config.chains["spokes/555555555555"] == ChainConfig(
        name="spokes/555555555555",
        source="alice",
        description="Audit",
        hops=(HopConfig(role="{account}:role/Audit", external_id="x-1", tags=(("team", "a"),)),),
        region="eu-west-1",
        confirm=True,
        color="red",
        labels={"env": "prod"},
        fleet="spokes",
        account="555555555555",
    )


def test_accounts_come_from_a_file_and_comments_are_none() -> None:
    files = {
        "config.toml": SOURCE + FLEET + 'accounts_file = "lists/accounts.txt"',
        "lists/accounts.txt": "# all\n444444444444\n\n  555555555555  # the second\n",
    }
    assert list(load(files).chains) == ["spokes/444444444444", "spokes/555555555555"]


def test_a_policy_file_is_read_beside_its_own_file() -> None:
    files = {
        "config.toml": 'include = ["team/t.toml"]',
        "team/t.toml": SOURCE + FLEET + 'accounts = ["444444444444"]\npolicy_file = "p.json"',
        "team/p.json": '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}\n',
    }
    assert (
        load(files).chains["spokes/444444444444"].hops[0].policy
        == '{"Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}'
    )


def test_a_fleet_without_a_role_has_the_sources_own_session() -> None:
    text = (
        '[sources.sso]\ntype = "sign-in"\naccount = "{account}"\n'
        '[fleets.f]\nsource = "sso"\naccounts = ["444444444444"]'
    )
    config = load(text)
    assert config.chains["f/444444444444"].hops == ()
    assert config.sources["sso"].settings == {"account": "{account}"}


def test_a_chain_may_continue_a_member_of_a_fleet() -> None:
    text = SOURCE + FLEET + 'accounts = ["444444444444"]\n[chains.x]\nfrom = "spokes/444444444444"'
    assert load(text).chains["x"].continues == "spokes/444444444444"


def test_a_problem_of_a_fleet_is_reported_once_however_many_accounts() -> None:
    accounts = ", ".join(f'"{number:012}"' for number in range(300))
    text = SOURCE + f'[fleets.f]\nfrom = "nobody"\naccounts = [{accounts}]'
    assert len(error_of(text).complaints) == 1


def test_names_may_hold_all_that_a_name_may_hold() -> None:
    text = SOURCE + '[chains."0a_.@+-"]\nsource = "alice"'
    assert list(load(text).chains) == ["0a_.@+-"]


def test_the_values_are_the_loaders_own() -> None:
    """Loading twice gives equal values: nothing is remembered between loads."""
    assert load(EVERYTHING) == load(EVERYTHING)


def test_relative_roots_are_shown_as_given_and_noted_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rolehop.base.files import FileText
    from rolehop.config.loader import load_config

    monkeypatch.chdir(tmp_path)
    config = load_config(
        [Path("c.toml")],
        explicit=True,
        read=lambda path: FileText(str(path), ""),
        source_types=MappingProxyType({}),
    )
    assert config.files == (str(tmp_path / "c.toml"),)
