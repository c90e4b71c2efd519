from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from rolehop.base.errors import ServiceError
from rolehop.vault import locks
from rolehop.vault.locks import FileLocks, Ticket, locked, sweep_locks, sweep_queues, unlock
from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.vault.samples import NOW

# Each contender adds one to a number in a file, with a pause between reading and writing: without
# the lock, additions would be lost.
_CONTENDER = """
import sys, time
from pathlib import Path
from rolehop.vault.locks import FileLocks
number = Path(sys.argv[1]) / "number"
for _ in range(3):
    with FileLocks(Path(sys.argv[1]), deadline_seconds=600).hold("hub"):
        found = int(number.read_text())
        time.sleep(0.001)
        number.write_text(str(found + 1))
"""

_HOLDER = """
import sys, time
from contextlib import nullcontext
from pathlib import Path
from rolehop.vault.locks import FileLocks
locks = FileLocks(Path(sys.argv[1]))
with locks.hold("hub"), locks.waiting_for_person() if sys.argv[2] == "asking" else nullcontext():
    print("held", flush=True)
    time.sleep(3600)
"""


# Waits for its turn, and notes its number. Its own patience is for a machine that stalls.
_WAITER = """
import sys
from pathlib import Path
from rolehop.vault import locks
from rolehop.vault.locks import FileLocks
folder, number, patience = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
locks._FRESH_SECONDS = float(patience)
with FileLocks(folder, deadline_seconds=600).hold("hub"), (folder / "turns").open("a") as turns:
    turns.write(number + "\\n")
"""


@contextmanager
def waiter(folder: Path, number: int, fresh_seconds: float) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that waits for the lock; give it back once it has its place in the queue.

    ``fresh_seconds``: how long it waits for others that do not look.
    """
    argv = [sys.executable, "-c", _WAITER, str(folder), str(number), str(fresh_seconds)]
    with subprocess.Popen(argv) as process:
        while not list(folder.glob(f"locks/*.queue/*-{process.pid}-*")):
            assert process.poll() is None, "it has no place"
            time.sleep(0.01)
        yield process


def start_holder(folder: Path, how: str = "quiet") -> subprocess.Popen[bytes]:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(folder), how], stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    return holder


def end(holder: subprocess.Popen[bytes]) -> None:
    holder.kill()
    holder.wait()
    assert holder.stdout is not None
    holder.stdout.close()


def test_forty_processes_take_turns(tmp_path: Path) -> None:
    (tmp_path / "number").write_text("0")
    contenders = [
        subprocess.Popen([sys.executable, "-c", _CONTENDER, str(tmp_path)]) for _ in range(40)
    ]
    assert [contender.wait() for contender in contenders] == [0] * 40
    assert (tmp_path / "number").read_text() == "120"
    assert list((tmp_path / "locks").iterdir()) == []


def test_whoever_has_waited_longest_comes_first(tmp_path: Path) -> None:
    """Many processes at once starved one of them for as long as others kept coming."""
    with ExitStack() as stack, FileLocks(tmp_path).hold("hub"):
        for number in range(8):
            stack.enter_context(waiter(tmp_path, number, 600))  # also for one that is slow
    assert (tmp_path / "turns").read_text().split() == [str(number) for number in range(8)]
    assert list((tmp_path / "locks").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_nobody_waits_for_a_waiter_that_was_stopped_or_killed(tmp_path: Path) -> None:
    with ExitStack() as stack:
        with FileLocks(tmp_path).hold("hub"):
            stopped = stack.enter_context(waiter(tmp_path, 1, 2))
            stopped.send_signal(signal.SIGSTOP)
            killed = stack.enter_context(waiter(tmp_path, 2, 2))
            killed.kill()
            next_one = stack.enter_context(waiter(tmp_path, 3, 2))
        assert next_one.wait(timeout=60) == 0
        stopped.send_signal(signal.SIGCONT)
    assert (tmp_path / "turns").read_text().split() == ["3", "1"]
    assert list((tmp_path / "locks").iterdir()) == []


def test_nobody_waits_for_what_is_no_waiters_ticket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However often it is touched, it would cost each command five seconds."""
    monkeypatch.setattr(locks, "_FRESH_SECONDS", 600)  # as if it were touched all the time
    lock = tmp_path / "x.lock"
    queue = tmp_path / "x.queue"
    queue.mkdir()
    now = time.monotonic()
    (queue / f"{round((now - 1) * 1e9):020d}-1-1").touch()
    assert Ticket(lock, now).ahead() == 1
    (queue / f"{round((now - 1) * 1e9):020d}-1-1").unlink()
    (queue / f"{round(max(0, now - 100) * 1e9):020d}-1-1").touch()
    (queue / "!note").touch()
    (queue / f"{round((now - 1) * 1e9):020d}-1-2").mkdir()
    assert Ticket(lock, now).ahead() == 0
    assert list(queue.iterdir()) == []


def test_a_queue_that_is_a_link_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    precious = tmp_path / "mine" / "0"
    precious.touch()
    os.utime(precious, (0, 0))
    (tmp_path / "x.queue").symlink_to(tmp_path / "mine")
    ticket = Ticket(tmp_path / "x.lock", time.monotonic())
    assert ticket.ahead() == 0
    ticket.touch()
    sweep_queues(tmp_path)
    ticket.leave()
    assert list((tmp_path / "mine").iterdir()) == [precious]


def test_threads_take_turns_and_leave_nothing_behind(tmp_path: Path) -> None:
    locks, inside, most = FileLocks(tmp_path), [0], [0]

    def enter() -> None:
        for _ in range(20):
            with locks.hold("hub"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                inside[0] -= 1

    threads = [threading.Thread(target=enter) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]
    assert list((tmp_path / "locks").iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_lock_dies_with_its_process(tmp_path: Path) -> None:
    holder = start_holder(tmp_path)
    holder.send_signal(signal.SIGKILL)
    end(holder)
    with FileLocks(tmp_path, deadline_seconds=60).hold("hub"):
        pass
    assert list((tmp_path / "locks").iterdir()) == []


@pytest.mark.parametrize(
    ("how", "detail", "fix"),
    [
        pytest.param("quiet", " for 90 s", "try again; if it hangs, end it: kill ", id="working"),
        pytest.param(
            "asking",
            " for 90 s and is waiting for a person to answer",
            "answer where it asks, or end it: kill ",
            id="asking-somebody",
        ),
    ],
)
def test_past_the_deadline_the_error_names_the_holder_and_for_how_long(
    tmp_path: Path, how: str, detail: str, fix: str
) -> None:
    holder = start_holder(tmp_path, how)
    file = next((tmp_path / "locks").iterdir())
    since = json.loads(file.read_text())["since"]
    now = NOW + timedelta(seconds=since + 90 - NOW.timestamp())
    try:
        with (
            pytest.raises(ServiceError) as caught,
            FileLocks(tmp_path, deadline_seconds=0.1, now=lambda: now).hold("hub"),
        ):
            pytest.fail("two hold it")
    finally:
        end(holder)
    assert caught.value.what == "another rolehop is walking the same hop"
    assert caught.value.cause == f"process {holder.pid} has held the lock{detail}"
    assert caught.value.fix == f"{fix}{holder.pid}"
    assert caught.value.exit_code == 6


@pytest.mark.parametrize(
    ("state", "cause", "fix"),
    [
        ("", "another process has held the lock", "try again"),
        ('{"since": 1e300}', "another process has held the lock", "try again"),
        ('{"since": NaN, "pid": "1"}', "another process has held the lock", "try again"),
        (
            '{"waiting_for_person": true}',
            "another process has held the lock and is waiting for a person to answer",
            "answer where it asks",
        ),
        (
            '{"since": 9e10}',
            "another process has held the lock for 0 s, after others",
            "try again",
        ),
    ],
)
def test_a_holder_that_does_not_say_who_it_is(
    tmp_path: Path, state: str, cause: str, fix: str
) -> None:
    locks = FileLocks(tmp_path, deadline_seconds=0.1, now=lambda: NOW)
    with locks.hold("hub"):
        (path,) = (tmp_path / "locks").iterdir()
    path.touch(0o600)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(state)
        file.flush()
        with pytest.raises(ServiceError) as caught, locks.hold("hub"):
            pytest.fail("two hold it")
    assert (caught.value.cause, caught.value.fix) == (cause, fix)


@pytest.mark.parametrize(
    ("name", "doing"),
    [
        ("aws-files", "changing the AWS files"),
        ("config-file", "changing the config"),
        ("history", "using the history"),
        ("mfa-1f", "using the same MFA device"),
        ("rotate-1f", "rotating the same access key"),
        ("sign-in-corp", "signing in to the same place"),
        ("1f", "walking the same hop"),
    ],
)
def test_past_the_deadline_the_error_says_what_is_waited_for(
    tmp_path: Path, name: str, doing: str
) -> None:
    locks = FileLocks(tmp_path, deadline_seconds=0)
    with locks.hold(name), pytest.raises(ServiceError) as caught, locks.hold(name):
        pytest.fail("two hold it")
    assert caught.value.what == f"another rolehop is {doing}"


def test_a_thread_of_the_same_process_meets_the_deadline_too(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path, deadline_seconds=0.05)
    with locks.hold("hub"), pytest.raises(ServiceError, match="same hop"), locks.hold("hub"):
        pytest.fail("two hold it")


def test_what_the_last_holder_wrote_meanwhile_is_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flock = tmp_path / "it.lock", fcntl.flock

    def after_another(file: int, operation: int) -> None:
        path.write_text('{"pid": 4711, "since": 1.5, "waiting_for_person": true}')
        flock(file, operation)

    monkeypatch.setattr(fcntl, "flock", after_another)
    file = locked(path, time.monotonic())
    assert path.read_text() == ""
    unlock(file, path)


def test_a_file_system_without_locks_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(file: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuses)
    with FileLocks(tmp_path, deadline_seconds=60).hold("hub"):
        pass
    with pytest.raises(OSError, match="No locks available"):
        locked(tmp_path / "it.lock", time.monotonic())


def test_an_old_lock_file_is_deleted_unless_somebody_holds_it(tmp_path: Path) -> None:
    names = (tmp_path / "locks" / each for each in ("held.lock", "left.lock"))
    (tmp_path / "locks").mkdir()
    for path in (held := next(names), left := next(names)):
        path.touch(mode=0o600)
        os.utime(path, (0, 0))
    with held.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.utime(held, (0, 0))
        sweep_locks(tmp_path)
        assert (held.exists(), left.exists()) == (True, False)
    sweep_locks(tmp_path)
    assert not held.exists()


def test_other_names_do_not_wait(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path, deadline_seconds=0.05)
    with locks.hold("hub"), locks.hold("admin"):
        assert len(list((tmp_path / "locks").iterdir())) == 2


def test_waiting_for_a_person_is_withdrawn(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path)
    with locks.hold("hub"):
        file = next((tmp_path / "locks").iterdir())
        with locks.waiting_for_person():
            # Shorter than what was there: nothing of that stays behind it.
            assert json.loads(file.read_text())["waiting_for_person"] is True
        assert json.loads(file.read_text())["waiting_for_person"] is False


def test_an_error_inside_lets_go(tmp_path: Path) -> None:
    locks = FileLocks(tmp_path, deadline_seconds=0.05)
    with pytest.raises(LookupError), locks.hold("hub"):
        raise LookupError
    with locks.hold("hub"):
        pass


def test_a_folder_that_cannot_be_made_does_not_stop_the_walk(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file in the way")
    with FileLocks(tmp_path / "state", deadline_seconds=0.05).hold("hub"):
        pass


class TestPlantedLockFiles:
    """Whoever can write the folder must not make a lock overwrite a file of the user's."""

    @pytest.fixture
    def victim(self, tmp_path: Path) -> Path:
        path = tmp_path / "victim"
        path.write_text("precious")
        (tmp_path / "locks").mkdir()
        return path

    def lock_path(self, folder: Path) -> Path:
        return folder / "locks" / f"{hashlib.sha256(b'hub').hexdigest()[:32]}.lock"

    def test_a_symbolic_link_is_not_followed(self, tmp_path: Path, victim: Path) -> None:
        self.lock_path(tmp_path).symlink_to(victim)
        with FileLocks(tmp_path).hold("hub"):
            assert victim.read_text() == "precious"
        assert victim.read_text() == "precious"

    def test_a_dangling_link_makes_no_file(self, tmp_path: Path, victim: Path) -> None:
        self.lock_path(tmp_path).symlink_to(tmp_path / "new")
        with FileLocks(tmp_path).hold("hub"):
            assert not (tmp_path / "new").exists()

    def test_a_hard_link_is_not_written(self, tmp_path: Path, victim: Path) -> None:
        self.lock_path(tmp_path).hardlink_to(victim)
        with FileLocks(tmp_path).hold("hub"):
            assert victim.read_text() == "precious"
        assert victim.read_text() == "precious"

    def test_a_pipe_is_not_waited_for(self, tmp_path: Path, victim: Path) -> None:
        os.mkfifo(self.lock_path(tmp_path))
        with FileLocks(tmp_path).hold("hub"):
            pass

    @AS_ROOT
    def test_another_users_file_is_not_written(self, tmp_path: Path, victim: Path) -> None:
        self.lock_path(tmp_path).write_text("theirs")
        os.chown(self.lock_path(tmp_path), SOMEBODY, -1)
        with FileLocks(tmp_path).hold("hub"):
            assert self.lock_path(tmp_path).read_text() == "theirs"
