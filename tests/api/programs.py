"""Runs a text as a Python program that uses rolehop, in a process of its own."""

from __future__ import annotations

import sys
import textwrap

from tests.support.world import Done, World


def run(world: World, code: str, **environment: str) -> Done:
    done = world.run(sys.executable, "-c", textwrap.dedent(code), env=environment)
    return done


def printed(world: World, code: str, **environment: str) -> list[str]:
    done = run(world, code, **environment)
    assert done.code == 0, done.err
    return done.out.splitlines()
