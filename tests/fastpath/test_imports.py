"""What is imported, since that is what starting costs; no clock is read."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest

from rolehop import __version__
from tests.fastpath.paths import hot, warmed
from tests.support.world import World, temporary_world

_HEAVY = [
    *("boto3", "botocore", "click", "keyring", "platformdirs", "rich", "urllib3"),
    *("dataclasses", "datetime", "enum", "hashlib", "inspect", "json", "logging", "pathlib"),
    *("re", "socket", "subprocess", "threading", "tomllib", "typing", "ctypes.util"),
]
_AWS = ["boto3", "botocore", "urllib3"]
# As the console script that an installer writes.
_SCRIPT = "import sys; sys.argv[1:] = {!r}; from rolehop.__main__ import main; main()"


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
    rows = [row for row in done.stderr.splitlines() if row.startswith("import time:")]
    return {row.rpartition("|")[2].strip() for row in rows}, done.stdout


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
    found, out = loaded_by(warm, "credential-process", "admin")
    assert out == answer
    assert among(_HEAVY, found) == set()
    ours = {each for each in found if each.startswith("rolehop")}
    reader = {"rolehop.fastpath.keyctl"} if "kernel" in warm.backend else {"rolehop.fastpath.dbus"}
    assert (
        ours
        == {
            "rolehop",
            "rolehop.__main__",
            "rolehop.fastpath",
            "rolehop.fastpath.record",
        }
        | reader
    )
    # Of the library itself: what reads the keyring, and the hash function of the record's seal.
    assert len(found - ours) <= 7, sorted(found - ours)


def test_the_version_is_printed_without_a_command_line(warm: World) -> None:
    found, out = loaded_by(warm, "--version")
    assert out == f"rolehop {__version__}\n"
    assert found == {"rolehop", "rolehop.__main__"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["assume", "--help"],
        ["list"],
        ["list", "--format", "json"],
        ["status"],
        ["status", "--format", "json"],
    ],
    ids=" ".join,
)
def test_looking_imports_nothing_of_aws_and_no_keyring(warm: World, arguments: list[str]) -> None:
    warm.rolehop("status")  # makes the new index whole: it asks the keyring, once
    found, out = loaded_by(warm, *arguments)
    assert out
    assert among([*_AWS, "keyring"], found) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "admin"],
        ["export", "admin", "--format", "json"],
        ["assume", "admin"],
        ["assume", "spokes/444444444444"],
    ],
    ids=" ".join,
)
def test_a_cached_session_is_given_to_a_pipe_without_aws_and_keyring(
    warm: World, arguments: list[str]
) -> None:
    warmed(warm, arguments[1])
    found, out = loaded_by(warm, *arguments)
    assert "ASIA" in out
    assert among([*_AWS, "keyring", "rich", "tomllib"], found) == set()
    assert "click" in found
