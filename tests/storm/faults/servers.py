"""Faults under a server that runs: its lock, its note or their folder is gone."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.commands.serve.server import TOKEN_FILE, serving
from tests.storm.faults.arena import Arena, NotSurvived
from tests.storm.faults.kinds import kind
from tests.support.world import ended


def _without_locks(folder: Path) -> None:
    for lock in folder.glob("*.lock"):
        lock.unlink()


def _without_folder(folder: Path) -> None:
    while folder.exists():  # the server may just be writing into it
        shutil.rmtree(folder, ignore_errors=True)


@kind("server: its lock gone")
def _lock_gone(arena: Arena) -> None:
    _under_a_server(arena, _without_locks)


@kind("server: its folder gone")
def _folder_gone(arena: Arena) -> None:
    _under_a_server(arena, _without_folder)


def _under_a_server(arena: Arena, harm: Callable[[Path], None]) -> None:
    """It serves on, is seen, keeps its token file, and can be ended."""
    person, world = arena.person(), arena.world
    (world.folder / "run").mkdir(mode=0o700, exist_ok=True)
    with serving(world, "hub", env={"LOGNAME": person}) as server:
        harm(world.state / "servers")
        shown = arena.run("status", "--format", "json", person=person, alone=False).json["servers"]
        if [each["pid"] for each in shown] != [server.process.pid]:
            raise NotSurvived("the server is not seen")
        if not Path(server.blocks[0][TOKEN_FILE]).exists() or server.get()[0] != 200:
            raise NotSurvived("the server serves nobody any more")
        stopped = arena.run("serve", "--stop", person=person, alone=False)
        if "has ended" not in stopped.err or ended(server.process).code != 0:
            raise NotSurvived("the server cannot be ended")
    if [*(world.folder / "run").glob("*.token")]:
        raise NotSurvived("the server left its token")
    arena.heals(person)
