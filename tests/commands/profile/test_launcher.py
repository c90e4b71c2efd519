"""What the launcher of an installed line cannot answer is left to the console script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rolehop.hotpath import launcher
from tests.support.world import Done, World


def run(world: World, *arguments: str) -> Done:
    return world.run(sys.executable, "-IS", launcher.__file__, *arguments)


def test_the_script_gets_all_arguments_and_variables(tmp_path: Path, shared_world: World) -> None:
    script = tmp_path / "rolehop"
    script.write_text('#!/bin/sh\nprintf "%s|" "$0" "$@" "$LOGNAME"\nexit 7\n')
    script.chmod(0o700)
    words = (str(script), "credential-process", "no-such-chain", "--no-prompt")
    assert run(shared_world, *words) == Done(7, "|".join([*words, "me", ""]), "")


def test_a_script_that_is_gone_is_named(shared_world: World) -> None:
    done = run(shared_world, "/nowhere/rolehop", "credential-process", "admin")
    assert done == Done(
        1,
        "",
        f"rolehop: /nowhere/rolehop cannot be started: {os.strerror(2)}\n  rolehop profile list\n",
    )
    for words in ((), ("",), ("rolehop", "credential-process", "admin")):
        done = run(shared_world, *words)
        missing = "rolehop: the line in the AWS config names no console script by its full path\n"
        assert done == Done(2, "", missing), "nothing of the folder that it runs in is started"
