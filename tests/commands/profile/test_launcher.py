"""What the launcher of an installed line cannot answer is left to the console script."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rolehop.commands.profile.installed import launcher_of
from rolehop.hotpath import launcher, shared_launcher
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


def test_an_upgrade_of_python_and_of_rolehop_leaves_the_launcher_where_it_is(
    tmp_path: Path, shared_world: World
) -> None:
    """As pip lays an environment out; its script stands for the rolehop that an SDK reaches."""
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    package = tmp_path / "lib" / version / "site-packages" / "rolehop"
    package.parent.mkdir(parents=True)
    package.symlink_to(Path(launcher.__file__).parents[1])
    assert launcher_of(package) == package / "hotpath" / "launcher.py", "there is no other one"
    shared = tmp_path / "share" / "rolehop" / "launcher.py"
    shared.parent.mkdir(parents=True)
    shared.write_bytes(Path(shared_launcher.__file__).read_bytes())
    assert launcher_of(package) == shared, "no version is in its path"
    script = tmp_path / "rolehop"
    script.write_text('#!/bin/sh\necho "$@"\n')
    script.chmod(0o700)
    line = (sys.executable, "-IS", str(shared), str(script), "credential-process", "no-such-chain")
    expected = Done(0, "credential-process no-such-chain\n", "")
    assert shared_world.run(*line) == expected
    package.parent.parent.rename(tmp_path / "lib" / "python3.0")
    gone = shared_world.run(*line)
    assert gone.code == 1
    assert "No module named 'rolehop'" in gone.err, "nothing of another folder is started"
