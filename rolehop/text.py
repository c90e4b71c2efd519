"""Make text from outside safe to show, and small helpers for messages."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 60


def clean(text: str) -> str:
    """Return ``text`` on one line: control characters removed, white space as single blanks.

    Everything that Unicode does not count as printable is removed: escape sequences lose their
    escape character, and characters that reverse the reading direction go. Line ends, tabs and
    other blanks become plain blanks.
    """
    kept = (c if c.isprintable() else " " if c.isspace() else "" for c in text)
    return " ".join("".join(kept).split())


def quoted(text: str) -> str:
    """Return ``text`` in double quotes for a message: shortened, control characters escaped."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)
    return f'"{shown}"'


def nearest(word: str, known: Iterable[str], n: int = 3, *, cutoff: float = 0.6) -> list[str]:
    """Return at most ``n`` of ``known`` that ``word`` may be a misspelling of, the nearest first.

    Case is ignored. ``cutoff``: how similar they must be, from 0 to 1.
    """
    import difflib  # on error paths only: it costs a millisecond

    by_folded = {each.casefold(): each for each in known}
    near = difflib.get_close_matches(word.casefold(), by_folded, n=n, cutoff=cutoff)
    return [by_folded[each] for each in near]


def pluralize(count: int, word: str) -> str:
    """Return ``1 chain`` or ``2 chains``; ``word`` must form its plural with an s."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def did_you_mean(word: str, known: Iterable[str], *, form: str = '"{}"') -> str:
    """Return ``; did you mean "x"?`` if ``known`` has a similar word, else an empty string.

    Case is ignored: ``External_ID`` is similar to ``external_id``. ``form`` formats the word.
    """
    import difflib

    by_plain = {each.casefold().replace("-", "_"): each for each in known}
    found = difflib.get_close_matches(word.casefold().replace("-", "_"), by_plain, n=1, cutoff=0.6)
    return f"; did you mean {form.format(by_plain[found[0]])}?" if found else ""
