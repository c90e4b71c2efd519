"""Record one transcript: its situations, played in a world of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.world import World
from tests.transcripts.session import PLACE, Session
from tests.transcripts.situations import NARROW, SITUATIONS

FOLDER = Path(__file__).parent
_AT_50 = "_at_50"
NAMES = (*SITUATIONS, *(f"{name}{_AT_50}" for name in NARROW))
"""Of the transcripts; some are also recorded at 50 columns."""


def recorded(name: str) -> str:
    """Return the transcript, with all that differs from run to run masked."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", dir=PLACE) as folder,
        World(Path(folder)) as world,
    ):
        session = Session(world, 50 if name.endswith(_AT_50) else 80)
        SITUATIONS[name.removesuffix(_AT_50)](session)
    return session.text.rstrip("\n") + "\n"
