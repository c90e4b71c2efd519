"""Record one transcript: its situations, played in a world of their own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.support.world import World
from tests.transcripts.session import PLACE, Session
from tests.transcripts.situations import OTHER_WIDTHS, SITUATIONS

FOLDER = Path(__file__).parent
_AT = "_at_"
NAMES = (*SITUATIONS, *(f"{name}{_AT}{columns}" for name, columns in OTHER_WIDTHS))
"""Of the transcripts; some are also recorded at other widths than 80 columns."""


def recorded(name: str) -> str:
    """Return the transcript, with all that differs from run to run masked."""
    with (
        tempfile.TemporaryDirectory(prefix="rh-", dir=PLACE) as folder,
        World(Path(folder)) as world,
    ):
        situation, _, columns = name.partition(_AT)
        session = Session(world, int(columns or 80))
        SITUATIONS[situation](session)
    return session.text.rstrip("\n") + "\n"
