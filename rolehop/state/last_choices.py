"""What was chosen last from each list, which is shown first the next time.

The file has names of sources, IDs of accounts and names of roles, nothing secret; if it is lost, lists
begin as they come.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

from rolehop.files import write_beside
from rolehop.startup.dataclass import dataclass
from rolehop.state.json_file import UNUSABLE, load_object, text_in

SCHEMA = 1
MOST = 200
"""How many lists are remembered; beyond that the oldest choices are dropped."""


@dataclass(frozen=True, slots=True)
class LastChoices:
    """Implements ``sources.context.ChoiceStore``."""

    state_folder: Path

    def last(self, of: str) -> str | None:
        """Return what was chosen last from the list ``of``."""
        return self._load().get(of)

    def note(self, of: str, choice: str) -> None:
        """Remember a choice; one of two processes at once may not be, and failing to is harmless."""
        found = self._load()
        found.pop(of, None)
        kept = dict([*found.items(), (of, choice)][-MOST:])
        document = {"schema": SCHEMA, "choices": kept}
        with suppress(OSError):
            write_beside(self._path, json.dumps(document) + "\n", lasting=False)

    def _load(self) -> dict[str, str]:
        try:
            stored = load_object(self._path)
            if stored["schema"] != SCHEMA:
                return {}
            choices = stored["choices"]
            return {str(of): text_in(choices, of) for of in choices}
        except (OSError, *UNUSABLE):
            return {}

    @property
    def _path(self) -> Path:
        return self.state_folder / "choices.json"
