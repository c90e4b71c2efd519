"""``doctor``: each planted fault is found, and what it says it can change, it changes."""

from __future__ import annotations

import json
import os
import platform
import shutil
import stat
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.app.context import App
from rolehop.app.sdk_problems import SdkProblem, note_problem
from rolehop.base.advice import Advice
from rolehop.commands.doctor.config_checks import check_sdk_problems, check_shadows, check_sources
from rolehop.commands.doctor.examine import DoctorFinding, examine, repair
from rolehop.commands.doctor.file_checks import check_aws_files, check_profiles, check_state
from rolehop.commands.doctor.finding import fine
from rolehop.commands.doctor.service_checks import check_network
from rolehop.commands.doctor.shell_checks import check_installation
from rolehop.commands.profile.changes import ProfileOptions, plan_installation, write_installation
from rolehop.commands.profile.installed import this_installation
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import PYTHON, SCRIPT, World

DOUBLES = "tests.doubles.keyrings"
CONFIG = """
version = 1
[sources.me]
type = "environment"
[chains.admin]
source = "me"
region = "eu-central-1"
"""
KEYS = "[old]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = " + "s" * 40 + "\n"


def findings(world: World, **env: str | None) -> list[dict[str, Any]]:
    """Return what is not fine."""
    done = world.rolehop("doctor", "--format", "json", env=env)
    found: list[dict[str, Any]] = done.json["findings"]
    assert done.code == int(any(each["state"] == "broken" for each in found)), done.err
    assert all(each["why"] and each["fix"] for each in found if each["state"] != "fine")
    return [each for each in found if each["state"] != "fine"]


def found(world: World, **env: str | None) -> set[tuple[str, str]]:
    """Return state and first words of what is not fine."""
    return {(each["state"], each["what"]) for each in findings(world, **env)}


def has(seen: set[tuple[str, str]], state: str, words: str) -> bool:
    return any(each == state and words in what for each, what in seen)


def test_nothing_is_found_where_all_is_well(world: World) -> None:
    done = world.rolehop("doctor")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith("\n\n9 checks: 9 fine.\n")
    assert "\nNetwork    ✓ STS\n" in done.out
    assert "STS answers at 127.0.0.1:" in world.rolehop("doctor", "-v").out
    assert not world.sts.calls
    assert not world.items(), "the item of the trial is deleted"


def test_variables_that_contradict_each_other(shared_world: World) -> None:
    seen = found(
        shared_world,
        AWS_PROFILE="prod",
        AWS_REGION="eu-west-1",
        AWS_DEFAULT_REGION="us-east-1",
        AWS_SECURITY_TOKEN="stale",
        AWS_SHARED_CREDENTIALS_FILE="~/nowhere",
        AWS_ENDPOINT_URL_S3="http://me:pw@s3.example.com",
        AWS_ENDPOINT_URL_SQS="http://[",
        AWS_ENDPOINT_URL_SNS="localhost:4566",
        ROLEHOP_CHAIN="admin",
        ROLEHOP_EXPIRES_AT="1000000000",
        PATH="/usr/bin",
    )
    assert seen == {
        ("broken", "AWS_PROFILE names 'prod', which is no AWS profile"),
        ("look", "AWS_PROFILE and AWS_ACCESS_KEY_ID are both set"),
        ("look", "AWS_REGION is eu-west-1, and AWS_DEFAULT_REGION us-east-1"),
        ("look", "AWS_SECURITY_TOKEN is set"),
        ("look", "AWS_SHARED_CREDENTIALS_FILE names a file that is not there: ~/nowhere"),
        ("look", "AWS_ENDPOINT_URL_S3 is a plain http address: s3.example.com"),
        ("broken", "AWS_ENDPOINT_URL_SQS is not an http:// or https:// URL with a host"),
        ("broken", "AWS_ENDPOINT_URL_SNS is not an http:// or https:// URL with a host"),
        ("broken", "this shell's session of 'admin' has ended"),
        ("look", "there is no rolehop on PATH"),
    }


def test_half_a_key_and_another_program_of_the_name(world: World) -> None:
    other = world.folder / "bin" / "rolehop"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\n")
    other.chmod(0o755)
    line = "/gone/python -IS /gone/launcher.py /gone/rolehop credential-process hub"
    world.aws_config(f"[profile hub]\ncredential_process = {line}\n")
    seen = found(world, AWS_SECRET_ACCESS_KEY=None, PATH=str(other.parent))
    assert has(seen, "broken", f"AWS profile 'hub' in {world.home}/.aws/config: its Python is gone")
    assert has(seen, "broken", "AWS_ACCESS_KEY_ID is set and AWS_SECRET_ACCESS_KEY is not")
    assert has(seen, "look", f"another rolehop comes first on PATH: {other}")
    assert has(seen, "look", "me: ")


def test_the_folder_of_the_script_is_named_wherever_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pip install --user` puts it far from the interpreter."""
    script = tmp_path / "bin" / "rolehop"
    script.parent.mkdir()
    script.touch(0o755)
    monkeypatch.setattr(sys, "argv", [str(script)])
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    found = list(check_installation(App({"PATH": "/usr/bin"}, tmp_path)))
    assert " · Python 3." in found[0].what
    assert found[0].why == f"{platform.system()} {platform.release()}"
    assert [each.fix for each in found[1:]] == [f"add {script.parent} to PATH"]


def test_files_that_others_read_or_write_are_closed_by_fix(world: World) -> None:
    world.aws_credentials(KEYS)
    world.aws_config("[profile admin]\nregion = eu-west-1\n")
    credentials, config = world.home / ".aws" / "credentials", world.home / ".aws" / "config"
    credentials.chmod(0o644)
    config.chmod(0o666)
    world.state.mkdir(parents=True)
    world.state.chmod(0o777)
    seen = found(world)
    assert has(seen, "look", f"others can read {credentials}")
    assert has(seen, "look", "1 AWS profile with keys in a file: old")
    assert has(seen, "look", "'admin' is a chain and an AWS profile")
    assert has(seen, "broken", f"{config}: everybody on this machine can write it")
    assert has(seen, "broken", "rolehop does not use the state folder: ")
    with OnTerminal(world, SCRIPT, "doctor", "--fix") as person:
        for path in (config, credentials, world.state):
            person.expect(f"change {path}? [y/N]")
            person.types("n")
        assert person.ended().code == 1
    done = world.rolehop("doctor", "--fix")
    assert (done.code, "  try    run it in a terminal, or add --yes\n" in done.err) == (8, True)
    done = world.rolehop("doctor", "--fix", "--yes")
    assert done.code == 0, done.err
    assert f"{config}\n  - mode 0666\n  + mode 0644\n" in done.out
    assert "             chmod 600 ~/.aws/credentials\n" in done.out
    assert done.out.count("\nFiles ") == 1
    assert " rolehop doctor --fix can do 3 of them.\n" in done.out
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (credentials, config, world.state)]
    assert modes == [0o600, 0o644, 0o755]
    assert not [each for each in findings(world) if each["repair"]]


def test_a_source_that_is_a_profile_is_examined_as_what_the_profile_leads_to(
    tmp_path: Path,
) -> None:
    home_with(
        tmp_path,
        {
            ".aws/config": "[profile far]\nrole_arn = arn:aws:iam::222222222222:role/Hub\n"
            "source_profile = old\n[profile empty]\nregion = eu-west-1\n",
            ".aws/credentials": KEYS,
            ".config/rolehop/config.toml": "version = 1\n"
            + "".join(
                f'[sources.{each}]\ntype = "profile"\nprofile = "{each}"\n'
                for each in ("old", "far", "empty", "gone")
            ),
        },
    )
    found = list(check_sources(App({"HOME": str(tmp_path)}, tmp_path)))
    assert [each.what.partition(":")[0] for each in found] == ["source empty", "source gone"]


def home_with(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)


def test_chains_made_of_many_profiles_are_one_finding(tmp_path: Path) -> None:
    """`config import` gives each chain the name of its profile."""
    names = [f"account-{number}" for number in range(10, 40)]
    files = {
        ".aws/config": "".join(f"[profile {each}]\nregion = eu-west-1\n" for each in names),
        ".config/rolehop/config.toml": CONFIG
        + "".join(f'[chains.{each}]\nsource = "me"\n' for each in names),
    }
    home_with(tmp_path, files)
    shadows = list(check_shadows(App({"HOME": str(tmp_path)}, tmp_path)))
    assert [each.said() for each in shadows] == [
        "30 chains have the name of an AWS profile: account-10, account-11, account-12 and 27 more"
    ]
    assert shadows[0].said(all_names=True).endswith(": " + ", ".join(names))


def test_a_mode_is_changed_of_the_file_that_was_looked_at(tmp_path: Path) -> None:
    file, other = tmp_path / ".aws" / "credentials", tmp_path / "other"
    file.parent.mkdir(mode=0o700)
    for each in (file, other):
        each.write_text(KEYS)
        each.chmod(0o644)

    def closing() -> DoctorFinding:
        seen = check_aws_files(App({"HOME": str(tmp_path)}, tmp_path))
        return next(each for each in seen if each.repair is not None)

    before = closing()
    file.unlink()
    file.symlink_to(other)
    assert "symbolic links" in (repair(before) or "")
    file.unlink()
    file.hardlink_to(other)
    assert "has been replaced in the meantime" in (repair(before) or "")
    assert stat.S_IMODE(other.stat().st_mode) == 0o644
    before = closing()
    other.chmod(0o444)
    assert repair(before) is None
    assert stat.S_IMODE(other.stat().st_mode) == 0o400, "not 0600, as it was when it was looked at"


def test_keys_that_only_the_backup_still_has(tmp_path: Path) -> None:
    """Who moved them to the keyring thinks that they are gone."""
    file = tmp_path / ".aws" / "credentials"
    file.parent.mkdir(mode=0o700)
    kept = file.with_name("credentials.rolehop-backup")

    def seen(text: str) -> list[str]:
        file.write_text(text)
        file.chmod(0o600)
        return [each.said() for each in check_aws_files(App({"HOME": str(tmp_path)}, tmp_path))]

    kept.write_text(KEYS)
    assert seen(KEYS) == ["1 AWS profile with keys in a file: old"]
    assert seen("") == [f"{kept} still has keys that the file itself has no longer"]
    kept.write_text("[old]\n")
    assert seen("") == [f"0 AWS profiles in {file}"]


def test_a_state_folder_below_one_that_others_rule(tmp_path: Path) -> None:
    """A command for the folder itself would help nobody, nor would --fix."""
    above = tmp_path / ".local"
    (above / "state" / "rolehop").mkdir(parents=True)
    above.chmod(0o777)
    (seen,) = check_state(App({"HOME": str(tmp_path)}, tmp_path))
    assert (seen.state, seen.repair) == ("broken", None)
    assert f"{above}: everybody on this machine can write it (chmod o-w)" in seen.what
    assert (seen.fix or "").startswith("put that right: ")


def test_a_broken_config_and_a_damaged_index(world: World) -> None:
    assert world.rolehop("export", "hub").code == 0
    (world.state / "index.json").write_text("{")
    world.config("version = 1\n[chains.x]\nsource = 'nobody'\n")
    seen = found(world)
    assert [what for state, what in seen if state == "broken"] == ["1 problem in config.toml"]
    assert has(seen, "look", "doctor examined STS alone")
    assert has(seen, "look", "the list of stored sessions is damaged")
    world.config("version = 1\n")
    assert has(found(world), "look", "there is no chain yet")


def test_a_broken_file_is_no_fault_of_the_network(tmp_path: Path) -> None:
    (tmp_path / "aws").write_text("[profile\n")
    app = App({"AWS_CONFIG_FILE": str(tmp_path / "aws"), "HOME": str(tmp_path)}, tmp_path)
    assert [(each.state, each.what) for each in check_network(app)] == [
        ("look", "doctor did not examine it")
    ]


@pytest.mark.parametrize(
    ("backend", "state", "words"),
    [
        ("Locked", "broken", "the keyring is locked"),
        ("Denied", "broken", "the keyring denies access"),
        ("Weak", "look", f"{DOUBLES}.Weak, "),
    ],
)
def test_a_keyring_that_does_not_do(
    shared_world: World, backend: str, state: str, words: str
) -> None:
    seen = found(shared_world, PYTHON_KEYRING_BACKEND=f"{DOUBLES}.{backend}")
    assert has(seen, state, words), seen


def test_a_network_that_does_not_do(world: World) -> None:
    seen = found(world, AWS_ENDPOINT_URL_STS="http://127.0.0.1:1")
    assert has(seen, "broken", "127.0.0.1:1")
    assert has(found(world, AWS_CA_BUNDLE="/nowhere"), "broken", "the CA bundle '/nowhere'")
    world.sts.date_offset = timedelta(minutes=7)
    assert has(found(world), "broken", "this machine's clock is 7 min slow")


def test_what_an_sdk_met_is_told(tmp_path: Path) -> None:
    app = App({"HOME": str(tmp_path)}, tmp_path)
    at = app.now() - timedelta(minutes=50)
    for chain, code in (("admin", 4), ("hub", 0)):
        problem = SdkProblem(chain, at, code, "so it went", "", Advice(""))
        note_problem(app.state_folder, problem)
    assert sorted(each.what for each in check_sdk_problems(app)) == [
        "credential-process admin failed, 50 min ago: so it went",
        "credential-process hub, 50 min ago: so it went",
    ]


def test_a_shell_without_its_line_gets_it(world: World) -> None:
    rc = world.home / ".bashrc"
    rc.write_text("# rolehop init bash is not here\nalias ll='ls -l'")
    command = f"{SCRIPT} doctor --fix --yes; {SCRIPT} doctor --format json"
    done = world.run("bash", "--norc", "-c", command)
    assert '+ eval "$(rolehop init bash)"' in done.out, done.err
    lines = ["# rolehop init bash is not here", "alias ll='ls -l'", 'eval "$(rolehop init bash)"']
    assert rc.read_text().splitlines() == lines
    again = json.loads(done.out[done.out.index('{\n  "schema"') :])["findings"]
    assert [each["state"] for each in again if each["topic"] == "shell"] == ["fine"]


def test_nobody_else_can_change_what_a_shell_reads_whatever_the_umask(world: World) -> None:
    if shutil.which("zsh") is None:
        pytest.skip("zsh is not installed")
    rc = world.home / "zsh" / ".zshrc"
    environ = {"ZDOTDIR": str(rc.parent)}
    done = world.run("zsh", "-f", "-c", f"umask 0; {SCRIPT} doctor --fix --yes; true", env=environ)
    assert "rolehop init zsh" in rc.read_text(), done.err
    assert stat.S_IMODE(rc.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(rc.stat().st_mode) == 0o644


def test_profiles_whose_program_is_gone_are_written_again(world: World) -> None:
    names = ("hub", "admin", "spokes/444444444444")
    assert world.rolehop("profile", "install", "--prefix", "x-", *names, "--yes").code == 0
    file = world.home / ".aws" / "config"
    written = file.read_text()
    file.write_text(written.replace(PYTHON, "/gone/python"))
    (seen,) = findings(world)
    shown = ", ".join(f"'x-{each}'" for each in names)
    assert seen["what"].startswith(f"AWS profiles {shown} in {file}: its Python is gone")
    assert seen["fix"] == f"rolehop profile install --prefix x- {' '.join(names)}"
    assert (len(seen["repair"]["before"]), len(seen["repair"]["after"])) == (3, 3)
    done = world.rolehop("doctor", "--fix", "--yes")
    assert (done.code, file.read_text()) == (0, written), done.err
    assert "+ credential_process = " in done.out


def cut(app: App, file: Path) -> App:
    """Delete the last marker of the block."""
    file.write_text(file.read_text().rpartition("# <<<")[0])
    return App(app.variables, app.home)


def test_a_profile_that_no_command_writes_again_is_for_a_person(tmp_path: Path) -> None:
    """Its name is another one, its config is another one, or the config cannot be read."""
    (tmp_path / ".aws").mkdir(mode=0o700)
    (tmp_path / "config.toml").write_text(CONFIG)
    app = App({"HOME": str(tmp_path), "ROLEHOP_CONFIG": str(tmp_path / "config.toml")}, tmp_path)
    write_installation(
        app, plan_installation(app, ["admin"], ProfileOptions(), this_installation())
    )
    file = tmp_path / ".aws" / "config"
    written = file.read_text()

    def seen(before: str, after: str) -> DoctorFinding:
        file.write_text(written.replace(PYTHON, "/gone/python").replace(before, after))
        (found,) = check_profiles(App(app.variables, tmp_path))
        assert found.state == "broken"
        return found

    renamed = seen("[profile admin]", "[profile mine]")
    assert (renamed.repair, (renamed.fix or "")[:11]) == (None, "write there")
    (damaged, _) = check_profiles(cut(app, file))
    assert (damaged.state, "has no end" in damaged.what) == ("look", True)
    elsewhere = seen("-process admin", "-process --config /other.toml admin")
    command = "rolehop profile install --config /other.toml admin"
    assert (elsewhere.repair, elsewhere.fix) == (None, command)
    region = seen("region = eu-central-1\n", "")
    assert region.repair is not None
    assert "region = eu-central-1" in region.repair.after, "all that changes is shown"
    file.write_text(f"{file.read_text()}[profile new]\n")
    assert repair(region) is None
    assert file.read_text() == f"{written}[profile new]\n"
    (tmp_path / "config.toml").write_text("version = 1\n[")
    assert seen("-process admin", "-process --config /other.toml admin").fix == command


def test_no_aws_files_at_all_is_a_way_to_say_none(shared_world: World) -> None:
    none = dict.fromkeys(("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"), os.devnull)
    done = shared_world.rolehop("doctor", "--format", "json", env=none)
    found = {each["what"] for each in done.json["findings"] if each["topic"] == "files"}
    assert (done.code, "no AWS profiles" in found) == (0, True), found


def test_a_check_that_fails_is_a_finding_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(app: App) -> Iterator[DoctorFinding]:
        yield fine("files", "one thing was looked at")
        raise OSError("the disk\x1b says no")

    checks = (("files", fails), ("shell", lambda app: iter([fine("shell", "well")])))
    monkeypatch.setattr("rolehop.commands.doctor.examine._checks", lambda: checks)
    seen = list(examine(App({"HOME": str(tmp_path)}, tmp_path)))
    assert [(each.topic, each.state) for each in seen] == [
        *(("files", "fine"), ("files", "broken"), ("shell", "fine"))
    ]
    assert seen[1].what == "doctor could not look at this: OSError: the disk says no"


def test_sources_of_one_cause_are_one_finding(tmp_path: Path) -> None:
    source = (
        '[sources.{0}]\ntype = "identity-center"\nstart_url = "https://x.awsapps.com/start"\n'
        'sso_region = "eu-west-1"\n'
    )
    files = {".config/rolehop/config.toml": "version = 1\n" + "".join(map(source.format, "abcde"))}
    home_with(tmp_path, files)
    (seen,) = check_sources(App({"HOME": str(tmp_path)}, tmp_path))
    assert seen.said() == "a, b, c and 2 more: a sign-in in the keyring: none"


def test_no_other_file_is_written(world: World, tmp_path: Path) -> None:
    before = set(world.home.rglob("*"))
    assert world.rolehop("doctor", "--format", "json").code == 0
    assert set(world.home.rglob("*")) == before
    wrong = world.rolehop("doctor", "--yes")
    assert (wrong.code, "--yes goes with --fix" in wrong.err) == (2, True)
