"""The nearest right spelling of a wrong word; imported where something is wrong only."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, known: Iterable[str], *, form: str = '"{}"') -> str:
    """Return ``; did you mean "x"?`` where ``known`` has a near word, else an empty string.

    Case is no difference: ``External_ID`` is near ``external_id``. ``form`` is how the word is
    written out.
    """
    by_plain = {each.casefold().replace("-", "_"): each for each in known}
    found = difflib.get_close_matches(word.casefold().replace("-", "_"), by_plain, n=1, cutoff=0.6)
    return f"; did you mean {form.format(by_plain[found[0]])}?" if found else ""
