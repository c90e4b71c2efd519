"""What each command imports, since that is most of what it costs: what it uses, and no more.

The hot path imports next to nothing. For other commands ``imports.txt`` has a section each, which is
exact; ``python -m tests.hotpath.test_imports`` writes it anew, and the diff shows what came. An
import at the head of a file that many commands import is best moved into the function that needs it,
or below ``if TYPE_CHECKING`` if only annotations do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from rolehop import __version__
from rolehop.hotpath import launcher
from rolehop.hotpath.command_table import COMMANDS
from tests.hotpath.paths import hot, warmed
from tests.support.world import SCRIPT, World, temporary_world

# ---- the hot path

_HEAVY = [
    *("boto3", "botocore", "click", "keyring", "platformdirs", "rich", "urllib3"),
    *("dataclasses", "datetime", "enum", "hashlib", "inspect", "json", "logging", "pathlib"),
    *("re", "socket", "subprocess", "threading", "tomllib", "typing", "ctypes.util"),
]
# As the console script that an installer writes.
_SCRIPT = "import sys; sys.argv[1:] = {!r}; from rolehop.__main__ import main; main()"
# Else a bus that stalls for two seconds is given up, and the full path taken.
_PATIENT = "from rolehop.hotpath import dbus; dbus.read_secrets.__defaults__ = (60.0, None); "


def imported(code: str, world: World) -> tuple[set[str], str]:
    """Run ``code``; return the modules that were imported, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        capture_output=True,
        text=True,
        env=world.environ,
        cwd=world.home,
    )
    assert done.returncode == 0, done.stderr
    return modules_in(done.stderr), done.stdout


def modules_in(text: str) -> set[str]:
    """Return the modules that ``-X importtime`` names."""
    rows = [row for row in text.splitlines() if row.startswith("import time:")]
    return {row.rpartition("|")[2].strip() for row in rows}


def loaded_by(world: World, *arguments: str) -> tuple[set[str], str]:
    """Return what the program imports beyond an interpreter that does nothing."""
    found, out = imported(_SCRIPT.format(list(arguments)), world)
    return found - bare(), out


@cache
def bare() -> frozenset[str]:
    with temporary_world() as world:
        return frozenset(imported("pass", world)[0])


def among(names: list[str], found: set[str]) -> set[str]:
    return {each for each in found if each in names or each.split(".")[0] in names}


def test_the_hot_path_imports_next_to_nothing(warm: World) -> None:
    answer = hot(warm, "admin")
    code = _SCRIPT.format(["credential-process", "admin"])
    found, out = imported(code if "kernel" in warm.backend else _PATIENT + code, warm)
    found -= bare()
    assert out == answer
    assert among(_HEAVY, found) == set()
    ours = {each for each in found if each.startswith("rolehop")}
    reader = {"rolehop.hotpath.keyctl"} if "kernel" in warm.backend else {"rolehop.hotpath.dbus"}
    assert (
        ours
        == {
            "rolehop",
            "rolehop.__main__",
            "rolehop.hotpath",
            "rolehop.hotpath.record",
        }
        | reader
    )
    # Of the library itself: what reads the keyring, and the hash function of the record's seal.
    assert len(found - ours) <= 7, sorted(found - ours)


def test_an_installed_line_imports_less_still(warm: World) -> None:
    """``profile install`` writes it: without site not even os is loaded."""
    answer = hot(warm, "admin")
    start, words = ["-IS", launcher.__file__], [SCRIPT, "credential-process", "admin"]
    least = warm.run(sys.executable, "-X", "importtime", "-IS", "-c", "pass")
    found = {"rolehop.base.errors"}
    for _ in range(5):  # a bus that stalls for two seconds is given up, and the full path taken
        if "rolehop.base.errors" in found:
            done = warm.run(sys.executable, "-X", "importtime", *start, *words)
            assert (done.out, done.code) == (answer, 0)
            found = modules_in(done.err) - modules_in(least.err)
    reader = "keyctl" if "kernel" in warm.backend else "dbus"
    own = {f"rolehop.hotpath.{each}" for each in ("installed_line", "record", reader)}
    assert {each for each in found if each.startswith("rolehop.hotpath.")} == own
    libraries = {each for each in found if not each.startswith("rolehop")}
    assert libraries <= {"_ctypes", "_hashlib", "_sha2", "_sha256", "_socket", "time"}


def test_the_version_is_printed_without_a_command_line(warm: World) -> None:
    found, out = loaded_by(warm, "--version")
    assert out == f"rolehop {__version__}\n"
    assert found == {"rolehop", "rolehop.__main__"}


# ---- all other commands

TABLE = Path(__file__).with_name("imports.txt")
COMMON = "--help"
"""Each command line loads what this one does; other sections have what comes beside it."""

# Each costs as much as several modules of rolehop, and click imports none of them.
WATCHED_TEXT = """
asyncio boto3 botocore ctypes getpass jmespath json keyring pathlib platformdirs rich secretstorage
tomllib yaml
"""
# These, too, unless botocore and keyring bring them, each version others.
BROUGHT_TEXT = """
concurrent configparser cryptography csv dataclasses email hashlib hmac http jeepney logging random
secrets shlex socket ssl subprocess tempfile urllib3 xml zipfile
"""
WATCHED, BROUGHT = set(WATCHED_TEXT.split()), set(BROUGHT_TEXT.split())
# Parts of botocore for which one call has no use.
NEVER = {"botocore.client", "botocore.credentials", "botocore.loaders", "botocore.session"}

# Imports the command line, and forks for each run: not even that is measured once for each command.
_FORKS = """
import os, sys
for each in sys.argv[1:]:
    __import__(each)
from rolehop.__main__ import run_program
for asked in sys.stdin:
    if not os.fork():
        answers = os.dup(1)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, 0), os.dup2(nothing, 1)
        sys.argv[1:] = asked.split()
        found = " ".join([str(run_program()), *sys.modules])
        with open(answers, "w") as pipe:
            print(found, file=pipe)
        os._exit(0)
    os.wait()
"""

Run = Callable[[list[str]], tuple[set[str], set[str]]]
"""Returns the modules of rolehop that a command imports beside those of all, and all others."""

BESIDE_ROOMS = {"__main__", "api"}

Sections = dict[str, dict[str, set[str]]]
"""For each command: the modules of each room of rolehop (``.``: those beside the rooms), and under
``libraries`` those that are watched."""


def read_table() -> Sections:
    sections: Sections = {}
    section: dict[str, set[str]] = {}
    for line in TABLE.read_text(encoding="utf-8").splitlines():
        if line.startswith("$ rolehop "):
            section = sections.setdefault(line.removeprefix("$ rolehop "), {})
        elif line:
            room, _, names = line.partition(":")
            section[room] = set(names.split())
    return sections


def by_room(modules: Iterable[str]) -> dict[str, set[str]]:
    rooms: dict[str, set[str]] = {}
    for each in modules:
        room, dot, name = each.partition(".")
        if dot:
            rooms.setdefault(room, set()).add(name)
        elif each in BESIDE_ROOMS:
            rooms.setdefault(".", set()).add(each)
    return rooms


def measured(arguments: str, run: Run) -> dict[str, set[str]]:
    """Return the section of a command as it is now."""
    ours, others = run(arguments.split())
    assert not others & NEVER
    watched = WATCHED if "botocore" in others else WATCHED | BROUGHT
    libraries = {each.partition(".")[0] for each in others} & watched
    return by_room(ours) | ({"libraries": libraries} if libraries else {})


@contextmanager
def forks(world: World, loaded: Iterable[str]) -> Iterator[Run]:
    given: dict[str, Any] = {"stdin": subprocess.PIPE, "stderr": None}
    with world.start(sys.executable, "-c", _FORKS, *sorted(loaded), **given) as program:
        assert program.stdin is not None
        assert program.stdout is not None
        asked, answers = program.stdin, program.stdout

        def run_in_fork(arguments: list[str]) -> tuple[set[str], set[str]]:
            asked.write(f"{' '.join(arguments)}\n")
            asked.flush()
            code, *found = answers.readline().split()
            assert code == "0", arguments
            ours = {each for each in found if each.partition(".")[0] == "rolehop"}
            return {each[8:] for each in ours - {"rolehop", *loaded}}, set(found) - ours

        yield run_in_fork
        asked.close()  # it ends


def common_modules(world: World) -> set[str]:
    """Return what ``--help`` imports of rolehop."""
    found, _ = loaded_by(world, "--help")
    others = {each.partition(".")[0] for each in found} - {"rolehop"}
    assert not others & (WATCHED | BROUGHT)
    return {each for each in found if each.startswith("rolehop.")}


@pytest.fixture(scope="module")
def world(shared_hot_world: World) -> World:
    """A world with a cached session, whose index is whole: making it so asks the keyring, once."""
    warmed(shared_hot_world, "admin")
    shared_hot_world.rolehop("status")
    return shared_hot_world


@pytest.fixture(scope="module")
def run(world: World) -> Iterator[Run]:
    with forks(world, common_modules(world)) as runner:
        yield runner


@pytest.mark.parametrize("shared_hot_world", ["bus"], indirect=True)
@pytest.mark.parametrize("command", [each for each in read_table() if each != COMMON])
def test_a_command_imports_what_it_uses(run: Run, command: str) -> None:
    compare(command, measured(command, run))


@pytest.mark.parametrize("shared_hot_world", ["bus"], indirect=True)
def test_help_imports_the_command_line_alone(world: World) -> None:
    compare(COMMON, by_room(each[8:] for each in common_modules(world)))


def test_every_command_has_a_section() -> None:
    assert {command.split()[0] for command in read_table()} - {COMMON} == COMMANDS.keys()


def compare(command: str, found: dict[str, set[str]]) -> None:
    table = read_table()
    if REWRITES in os.environ:
        write_table(table | {command: found})
    else:
        assert found == table[command]


def write_table(table: Sections) -> None:
    texts = []
    for command, section in table.items():
        rooms = (f"{room}: {' '.join(sorted(names))}\n" for room, names in sorted(section.items()))
        texts.append(f"$ rolehop {command}\n{''.join(rooms)}")
    TABLE.write_text("\n".join(texts), encoding="utf-8")


REWRITES = "ROLEHOP_TEST_WRITE_IMPORTS"

if __name__ == "__main__":
    os.environ[REWRITES] = "1"
    sys.exit(pytest.main([__file__, "-q", "-n", "0", "-k", "imports"]))
