"""Many runs of the program in one go: each in a process of its own, none with imports of its own.

    runs_of(world, [(80, ["list"]), (0, ["plan", "hub"]), ("02", ["status"])])

A run has a terminal of so many columns, or none: then its stdout and stderr are pipes, but for the
streams that are closed before it starts, named by their numbers.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
from collections.abc import Mapping, Sequence
from typing import NoReturn

from tests.support.fork_server import MOST_FILES, load
from tests.support.world import HUB, World, ended

# Every command, in every form that it has an output of its own for; a name comes last.
FORMS = [
    ["assume"], ["assume", "--shell", "sh"], ["shell", "--shell", "true"], ["export"],
    ["export", "--format", "json"], ["export", "--format", "ini"], ["export", "--format", "dotenv"],
    ["exec"], ["exec", "hub", "--"], ["each"], ["each", "hub", "--"],
    ["each", "hub", "--dry-run", "-v", "--", "echo"], ["each", "--report"], ["credential-process"],
    ["refresh"], ["refresh", "hub"], ["list"], ["list", "--format", "json"], ["show"],
    ["show", "--format", "json"], ["plan"], ["plan", "-v"], ["plan", "--format", "json"], ["graph"],
    ["graph", "--format", "mermaid"], ["graph", "--format", "dot"], ["graph", "--format", "svg"],
    ["routes"], ["routes", "--format", "json"], ["explain"], ["explain", "--format", "json"],
    ["explain", "role"], ["check"], ["check", "--format", "json"], ["check", "--format", "junit"],
    ["check", "--format", "sarif"], ["status"], ["status", "-v"], ["status", "--format", "json"],
    ["history"], ["history", "--format", "json"], ["history", "-v"],
    ["history", "--format", "ndjson"], ["history", "match", "trail.json"],
    ["whoami"], ["whoami", "--format", "json"], ["logout"], ["doctor"],
    ["doctor", "--format", "json"], ["config", "import"], ["config", "reference"], ["demo"],
    ["keys", "add"], ["keys", "list"], ["keys", "remove"], ["keys", "rotate"], ["fleet", "list"],
    ["fleet", "refresh"], ["source", "list"], ["source", "test"], ["source", "login"],
    ["source", "logout"], ["init"], ["completion"], ["help"], ["help", "keys"], ["guide"],
    ["login"], ["assume", "-"], ["plan", "hub", "-d"], ["serve", "--stop"],
    ["serve", "--stop", "--docker"], ["serve", "--stop", "--unit"], ["console"],
    ["console", "--list"], ["console", "hub", "--browser"],
    ["console", "hub", "--container", "--browser", "edge"], ["console", "hub", "--logout-first"],
    ["console", "hub", "--switch-role"], ["console", "hub", "--portal"], ["console", "hub", "--qr"],
    ["profile", "install"], ["profile", "remove"], ["profile", "list"], ["uninstall"],
    ["no-such-command"], ["--no-such-option"], [],
]  # fmt: skip
# Every option that takes any text: this is the name.
OPTIONS = [
    ["leave", "--shell"], ["export", "--shell"], ["each", "hub", "--exclude"],
    ["each", "hub", "--dry-run", "--region"], ["each", "hub", "--timeout"],
    ["each", "hub", "--dry-run", "--output"], ["each", "hub", "--shard"], ["each", "hub", "--first"],
    ["each", "hub", "--rate"], ["each", "hub", "--max-failures"], ["keys", "add", "--from-profile"],
    ["fleet", "refresh", "--accept-move"], ["plan", "--region"],
    ["routes", HUB, "--from"], ["explain", "--as"], ["config", "check", "--config"],
    ["config", "path", "--config"], ["config", "init", "--profile"],
    ["config", "init", "--role"], ["config", "init", "--external-id"],
    ["config", "init", "--mfa-serial"], ["config", "init", "--sso-start-url"],
    ["config", "init", "--sso-region"], ["config", "init", "--sso-account"],
    ["config", "init", "--sso-role"], ["config", "init", "--name"],
    ["config", "import", "--config"], ["plan", "hub", "--duration"], ["plan", "hub", "--min-ttl"],
    ["plan", "hub", "--policy-arn"], ["plan", "hub", "--reason"],
    ["plan", "hub", "--session-policy"], ["plan", "hub", "--source-identity"],
    ["plan", "hub", "--tag"], ["explain", "hub", "--action"],
    ["explain", "hub", "--action", "s3:GetObject", "--resource"],
    ["explain", "hub", "--action", "s3:GetObject", "--resource-policy"],
    ["explain", "hub", "--write-fix"], ["explain", "hub", "--context"], ["explain", "--decode"],
    ["explain", "--error"], ["explain", "hub", "--management-account"],
    ["explain", "hub", "--policies"], ["explain", "hub", "--rcp"], ["explain", "hub", "--scp"],
    ["routes", HUB, "--most"], ["routes", HUB, "--write"], ["refresh", "hub", "--jobs"],
    ["keys", "rotate", "hub", "--finish"], ["serve", "--stop", "--port"],
    ["serve", "--stop", "--socket"], ["serve", "--stop", "--token-file"],
    ["serve", "--stop", "--idle-timeout"], ["serve", "--stop", "--shell"], ["console", "--service"],
    ["console", "hub", "--destination"], ["console", "hub", "--session-duration"],
    ["history", "--chain"], ["history", "--since"], ["history", "--until"],
    ["history", "--account"], ["history", "--role"], ["history", "--outcome"], ["history", "--key"],
    ["explain", "hub", "--organization"],
    ["profile", "install", "hub", "--prefix"], ["profile", "install", "--region"],
    ["profile", "install", "--output"],
]  # fmt: skip
COMMANDS = [*FORMS, *OPTIONS]
_END_OF_FILE = b"\x04"
_PAUSE = 0.5  # seconds without output after which a question is answered once more
_LONGEST = 600  # seconds, for all runs together


def runs_of(
    world: World,
    runs: Sequence[tuple[int | str, list[str]]],
    env: Mapping[str, str | None] | None = None,
) -> list[tuple[int, str]]:
    """Return each run's exit code, and what its stdout, stderr and terminal showed together."""
    text = json.dumps(runs)
    env = {"AWS_ENDPOINT_URL_SIGNIN": world.sts.url, **(env or {})}  # which refuses
    if world.may_fork(env):  # then all is loaded already
        process = world.fork(env=env, before=_IN_A_FORK, stdin=-1)
    else:
        process = world.start(sys.executable, "-m", "tests.support.many_runs", env=env, stdin=-1)
    with process:
        done = ended(process, text, _LONGEST)
    assert done.code == 0, done.err
    return [(code, shown) for code, shown in json.loads(done.out)]


_IN_A_FORK = f"""
import os, signal
os.closerange(3, {MOST_FILES})
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
from tests.support.many_runs import answer
answer()
os._exit(0)
"""


def answer() -> None:
    """Make the runs that stdin lists, and print what they showed."""
    json.dump([_shown(*run) for run in json.load(sys.stdin)], sys.stdout)
    sys.stdout.flush()


def _run(arguments: list[str]) -> NoReturn:
    from rolehop.__main__ import main

    sys.argv = ["rolehop", *arguments]
    try:
        main()
    finally:
        os._exit(1)


def _piped(closed: str = "") -> tuple[int, int]:
    """Return 0 in the child, else its number and what reads its stdout and stderr."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()  # no terminal to ask on
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
        os.close(reader)
        for number in map(int, closed):  # as Python finds them when it starts
            os.close(number)
            setattr(sys, ("stdin", "stdout", "stderr")[number], None)
    os.close(writer)
    return child, reader


def _shown(at: int | str, arguments: list[str]) -> tuple[int, str]:
    columns = at if isinstance(at, int) else 0
    child, reader = pty.fork() if columns else _piped("" if isinstance(at, int) else at)
    if child == 0:
        if columns:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        _run(arguments)
    if columns:
        os.write(reader, _END_OF_FILE * 3)  # the answer to every question
    shown = b""
    while True:
        # What is typed before a program reads key by key is no end of a file to it any more.
        while columns and not select.select([reader], [], [], _PAUSE)[0]:
            os.write(reader, _END_OF_FILE)
        try:
            data = os.read(reader, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not data:
            break
        shown += data
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


if __name__ == "__main__":
    load()
    answer()
