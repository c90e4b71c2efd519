"""Show each line to the user once."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Once:
    """Says each line once, however many threads and hops run into it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._guard = threading.Lock()
        self._said: set[str] = set()

    def say(self, line: str, about: str | None = None) -> None:
        """Show ``line``, unless it, or another one ``about`` the same, was shown before."""
        with self._guard:
            if (about or line) in self._said:
                return
            self._said.add(about or line)
        self._say(line)
