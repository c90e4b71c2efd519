"""``config import``: whose files are read, what is added to a config that has something already."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolehop.base.errors import ConfigError, Declined, NoTerminal, UsageError
from rolehop.commands.config.importing.found_files import (
    confirm_import,
    files_of,
    plan_import,
    write_import,
)
from tests.commands.config.importing.machine import AWS, KEYS, SECRET, Machine
from tests.support.world import World


def test_a_second_run_adds_nothing_and_another_chain_of_the_name_stays(machine: Machine) -> None:
    first = machine.planned()
    assert first.names == ("hub", "admin", "me")
    assert SECRET not in first.new_text
    assert not machine.config.exists()
    write_import(machine.app(), first)
    again = machine.planned()
    assert (again.names, again.there, again.keys) == ((), 3, ())
    before = machine.config.read_text()
    machine.write(machine.aws, AWS.replace("222222222222", "444444444444"))
    changed = machine.planned()
    assert changed.names == ("hub-2", "admin-2")  # admin continues another hub
    write_import(machine.app(), changed)
    assert machine.config.read_text().startswith(before)
    assert machine.planned().names == ()


@pytest.mark.parametrize("order", [("aws-config", None), (None, "aws-config"), ("aws-vault", None)])
def test_a_chain_that_another_tools_reading_made_is_there_already(
    machine: Machine, order: tuple[str | None, str | None]
) -> None:
    own = "mfa_process = ykman oath accounts code --single aws\nsession_tags = team=platform\n"
    serial = "[profile me]\nmfa_serial = arn:aws:iam::111111111111:mfa/me\n"
    machine.write(machine.aws, f"{AWS}{own}{serial}granted_color = red\n")
    before, after = (machine.planned(each) for each in order)
    assert before.text != after.text
    write_import(machine.app(), before)
    again = machine.planned(order[1])
    assert (again.names, again.there, again.keys) == ((), 3, ())


def test_what_is_asked_and_what_has_changed_in_the_meantime(machine: Machine) -> None:
    planned = machine.planned("aws-config")
    confirm_import(machine.app("y"), planned)
    with pytest.raises(Declined):
        confirm_import(machine.app("n"), planned)
    with pytest.raises(NoTerminal):
        confirm_import(machine.app(), planned)
    machine.write(machine.config, "version = 1\n")
    with pytest.raises(ConfigError, match="changed in the meantime"):
        write_import(machine.app(), planned)


def test_files_of_others_pipes_and_long_ones_are_not_read(machine: Machine) -> None:
    with pytest.raises(UsageError, match="neither a tool nor a file"):
        machine.planned("aws-vlaut")
    machine.aws.chmod(0o666)
    with pytest.raises(ConfigError, match="nothing is taken from"):
        machine.planned("aws-config")
    found = files_of(machine.app(), None)
    assert ("nothing is taken from" in found.broken[0], found.tools) == (True, [])
    machine.aws.unlink()
    os.mkfifo(machine.aws)
    with pytest.raises(ConfigError, match="cannot be read"):
        machine.planned("aws-config")
    machine.aws.unlink()
    with machine.aws.open("wb") as file:
        file.truncate(20_000_000)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        machine.planned("aws-config")
    assert caught.value.cause == "it is longer than 16,777,216 bytes"


def test_a_named_file_is_read_as_what_it_is(machine: Machine) -> None:
    old = machine.home / "old"
    machine.write(old, "[profile a]\ninclude_profile = b\n[profile b]\nregion = eu-west-1\n")
    app = machine.app()
    assert files_of(app, str(old)).tools == ["aws-config", "aws-vault"]
    machine.write(machine.home / "credentials", KEYS)
    assert files_of(app, str(machine.home / "credentials")).aws.profiles.keys() == {"me"}


def test_a_file_that_aws_does_not_read_here_gets_no_line_that_prints_another_profiles_keys(
    machine: Machine,
) -> None:
    old = machine.home / "old" / "credentials"
    process = "[tool]\ncredential_process = /opt/tool --password x\n"
    machine.write(old, f"{KEYS}{process}")
    planned = machine.planned(str(old))
    assert planned.names == ("me",)
    assert [(each.held_by, each.profile) for each in planned.keys] == [(str(old), "")]
    assert planned.added.lost[0].what == "source tool"
    assert planned.added.lost[0].why.startswith("it may have a secret in it")
    planned = machine.planned(str(machine.home / ".aws" / "credentials"))
    assert planned.keys[0].profile == "me"


def test_all_tools_are_looked_for_and_a_broken_file_of_one_is_named(machine: Machine) -> None:
    config = machine.home / ".aws-sso" / "config.yaml"
    account = '      "111111111111":\n        Roles:\n          A:\n            Profile: admin\n'
    center = "    StartUrl: https://x.awsapps.com/start\n    SSORegion: us-east-1\n"
    machine.write(config, f"SSOConfig:\n  Default:\n{center}    Accounts:\n{account}")
    machine.write(machine.home / ".saml2aws", "[default\n")
    machine.write(machine.aws, f"{AWS}[profile dev]\ngranted_sso_role_name = Dev\n")
    found = files_of(machine.app(), None)
    assert found.tools == ["aws-config", "granted", "aws-sso-cli"]
    assert found.seen == [
        f"{machine.aws}: 4 AWS profiles (granted)",
        f"{config}: aws-sso-cli",
    ]
    assert found.broken == [
        f"{machine.home}/.saml2aws cannot be read: line 1 of saml2aws's config is no INI"
    ]
    planned = plan_import(machine.app(), found)
    assert planned.names == ("hub", "admin", "me", "admin-2")
    with pytest.raises(ConfigError, match="saml2aws cannot be read"):
        machine.planned("saml2aws")
    assert files_of(machine.app(), str(config)).tools == ["aws-sso-cli"]


@pytest.mark.parametrize(
    "line",
    [
        "[profile a]\ninclude_profile = me\n",
        "[profile a]\nsession_tags = team=platform\n",
        "[profile a]\ncredentials_duration = 2h\nsource_profile = me\nrole_arn = {role}\n",
        "[profile a]\nprincipal_arn = arn:aws:iam::111111111111:saml-provider/x\nrole_arn = {role}\n",
    ],
)
def test_a_line_of_one_tool_gives_its_defaults_to_no_other_profile(
    machine: Machine, line: str
) -> None:
    gov = "arn:aws-us-gov:iam::333333333333:role/Gov"
    machine.write(
        machine.aws,
        "[default]\nregion = eu-west-1\nmfa_serial = arn:aws:iam::111111111111:mfa/me\n"
        "credentials_duration = 12h\n"
        f"[profile gov]\nrole_arn = {gov}\nsource_profile = gov-user\n"
        "[profile web]\ncredential_process = /opt/tool\n"
        + line.format(role="arn:aws:iam::222222222222:role/Hub"),
    )
    machine.write(
        machine.home / ".awsume" / "config.yaml", "region: eu-west-1\nrole-duration: 60\n"
    )
    machine.write(machine.home / ".aws" / "credentials", f"{KEYS}{KEYS.replace('me', 'gov-user')}")
    planned = machine.planned()
    write_import(machine.app(), planned)
    config = machine.app().config
    for name in ("gov", "gov-user", "web"):
        assert config.chains[name].region is None, name
    assert config.chains["gov"].hops[0].duration_seconds is None
    assert "mfa_serial" not in config.sources["gov-user"].settings


def test_the_program_shows_says_and_writes(tmp_path: Path) -> None:
    with World(tmp_path) as world:
        world.aws_config(AWS)
        world.aws_credentials(KEYS)
        done = world.rolehop("config", "import", "--yes")
        assert done.code == 0, done.err
        assert done.out == ""
        assert '[chains.admin-2]\nfrom = "hub-2"\n' in world.config_file.read_text()
        assert done.err.index(" chains from ") < done.err.index("keys add me-2")
        assert "rolehop keys add me-2 --from-profile me" in done.err
        assert "rolehop profile install --take-over" in done.err
        assert SECRET not in done.out + done.err
        assert world.rolehop("config", "check").out.startswith("well-formed: 8 chains")
        world.aws_config("[a\n")
        done = world.rolehop("config", "import")
        assert (done.code, "not read: " in done.err) == (3, True), done.err
