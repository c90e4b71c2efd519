"""The lines of the picker: matching choices, and a chain as one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rolehop.text import visible

_GAP = "  "
_NAME_LEAST, _NAME_MOST, _ROLE_MOST = 8, 32, 48


class Choice(NamedTuple):
    """One chain or source that may be picked."""

    name: str
    description: str
    role: str
    """Its last role, with its account; empty: it hands out the source's own session. Of a source its
    type."""

    left: str
    """Time left on its cached session, e.g. ``43 min left``; empty: none is cached."""

    color: str = ""
    labels: tuple[str, ...] = ()
    """``label:NAME=VALUE`` each."""


def matching(choices: Sequence[Choice], typed: str) -> list[Choice]:
    """Return the choices that contain every typed word; case-insensitive.

    Names that begin with what was typed come first; otherwise the order stays.
    """
    words = typed.casefold().split()
    found = [each for each in choices if all(word in _searched(each) for word in words)]
    begins = typed.strip().casefold()
    return sorted(found, key=lambda each: not each.name.casefold().startswith(begins))


def widths(choices: Sequence[Choice], columns: int) -> tuple[int, int, int, int]:
    """Return the widths of name, description, role and time, without gaps.

    Together they fit into ``columns`` from 40 on; where room is short, the description gives way
    first, then the name, then the role.
    """
    name, description, role, left = (
        max((len(each[place]) for each in choices), default=0) for place in range(4)
    )
    room = columns - left - 3 * len(_GAP)
    role = min(role, _ROLE_MOST, room - min(name, _NAME_LEAST))
    room -= role
    name = min(name, _NAME_MOST, max(_NAME_LEAST, room))
    return name, max(0, min(description, room - name)), role, left


def as_cells(choice: Choice, across: tuple[int, int, int, int]) -> tuple[str, str]:
    """Return a choice's name, and the rest of its line, each cut and filled to its width."""
    texts = map(visible, choice[:4])
    name, *others = (_fit(text, width) for text, width in zip(texts, across, strict=True))
    return name, "".join(_GAP + text for text in others)


def _searched(choice: Choice) -> str:
    return f"{choice.name} {choice.description} {choice.role} {' '.join(choice.labels)}".casefold()


def _fit(text: str, width: int) -> str:
    return text.ljust(width) if len(text) <= width else f"{text[: max(0, width - 1)]}…"[:width]
