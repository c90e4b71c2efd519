"""One transcript: its situations played in a small AWS of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.world import World
from tests.transcripts.session import Session
from tests.transcripts.situations import SITUATIONS

FOLDER = Path(__file__).parent


def recorded(name: str) -> str:
    """Return what is typed and shown, with all that differs from run to run masked."""
    # A path of the same length on every machine: it is part of what is shown.
    with tempfile.TemporaryDirectory(prefix="rh-", dir="/tmp") as folder:
        with World(Path(folder)) as world:
            session = Session(world)
            SITUATIONS[name](session)
        return session.text.rstrip("\n") + "\n"
