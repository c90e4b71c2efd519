"""The lines of the picker: matching choices, and a chain as one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rolehop.text import elided, is_visible, visible

_GAP = "  "
_NAME_LEAST, _NAME_MOST, _ROLE_LEAST, _ROLE_MOST, _USEFUL = 24, 32, 23, 48, 8


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
    if not words:
        return list(choices)
    found = [each for each in choices if all(word in _searched(each) for word in words)]
    begins = typed.strip().casefold()
    return sorted(found, key=lambda each: not each.name.casefold().startswith(begins))


def widths(choices: Sequence[Choice], columns: int) -> tuple[int, int, int, int]:
    """Return the widths of name, description, role and time; 0: there is no room for it.

    Together, and with the gaps between them, they fit into ``columns``. Where room is short, the
    description gives way first, then the time, then the role, and the name last. A name that is
    far longer than the others does not widen the column.
    """
    shown = [each[:4] for each in choices] or [("", "", "", "")]
    name, description, role, left = map(_lengths, zip(*shown, strict=True))
    usual = [each for each in name if each <= _NAME_MOST]
    alone = not any(map(max, (description, role, left)))  # then all the room is the name's
    wanted = max(name) if alone or len(usual) == len(name) else max([_NAME_LEAST, *usual])
    names = min(wanted, max(columns - _with_gap(min(max(role), _ROLE_LEAST)), _NAME_LEAST), columns)
    room = columns - names
    # The account and the begin of the role's name; what stands behind them gives way to the time.
    least = _part(room, min(max(role), _ROLE_LEAST), 1)
    time = _part(room - _with_gap(least), max(left), max(left))
    room -= _with_gap(time)
    roles = _part(room, min(max(role), _ROLE_MOST), min(max(role), _USEFUL))
    room -= _with_gap(roles)
    return names, _part(room, max(description), min(max(description), _USEFUL)), roles, time


def _lengths(column: Sequence[str]) -> list[int]:
    """Return how long each text is when it is shown; thousands are looked at as one."""
    if not is_visible("".join(column)):
        column = [visible(each) for each in column]
    return list(map(len, column))


def _with_gap(width: int) -> int:
    return width + len(_GAP) if width else 0


def _part(room: int, wanted: int, least: int) -> int:
    """Return how much of ``wanted`` there is room for, 0 if it is less than the ``least``."""
    width = min(wanted, room - len(_GAP))
    return width if width >= least else 0


def as_cells(choice: Choice, across: tuple[int, int, int, int]) -> tuple[str, str]:
    """Return a choice's name, and the rest of its line, each elided and filled to its width."""
    name, description, role, left = map(visible, choice[:4])
    cells = (elided(name, across[0]), _cut(description, across[1]), _cut(role, across[2]), left)
    first, *others = (text.ljust(width) for text, width in zip(cells, across, strict=True))
    return first, "".join(
        _GAP + text for text, width in zip(others, across[1:], strict=True) if width
    )


def _searched(choice: Choice) -> str:
    return f"{choice.name} {choice.description} {choice.role} {' '.join(choice.labels)}".casefold()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"[:width]
