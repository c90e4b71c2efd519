"""``rolehop demo`` as a user runs it, on a machine whose settings must not affect it."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import stat
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

from rolehop.base.errors import RolehopError
from rolehop.commands.demo.home import HOME_VARIABLE, DemoHome, demo_home
from rolehop.commands.demo.keyring import DemoKeyring
from rolehop.commands.demo.world import NEEDED
from tests.commands.demo.machine import DEMO, Machine


@dataclass(frozen=True)
class Run:
    """One whole demo in a pipe, and the files that were there before and after it."""

    machine: Machine
    done: subprocess.CompletedProcess[str]
    before: list[str]
    after: list[str]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    machine = Machine(tmp_path_factory.mktemp("machine"))
    before = machine.files()
    done = subprocess.run(
        DEMO, env=machine.environ(), capture_output=True, text=True, timeout=300, check=False
    )
    return Run(machine, done, before, machine.files())


def test_it_shows_each_step_and_leaves_no_trace(whole: Run) -> None:
    done = whole.done
    assert whole.after == whole.before
    assert list(whole.machine.temporary.iterdir()) == []
    assert (done.returncode, done.stderr) == (0, "")
    assert steps(done.stdout) == [
        ("alice's access key goes into the keyring", []),
        ("The plan: what a walk would do", ["none"]),
        ("The first walk: one call to STS for each hop", ["3 AssumeRole"]),
        ("The same again: every session comes from the keyring", ["none"]),
        ("The sessions in the keyring and how long they last", []),
        ("A program that knows only boto3 and an AWS profile", ["1 GetCallerIdentity"]),
    ]
    for hop in (
        "111111111111:role/Developer",
        "222222222222:role/Hub",
        "333333333333:role/Spoke",
    ):
        assert f"{hop} called" in done.stdout
    assert "arn:aws:sts::333333333333:assumed-role/Spoke/alice@demo" in done.stdout


def test_in_a_pipe_it_is_plain_and_80_columns_wide(whole: Run) -> None:
    assert "\x1b" not in whole.done.stdout
    assert max(map(len, whole.done.stdout.splitlines())) <= 80


@pytest.mark.usefixtures("untouched")
def test_on_a_terminal_it_is_coloured_and_80_columns_wide(machine: Machine) -> None:
    shown = on_a_terminal(DEMO, machine.environ())
    assert "\x1b[1m" in shown
    lines = re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines()
    assert max(map(len, lines)) <= 80
    assert len(steps("\n".join(lines))) == 6


def test_it_talks_to_this_machine_only(whole: Run) -> None:
    assert set(whole.machine.reached.read_text().split()) == {"127.0.0.1"}


def test_it_shows_no_secret(whole: Run) -> None:
    # Secret keys have 40 characters and session tokens more; the longest name here is an ARN.
    words = re.findall(r"[A-Za-z0-9+/=]{30,}", whole.done.stdout)
    assert words == []


@pytest.mark.usefixtures("untouched")
def test_a_closed_pipe_ends_it(machine: Machine) -> None:
    with subprocess.Popen(
        DEMO,
        env={**machine.environ(), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        assert demo.stderr is not None
        demo.stdout.readline()
        demo.stdout.close()
        errors = demo.stderr.read()
        assert demo.wait(120) == 1
    assert errors == ""


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", NEEDED)
def test_without_the_extra_it_says_how_to_install_it(machine: Machine, name: str) -> None:
    machine.startup(f"import sys\nsys.modules[{name!r}] = None\n")
    done = subprocess.run(
        DEMO, env=machine.environ(), capture_output=True, text=True, timeout=300, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert f"not installed: {name}\n" in done.stderr
    assert "pip install 'rolehop[demo]'" in done.stderr


def test_a_failed_step_is_shown_and_named(machine: Machine) -> None:
    # The client is the only program of the demo that does not import rolehop.
    machine.startup(
        "import sys\nif 'rolehop.commands.demo.client' in sys.orig_argv: sys.exit('no luck')\n"
    )
    done = subprocess.run(
        DEMO, env=machine.environ(), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1
    assert "no luck" in done.stdout
    assert "cause  -P -m rolehop.commands.demo.client spoke ended with exit code 1" in done.stderr
    assert list(machine.temporary.iterdir()) == []


def test_a_disk_without_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(RolehopError, match="no place for the files"), demo_home():
        raise AssertionError("it began")


class TestDemoKeyring:
    @pytest.fixture
    def home(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[DemoHome]:
        with demo_home() as home:
            monkeypatch.setenv(HOME_VARIABLE, str(home.folder))
            yield home

    def test_items_stay_until_they_are_deleted(self, home: DemoHome) -> None:
        keyring = DemoKeyring()
        assert keyring.get_password("rolehop/abc", "rolehop") is None
        keyring.set_password("rolehop/abc", "rolehop", "one")
        keyring.set_password("rolehop/abc", "rolehop", "two")
        assert DemoKeyring().get_password("rolehop/abc", "rolehop") == "two"
        keyring.delete_password("rolehop/abc", "rolehop")
        assert keyring.get_password("rolehop/abc", "rolehop") is None
        with pytest.raises(PasswordDeleteError):
            keyring.delete_password("rolehop/abc", "rolehop")

    def test_files_are_private(self, home: DemoHome) -> None:
        DemoKeyring().set_password("../../rolehop", "rolehop", "one")
        made = [path for path in home.folder.rglob("*rolehop:*") if path.is_file()]
        made += [path for path in home.folder.rglob("*%3A*") if path.is_file()]
        assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o600]
        assert [path.parent for path in made] == [home.folder / "keyring"]

    def test_it_refuses_to_work_outside_a_demo(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv(HOME_VARIABLE, raising=False)
        assert not DemoKeyring.viable
        with pytest.raises(RuntimeError, match="within rolehop demo only"):
            DemoKeyring()

    def test_it_refuses_a_folder_that_is_not_the_demos(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv(HOME_VARIABLE, str(tmp_path))
        with pytest.raises(RuntimeError, match="is not the home of a demo"):
            DemoKeyring()

    def test_it_refuses_a_home_that_others_can_enter(self, home: DemoHome) -> None:
        home.folder.chmod(0o755)
        with pytest.raises(RuntimeError, match="is not the home of a demo"):
            DemoKeyring()


def steps(shown: str) -> list[tuple[str, list[str]]]:
    """Return each step's heading and its count of calls to STS."""
    parts = re.split(r"^\d  ", shown, flags=re.MULTILINE)[1:]
    return [
        (part.splitlines()[0].strip(), re.findall(r"calls to STS: (.*?)\s*$", part, re.MULTILINE))
        for part in parts
    ]


def on_a_terminal(argv: list[str], environ: dict[str, str]) -> str:
    """Return what ``argv`` shows on a terminal of 80 columns."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", "80", "rows", "24"], stdin=theirs, check=True)
    shown: list[bytes] = []

    def read() -> None:
        with contextlib.suppress(OSError):
            while data := os.read(ours, 65536):
                shown.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    subprocess.run(argv, env=environ, stdin=theirs, stdout=theirs, timeout=300, check=True)
    os.close(theirs)
    reader.join()
    os.close(ours)
    return b"".join(shown).decode().replace("\r\n", "\n")
