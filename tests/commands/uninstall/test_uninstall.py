"""``uninstall``: all that is stored and changed goes, and nothing that is somebody else's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.app.ports import PromptedPerson
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import replace
from rolehop.base.errors import ConfigError
from rolehop.commands.uninstall.removal import (
    Consent,
    confirm_removal,
    find_holdings,
    left_lines,
    remove_all,
    remove_if_only_looked_at,
    startup_files_with_lines,
    take_out,
)
from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, FILE_BACKED, SCRIPT, World

BASHRC = "alias ll='ls -l'\n{}PS1='$ '\n"
LINE = 'eval "$(rolehop init bash)"\n'
OWN_LINE = "[ -x ~/bin/rolehop ] && . <(rolehop init zsh)\n"
AWS = "[profile mine]\nregion = eu-west-1\n"


@pytest.fixture
def used(world: World) -> World:
    """A world in which everything that rolehop can leave behind is there."""
    world.aws_config(AWS)
    (world.home / ".bashrc").write_text(BASHRC.format(LINE))
    (world.home / ".zshrc").write_text(OWN_LINE)
    world.config(f'{CONFIG}\n[sources.alice]\ntype = "keys"\n')
    for command in (
        ["keys", "add", "alice", "--from-env"],
        ["profile", "install", "hub", "--yes"],
        ["init", "fish", "--install"],
        ["credential-process", "hub"],
    ):
        done = world.rolehop(*command)
        assert done.code == 0, done.err
    return world


def left(world: World) -> set[str]:
    """Every file of the home folder."""
    return {path.relative_to(world.home).as_posix() for path in world.files()}


def test_all_of_it_goes_but_what_is_somebody_elses(used: World) -> None:
    done = used.rolehop("uninstall", "--yes", "--keys")
    assert done.code == 0, done.err
    labels = [line[:15].strip() for line in done.out.splitlines()]
    assert labels == [
        *("AWS profiles", "start-up line", "sessions", "IAM user keys", "files", "files")
    ]
    assert used.items() == []
    assert left(used) == {
        *(".aws/config", ".aws/config.rolehop-backup", ".aws/config.rolehop-backup-2"),
        *(".bashrc", ".zshrc", ".config/rolehop/config.toml"),
    }
    assert (used.home / ".aws" / "config").read_text() == AWS
    assert (used.home / ".bashrc").read_text() == BASHRC.format("")
    assert (used.home / ".zshrc").read_text() == OWN_LINE
    assert f"runs rolehop, too: {used.home / '.zshrc'}:1" in done.err
    assert f"your config stays: {used.config_file}" in done.err
    again = used.rolehop("uninstall")
    assert (again.code, again.out) == (0, "")
    assert "nothing is stored here" in again.err


def test_keys_stay_unless_they_are_confirmed_apart(used: World) -> None:
    with OnTerminal(used, SCRIPT, "uninstall") as person:
        person.expect("Remove all of this? [y/N]")
        person.types("y")
        person.expect("The IAM user keys of alice, too?")
        person.types("")
        done = person.ended()
    assert done.code == 0, done.err
    assert "left: the keys of alice, and the state folder" in done.err
    assert len(used.items()) == 1
    assert "alice" in used.rolehop("keys", "list").out


@pytest.mark.parametrize("asked", [True, False])
def test_nothing_goes_without_a_yes(used: World, asked: bool) -> None:
    before = left(used), len(used.items())
    if asked:
        with OnTerminal(used, SCRIPT, "uninstall") as person:
            person.expect("Remove all of this? [y/N]")
            person.types("n")
            done = person.ended()
    else:
        done = used.rolehop("uninstall")
        assert "try    run it in a terminal, or add --yes" in done.err
    assert done.code == (130 if asked else 8)
    assert (left(used), len(used.items())) == before


def test_logout_says_what_another_keyring_has_and_how_to_reach_it(world: World) -> None:
    assert world.rolehop("credential-process", "admin").code == 0
    elsewhere = {
        "PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.Counted",
        "ROLEHOP_TEST_KEYRING": str(world.folder / "other"),
    }
    done = world.rolehop("logout", "--all", env=elsewhere)
    assert done.code == 7
    assert f"2 sessions in {FILE_BACKED}" in done.err
    assert f"setting PYTHON_KEYRING_BACKEND={FILE_BACKED} " in done.err
    kept = world.rolehop("uninstall", "--yes", env=elsewhere)
    assert f"left: 2 sessions in {FILE_BACKED}, and the state folder" in kept.err
    named = {"PYTHON_KEYRING_BACKEND": FILE_BACKED}
    assert "2 sessions forgotten" in world.rolehop("logout", "--all", env=named).err
    assert world.items() == []


BLOCKS = [
    "if [ -t 0 ]; then\n{}fi\n",
    "if status is-interactive\n\n# prompt\n{}end\n",
    "command -v rolehop >/dev/null &&\n{}",
    "setup() {{\n  {}}}\n",
]


def test_a_line_that_a_block_needs_stays_and_is_named(world: World) -> None:
    """Without it the shell could not read the file to its end."""
    rc, before = world.home / ".bashrc", "if true; then PS1='$ '; fi\n"
    text = "".join(each.format(LINE) for each in BLOCKS) + before
    rc.write_text(text + LINE)
    done = world.rolehop("uninstall", "--yes")
    assert done.code == 0, done.err
    assert rc.read_text() == text
    assert done.err.count(f"runs rolehop, too: {rc}:") == len(BLOCKS)


def test_a_state_folder_that_is_a_link_stays_with_what_it_leads_to(world: World) -> None:
    real, link = world.home / "shared", world.home / ".local" / "state" / "rolehop"
    real.mkdir(mode=0o700)
    (real / "notes.txt").write_text("somebody's\n")
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(real)
    assert world.rolehop("credential-process", "hub").code == 0
    done = world.rolehop("uninstall", "--yes")
    assert done.code == 0, done.err
    assert f"a link, which stays with what it leads to: {link} -> {real}" in done.err
    assert world.items() == []
    assert (real / "notes.txt").exists()


def test_a_start_up_file_that_is_not_utf_8_is_no_other(world: World) -> None:
    """Its own line stayed, and ran a program that was gone."""
    rc = world.home / ".bashrc"
    mine = "# für mich\n".encode("latin-1") + b"PS1='\xff\x0c$ '\r\n\x85"
    rc.write_bytes(LINE.encode() + mine)
    rc.chmod(0o640)
    done = world.rolehop("uninstall", "--yes")
    assert done.code == 0, done.err
    assert (rc.read_bytes(), rc.stat().st_mode & 0o777) == (mine, 0o640)


def test_a_line_ends_where_a_shell_sees_its_end(world: World) -> None:
    rc = world.home / ".bashrc"
    for text in (f"echo \x0c{LINE}", f"echo \u2028{LINE}", f"echo \x85{LINE}"):
        rc.write_text(text)
        done = world.rolehop("uninstall", "--yes")
        assert (rc.read_text(), f"runs rolehop, too: {rc}:1" in done.err) == (text, True)


@pytest.mark.parametrize("more", [False, True])
def test_what_a_killed_doctor_left_in_the_keyring_goes(world: World, more: bool) -> None:
    environ = {
        "PYTHON_KEYRING_BACKEND": "tests.doubles.keyrings.KilledAfterWrite",
        "ROLEHOP_TEST_KILL": "rolehop/doctor",
    }
    assert world.rolehop("doctor", env=environ).code == -9
    assert len(world.items()) == 1
    if more:
        assert world.rolehop("credential-process", "hub").code == 0
    done = world.rolehop("uninstall", "--yes")
    assert done.code == 0, done.err
    assert world.items() == []
    said = "removed: the item with which a doctor that was killed tried the keyring"
    assert (done.err.count(said), "nothing else is stored here" in done.err) == (1, not more)


@pytest.mark.parametrize("named", ["config.toml", "team/more.toml", "own.conf"])
def test_a_folder_that_holds_a_config_is_never_removed(world: World, named: str) -> None:
    """One folder of both: `uninstall` removed what the person wrote."""
    environ = {"XDG_STATE_HOME": str(world.folder / "both")}
    file = world.folder / "both" / "rolehop" / named
    file.parent.mkdir(mode=0o700, parents=True)
    file.write_text(CONFIG)
    if not named.startswith("team"):
        environ["ROLEHOP_CONFIG"] = str(file)
    assert world.rolehop("credential-process", "hub", env=environ).code == 0
    done = world.rolehop("uninstall", "--yes", env=environ)
    assert done.code == 0, done.err
    assert file.read_text() == CONFIG
    assert f"the state folder, in which a config is, stays: {file}" in done.err
    assert world.items() == []


@AS_ROOT
def test_root_takes_no_line_out_of_what_is_another_users(world: World) -> None:
    """It would be root's afterwards, and the user could not change it any more."""
    rc = world.home / ".bashrc"
    rc.write_text(LINE)
    os.chown(rc, SOMEBODY, -1)
    done = world.rolehop("uninstall", "--yes")
    assert f"runs rolehop, too: {rc}:1" in done.err
    assert (rc.read_text(), rc.stat().st_uid) == (LINE, SOMEBODY)


# ---- while another rolehop stores something


class Shared:
    """A home folder, and two rolehops in it."""

    def __init__(self, folder: Path, answer: str = "") -> None:
        environ = {
            "HOME": str(folder),
            "PYTHON_KEYRING_BACKEND": FILE_BACKED,
            "XDG_STATE_HOME": str(folder / "state"),
        }
        self.other = App(environ, folder)
        self.app = App(environ, folder, person=PromptedPerson(lambda _: self.answered(answer)))

    def add_key(self, name: str) -> None:
        credentials = Credentials("AKIAIOSFODNN7EXAMPLE", Secret("s" * 40))
        self.other.vault.keys.add(name, credentials, replace=False, until_reboot=True)

    def answered(self, answer: str) -> str:
        self.add_key("late")
        return answer


@pytest.fixture(autouse=True)
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLEHOP_TEST_KEYRING", str(tmp_path / "vault"))


def test_a_key_that_came_after_the_list_was_shown_is_not_removed_unseen(tmp_path: Path) -> None:
    shared = Shared(tmp_path, "y")
    shared.app.index_store.seal()
    with pytest.raises(ConfigError) as caught:
        confirm_removal(shared.app, find_holdings(shared.app))
    assert caught.value.cause == "IAM user keys: late, in the keyring"


def test_a_key_that_comes_while_all_is_removed_stays_known(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    shared.add_key("alice")
    script = shared.app.home / "script"
    found = find_holdings(shared.app)
    steps = remove_all(shared.app, replace(found, scripts=(script,)), Consent(others=True))
    gone = (
        "removed: the key of alice, still valid at AWS; to end it there: aws iam delete-access-key"
    )
    assert next(steps).startswith(f"{gone} --access-key-id AKIAIOSFODNN7EXAMPLE --user-name ")
    assert next(steps) == f"removed: {script}"
    shared.add_key("late")
    assert next(steps).startswith("left: the state folder")
    assert [*shared.other.index.keys] == ["late"]


def test_what_stays_is_said(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    found = replace(find_holdings(shared.app), servers=2)
    said = list(left_lines(found, tmp_path / "config.toml"))
    assert said == ["2 servers of rolehop go on: rolehop serve --stop"]


def test_where_no_keys_are_stored_one_question_is_enough(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "y"

    shared = Shared(tmp_path)
    app = App(shared.app.variables, tmp_path, person=PromptedPerson(answer))
    assert confirm_removal(app, find_holdings(app)) == Consent()
    assert asked == ["Remove all of this? [y/N] "]


def test_a_start_up_file_that_changed_since_it_was_shown_stays(tmp_path: Path) -> None:
    rc = tmp_path / ".bashrc"
    rc.write_text(LINE)
    (found,) = startup_files_with_lines(Shared(tmp_path).app)
    rc.write_text(f"# mine\n{LINE}")
    with pytest.raises(ConfigError, match="has changed in the meantime"):
        take_out(found)
    assert rc.read_text() == f"# mine\n{LINE}"


def test_only_a_state_folder_with_nothing_of_others_goes_again(tmp_path: Path) -> None:
    shared = Shared(tmp_path)
    shared.app.index_store.seal()
    (shared.app.state_folder / "history").mkdir()
    remove_if_only_looked_at(shared.app)
    assert shared.app.state_folder.exists()
    (shared.app.state_folder / "history").rmdir()
    remove_if_only_looked_at(shared.app)
    assert not shared.app.state_folder.exists()
