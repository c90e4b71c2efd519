"""Wildcards (``*`` any run, ``?`` one character) matched in time linear in text and pattern.

A pattern is cut at its stars. The first piece must start the text and the last one end it; each
piece between is looked for once, from where the one before ended: the leftmost place is always
as good as any other, so nothing is ever tried twice. ``str.find`` is linear for long texts; a
piece with ``?`` in it is searched with one bit a character (Shift-And), one step a character.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Wild(Enum):
    """A wildcard."""

    RUN = "*"
    ONE = "?"


Token = str | Wild
"""Some literal text, or a wildcard."""

_Piece = str | tuple[str | None, ...]
"""The text between two stars: plain, or characters of which ``None`` matches any one."""


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the tokens of ``text``, in which every ``*`` and ``?`` is a wildcard."""
    found: list[Token] = []
    start = 0
    for at, letter in enumerate(text):
        if letter in "*?":
            if at > start:
                found.append(text[start:at])
            found.append(Wild(letter))
            start = at + 1
    if start < len(text):
        found.append(text[start:])
    return tuple(found)


def matches(text: str, tokens: Iterable[Token]) -> bool:
    """True if ``tokens`` match the whole of ``text``; case-sensitive."""
    pieces = _pieces(tokens)
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(text) == len(first) and _stands_at(text, 0, first)
    if len(text) < len(first) + len(last):
        return False
    end = len(text) - len(last)
    if not _stands_at(text, 0, first) or not _stands_at(text, end, last):
        return False
    at = len(first)
    for piece in pieces[1:-1]:
        found = _find(text, at, end, piece)
        if found is None:
            return False
        at = found + len(piece)
    return True


def matches_text(text: str, pattern: str) -> bool:
    """True if ``pattern`` matches the whole of ``text``; case-sensitive."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern
    return matches(text, tokens_of(pattern))


# Runs that no literal of a pattern matches: none, and more than it has question marks. What matches
# both matches all between: of the longer one, a star takes what the others leave.
_RUNS = ("", "?" * 256)


def covers(pattern: str, other: str) -> bool:
    """True if ``pattern`` matches all that ``other``, a pattern too, matches."""
    return all(matches_text(other.replace("*", run), pattern) for run in _RUNS)


def overlap(one: str, other: str) -> bool:
    """True if some text matches both patterns; the time is the product of their lengths."""
    reach = {0}
    for letter in one:
        reach = _after(letter, _over_stars(reach, other), other)
    return len(other) in _over_stars(reach, other)


def _after(letter: str, reach: set[int], other: str) -> set[int]:
    """Return where ``other`` may stand after ``letter`` of the first pattern."""
    if letter == "*":
        return set(range(min(reach), len(other) + 1)) if reach else set()
    found = set()
    for at in reach:
        if at < len(other) and other[at] == "*":
            found.add(at)
        elif at < len(other) and (letter == other[at] or "?" in (letter, other[at])):
            found.add(at + 1)
    return found


def _over_stars(reach: set[int], other: str) -> set[int]:
    found = set(reach)
    for at in reach:
        end = at
        while end < len(other) and other[end] == "*":
            end += 1
            found.add(end)
    return found


def _pieces(tokens: Iterable[Token]) -> list[_Piece]:
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token is Wild.RUN:
            runs.append([])
        else:
            runs[-1].append(token)
    return [_piece(run) for run in runs]


def _piece(run: list[Token]) -> _Piece:
    if Wild.ONE not in run:
        return "".join(str(each) for each in run)
    letters: list[str | None] = []
    for token in run:
        letters.extend([None] if isinstance(token, Wild) else token)
    return tuple(letters)


def _stands_at(text: str, at: int, piece: _Piece) -> bool:
    if isinstance(piece, str):
        return text.startswith(piece, at)
    return all(
        wanted is None or wanted == found
        for wanted, found in zip(piece, text[at : at + len(piece)], strict=True)
    )


def _find(text: str, start: int, end: int, piece: _Piece) -> int | None:
    """Return the first offset of ``piece`` in ``text[start:end]``."""
    if isinstance(piece, str):
        found = text.find(piece, start, end)
        return None if found < 0 else found
    any_one = sum(1 << at for at, letter in enumerate(piece) if letter is None)
    masks: dict[str, int] = {}
    for at, letter in enumerate(piece):
        if letter is not None:
            masks[letter] = masks.get(letter, any_one) | 1 << at
    whole = 1 << len(piece) - 1
    state = 0
    for at in range(start, end):
        state = (state << 1 | 1) & masks.get(text[at], any_one)
        if state & whole:
            return at - len(piece) + 1
    return None
