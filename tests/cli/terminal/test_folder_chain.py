"""The file ``.rolehop``: followed after a question, and never if somebody else could have written it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from rolehop.app.folder_chain import FolderChain
from rolehop.base.digest import checked_line
from rolehop.vault.notes import without_seal
from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

SEALS_IT = """
import os, sys
from pathlib import Path
from rolehop.app.context import App
from rolehop.vault.notes import Seal
seals = App(os.environ, Path(os.environ["HOME"])).vault.seals
print(Seal(seals, "folders", "").added_to(sys.argv[1]), end="")
"""
COMMAND = ("exec", "--", "printenv", "ROLEHOP_CHAIN")


@pytest.fixture
def file(world: World) -> Path:
    """The file of a project in the home folder."""
    (world.home / "project/below").mkdir(parents=True)
    file = world.home / "project/.rolehop"
    file.write_text("admin\n")
    return file


def goes_to(world: World, folder: str = "project/below") -> str:
    """Return code that makes it the program's folder."""
    return f"import os; os.chdir({str(world.home / folder)!r})"


def confirms(
    world: World, answer: str = "y", env: Mapping[str, str] | None = None
) -> tuple[int, str, str]:
    with OnTerminal(world, SCRIPT, *COMMAND, env=env, before=goes_to(world)) as person:
        person.expect("Use it here? [y/N]")
        person.types(answer)
        done = person.ended()
    return done.code, done.out, person.shown


def follows(world: World, folder: str = "project/below") -> str:
    """Return the chain that is used without a question."""
    with OnTerminal(world, SCRIPT, *COMMAND, before=goes_to(world, folder)) as person:
        return person.ended().out


def test_it_is_confirmed_once_and_again_after_a_change(world: World, file: Path) -> None:
    code, out, shown = confirms(world)
    assert (code, out) == (0, "admin\n")
    assert f"{file} names chain 'admin': role Admin in account 333333333333. Use it here" in shown
    assert follows(world) == "admin\n"
    assert follows(world, "project") == "admin\n"
    file.write_text("hub\n")
    assert confirms(world)[1] == "hub\n"
    file.write_text("admin\n")
    assert confirms(world, "")[0] == 130
    config = world.config_file.read_text()
    file.write_text("hub\n")
    assert follows(world) == "hub\n"
    world.config(config.replace("222222222222:role/Hub", "222222222222:role/Other"))
    assert "role Other in account 222222222222" in confirms(world, "")[2]


def test_who_changes_what_was_said_and_its_digest_is_asked_again(world: World, file: Path) -> None:
    assert confirms(world)[1] == "admin\n"
    said = world.state / "folders.json"
    note, seal = without_seal(said.read_text())
    fields = json.loads(note)
    file.write_text("hub\n")
    way = ("me", "arn:aws:iam::222222222222:role/Hub")
    fields["folders"] = {str(file): FolderChain(file, "hub").digest(way)}
    del fields["check"]
    forged = checked_line(json.dumps(fields, separators=(",", ":")))
    said.write_text(f"{forged.rstrip()} {seal}\n")
    assert confirms(world, "")[0] == 130
    # With a seal of the key it would have counted.
    done = world.run(sys.executable, "-c", SEALS_IT, forged)
    said.write_text(done.out)
    assert follows(world) == "hub\n"


def test_without_a_keyring_it_is_asked_each_time(world: World, file: Path) -> None:
    for _ in range(2):
        assert confirms(world, env={"PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"})[1]


def test_without_a_terminal_and_without_a_yes_nothing_is_done(world: World, file: Path) -> None:
    assert confirms(world, "")[0] == 130
    assert world.sts.calls == []
    assert confirms(world)[0] == 0
    done = world.rolehop(*COMMAND, before=goes_to(world))
    assert done.code == 2
    assert f"{file} names 'admin', which counts only in a terminal" in " ".join(done.err.split())
    assert "\n  rolehop exec admin -- CMD\n" in done.err


def test_a_name_that_no_chain_has_is_said_with_the_file(world: World, file: Path) -> None:
    file.write_text("nope\n")
    done = world.rolehop(*COMMAND, before=goes_to(world))
    assert done.code == 3
    assert f"{file} names 'nope', and no chain is called so" in " ".join(done.err.split())


def test_a_name_that_is_typed_wins(world: World, file: Path) -> None:
    done = world.rolehop("exec", "hub", "--", "printenv", "ROLEHOP_CHAIN", before=goes_to(world))
    assert done.out == "hub\n"


def test_only_the_folder_itself_counts_outside_of_the_home_folder(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / ".rolehop").write_text("admin\n")
    for folder, cause in ((tmp_path, "only in a terminal"), (tmp_path / "below", "rolehop exec")):
        done = world.rolehop(*COMMAND, before=goes_to(world, str(folder)))
        assert done.code == 2
        assert cause in " ".join(done.err.split())


def _link(file: Path) -> None:
    file.rename(file.with_name("other"))
    file.symlink_to("other")


def _second_name(file: Path) -> None:
    file.with_name("other").hardlink_to(file)


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


SPOILED = [
    pytest.param(lambda file: file.write_text("hub\nadmin\n"), "one line", id="two lines"),
    pytest.param(lambda file: file.write_text(""), "one line", id="empty"),
    pytest.param(lambda file: file.write_text("a\x1b[2J\n"), "one line", id="invisible"),
    pytest.param(lambda file: file.write_bytes(b"caf\xe9\n"), "not text", id="no text"),
    pytest.param(lambda file: file.write_text("a" * 2000), "longer than", id="too long"),
    pytest.param(lambda file: file.chmod(0o666), "can write it", id="writable"),
    pytest.param(_link, "it is a symbolic link", id="a link"),
    pytest.param(_second_name, "a second name", id="two names"),
    pytest.param(
        lambda file: os.chown(file, SOMEBODY, -1), "belongs to", id="somebody's", marks=AS_ROOT
    ),
    pytest.param(
        lambda file: file.parent.chmod(0o777),
        "on the way to it (chmod o-w)",
        id="a writable folder",
    ),
    pytest.param(_folder, "it is a folder", id="a folder"),
    pytest.param(_pipe, "not a plain file", id="a pipe"),
]


@pytest.mark.parametrize(("spoil", "cause"), SPOILED)
def test_what_could_be_somebody_elses_is_not_followed(
    world: World, file: Path, spoil: object, cause: str
) -> None:
    assert confirms(world)[0] == 0
    spoil(file)  # type: ignore[operator]
    done = world.rolehop(*COMMAND, before=goes_to(world))
    assert done.code == 3
    assert cause in " ".join(done.err.split())


def test_confirm_of_the_chain_still_asks(world: World, file: Path) -> None:
    world.config(world.config_file.read_text().replace("labels =", "confirm = true\nlabels ="))
    with OnTerminal(world, SCRIPT, *COMMAND, before=goes_to(world)) as person:
        person.expect("Use it here? [y/N]")
        person.types("y")
        person.expect("Continue? [y/N]")
        person.types("n")
        assert person.ended().code == 130
