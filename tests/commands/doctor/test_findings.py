"""What ``doctor`` says of a machine, part by part: each is given what it looks at."""

from __future__ import annotations

import os
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.commands.doctor import service_checks as keyring_check
from rolehop.commands.doctor.config_checks import check_rolehop_config, check_variables
from rolehop.commands.doctor.examine import DoctorFinding, repair
from rolehop.commands.doctor.file_checks import check_aws_files, check_profiles, check_state
from rolehop.commands.doctor.finding import fine
from rolehop.commands.doctor.service_checks import check_keyring, check_network
from rolehop.commands.doctor.shell_checks import check_shell
from rolehop.commands.profile.changes import ProfileOptions, plan_installation, write_installation
from rolehop.commands.profile.installed import this_installation
from rolehop.commands.shell.scripts import missing_startup_line
from tests.doubles.keyrings import InMemory
from tests.doubles.sts import StrictSts
from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.support.world import PYTHON

CONFIG = """
version = 1
[sources.me]
type = "environment"
[chains.admin]
source = "me"
region = "eu-central-1"
"""
CENTER = """
[sources.{0}]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "111111111111"
role = "{0}"
"""


def app_of(folder: Path, config: str = CONFIG, **variables: str) -> App:
    """Return an application for a home folder with one config file."""
    (folder / "config.toml").write_text(config)
    own = {"HOME": str(folder), "ROLEHOP_CONFIG": str(folder / "config.toml")}
    return App({**own, **variables}, folder)


def words(found: DoctorFinding) -> tuple[str, str]:
    return found.state, found.what


def test_a_finding_without_a_change_is_not_repaired() -> None:
    assert repair(fine("config", "all is well")) == "there is nothing to change"


def test_a_value_that_may_not_be_meant_is_worth_a_look(tmp_path: Path) -> None:
    (seen, chains) = check_rolehop_config(app_of(tmp_path, CONFIG.replace("central-1", "west-9")))
    assert (seen.state, "write one of eu-west-1, " in seen.what) == ("look", True)
    assert chains.what.startswith("1 chain, 1 source in ")


# ---- variables


def test_half_a_pair_of_keys_and_a_profile_that_is_there(tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("[profile dev]\nregion = eu-west-1\n")
    app = app_of(tmp_path, AWS_PROFILE="dev", AWS_SECRET_ACCESS_KEY="made-up")
    assert [words(each) for each in check_variables(app)] == [
        ("look", "AWS_SECRET_ACCESS_KEY is set and AWS_ACCESS_KEY_ID is not")
    ]


# ---- the state folder


def test_a_state_folder_that_cannot_be_written_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_of(tmp_path)
    app.state_folder.mkdir(parents=True)
    app.state_folder.chmod(0o500)
    # As everybody but root finds it.
    monkeypatch.setattr(os, "access", lambda path, mode: path != app.state_folder)
    (seen,) = check_state(app)
    assert words(seen) == ("broken", f"the state folder {app.state_folder} cannot be written")
    assert repair(seen) is None
    assert app.state_folder.stat().st_mode & 0o777 == 0o700


def test_the_mode_of_what_a_link_leads_to_is_for_a_person(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / ".local" / "state" / "rolehop"
    real.mkdir()
    real.chmod(0o777)
    link.parent.mkdir(parents=True)
    link.symlink_to(real)
    (seen,) = check_state(app_of(tmp_path))
    assert (seen.state, seen.repair) == ("broken", None)
    assert str(real) in seen.what


@AS_ROOT
@pytest.mark.parametrize("way", ["itself", "owner", "home", "link", "folder", "state"])
def test_root_changes_nothing_that_a_link_leads_to_or_another_owns(
    tmp_path: Path, way: str
) -> None:
    """A person may have put the link there, for root to open the file behind it to everybody."""
    home, etc = tmp_path / "home", tmp_path / "etc"
    aws, state = home / ".aws", home / ".local" / "state" / "rolehop"
    for folder in (aws, etc, state):
        folder.mkdir(mode=0o700, parents=True)
    secret = etc / "credentials"
    secret.write_text("[a]\nregion = x\n")
    secret.chmod(0o644)
    if way == "link":
        (aws / "credentials").symlink_to(secret)
    elif way == "folder":
        aws.rmdir()
        aws.symlink_to(etc)
    else:
        (aws / "credentials").write_text("[a]\nregion = x\n")
        (aws / "credentials").chmod(0o644)
    if way in ("owner", "home", "state"):
        os.chown({"owner": aws / "credentials", "home": home, "state": state}[way], SOMEBODY, -1)
    state.chmod(0o777)
    app = App({"HOME": str(home)}, home)
    repairs = {each.repair.path for each in check_aws_files(app) if each.repair is not None}
    assert repairs == ({str(aws / "credentials")} if way in ("itself", "state") else set())
    (seen,) = check_state(app)
    assert (seen.state, seen.repair is None) == ("broken", way in ("home", "state"))


# ---- the keyring


class SharedTrial(InMemory):
    """Another doctor writes its own text in between, ``times`` times."""

    times = 1

    def get_password(self, service: str, username: str) -> str | None:
        self.times -= 1
        return "of another doctor" if self.times >= 0 else super().get_password(service, username)


class Forgets(SharedTrial):
    times = 99


class GivesBytes(InMemory):
    """Gives back no text, whatever it was given."""

    def get_password(self, service: str, username: str) -> str | None:
        return b"\xff".decode()


@pytest.mark.parametrize(
    ("keyring", "state", "what"),
    [
        (SharedTrial, "fine", "doctor.test_findings.SharedTrial, "),
        (Forgets, "broken", "the keyring does not give back what it was given"),
        (GivesBytes, "broken", "the keyring does not give back what it was given"),
    ],
)
def test_a_keyring_is_tried_until_nobody_comes_in_between(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    keyring: type[SharedTrial],
    state: str,
    what: str,
) -> None:
    monkeypatch.setattr(keyring_check, "_SLOW", 600.0)  # however long this machine stalls
    named = f"{keyring.__module__}.{keyring.__qualname__}"
    (seen,) = check_keyring(app_of(tmp_path, PYTHON_KEYRING_BACKEND=named))
    assert (seen.state, what in seen.what) == (state, True), seen


def test_a_slow_keyring_is_worth_a_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyring_check, "_SLOW", -1.0)
    named = "tests.doubles.keyrings.InMemory"
    (seen,) = check_keyring(app_of(tmp_path, PYTHON_KEYRING_BACKEND=named))
    assert (seen.state, (seen.why or "").startswith("it is slow; ")) == ("look", True)


# ---- the network


def test_each_place_is_asked_once_and_its_clock_is_compared(tmp_path: Path) -> None:
    centers = CENTER.format("Reader") + CENTER.format("Writer")
    with StrictSts() as sts:
        there = {**sts.environ, "AWS_ENDPOINT_URL_SSO_OIDC": sts.environ["AWS_ENDPOINT_URL_STS"]}
        app = app_of(tmp_path, CONFIG + centers, **there)
        sts.date_offset = timedelta(minutes=2)
        seen = [words(each) for each in check_network(app)]
    assert ("fine", "STS · Identity Center in eu-west-1") in seen
    assert ("look", "this machine's clock is 2 min slow") in seen


# ---- AWS profiles


@pytest.fixture
def installed(tmp_path: Path) -> App:
    """A home with a profile of rolehop's for its one chain."""
    (tmp_path / ".aws").mkdir(mode=0o700)
    app = app_of(tmp_path)
    write_installation(
        app, plan_installation(app, ["admin"], ProfileOptions(), this_installation())
    )
    return app


def changed(app: App, before: str, after: str) -> DoctorFinding:
    """Change the AWS config; return the only finding."""
    file = app.aws_files[0]
    file.write_text(file.read_text().replace(before, after))
    (found,) = check_profiles(App(app.variables, app.home))
    return found


def test_profiles_that_answer_are_counted(installed: App) -> None:
    assert words(changed(installed, "", "")) == ("fine", "1 AWS profile with rolehop's line")


def test_a_profile_is_not_written_again_over_what_changed_meanwhile(installed: App) -> None:
    written = installed.aws_files[0].read_text()
    seen = changed(installed, PYTHON, "/gone/python")
    installed.aws_files[0].write_text(written)
    assert "has changed in the meantime" in (repair(seen) or "")
    assert installed.aws_files[0].read_text() == written


def test_a_profile_of_no_chain_is_removed_by_a_command_or_by_hand(installed: App) -> None:
    file = installed.aws_files[0]
    seen = changed(installed, "credential-process admin", "credential-process none")
    assert (seen.state, seen.fix) == ("broken", "rolehop profile remove admin")
    file.write_text(
        "".join(f"{each}\n" for each in file.read_text().splitlines() if each[:1] != "#")
    )
    assert changed(installed, "", "").fix == "correct its credential_process"


# ---- the shell


@pytest.mark.parametrize(
    ("line", "variables", "says"),
    [
        ('eval "$(rolehop init bash)"', {}, "assume changes this bash, by ~/.bashrc"),
        ("", {"ROLEHOP_CHAIN": "admin"}, "this bash has a chain's session already"),
    ],
)
def test_a_shell_that_has_the_line_or_a_session_lacks_nothing(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    line: str,
    variables: dict[str, str],
    says: str,
) -> None:
    (tmp_path / ".bashrc").write_text(line)
    app = app_of(tmp_path, **variables)
    argv = ["bash", "-c", "echo; read _"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as bash:
        assert bash.stdout is not None
        bash.stdout.readline()  # by now it is called bash
        monkeypatch.setattr(os, "getppid", lambda: bash.pid)
        assert [words(each) for each in check_shell(app)] == [("fine", says)]
        assert (missing_startup_line(app) is None) == bool(line)


def test_a_kernel_keyring_that_is_nearly_full_is_worth_a_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keyring_check, "_SLOW", 600.0)
    monkeypatch.setattr(keyring_check, "_used", lambda backend: 93)
    (seen,) = check_keyring(
        app_of(tmp_path, PYTHON_KEYRING_BACKEND="tests.doubles.keyrings.InMemory")
    )
    assert (seen.state, "93 % full" in seen.what) == ("look", True)
    assert "kernel.keys.maxbytes" in (seen.fix or "")
