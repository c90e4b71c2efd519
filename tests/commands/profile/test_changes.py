"""Profiles in the AWS files: what is written, and that nothing else changes."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from botocore.configloader import load_config
from botocore.exceptions import ConfigParseError

from rolehop.app.aws_files import BACKUP, FileChange, backups_of, shown_diff, write_changes
from rolehop.app.context import App
from rolehop.app.ports import PromptedPerson
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError, Declined, NoTerminal, UsageError
from rolehop.commands.profile.changes import (
    InstallPlan,
    ProfileOptions,
    confirm_changes,
    plan_installation,
    removal_changes,
    write_installation,
)
from rolehop.commands.profile.installed import Installation, profile_rows
from tests.commands.profile.odd_files import MARKED, OWN, READABLE, REFUSED
from tests.support.other_users import AS_ROOT, SOMEBODY

CONFIG = """
version = 1
[sources.me]
type = "environment"
[chains.hub]
source = "me"
region = "eu-central-1"
[chains.admin]
from = "hub"
hops = [{ role = "arn:aws:iam::333333333333:role/Admin" }]
[fleets.spokes]
from = "hub"
role = "{account}:role/Audit"
accounts = ["444444444444", "555555555555"]
"""
HERE = Installation("/v/bin/rolehop", "/v/bin/python", "/v/lib/rolehop/hotpath/launcher.py")
LINE = "/v/bin/python -IS /v/lib/rolehop/hotpath/launcher.py /v/bin/rolehop credential-process"


class Files:
    """The AWS files of a test, and the commands."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        (folder / ".aws").mkdir()
        self.config = folder / ".aws" / "config"
        self.credentials = folder / ".aws" / "credentials"
        (folder / "config.toml").write_text(CONFIG)
        environ = {"HOME": str(folder), "ROLEHOP_CONFIG": str(folder / "config.toml")}
        self.app = App(environ, folder)

    def planning(self, *patterns: str, here: Installation = HERE, **options: object) -> InstallPlan:
        made = ProfileOptions(**options)  # type: ignore[arg-type]
        return plan_installation(self.app, patterns, made, here)

    def installing(self, *patterns: str, **options: Any) -> Sequence[FileChange]:
        return self.planning(*patterns, **options).changes

    def install(self, *patterns: str, **options: Any) -> None:
        write_changes(self.app, self.installing(*patterns, **options))

    def remove(self, *patterns: str) -> None:
        write_changes(self.app, removal_changes(self.app, patterns))


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def read_by_botocore(path: Path) -> dict[str, object] | None:
    """Return what botocore reads, ``None`` if it refuses the file."""
    try:
        found: dict[str, object] = load_config(str(path))
    except ConfigParseError:
        return None
    return found


ADMIN = {"credential_process": f"{LINE} admin", "region": "eu-central-1"}


CORPUS = {**{name: text.encode() for name, text in READABLE.items()}, **MARKED}


@pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS)
def test_nothing_outside_the_block_changes(files: Files, data: bytes) -> None:
    """Each change is written without being flushed to the disk: half a second for all of them."""

    def changed(changes: Sequence[FileChange]) -> bytes:
        (change,) = changes
        assert change.file.path == files.config
        files.config.write_bytes(change.new.encode())
        return files.config.read_bytes()

    files.config.write_bytes(data)
    before = read_by_botocore(files.config)
    with_admin = changed(files.installing("admin"))
    assert with_admin.startswith(data)
    after = read_by_botocore(files.config)
    if before is not None and after is not None:
        assert after["profiles"].pop("admin") == ADMIN  # type: ignore[attr-defined]
    assert after == before
    assert (before is None) == (data in MARKED.values())
    assert files.installing("admin") == (), "once is enough"
    changed(files.installing("hub"))
    assert changed(removal_changes(files.app, ["hub"])) == with_admin
    assert changed(removal_changes(files.app, ())) == data
    if before is not None:
        # The block is rewritten where it is, whatever came to stand around it.
        above, below = b"# above\n", b"[profile later]\nregion = x\n"
        files.config.write_bytes(above + with_admin + below)
        moved = changed(files.installing("hub"))
        assert moved.startswith(above + with_admin[: with_admin.rindex(b"# <<<")])
        assert moved.endswith(below)
        assert changed(removal_changes(files.app, ["hub"])) == above + with_admin + below


def test_what_follows_the_block_stays_when_the_block_goes(files: Files) -> None:
    for data in (b"[default]\n", b"[default]", b""):
        files.config.write_bytes(data)
        files.install("admin")
        with files.config.open("ab") as file:
            file.write(b"[profile later]\nregion = x\n")
        files.remove()
        rest = files.config.read_bytes().removeprefix(data)
        assert rest.lstrip(b"\n") == b"[profile later]\nregion = x\n"
        assert rest.startswith(b"\n") == data.endswith(b"]")


@pytest.mark.parametrize("data", REFUSED.values(), ids=REFUSED)
def test_a_file_is_refused_whole(files: Files, data: bytes) -> None:
    files.config.write_bytes(data)
    with pytest.raises((ConfigError, UsageError)):
        files.install()
    assert files.config.read_bytes() == data
    assert [each.name for each in files.config.parent.iterdir()] == ["config"]


@pytest.mark.parametrize("data", OWN.values(), ids=OWN)
def test_a_profile_of_the_users_own_stays_and_keeps_no_other_back(
    files: Files, data: bytes
) -> None:
    files.config.write_bytes(data)
    plan = files.planning()
    assert (plan.own, plan.chains) == (("admin",), ("admin",))
    write_installation(files.app, plan)
    text = files.config.read_bytes()
    assert text.startswith(data)
    assert b"[profile hub]" in text
    assert f"{LINE} admin\n".encode() not in text


def test_a_profile_of_the_credentials_file_would_win_so_it_stays_too(files: Files) -> None:
    files.credentials.write_text("[admin]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n")
    assert files.planning().own == ("admin",)
    files.install(prefix="rh-")
    assert "[profile rh-admin]" in files.config.read_text()
    files.credentials.write_text("[admin]\nregion = x\n")
    assert files.planning().own == (), "it does not say where credentials come from"


def test_a_whole_fleet_with_prefix_region_and_output(files: Files) -> None:
    files.install("spokes", prefix="rh-", region="eu-west-1", output="json")
    profiles = load_config(str(files.config))["profiles"]
    assert set(profiles) == {"rh-spokes/444444444444", "rh-spokes/555555555555"}
    assert profiles["rh-spokes/444444444444"] == {
        "credential_process": f"{LINE} spokes/444444444444",
        "region": "eu-west-1",
        "output": "json",
    }


def test_a_later_install_changes_the_line_and_keeps_the_rest(files: Files) -> None:
    files.install("admin", "hub", region="eu-west-1")
    text = files.config.read_text()
    mine = "region = eu-west-1\ncli_pager =\ns3 =\n  addressing_style = path\n"
    files.config.write_text(text.replace("region = eu-west-1\n", mine))
    moved = Installation("/w/bin/rolehop", "/w/bin/python", "/w/launcher.py")
    (change,) = files.installing("admin", here=moved)
    write_changes(files.app, [change])
    profiles = load_config(str(files.config))["profiles"]
    assert profiles["admin"] == {
        "credential_process": "/w/bin/python -IS /w/launcher.py /w/bin/rolehop credential-process admin",
        "region": "eu-west-1",
        "cli_pager": "",
        "s3": {"addressing_style": "path"},
    }
    assert profiles["hub"]["credential_process"].startswith("/v/")
    assert len(change.diff.splitlines()) == 5


def test_the_credentials_file_gets_the_line_and_never_a_key(files: Files) -> None:
    files.credentials.write_text(
        "[old]\naws_access_key_id = A\naws_secret_access_key = hidden-value"
    )
    changes = files.installing("admin", credentials_file=True, region="eu-west-1")
    write_changes(files.app, changes)
    assert files.credentials.read_text().split("<<<")[0].split("\n[")[-1] == (
        f"admin]\ncredential_process = {LINE} admin\n# "
    )
    diff = "".join(each.diff for each in changes)
    assert f"+credential_process = {LINE} admin" in diff
    assert "hidden-value" not in diff
    moved = Installation("/w/bin/rolehop", "/w/bin/python", "/w/launcher.py")
    assert len(files.installing("admin", here=moved)) == 2, "a line that is there is kept up"
    assert len(files.installing("hub")) == 1
    files.remove()
    assert files.credentials.read_text().endswith("hidden-value")


def test_a_diff_shows_no_secret_of_a_comment_nor_of_a_command() -> None:
    old = "[a]\n# aws_secret_access_key = hidden-value\ncredential_process = tool --password=hunter2\n"
    shown = shown_diff(old, "[a]\n", "a", "b")
    assert "-# aws_secret_access_key = (not shown)\n-credential_process = (not shown)\n" in shown


def test_a_diff_of_thousands_of_lines_is_made_at_once(files: Files) -> None:
    """difflib would take a minute of processor time for it."""
    old = "".join(f"[profile p{number}]\nregion = a\n" for number in range(20_000))
    lines = shown_diff(f"[x]\n{old}", f"[x]\n{old.replace('p', 'q')}[y]\n", "a", "b").splitlines()
    assert lines[:4] == ["--- a", "+++ b", "@@ -2,40000 +2,40001 @@", "-[profile p0]"]
    assert (len(lines), lines[-1]) == (80_004, "+[y]")


def test_mode_and_link_stay_and_the_old_file_is_kept(files: Files, tmp_path: Path) -> None:
    dotfiles = tmp_path / "dotfiles"
    dotfiles.mkdir(mode=0o700)
    target = dotfiles / "aws-config"
    target.write_text("[default]\nregion = x\n")
    target.chmod(0o640)
    files.config.symlink_to(Path("..", "dotfiles", "aws-config"))
    files.install("admin")
    assert files.config.is_symlink()
    assert "[profile admin]" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    backup = target.with_name(target.name + BACKUP)
    assert backup.read_text() == "[default]\nregion = x\n"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_each_content_is_kept_in_a_backup_of_its_own(files: Files) -> None:
    """The second change replaced the backup that had the file as it was before the first."""
    before = []
    files.config.write_text("[profile mine]\nregion = x\n")
    for chain in ("admin", "hub", "spokes"):
        before.append(files.config.read_text())
        files.install(chain)
    other = files.config.with_name(f"{files.config.name}{BACKUP}-none")
    other.write_text("of somebody else\n")
    kept = backups_of(files.config)
    assert [each.name.partition(BACKUP)[2] for each in kept] == ["", "-2", "-3"]
    assert [each.read_text() for each in kept] == before
    files.config.write_text(before[-1])
    files.install("hub", region="eu-west-3")
    assert backups_of(files.config) == kept, "one of them has it"
    kept[1].unlink()
    files.install("hub", region="eu-west-1")
    assert [each.name.partition(BACKUP)[2] for each in backups_of(files.config)] == ["", "-3", "-4"]
    assert other.read_text() == "of somebody else\n"


BY_HAND = {
    "another tool's": "[profile mine]\ncredential_process = granted credential-process --profile y\n",
    "no process": "[profile mine]\nregion = eu-west-1\n",
    "a role": "[profile mine]\nrole_arn = arn:aws:iam::1:role/A\nsource_profile = admin\n",
    "another section": "[sso-session corp]\nsso_region = eu-west-1\n",
    "a comment": "# do not touch\n",
}


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("text", BY_HAND.values(), ids=BY_HAND)
def test_what_somebody_wrote_between_the_markers_stays(
    files: Files, text: str, first: bool
) -> None:
    """`profile remove` took away whatever was there."""
    files.config.write_text("[default]\nregion = x\n")
    files.install("admin")
    installed = files.config.read_text()
    begin = installed.index("[profile admin]")
    if first:
        files.config.write_text(f"{installed[:begin]}{text}{installed[begin:]}")
    else:
        files.config.write_text(installed.replace("# <<<", f"{text}# <<<"))
    if text.startswith("[") or first:
        files.remove()
        assert files.config.read_text() == f"[default]\nregion = x\n\n{text}"
        assert removal_changes(files.app, ()) == []
    else:  # a line of rolehop's own profile
        assert removal_changes(files.app, ()) == []


@pytest.mark.parametrize("more", ["cli_pager =\n", "s3 =\n  x = y\n", "# mine\n", "[admin]\n"])
def test_a_profile_with_a_line_of_somebody_else_stays_and_is_named(files: Files, more: str) -> None:
    files.install("admin", "hub")
    text = files.config.read_text()
    hub, admin = text.index("[profile hub]"), text.index("[profile admin]")
    files.config.write_text(text.replace("# <<<", f"{more}# <<<"))
    said: list[str] = []
    files.app = App(files.app.variables, files.home, notify=said.append)
    with pytest.raises(ConfigError, match=r"profile 'admin' in .* is not removed") as caught:
        removal_changes(files.app, ["admin"])
    assert caught.value.cause == "it has lines that rolehop did not write"
    files.remove()
    left = f"{text[:hub]}{text[admin:]}"
    assert files.config.read_text() == left.replace("# <<<", f"{more}# <<<")
    assert said == [f"profile 'admin' in {files.config} stays: {caught.value.cause}"]


@pytest.mark.parametrize("line", ["rolehop credential-process --reason x admin", "sh -c x rolehop"])
def test_a_line_that_somebody_changed_stays(files: Files, line: str) -> None:
    files.install("admin")
    text = files.config.read_text()
    files.config.write_text(text.replace(f"{LINE} admin", line))
    assert removal_changes(files.app, ()) == []


@pytest.mark.parametrize("line", ["a tool", "/v/rolehop credential-process admin x"])
def test_a_profile_by_hand_between_the_markers_is_not_installed_over(
    files: Files, line: str
) -> None:
    files.install("hub")
    text = files.config.read_text()
    mine = f"[profile admin]\ncredential_process = {line}\n"
    files.config.write_text(text.replace("# <<<", f"{mine}# <<<"))
    if "rolehop" in line:
        files.install("admin")
        assert f"{LINE} admin\n" in files.config.read_text()
    else:
        assert files.planning("admin").own == ("admin",)
        assert files.planning("admin", take_over=True).stays.keys() == {"admin"}
        assert mine in files.config.read_text()


def test_the_environment_names_the_files(files: Files) -> None:
    named = files.home / "named"
    environ = {**files.app.variables, "AWS_CONFIG_FILE": "~/named"}
    files.app = App(environ, files.home)
    files.install("admin")
    assert "[profile admin]" in named.read_text()
    assert not files.config.exists()
    files.app = App({**environ, "AWS_SHARED_CREDENTIALS_FILE": "/dev/null"}, files.home)
    files.install("hub")
    assert "[profile hub]" in named.read_text()
    with pytest.raises(ConfigError, match="/dev/null is not changed"):
        files.install("hub", credentials_file=True)
    files.app = App({**environ, "AWS_CONFIG_FILE": ""}, files.home)
    with pytest.raises(ConfigError, match="/dev/null is not changed"):
        files.install("admin")


def test_a_new_file_is_for_its_owner_alone(files: Files) -> None:
    files.config.parent.rmdir()
    files.install("admin")
    assert stat.S_IMODE(files.config.stat().st_mode) == 0o600
    assert stat.S_IMODE(files.config.parent.stat().st_mode) == 0o700
    assert not list(files.config.parent.glob(f"*{BACKUP}"))


def test_a_file_that_others_rule_is_not_changed(files: Files, tmp_path: Path) -> None:
    def refused(why: str) -> None:
        with pytest.raises(ConfigError) as caught:
            files.install("admin")
        assert why in f"{caught.value.what} {caught.value.cause}"

    files.config.write_text("[default]\n")
    files.config.chmod(0o666)
    refused("everybody on this machine can write it")
    files.config.chmod(0o600)
    files.config.parent.chmod(0o777)
    refused("everybody on this machine can write it")
    files.config.parent.chmod(0o700)
    os.link(files.config, tmp_path / "second")
    refused("not a plain file")
    files.config.unlink()
    os.mkfifo(files.config)
    refused("it is a pipe")
    files.config.unlink()
    files.config.symlink_to(files.config)
    refused("too many symbolic links")


def test_a_file_that_changed_since_the_question_is_not_overwritten(files: Files) -> None:
    changes = files.installing("admin", credentials_file=True)
    files.credentials.write_text("[new]\n")
    with pytest.raises(ConfigError, match="credentials has changed in the meantime"):
        write_changes(files.app, changes)
    assert not files.config.exists()


def test_the_question_says_how_many_and_where(files: Files) -> None:
    changes = files.installing("spokes", credentials_file=True)
    asked = f"Write 2 profiles in {files.config} and {files.credentials}? [y/N] "

    def asking(answer: str) -> App:
        def prompt(question: str) -> str:
            assert question == asked
            return answer

        return App({}, files.home, person=PromptedPerson(prompt))

    confirm_changes(asking("y"), changes, "write")
    with pytest.raises(Declined, match="nothing was written"):
        confirm_changes(asking(""), changes, "write")
    with pytest.raises(NoTerminal):
        confirm_changes(files.app, changes, "remove")


def test_a_prefix_or_a_path_that_sdks_read_in_different_ways_is_refused(files: Files) -> None:
    with pytest.raises(UsageError, match="cannot begin the name"):
        files.install("admin", prefix="a]")
    odd = Installation("/v/bin/rolehop", "/a #b/python", "/l.py")
    with pytest.raises(UsageError, match="cannot be written into an AWS config"):
        files.installing("admin", here=odd)


def test_a_chain_that_asks_for_something_gets_no_profile(files: Files) -> None:
    config = files.home / "config.toml"
    config.write_text(f'{CONFIG}[chains.audited]\nfrom = "hub"\nreason = "required"\n')
    said: list[str] = []
    files.app = App(files.app.variables, files.home, notify=said.append)
    with pytest.raises(ConfigError, match="no profile was written") as caught:
        files.install("audited")
    why = "chain 'audited' has reason = \"required\", and no SDK can ask"
    assert (caught.value.cause, said) == (why, [])
    assert caught.value.fix == "rolehop exec audited -- PROGRAM"
    files.install()
    assert said == [f"left out: {why}"]
    assert "audited" not in files.config.read_text()
    start = "credential_process = rolehop credential-process audited"
    files.config.write_text(f"[profile a]\n{start}\n[profile b]\n{start} --reason nightly\n")
    here = replace(HERE, script="rolehop", python=None, launcher=None)
    rows = profile_rows(App(files.app.variables, files.home), (), here)
    assert [(row.problem, row.rewrite is None) for row in rows] == [(why, True), (why, True)]


@pytest.mark.parametrize("line", ["--reason nightly hub", "hub --reason=nightly"])
def test_a_line_with_a_reason_is_said_never_to_answer(files: Files, line: str) -> None:
    files.config.write_text(
        f"[profile a]\ncredential_process = rolehop credential-process {line}\n"
    )
    here = replace(HERE, script="rolehop", python=None, launcher=None)
    (row,) = profile_rows(App(files.app.variables, files.home), (), here)
    assert row.problem is not None
    assert "it never answers: credential-process has no --reason" in row.problem
    assert (row.chain, row.rewrite) == ("hub", "rolehop credential-process hub")


def test_a_file_that_was_not_there_goes_with_the_last_profile(files: Files) -> None:
    files.install("hub", "admin")
    (change,) = removal_changes(files.app, ["admin"])
    assert f"+++ {files.config}\n" in change.diff
    (change,) = removal_changes(files.app, [])
    assert "+++ /dev/null\n" in change.diff
    files.remove()
    assert not files.config.exists()
    linked = files.home / "linked"
    linked.write_bytes(b"")
    files.config.symlink_to(linked)
    files.install("hub")
    files.remove()
    assert linked.read_bytes() == b""


def test_a_pattern_that_matches_nothing_is_said(files: Files) -> None:
    with pytest.raises(ConfigError, match="no chain matches 'nothing'"):
        files.install("nothing")
    with pytest.raises(ConfigError, match="matches 'nothing'"):
        files.remove("nothing")


def test_without_a_chain_there_is_nothing_to_install(files: Files) -> None:
    (files.home / "config.toml").write_text("version = 1\n")
    with pytest.raises(ConfigError, match="no chain is configured yet") as caught:
        files.installing()
    assert str(caught.value.fix).endswith("config init")


@AS_ROOT
def test_what_somebody_else_owns_is_not_replaced(files: Files, tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(ConfigError, match="is not changed") as caught:
            files.install("admin")
        return caught.value.cause or ""

    files.config.write_text("[default]\n")
    os.chown(files.config, SOMEBODY, -1)
    assert "somebody else" in refused() or "not yours" in refused() or str(SOMEBODY) in refused()
    files.config.rename(tmp_path / "kept")
    os.chown(tmp_path / "kept", 0, -1)
    files.config.symlink_to(tmp_path / "kept")
    os.chown(files.config, SOMEBODY, -1, follow_symlinks=False)
    assert refused() == f"{files.config} is a link of another user"
