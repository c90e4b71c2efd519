"""A process that walks again and again keeps no connection of the walks before."""

from __future__ import annotations

import sys

from tests.support.world import World

_WALKS = """
import gc, os, rolehop
from pathlib import Path
from rolehop.app.context import App
from rolehop.app.asking import SILENT
from rolehop.commands.serve.keeper import start_chain
from rolehop.commands.sessions.stored import forget_sessions
from rolehop.plan.walk_options import WalkOptions

gc.disable()  # it may come late
app = App(os.environ, Path.home())
renew = start_chain(app, "admin", WalkOptions(), SILENT, command="serve").walk_again
app.close()
opened = []
for walk in (renew, renew, renew, lambda: rolehop.get_credentials("admin")):
    forget_sessions(app, None)
    walk()
    opened.append(len(os.listdir("/dev/fd")))
print(opened)
"""


def test_no_connection_is_left_open(shared_world: World) -> None:
    done = shared_world.run(sys.executable, "-c", _WALKS)
    assert done.code == 0, done.err
    assert len(set(done.json)) == 1, done.json
    assert len(shared_world.sts.calls) == 2 * 5


def test_no_connection_to_the_session_bus_is_left_open(real_world: World) -> None:
    done = real_world.run(sys.executable, "-c", _WALKS)
    assert done.code == 0, done.err
    renewed = done.json[:3]
    assert len(set(renewed)) == 1, renewed
