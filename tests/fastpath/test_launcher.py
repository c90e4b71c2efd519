"""The line that `profile install` writes: the hot path without site, else the console script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from rolehop.fastpath import launcher
from tests.fastpath.paths import hot
from tests.support.world import SCRIPT, World

LAUNCHER = str(Path(launcher.__file__))


def run(world: World, *arguments: str, python: tuple[str, ...] = ()) -> tuple[str, str, int]:
    done = world.run(sys.executable, *python, "-IS", LAUNCHER, *arguments)
    return done.out, done.err, done.code


def test_a_cached_answer_needs_no_library_but_pythons_own(warm: World) -> None:
    answer = hot(warm, "admin")
    asked = (SCRIPT, "credential-process", "admin")
    out, err, code = run(warm, *asked, python=("-X", "importtime"))
    assert (out, code) == (answer, 0)
    bare = subprocess.run(
        [sys.executable, "-X", "importtime", "-IS", "-c", "pass"], capture_output=True, text=True
    )
    found = imported(err) - imported(bare.stderr)
    reader = "keyctl" if "kernel" in warm.backend else "dbus"
    own = {"rolehop", "rolehop.fastpath"}
    own |= {f"rolehop.fastpath.{each}" for each in ("installed_line", "record", reader)}
    assert {each for each in found if each.startswith("rolehop")} == own
    assert found - own <= {"_ctypes", "_hashlib", "_sha2", "_sha256", "_socket", "time"}


def imported(text: str) -> set[str]:
    rows = (row for row in text.splitlines() if row.startswith("import time:"))
    return {row.rpartition("|")[2].strip() for row in rows}


def test_what_it_cannot_answer_is_the_console_scripts(tmp_path: Path, warm: World) -> None:
    script = tmp_path / "rolehop"
    script.write_text('#!/bin/sh\nprintf "%s|" "$0" "$@" "$X"\nexit 7\n')
    script.chmod(0o700)
    warm.more["X"] = "y"
    try:
        words = (str(script), "credential-process", "no-such-chain", "--no-prompt")
        assert run(warm, *words) == ("|".join([*words, "y", ""]), "", 7)
    finally:
        del warm.more["X"]


def test_a_script_that_is_gone_is_named(shared_world: World) -> None:
    out, err, code = run(shared_world, "/nowhere/rolehop", "credential-process", "admin")
    assert (out, code) == ("", 1)
    assert err.splitlines() == [
        f"rolehop: /nowhere/rolehop cannot be started: {os.strerror(2)}",
        "  try: rolehop profile list",
    ]
    assert run(shared_world) == (
        "",
        "rolehop: the line in the AWS config names no console script\n",
        2,
    )
