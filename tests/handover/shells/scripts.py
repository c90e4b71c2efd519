"""Scripts that a shell runs after it has read the text of `rolehop init`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping

import pytest

from tests.handover.shells.interactive import NO_KEYS
from tests.support.world import Done, World

STARTS = {"bash": ("--norc", "--noprofile"), "zsh": ("-f",), "fish": ("--no-config",)}


def run(world: World, name: str, script: str, env: Mapping[str, str | None] | None = None) -> Done:
    """Run a script after the text has been read, as start-up files are."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    text = world.home / f"text.{name}"
    if not text.exists():
        text.write_text(world.rolehop("init", name).out)
    return world.run(
        shutil.which(name) or name,
        *STARTS[name],
        "-c",
        script.replace("INIT", f". {text}"),
        env={**NO_KEYS, **(env or {})},
    )


SEGMENT = {
    "bash": 'INIT; rolehop_prompt; printf "[%s]" "$rolehop_segment"',
    "zsh": 'INIT; rolehop_prompt; printf "[%s]" "$rolehop_segment"',
    "fish": "INIT; rolehop_prompt",
}


def scripted(
    world: World, name: str, suffix: str, lines: str, env: Mapping[str, str | None] | None = None
) -> Done:
    """Run a script that reads the installed file first."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")
    reads = world.rolehop("init", name, "--install").out
    script = world.home / f"script.{suffix}"
    script.write_text(reads + lines)
    start = "-n" if name == "nu" else "--no-rc"
    own = {"XONSH_DATA_DIR": str(world.home), "TERM": "xterm"}
    return world.run(name, start, str(script), env={**NO_KEYS, **own, **(env or {})})
