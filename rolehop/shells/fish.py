r"""fish.

Between single quotes only ``\\`` and ``\'`` are escapes (fish manual, Quotes). Everything is set
and erased in the global scope, where inherited variables live: a universal variable belongs to
all of the user's shells, for good. So an exported *universal* ``AWS_PROFILE`` stays visible; fish
has no way to hide one. ``set -e`` of what is not set answers 4, hence ``or true``.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.shells.statements import statements

FAILURE = "false"


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"


def render(changes: Iterable[Change]) -> str:
    """Return ``set -gx NAME 'value'`` or ``set -eg NAME; or true``, a line each.

    Raises:
        ValueError: a change that no shell can carry.
    """
    return statements(changes, _set, _unset)


def _set(name: str, value: str) -> str:
    return f"set -gx {name} {quote(value)}"


def _unset(name: str) -> str:
    return f"set -eg {name}; or true"
