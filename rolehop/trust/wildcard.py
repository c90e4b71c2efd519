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
    """A wildcard that is meant as one."""

    RUN = "*"
    ONE = "?"


Token = str | Wild
"""Some literal text, or a wildcard."""

_Piece = tuple[str | None, ...]
"""What stands between two stars, by character; ``None``: any one."""


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
    """Tell whether the whole of ``text`` is what ``tokens`` describe; case counts."""
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
    """Tell whether the whole of ``text`` fits ``pattern``; case counts."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern
    return matches(text, tokens_of(pattern))


def _pieces(tokens: Iterable[Token]) -> list[_Piece]:
    pieces: list[list[str | None]] = [[]]
    for token in tokens:
        if token is Wild.RUN:
            pieces.append([])
        elif token is Wild.ONE:
            pieces[-1].append(None)
        else:
            pieces[-1].extend(str(token))
    middle = [piece for piece in pieces[1:-1] if piece]
    ends = [pieces[0], *middle, pieces[-1]] if len(pieces) > 1 else pieces
    return [tuple(piece) for piece in ends]


def _stands_at(text: str, at: int, piece: _Piece) -> bool:
    return all(
        wanted is None or wanted == found
        for wanted, found in zip(piece, text[at : at + len(piece)], strict=True)
    )


def _find(text: str, start: int, end: int, piece: _Piece) -> int | None:
    """Return where ``piece`` first stands within ``text[start:end]``."""
    if None not in piece:
        found = text.find("".join(letter or "" for letter in piece), start, end)
        return None if found < 0 else found
    return _find_with_gaps(text, start, end, piece)


def _find_with_gaps(text: str, start: int, end: int, piece: _Piece) -> int | None:
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
