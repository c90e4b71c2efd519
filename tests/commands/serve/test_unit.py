"""``serve --unit``: what systemd and launchd are told starts a server, and a stop leaves nothing."""

from __future__ import annotations

import plistlib
import re
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.base.errors import UsageError
from rolehop.commands.serve.service_unit import Service, systemd_socket, systemd_unit, unit_text
from tests.commands.serve.server import TOKEN_FILE
from tests.support.environment import ROOT
from tests.support.ports import held_port
from tests.support.world import PYTHON, SCRIPT, World, ended


@pytest.fixture
def port() -> Iterator[str]:
    with held_port() as port:
        yield str(port)


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_what_a_systemd_unit_starts_serves_and_leaves_nothing(world: World, port: str) -> None:
    runtime = world.folder / "run"
    runtime.mkdir(mode=0o700)
    world.config_file.rename(world.home / "team.toml")
    done = world.rolehop("serve", "--unit", "systemd", "own", "--port", port, "--config=team.toml")
    assert done.code == 0, done.err
    assert world.sts.calls == [], "nothing is walked"
    assert f"FULL_URI=http://127.0.0.1:{port}/chains/own\n" in done.err
    unit = dict(re.findall("^([A-Za-z]+)=(.*)$", done.out, re.MULTILINE))
    command = shlex.split(unit["ExecStart"].replace("%t", str(runtime)))
    assert unit["WorkingDirectory"] == str(world.home)
    with world.start(*command) as process:
        assert process.stderr is not None
        assert any(TOKEN_FILE in line for line in process.stderr), "it serves"
        assert (runtime / "rolehop.token").exists()
        process.send_signal(signal.SIGTERM)  # what systemd sends
        assert ended(process).code == 0
    assert list(runtime.iterdir()) + list((world.state / "servers").iterdir()) == []


def test_systemd_takes_the_unit(world: World) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("not installed: systemd-analyze")
    (world.folder / "run").mkdir(mode=0o700)
    odd = ["--reason", 'a "b" % $HOME ; \\', "--tag", "a=b"]
    folder = world.folder / "50% of $HOME"
    folder.mkdir()
    program = folder / "rolehop"
    program.symlink_to(SCRIPT)
    service = Service(["a\\"], [str(program), "serve"], odd, str(folder))
    unit = world.home / "rolehop.service"
    unit.write_text(systemd_unit(service, {"AWS_CONFIG_FILE": f"{folder}/config"}))
    (world.home / "rolehop.socket").write_text(systemd_socket(service))
    done = world.run("systemd-analyze", "--user", "verify", str(unit))
    assert (done.code, done.err) == (0, "")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("spokes/4444", "spokes/4444"),
        ("--read-only", "--read-only"),
        ("spokes/*", '"spokes/*"'),
        ("50% of $HOME", '"50%% of $$HOME"'),
        ('a "b" \\', '"a \\"b\\" \\\\"'),
    ],
)
def test_a_word_of_a_unit_is_one_word(text: str, word: str) -> None:
    unit = systemd_unit(Service(["own"], ["rolehop", "serve"], [text], "/"), {"AWS_REGION": text})
    lines = unit.splitlines()
    start = f"ExecStart=rolehop serve --token-file %t/rolehop.token {word}"
    assert start in lines
    assert len(lines) == 17


def test_what_a_unit_cannot_hold_is_refused(world: World) -> None:
    """A line more in it, a token in the journal or on a disk."""
    (world.folder / "run").mkdir(mode=0o700)
    for arguments, words in (
        (("systemd", "--reason", "a\nExecStop=b"), "cannot hold this: a ExecStop=b"),
        (("launchd", "--reason", "a\x1bb"), "cannot hold this: ab"),
        (("systemd", "--print-env"), "has to print no token"),
        (("systemd", "--token-file", str(ROOT / "token")), "on a disk"),
    ):
        done = world.rolehop("serve", "own", "--unit", *arguments)
        assert done.code == 2
        assert words in done.err


@pytest.mark.parametrize(
    ("program", "folder", "words"),
    [
        ("/opt/a'b/rolehop", "/", "starts no program with this path"),
        ('/opt/a"b/rolehop', "/", "starts no program with this path"),
        ("/opt/a\\b/rolehop", "/", "starts no program with this path"),
        ("/bin/rolehop", "/blank ", "cannot name this folder"),
        ("/bin/rolehop", "/back\\", "cannot name this folder"),
    ],
)
def test_a_path_that_systemd_takes_in_no_spelling_is_refused(
    program: str, folder: str, words: str, tmp_path: Path
) -> None:
    service = Service(["own"], [program, "serve"], [], folder)
    with pytest.raises(UsageError, match=words):
        unit_text("systemd", service, App({"HOME": str(tmp_path)}, tmp_path))


def test_a_unit_says_what_programs_need(world: World) -> None:
    """Also of a token and a metadata service that are elsewhere, and which config they have."""
    runtime = world.folder / "run"
    runtime.mkdir(mode=0o700)
    token = str(runtime / "t")
    arguments = ("serve", "own", "--unit", "systemd", "--imds", "--token-file", token)
    done = world.rolehop(*arguments, env={"XDG_CONFIG_HOME": str(world.home / ".config")})
    assert done.out.count("--token-file") == 1
    assert f"Environment=XDG_CONFIG_HOME={world.home}/.config\n" in done.out
    assert f"TOKEN_FILE={token}\n" in done.err
    assert "AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:51680/, in place" in done.err
    assert "every user of this machine can get the session of own" in done.err
    assert "a service lacks this shell's AWS_ variables, where own starts" in done.err


def test_launchd_is_told_the_same(world: World) -> None:
    done = world.rolehop("serve", "hub", "--unit", "launchd")
    assert done.code == 2
    assert "gives a server no place for its token" in done.err
    runtime = world.folder / "run"
    runtime.mkdir(mode=0o700)
    done = world.rolehop("serve", "hub", "--read-only", "--unit=launchd")
    found = plistlib.loads(done.out.encode())
    assert found["ProgramArguments"] == [
        *(SCRIPT, "serve", "--port", "51680", "--token-file", f"{runtime}/rolehop.token"),
        *("hub", "--read-only"),
    ]
    assert found["EnvironmentVariables"]["XDG_RUNTIME_DIR"] == str(runtime)
    assert Path(found["WorkingDirectory"]) == world.home


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_a_service_takes_no_module_from_its_working_directory(world: World) -> None:
    """`python -m` looks there first: whoever can write into it would be the server."""
    trap = world.home / "rolehop"
    trap.mkdir()
    (trap / "__init__.py").write_text("raise SystemExit('another rolehop')\n")
    (world.home / "click.py").write_text("raise SystemExit('another click')\n")
    (world.folder / "run").mkdir(mode=0o700)
    typed = ("-P", "-m", "rolehop", "serve", "own", "--unit", "systemd")
    done = world.run(PYTHON, *typed)
    assert done.code == 0, done.err
    unit = dict(re.findall("^([A-Za-z]+)=(.*)$", done.out, re.MULTILINE))
    command = shlex.split(unit["ExecStart"].replace("%t", str(world.folder / "run")))
    assert command[1:4] == ["-P", "-m", "rolehop"]
    assert unit["WorkingDirectory"] == str(world.home)
    started = world.run(*command[:4], "--version")
    assert (started.code, started.out[:8]) == (0, "rolehop "), started.err
