"""The file ``.rolehop``: followed after a question, and never if somebody else could have written it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World

COMMAND = ("exec", "--", "printenv", "ROLEHOP_CHAIN")


@pytest.fixture
def file(world: World) -> Path:
    """The file of a project in the home folder."""
    (world.home / "project/below").mkdir(parents=True)
    file = world.home / "project/.rolehop"
    file.write_text("admin\n")
    return file


def in_folder(world: World, *arguments: str, folder: str = "project/below") -> tuple[str, ...]:
    script = f'cd "{world.home / folder}" && exec "$0" "$@"'
    return ("sh", "-c", script, SCRIPT, *arguments)


def confirms(world: World, answer: str = "y") -> tuple[int, str, str]:
    with OnTerminal(world, *in_folder(world, *COMMAND)) as person:
        person.expect("Use it here? [y/N]")
        person.types(answer)
        done = person.ended()
    return done.code, done.out, person.shown


def test_it_is_confirmed_once_and_again_after_a_change(world: World, file: Path) -> None:
    code, out, shown = confirms(world)
    assert (code, out) == (0, "admin\n")
    assert f"{file} names chain 'admin': role Admin in account 333333333333. Use it here" in shown
    assert world.run(*in_folder(world, *COMMAND)).out == "admin\n"
    assert world.run(*in_folder(world, *COMMAND, folder="project")).out == "admin\n"
    file.write_text("hub\n")
    assert world.run(*in_folder(world, *COMMAND)).code == 2
    assert confirms(world)[1] == "hub\n"
    file.write_text("admin\n")
    assert world.run(*in_folder(world, *COMMAND)).code == 2


def test_without_a_terminal_and_without_a_yes_nothing_is_done(world: World, file: Path) -> None:
    done = world.run(*in_folder(world, *COMMAND))
    assert done.code == 2
    assert "which nobody has confirmed yet" in done.err
    assert confirms(world, "")[0] == 130
    assert world.run(*in_folder(world, *COMMAND)).code == 2
    assert world.sts.calls == []


def test_a_name_that_is_typed_wins(world: World, file: Path) -> None:
    done = world.run(*in_folder(world, "exec", "hub", "--", "printenv", "ROLEHOP_CHAIN"))
    assert done.out == "hub\n"


def test_only_the_folder_itself_counts_outside_of_the_home_folder(
    world: World, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / ".rolehop").write_text("admin\n")
    for folder, cause in ((tmp_path, "confirmed"), (tmp_path / "below", "rolehop exec")):
        done = world.run(*in_folder(world, *COMMAND, folder=str(folder)))
        assert done.code == 2
        assert cause in done.err


def _link(file: Path) -> None:
    file.rename(file.with_name("other"))
    file.symlink_to("other")


def _second_name(file: Path) -> None:
    file.with_name("other").hardlink_to(file)


def _pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


SPOILED = [
    pytest.param(lambda file: file.write_text("hub\nadmin\n"), "one line", id="two lines"),
    pytest.param(lambda file: file.write_text(""), "one line", id="empty"),
    pytest.param(lambda file: file.write_text("a\x1b[2J\n"), "one line", id="invisible"),
    pytest.param(lambda file: file.write_bytes(b"caf\xe9\n"), "one line", id="no text"),
    pytest.param(lambda file: file.write_text("a" * 2000), "longer than", id="too long"),
    pytest.param(lambda file: file.chmod(0o666), "can write it", id="writable"),
    pytest.param(_link, "symbolic links", id="a link"),
    pytest.param(_second_name, "not a plain file", id="two names"),
    pytest.param(
        lambda file: os.chown(file, SOMEBODY, -1), "belongs to", id="somebody's", marks=AS_ROOT
    ),
    pytest.param(_pipe, "not a plain file", id="a pipe"),
]


@pytest.mark.parametrize(("spoil", "cause"), SPOILED)
def test_what_could_be_somebody_elses_is_not_followed(
    world: World, file: Path, spoil: object, cause: str
) -> None:
    assert confirms(world)[0] == 0
    spoil(file)  # type: ignore[operator]
    done = world.run(*in_folder(world, *COMMAND))
    assert done.code == 3
    assert cause in done.err


def test_confirm_of_the_chain_still_asks(world: World, file: Path) -> None:
    world.config(world.config_file.read_text().replace("labels =", "confirm = true\nlabels ="))
    with OnTerminal(world, *in_folder(world, *COMMAND)) as person:
        person.expect("Use it here? [y/N]")
        person.types("y")
        person.expect("Continue? [y/N]")
        person.types("n")
        assert person.ended().code == 130
