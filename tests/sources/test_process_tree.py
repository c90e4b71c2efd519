"""Programs that rolehop starts end with everything that they started, and may ask on the terminal."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.base.errors import SourceError
from rolehop.sources.programs import program_output
from tests.sources.machines import START, keyless_world
from tests.sources.pki import PASSPHRASE, issue, key_pem, pem, write
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, Done, World, ended

SETTINGS = {
    "process": 'type = "process"\ncommand = ["{tool}"]',
    "token_command": 'type = "web-identity"\nrole = "111111111111:role/A"\ntoken_command = ["{tool}"]',
    "assertion_command": 'type = "saml"\nassertion_command = ["{tool}"]',
    "passphrase_command": 'type = "roles-anywhere"\n'
    'trust_anchor = "arn:aws:rolesanywhere:eu-west-1:111111111111:trust-anchor/'
    '11111111-2222-3333-4444-555555555555"\n'
    'profile = "arn:aws:rolesanywhere:eu-west-1:111111111111:profile/'
    '11111111-2222-3333-4444-555555555555"\n'
    'role = "111111111111:role/A"\ncertificate = "me.pem"\nprivate_key = "me.key"\n'
    'passphrase_command = ["{tool}"]',
    "mfa_command": 'type = "environment"\nmfa_serial = "arn:aws:iam::111111111111:mfa/alice"\n'
    'mfa_command = ["{tool}"]',
    "credential_process": 'type = "profile"\nprofile = "dev"',
}

# A child, one in a session of its own, one that ignores a hang-up, and three whose parent has ended,
# the last with nothing in its environment.
BACKGROUND = """#!/bin/sh
trap '' TERM HUP
sleep 300 & echo $! >> {pids}
setsid sleep 300 & echo $! >> {pids}
nohup sleep 300 > /dev/null 2>&1 & echo $! >> {pids}
(sleep 300 & echo $! >> {pids})
(setsid sh -c 'echo $$ >> {pids}; exec sleep 300' &)
(env -i setsid sh -c 'echo $$ >> {pids}; exec sleep 300' &)
while [ $(wc -l < {pids}) -lt 6 ]; do sleep 0.05; done
echo $$ >> {pids}
"""
STARTED = 7


class Tool:
    """A world whose source runs a program that starts others."""

    def __init__(self, world: World, then: str) -> None:
        self.world = world
        self.pids = world.folder / "pids"
        self.path = world.folder / "tool"
        self.path.write_text(BACKGROUND.format(pids=self.pids) + then)
        self.path.chmod(0o700)

    def use(self, kind: str) -> None:
        settings = SETTINGS[kind].format(tool=self.path)
        self.world.config(
            f'version = 1\n[sources.s]\n{settings}\n[chains.c]\nsource = "s"\n'
            'hops = [{ role = "arn:aws:iam::222222222222:role/Hub" }]\n'
        )
        self.world.aws_config(f"[profile dev]\ncredential_process = {self.path}\n")
        leaf = issue("me", issue("root", authority=True))
        folder = self.world.config_file.parent
        write(folder / "me.pem", pem(leaf.certificate))
        write(folder / "me.key", key_pem(leaf.key, passphrase=PASSPHRASE))
        if kind == "mfa_command":
            self.world.more |= {"AWS_ACCESS_KEY_ID": "AKIAME", "AWS_SECRET_ACCESS_KEY": "secret"}

    def alive(self) -> list[int]:
        """Return the processes that it started and that have not ended."""
        started = [int(line) for line in self.pids.read_text().split()]
        assert len(started) == STARTED
        return [pid for pid in started if _is_alive(pid)]

    def await_start(self) -> None:
        """Wait until it has started all that it starts."""
        _await(lambda: self.pids.exists() and len(self.pids.read_text().split()) == STARTED)

    def await_end(self, left: int = 0) -> None:
        """Wait until all that it started has ended, but for so many: a kill takes a moment."""
        _await(lambda: len(self.alive()) == left)

    def run_out_of_time(self, run: Callable[[int], Done]) -> tuple[Done, int]:
        """Return how a run ended and its seconds, which were enough for all that it starts."""
        for seconds in (1, 8, 36):
            done = run(seconds)
            if self.pids.exists() and len(self.pids.read_text().split()) == STARTED:
                return done, seconds
            self.clean_up()
        raise AssertionError("the machine is too slow")

    def clean_up(self) -> None:
        if self.pids.exists():
            for line in self.pids.read_text().split():
                with suppress(ProcessLookupError):
                    os.kill(int(line), signal.SIGKILL)
            self.pids.unlink()


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _await(holds: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


@pytest.fixture
def endless() -> Iterator[Tool]:
    with keyless_world() as world:
        tool = Tool(world, "exec sleep 300\n")
        yield tool
        tool.clean_up()


@pytest.fixture
def flooding(request: pytest.FixtureRequest) -> Iterator[Tool]:
    with keyless_world() as world:
        tool = Tool(world, "exec yes\n")
        yield tool
        tool.clean_up()


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_program_whose_output_is_too_long_leaves_nothing_behind(
    flooding: Tool, kind: str
) -> None:
    flooding.use(kind)
    done = flooding.world.rolehop("credential-process", "c")
    assert (done.code, done.out) == (4, "")
    assert "printed far too much" in done.err
    flooding.await_end()


def test_a_program_whose_messages_are_too_long_is_ended_too(flooding: Tool) -> None:
    flooding.path.write_text(
        flooding.path.read_text().replace("exec yes", "exec head -c 3000000 /dev/zero >&2")
    )
    flooding.use("process")
    done = flooding.world.rolehop("-q", "credential-process", "c")
    assert (done.code, done.out) == (4, "")
    assert "over 1,000,000 bytes on its stderr" in done.err
    flooding.await_end()


# The program itself, with less time for programs.
IMPATIENT = """
from rolehop.app import mfa_codes
from rolehop.sources import programs as subprocesses
subprocesses.DEADLINE = mfa_codes.COMMAND_DEADLINE = {seconds}
"""


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_program_whose_time_is_up_leaves_nothing_behind(endless: Tool, kind: str) -> None:
    endless.use(kind)

    def run(seconds: int) -> Done:
        before = IMPATIENT.format(seconds=seconds)
        return endless.world.rolehop("credential-process", "c", before=before)

    done, seconds = endless.run_out_of_time(run)
    assert (done.code, done.out) == (4, "")
    assert f"tool ran for {seconds} s and was stopped" in done.err
    endless.await_end()


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_program_that_fails_leaves_nothing_behind(endless: Tool, kind: str) -> None:
    script = endless.path.read_text()
    endless.path.write_text(script.replace("exec sleep 300\n", "exit 7\n"))
    endless.use(kind)
    done = endless.world.rolehop("credential-process", "c")
    assert (done.code, done.out) == (4, "")
    assert "tool ended with code 7" in done.err
    endless.await_end()


# The program itself, with more time for programs that clean up: a busy machine starts `touch` late.
PATIENT = """
from rolehop.sources import running_program as process_tree
process_tree._GRACE = 60.0
"""


def test_a_program_that_is_ended_may_clean_up(world: World) -> None:
    """It is ended for its long output, hence never before its trap is set.

    Once its children have ended it has nothing left to do: it must have been asked before them.
    """
    cleaned, tool = world.folder / "cleaned", world.folder / "tool"
    tool.write_text(
        f"#!/bin/sh\ntrap 'touch {cleaned}; exit' TERM\n"
        "for each in 1 2 3 4 5; do sleep 300 & done\nyes &\nwait\n"
    )
    tool.chmod(0o700)
    own_session(world, tool)
    done = world.rolehop("credential-process", "c", before=PATIENT)
    assert (done.code, done.out) == (4, "")
    assert cleaned.exists()


# The system cannot be asked which processes there are: no /proc, and a ps that fails.
BLIND = """
from pathlib import Path
from rolehop.sources import running_program as process_tree
process_tree._PROC = Path("/nowhere")
process_tree._PS = "/bin/false"
"""


def test_the_program_itself_is_always_ended(world: World) -> None:
    pid, tool = world.folder / "pid", world.folder / "tool"
    tool.write_text(f"#!/bin/sh\necho $$ > {pid}\nexec sleep 300\n")
    tool.chmod(0o700)
    own_session(world, tool)
    seconds, done = 1, Done(0, "", "")
    while not (pid.exists() and pid.read_text()):  # a machine that stalls starts it late
        before = BLIND + IMPATIENT.format(seconds=seconds)
        done = world.rolehop("credential-process", "c", before=before)
        seconds *= 6
        assert seconds < 60, "the machine is too slow"
    assert (done.code, done.out) == (4, "")
    assert f"tool ran for {seconds // 6} s and was stopped" in done.err
    _await(lambda: not _is_alive(int(pid.read_text())))


# The program itself, called by somebody who does not wait long.
HURRIED = """
from rolehop.commands import credential_process
credential_process._SECONDS = {seconds}
"""


@pytest.mark.parametrize("kind", ["process", "mfa_command"])
def test_a_terminal_gives_a_program_no_more_time_than_its_caller_has(
    endless: Tool, kind: str
) -> None:
    endless.use(kind)

    def run(seconds: int) -> Done:
        argv, before = (SCRIPT, "credential-process", "c"), HURRIED.format(seconds=seconds)
        with OnTerminal(endless.world, *argv, before=before) as person:
            return person.ended(90)

    done, seconds = endless.run_out_of_time(run)
    assert (done.code, done.out) == (6, "")
    assert f"no session within {seconds} s" in done.err
    endless.await_end()


def test_ctrl_c_ends_a_program_with_everything_that_it_started(endless: Tool) -> None:
    endless.use("process")
    with OnTerminal(endless.world, SCRIPT, "export", "c", "--format", "json") as person:
        endless.await_start()
        person.presses_ctrl_c()
        done = person.ended()
    assert done.code == 130
    endless.await_end()


@pytest.mark.parametrize("kill", [os.kill, os.killpg], ids=["alone", "with-its-group"])
def test_a_program_ends_with_everything_that_it_started_if_rolehop_is_killed(
    endless: Tool, kill: Callable[[int, int], None]
) -> None:
    endless.use("process")
    with endless.world.start(SCRIPT, "credential-process", "c") as process:
        endless.await_start()
        kill(process.pid, signal.SIGKILL)
        process.communicate()
    endless.await_end()


def test_a_killed_keeper_is_named_and_what_can_be_found_is_ended(endless: Tool) -> None:
    endless.use("process")
    with endless.world.fork("credential-process", "c") as process:
        endless.await_start()
        program = endless.alive()[-1]
        keeper = Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[1]
        os.kill(int(keeper), signal.SIGKILL)
        done = ended(process)
    assert (done.code, done.out) == (4, "")
    assert "cause  the process of rolehop's that watches over" in done.err
    assert "was killed by signal 9 (SIGKILL), and" in done.err
    # The one without a parent and an environment.
    endless.await_end(left=1)
    assert "what the program had started may still run" in done.err


class Answer:
    """A session that the STS double knows, as a process prints it."""

    def __init__(self, world: World) -> None:
        aws = world.sts.world
        ends = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)
        self.key = aws.issue(
            64,
            account="111111111111",
            arn=f"arn:aws:sts::111111111111:assumed-role/{START.rpartition('/')[2]}/me",
            user_id="AROAEXAMPLE:me",
            role=aws.role(START),
            expires_at=ends,
        )
        self.expires_at = f"{ends:%Y-%m-%dT%H:%M:%SZ}"

    def text(self, secret: str) -> str:
        found = {"Version": 1, "AccessKeyId": self.key.access_key_id, "SecretAccessKey": secret}
        return json.dumps({**found, "SessionToken": self.key.token, "Expiration": self.expires_at})


def own_session(world: World, tool: Path) -> None:
    world.config(
        f'version = 1\n[sources.s]\ntype = "process"\ncommand = ["{tool}"]\n'
        '[chains.c]\nsource = "s"\n'
    )


def test_what_a_program_leaves_running_when_it_succeeds_stays(endless: Tool) -> None:
    """It may be an agent that is meant to stay, e.g. gpg-agent."""
    answer = Answer(endless.world)
    script = endless.path.read_text()
    printing = f"echo '{answer.text(answer.key.secret)}'; exit 0\n"
    endless.path.write_text(script.replace("exec sleep 300\n", printing))
    own_session(endless.world, endless.path)
    done = endless.world.rolehop("export", "c", "--format", "json")
    assert done.code == 0, done.err
    endless.await_end(left=STARTED - 1)


def test_what_a_program_leaves_running_is_no_child_of_the_command_that_takes_our_place(
    endless: Tool,
) -> None:
    """It could wait for all its children, or take their end for that of its own."""
    answer = Answer(endless.world)
    script = endless.path.read_text()
    printing = f"echo '{answer.text(answer.key.secret)}'; exit 0\n"
    endless.path.write_text(script.replace("exec sleep 300\n", printing))
    own_session(endless.world, endless.path)
    shows = "read children < /proc/$$/task/$$/children; echo children: $children"
    done = endless.world.rolehop("exec", "c", "--", "sh", "-c", shows)
    assert (done.code, done.out) == (0, "children:\n")
    endless.await_end(left=STARTED - 1)


def test_of_programs_that_run_at_once_each_has_its_own_processes(tmp_path: Path) -> None:
    """Every second one fails; what the others left running stays."""
    hidden = "(env -i setsid sh -c 'echo $$ > {pid}; exec sleep 300' >/dev/null 2>&1 &)"

    def run(number: int) -> int:
        pid = tmp_path / str(number)
        waits = f"while [ ! -s {pid} ]; do sleep 0.05; done"
        script = f"{hidden.format(pid=pid)}; {waits}; sleep 0.2; exit {number % 2}"
        with suppress(SourceError):
            environ = {"PATH": os.environ["PATH"]}
            program_output(["sh", "-c", script], environ, what="it", say=print)
        return int(pid.read_text())

    try:
        with ThreadPoolExecutor(8) as pool:
            pids = list(pool.map(run, range(8)))
        _await(lambda: not any(_is_alive(pid) for pid in pids[1::2]))
        assert [_is_alive(pid) for pid in pids] == [True, False] * 4
    finally:
        for each in tmp_path.iterdir():
            with suppress(ProcessLookupError):
                os.kill(int(each.read_text()), signal.SIGKILL)


@pytest.mark.parametrize("through", ["/dev/tty", "stdin"])
def test_a_program_may_ask_on_the_terminal(through: str) -> None:
    with keyless_world() as world:
        answer = Answer(world)
        source = " < /dev/tty" if through == "/dev/tty" else ""
        tool = world.folder / "tool"
        tool.write_text(
            f"#!/bin/sh\nprintf 'the word: ' > /dev/tty\nread word{source}\n"
            f"printf '{answer.text('%s')}' \"$word\"\n"
        )
        tool.chmod(0o700)
        own_session(world, tool)
        command = '"$0" export c --format json' + (" < /dev/tty" if through == "stdin" else "")
        with OnTerminal(world, "bash", "-c", f"echo $({command})", SCRIPT) as person:
            person.expect("the word: ")
            person.types(answer.key.secret)
            done = person.ended()
        assert done.json["SecretAccessKey"] == answer.key.secret
