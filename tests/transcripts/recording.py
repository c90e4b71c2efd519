"""Record one transcript: its situations, played in a world of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.world import World
from tests.transcripts.session import PLACE, Session
from tests.transcripts.situations import SITUATIONS

FOLDER = Path(__file__).parent


def recorded(name: str) -> str:
    """Return the transcript, with all that differs from run to run masked."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", dir=PLACE) as folder,
        World(Path(folder)) as world,
    ):
        session = Session(world)
        SITUATIONS[name](session)
    return session.text.rstrip("\n") + "\n"
