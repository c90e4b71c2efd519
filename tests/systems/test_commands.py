"""Every command that people use daily ends on macOS and Windows, simulated, as it does on Linux."""

from __future__ import annotations

import json
import os
import plistlib
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path

import pytest

from tests.commands.serve.server import Server
from tests.doubles.console import ConsoleDouble
from tests.support.world import PYTHON, Done, World, ended
from tests.systems.keyrings import DENIED, LOCKED, NO_DEFAULT
from tests.systems.world import MACOS, SYSTEMS, WINDOWS, SimulatedWorld, simulated_world

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info >= (3, 12),
    reason="it is simulated on Linux, in Python 3.11",
)

COMMANDS = (
    ("config", "check"),
    ("list",),
    ("plan", "admin"),
    ("assume", "admin", "--shell", "powershell"),
    ("export", "admin"),
    ("credential-process", "admin"),
    ("exec", "admin", "--", "env"),
    ("exec", "admin", "--", "sh", "-c", "exit 7"),
    ("exec", "admin", "--", "nothing-of-that-name"),
    ("exec", "--server", "admin", "--", "sh", "-c", "exit 7"),
    ("each", "spokes/*", "--", "env"),
    ("each", "spokes/*", "--server", "--", "env"),
    ("status",),
    ("history",),
    ("explain", "admin"),
    ("console", "admin", "--print"),
    ("profile", "install", "admin", "--yes"),
    ("profile", "list"),
    ("profile", "remove", "admin", "--yes"),
    ("init", "bash"),
    ("completion", "bash"),
    ("source", "test", "me"),
    ("whoami", "hub"),
    ("refresh", "admin"),
    ("serve", "hub", "--stop"),
    ("keys", "list"),
    ("guide", "keyring"),
    ("doctor",),
    ("logout", "admin"),
    ("logout", "--all"),
    ("uninstall", "--yes"),
    ("uninstall", "--yes"),
)


@pytest.fixture(params=SYSTEMS)
def world(request: pytest.FixtureRequest) -> Iterator[SimulatedWorld]:
    with simulated_world(request.param) as world:
        yield world


@pytest.fixture
def macos() -> Iterator[SimulatedWorld]:
    with simulated_world(MACOS) as world:
        yield world


@pytest.fixture
def windows() -> Iterator[SimulatedWorld]:
    with simulated_world(WINDOWS) as world:
        yield world


def own_files(world: World) -> Mapping[Path, bytes]:
    """Return the files of the person's, which no command may change or lose."""
    return {
        path.relative_to(world.home): path.read_bytes()
        for path in (world.config_file, *(world.home / ".aws").iterdir(), world.home / ".bashrc")
    }


@contextmanager
def begun(world: World, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Start rolehop, and kill it at the end if it is still there."""
    with world.start(PYTHON, "-m", "rolehop", *arguments) as process:
        try:
            yield process
        finally:
            process.kill()


def journey(world: World) -> dict[str, Done]:
    """Run all commands one after the other."""
    world.aws_config("[profile mine]\nregion = eu-west-1\n")
    (world.home / ".bashrc").write_text("alias ll='ls -l'\n")
    (world.config_file.parent / "chains.toml").write_text("# a file of the team\n")
    before, found = own_files(world), dict[str, Done]()
    run = world.simulated if isinstance(world, SimulatedWorld) else world.rolehop
    with ConsoleDouble(world.sts) as console:
        world.more |= console.environ
        for number, command in enumerate(COMMANDS):
            found[f"{number} {' '.join(command)}"] = run(*command)
    assert own_files(world).items() >= before.items()
    assert (world.config_file.parent / "chains.toml").exists()
    assert not world.state.exists()
    return found


@pytest.mark.long
def test_every_command_ends_as_on_linux_and_loses_nothing(world: SimulatedWorld) -> None:
    with World(world.folder / "linux") as linux:
        expected = {name: done.code for name, done in journey(linux).items()}
    found = journey(world)
    assert {name: done.code for name, done in found.items()} == expected
    for name, done in found.items():
        assert "Traceback" not in done.err, (name, done.err)
        assert "something unexpected" not in done.err, (name, done.err)


def test_every_module_can_be_imported(world: SimulatedWorld) -> None:
    code = (
        "import importlib, pkgutil, rolehop\n"
        "for each in pkgutil.walk_packages(rolehop.__path__, 'rolehop.'):\n"
        "    if not each.name.startswith('rolehop.commands.demo'):\n"
        "        importlib.import_module(each.name)\n"
    )
    done = world.run(PYTHON, "-W", "ignore", "-c", code)
    assert (done.code, done.err) == (0, "")


# ---- keyrings that fail


@pytest.mark.parametrize(
    ("system", "fails", "said"),
    [
        (MACOS, DENIED, "the keyring denies access"),
        (MACOS, LOCKED, "the keyring is locked"),
        (MACOS, NO_DEFAULT, "there is no usable keyring"),
        (WINDOWS, 5, "the keyring denies access"),
        (WINDOWS, 1312, "a specified logon session does not exist"),
    ],
)
def test_a_keyring_that_fails_costs_a_call_and_is_named(system: str, fails: int, said: str) -> None:
    with simulated_world(system) as world:
        world.more["ROLEHOP_TEST_FAILS"] = str(fails)
        done = world.simulated("export", "admin")
        assert done.code == 0, done.err
        assert said in done.err
        assert "Traceback" not in done.err


@pytest.mark.parametrize(
    ("system", "fails"), [(MACOS, DENIED), (MACOS, LOCKED), (WINDOWS, 1312), (WINDOWS, 5)]
)
def test_what_a_keyring_keeps_is_not_lost_while_it_fails(system: str, fails: int) -> None:
    with simulated_world(system) as world:
        assert world.simulated("export", "admin").code == 0
        world.more["ROLEHOP_TEST_FAILS"] = str(fails)
        codes = {"credential-process admin": 0, "status": 0, "logout hub": 7, "uninstall --yes": 7}
        for command, code in codes.items():
            done = world.simulated(*command.split())
            assert (command, done.code) == (command, code), done.err
            assert "Traceback" not in done.err
        world.more["ROLEHOP_TEST_FAILS"] = "0"
        calls = len(world.sts.roles_called)
        assert world.simulated("export", "admin").code == 0
        assert len(world.sts.roles_called) == calls, "it was lost"


def test_windows_keeps_a_session_in_parts_and_no_old_one(windows: SimulatedWorld) -> None:
    """A blob holds 1,280 characters, and an old value stays under another name unless it is deleted."""
    windows.sts.token_length = 2_000
    assert windows.simulated("export", "admin").code == 0
    assert len(windows.items()) > 4, "two sessions in one part each"
    assert windows.simulated("refresh", "admin").code == 0
    assert not [path for path in windows.items() if path.name.startswith("rolehop@")]
    calls = len(windows.sts.roles_called)
    assert windows.simulated("export", "admin").code == 0
    assert len(windows.sts.roles_called) == calls, "it was not read back"


# ---- what could be lost, or be somebody else's


def test_a_config_that_any_user_can_plant_is_not_read_on_windows(windows: SimulatedWorld) -> None:
    windows.site.parent.mkdir(parents=True)
    ran = windows.folder / "ran"
    windows.site.write_text(
        f"version = 1\n[sources.theirs]\ntype = 'process'\ncommand = 'sh -c \"touch {ran}\"'\n"
        "[chains.admin]\nsource = 'theirs'\n"
    )
    planted = windows.site.parent.parent / "Python Keyring"
    planted.mkdir()
    (planted / "keyringrc.cfg").write_text(
        f"[backend]\ndefault-keyring = planted.Keyring\nkeyring-path = {planted}\n"
    )
    (planted / "planted.py").write_text(f"open({str(ran)!r}, 'w')\n")
    for env in ({}, {"LOCALAPPDATA": None}):
        windows.simulated("export", "admin", env=env)
        windows.config("version = 1\n")
        windows.simulated("export", "admin", env=env)
        windows.config()
    assert not ran.exists()


@pytest.mark.parametrize("command", [("exec", "admin", "--"), ("each", "admin", "--")])
def test_no_program_is_taken_from_the_current_folder_on_windows(
    windows: SimulatedWorld, command: tuple[str, ...]
) -> None:
    """Where Windows itself looks first: anybody's download may lie there."""
    for name in ("env", "env.exe"):
        (windows.home / name).write_text("#!/bin/sh\necho planted\n")
        (windows.home / name).chmod(0o700)
    done = windows.simulated(*command, "env")
    assert done.code == 0, done.err
    assert "ROLEHOP_CHAIN=admin" in done.out
    assert "planted" not in done.out
    (windows._bin / "env.exe").unlink()
    done = windows.simulated(*command, "env")
    assert "planted" not in done.out
    assert done.code in (2, 127)


def test_a_batch_file_gets_no_argument_that_is_code(windows: SimulatedWorld) -> None:
    (windows._bin / "tool.cmd").write_text('#!/bin/sh\necho "$1"\n')
    (windows._bin / "tool.cmd").chmod(0o700)
    assert windows.simulated("exec", "admin", "--", "tool", "a b").out == "a b\n"
    done = windows.simulated("exec", "admin", "--", "tool", 'a"&calc')
    assert (done.code, done.out) == (126, "")
    assert "a batch file would take an argument for code" in done.err


def test_a_batch_file_of_a_source_is_not_looked_for_in_the_current_folder(
    windows: SimulatedWorld,
) -> None:
    """Windows has cmd run it, which looks for what its command names once more."""
    (windows._bin / "tool.cmd").write_text("#!/bin/sh\nexit 3\n")
    (windows._bin / "tool.cmd").chmod(0o700)
    for arguments, said in (("", "ended with code 3"), (" a&b", "would take an argument for code")):
        windows.config(
            f"version = 1\n[sources.theirs]\ntype = 'process'\ncommand = 'tool{arguments}'\n"
            "[chains.admin]\nsource = 'theirs'\n"
            "hops = [{ role = 'arn:aws:iam::111111111111:role/Admin' }]\n"
        )
        done = windows.simulated("export", "admin")
        assert said in done.err, done.err


def test_a_program_that_is_named_by_a_relative_path_is_that_one(windows: SimulatedWorld) -> None:
    """Windows looks for a mere name beside Python's own program first, also if it was ``./name``."""
    own = windows.home / "python.exe"
    own.write_text("#!/bin/sh\n")
    code = "import os; from rolehop.base.programs import as_started\n"
    done = windows.run(PYTHON, "-c", f"{code}print(as_started(['./python'], os.environ)[0])")
    assert done.out == f"{own}\n", done.err


_FINDS_SCRIPT = """
import sys
from rolehop.commands.profile.installed import this_installation
sys.executable, sys.argv[0] = "/nowhere/python.exe", sys.argv[1]
print(this_installation().script)
"""


def test_a_script_that_runs_is_found_by_the_name_that_it_is_started_with(
    windows: SimulatedWorld,
) -> None:
    script = windows._bin / "rolehop"
    done = windows.run(PYTHON, "-c", _FINDS_SCRIPT, str(script))
    assert done.out == f"{script}.exe\n", done.err


def test_a_console_shows_what_is_not_ascii(windows: SimulatedWorld) -> None:
    code = "from rolehop.terminal.output import write_stdout; write_stdout('ä → ö\\n')"
    shown, console = pty.openpty()
    try:
        done = windows.run(PYTHON, "-X", "utf8", "-c", code, stdout=console)
        assert (done.code, done.err) == (0, "")
        assert os.read(shown, 64).decode() == "ä → ö\r\n"
    finally:
        os.close(shown)
        os.close(console)


_REPLACES = """
import sys, threading
from pathlib import Path
from rolehop.base.files import write_beside
path = Path(sys.argv[1])
path.write_text("old")
opened = path.open()
threading.Timer(0.1, opened.close).start()
write_beside(path, "new")
print(path.read_text())
"""


def test_a_file_that_is_open_is_replaced_once_it_is_closed(windows: SimulatedWorld) -> None:
    done = windows.run(PYTHON, "-c", _REPLACES, str(windows.folder / "file"))
    assert (done.code, done.out) == (0, "new\n"), done.err


# ---- each --timeout, and servers


@pytest.mark.long
def test_a_command_that_takes_too_long_leaves_no_process(macos: SimulatedWorld) -> None:
    """Also what ignores the signal, after the shell that started it is gone: it has credentials."""
    started = macos.folder / "started"
    command = f"(trap '' TERM; exec sleep 300) & echo $! >>{started}; wait"
    done = macos.simulated("each", "spokes/*", "--timeout", "1s", "--", "sh", "-c", command)
    assert done.code != 0
    left = [int(each) for each in started.read_text().split() if is_running(int(each))]
    for each in left:
        with suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
    assert len(started.read_text().split()) == 2
    assert left == []


def is_running(process: int) -> bool:
    try:
        status = Path(f"/proc/{process}/stat").read_bytes()
    except FileNotFoundError:
        return False
    return status.rpartition(b")")[2].split()[0] not in (b"Z", b"X")


_POLL = """
import json, os, time, urllib.request
request = urllib.request.Request(
    os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"],
    headers={"Authorization": os.environ["AWS_CONTAINER_AUTHORIZATION_TOKEN"]},
)
keys, until = set(), time.monotonic() + 60
while len(keys) < 2 and time.monotonic() < until:
    keys.add(json.load(urllib.request.urlopen(request))["AccessKeyId"])
    time.sleep(0.05)
print(len(keys))
"""


def test_a_server_of_one_command_renews_without_a_fork(world: SimulatedWorld) -> None:
    """The Keychain of the simulation aborts a process that was forked, as Apple's libraries do."""
    world.sts.now -= timedelta(hours=1, seconds=-6)
    done = world.simulated("exec", "admin", "--server", "--", "python", "-c", _POLL)
    assert (done.code, done.out) == (0, "2\n"), done.err
    assert [*world.temporary.iterdir()] == []
    assert [*(world.state / "servers").glob("*.json")] == []


def test_a_signal_is_for_the_command_that_is_served(macos: SimulatedWorld) -> None:
    waits = "trap 'echo got; exit 3' TERM; echo ready; while :; do sleep 0.1; done"
    command = ("exec", "--server", "admin", "--", "sh", "-c", waits)
    with begun(macos, *command) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        done = ended(process)
    assert (done.code, done.out) == (3, "got\n"), done.err


_TYPED_EARLY = """
import os, signal, subprocess, sys
class Popen(subprocess.Popen):
    def __init__(self, *args, **more):
        os.kill(os.getpid(), signal.SIGINT)
        super().__init__(*args, **more)
subprocess.Popen = Popen
from rolehop.commands.run_program import run
sys.exit(run(["sleep", "60"], os.environ, served=True))
"""


def test_ctrl_c_just_before_a_served_command_is_there_ends_it(macos: SimulatedWorld) -> None:
    done = macos.run(PYTHON, "-c", _TYPED_EARLY)
    assert done.code == 128 + signal.SIGINT, done.err


def test_a_server_serves_and_ends_at_ctrl_c(world: SimulatedWorld) -> None:
    with begun(world, "serve", "hub", "--print-env", "--shell", "bash") as process:
        assert process.stdout is not None
        printed = process.stdout.read()
        status, body = Server(process, printed).get()
        assert (status, "AccessKeyId" in json.loads(body)) == (200, True)
        (row,) = world.simulated("status", "--format", "json").json["servers"]
        assert row["chains"][0]["chain"] == "hub"
        told = world.simulated("serve", "--add", "admin")
        assert told.code == 1
        assert "the server cannot be told" in told.err
        process.send_signal(signal.SIGINT)
        done = ended(process)
    assert (done.code, "the server has ended" in done.err) == (0, True), done.err
    assert [*(world.state / "servers").iterdir()] == []


def test_a_server_is_stopped_from_elsewhere(world: SimulatedWorld) -> None:
    with begun(world, "serve", "hub", "--print-env") as process:
        assert process.stdout is not None
        process.stdout.read()
        done = world.simulated("serve", "--stop")
        assert done.code == 0, done.err
        assert "has ended" in done.err
        process.wait(60)
    assert [*(world.state / "servers").iterdir()] == []
    assert "no server runs" in world.simulated("serve", "--stop").err


def test_a_server_without_a_place_for_its_token_says_so_at_once(windows: SimulatedWorld) -> None:
    done = windows.simulated("serve", "hub")
    assert done.code == 2
    assert "nobody could use this server" in done.err
    assert "--print-env" in done.err


def test_the_token_of_macos_is_on_the_disk_and_that_is_said(macos: SimulatedWorld) -> None:
    with begun(macos, "serve", "hub") as process:
        until = time.monotonic() + 60
        while not [*macos.temporary.iterdir()] and time.monotonic() < until:
            time.sleep(0.05)
        (token,) = macos.temporary.iterdir()
        assert token.stat().st_mode & 0o777 == 0o600
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        done = ended(process)
    assert "on the disk" in done.out + done.err
    assert [*macos.temporary.iterdir()] == []


def test_launchd_gets_a_definition(macos: SimulatedWorld) -> None:
    done = macos.simulated("serve", "hub", "--unit", "launchd")
    assert done.code == 0, done.err
    assert f"{macos.temporary}/rolehop.token" in done.out
    variables = plistlib.loads(done.out.encode())["EnvironmentVariables"]
    assert variables["PATH"] == macos.environ["PATH"], "launchd's own lacks Homebrew's folders"
    assert "$TMPDIR/rolehop.token" in done.err
