"""Runs a text as a Python program that uses rolehop, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.support.world import Done, World, ended


def run(world: World, code: str, **environment: str) -> Done:
    done = world.run(sys.executable, "-c", textwrap.dedent(code), env=environment)
    return done


def printed_around(world: World, code: str, between: Callable[[], object]) -> list[str]:
    """Return what a program printed after a first line, behind which it reads one.

    ``between`` is called after the first line, before the program reads.
    """
    argv = (sys.executable, "-c", textwrap.dedent(code))
    with world.start(*argv, stdin=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        between()
        done = ended(process, "\n")
    assert done.code == 0, done.err
    return done.out.splitlines()


def printed(world: World, code: str, **environment: str) -> list[str]:
    done = run(world, code, **environment)
    assert done.code == 0, done.err
    return done.out.splitlines()


def shorten_sessions(world: World) -> None:
    """Let sessions last eight seconds: they end by the double's clock, which is put behind."""
    world.sts.now -= timedelta(seconds=3600 - 8)


def lengthen_sessions(world: World) -> None:
    """Let sessions last as long as they should again."""
    world.sts.now = datetime.now(UTC)
