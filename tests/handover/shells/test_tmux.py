"""A pane of tmux reads the same start-up file, and its server's environment is not the shell's."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.handover.shells.interactive import NO_KEYS
from tests.support.world import World


def test_a_pane_has_the_function_and_its_own_chain(world_with_keys: World) -> None:
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not installed")
    (world_with_keys.home / ".bashrc").write_text(
        "eval \"$(rolehop init bash)\"\nPS1='${rolehop_segment}READY> '\n"
    )
    socket = str(world_with_keys.folder / "tmux")

    def tmux(*words: str) -> str:
        done = world_with_keys.run("tmux", "-S", socket, *words, env={**NO_KEYS, "TERM": "xterm"})
        assert done.code == 0, done.err
        return done.out

    def shows(text: str, pane: str) -> str:
        deadline = time.monotonic() + 60
        while text not in (shown := tmux("capture-pane", "-p", "-t", pane)):
            assert time.monotonic() < deadline, shown
            time.sleep(0.1)
        return shown

    conf = world_with_keys.home / ".tmux.conf"
    conf.write_text("set -g exit-empty off\n")
    # -D: not a daemon, so that it ends with the test.
    server = world_with_keys.start("tmux", "-D", "-S", socket, env={**NO_KEYS, "TERM": "xterm"})
    try:
        deadline = time.monotonic() + 60
        while not Path(socket).exists() and server.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        tmux("new-session", "-d", "-s", "t", "-x", "120", "-y", "40", "bash -i")
        tmux("send-keys", "-t", "t:0.0", "rolehop assume admin -q", "Enter")
        shows("m READY>", "t:0.0")
        tmux("split-window", "-t", "t", "bash -i")
        assert "admin" not in shows("READY>", "t:0.1")
        tmux("send-keys", "-t", "t:0.1", "rolehop assume hub -q", "Enter")
        assert "hub " in shows("m READY>", "t:0.1")
    finally:
        server.terminate()
        server.communicate(timeout=60)
