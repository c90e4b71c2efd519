"""How often and how recently chains are used: the picker shows those first.

Each chain has a score that halves in a week and grows by one with every handover. The file has
names of chains and numbers, nothing secret; if it is lost, the order of the config is shown.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from rolehop.files import write_beside
from rolehop.state.json_file import UNUSABLE, load_object

SCHEMA = 1
HALF_LIFE = 7 * 24 * 3600  # seconds
MOST = 500
"""How many chains are remembered; beyond that the least used are dropped."""


class Use(NamedTuple):
    """The score of a chain at one moment."""

    score: float
    at: float
    """Epoch seconds."""

    def now(self, seconds: float) -> float:
        """Return the score at ``seconds`` since the epoch."""
        return float(self.score * 0.5 ** (max(0.0, seconds - self.at) / HALF_LIFE))


Uses = Mapping[str, Use]
"""By name of the chain."""


def used(uses: Uses, chain: str, seconds: float) -> dict[str, Use]:
    """Return ``uses`` with one more use of ``chain`` at ``seconds`` since the epoch."""
    before = uses[chain].now(seconds) if chain in uses else 0.0
    more = {**uses, chain: Use(before + 1.0, seconds)}
    kept = sorted(more, key=lambda name: -more[name].now(seconds))[:MOST]
    return {name: use for name, use in more.items() if name in kept}


def in_order(names: list[str], uses: Uses, seconds: float) -> list[str]:
    """Return ``names``, the most used first; unused ones follow in their own order."""
    return sorted(names, key=lambda name: -uses[name].now(seconds) if name in uses else 0.0)


def load_uses(state_folder: Path) -> dict[str, Use]:
    """Read the file; nothing if it is missing or damaged."""
    try:
        stored = load_object(_path(state_folder))
        if stored["schema"] != SCHEMA:
            return {}
        return {
            str(name): Use(float(score), float(at))
            for name, (score, at) in stored["chains"].items()
        }
    except (OSError, *UNUSABLE):
        return {}


def note_use(state_folder: Path, chain: str, seconds: float) -> None:
    """Count one handover of ``chain``; one of two processes at once may not be counted.

    Raises:
        OSError: it cannot be written.
    """
    uses = used(load_uses(state_folder), chain, seconds)
    document = {
        "schema": SCHEMA,
        "chains": {name: [round(s, 4), at] for name, (s, at) in uses.items()},
    }
    write_beside(_path(state_folder), json.dumps(document) + "\n", lasting=False)


def _path(state_folder: Path) -> Path:
    return state_folder / "recent.json"
