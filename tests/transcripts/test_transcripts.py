"""A terminal shows what the transcripts of the most common situations contain."""

from __future__ import annotations

import pytest

from tests.transcripts.recording import FOLDER, NAMES, recorded


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_shows_the_transcript(name: str) -> None:
    stored = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    assert recorded(name) == stored, f"python -m tests.transcripts {name} rewrites it"


def test_every_transcript_has_its_situations() -> None:
    assert {path.stem for path in FOLDER.glob("*.txt")} == set(NAMES)
