"""Regular expressions that are compiled at first use.

Dozens are defined and one run uses a few; compiling all took longer than reading the config.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property


class Pattern:
    """The part of ``re.Pattern`` that rolehop uses; ``text`` is the expression."""

    def __init__(self, text: str, flags: re.RegexFlag = re.NOFLAG) -> None:
        self.text = text
        self._flags = flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        """The expression, compiled now; from then on its own methods hide those of this class."""
        made = re.compile(self.text, self._flags)
        vars(self).update(
            fullmatch=made.fullmatch, search=made.search, findall=made.findall, sub=made.sub
        )
        return made

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Match the whole of ``text``."""
        return self.compiled.fullmatch(text)

    def search(self, text: str) -> re.Match[str] | None:
        """Match anywhere in ``text``."""
        return self.compiled.search(text)

    def findall(self, text: str) -> list[str]:
        """Return all matches in ``text``."""
        return self.compiled.findall(text)

    def sub(self, replacement: str | Callable[[re.Match[str]], str], text: str) -> str:
        """Replace all matches in ``text``."""
        return self.compiled.sub(replacement, text)
