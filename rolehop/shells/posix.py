r"""bash, zsh, ksh, dash and every other shell that reads POSIX sh.

Between single quotes nothing is special but the single quote itself, which is written ``'\''``:
the quotes closed, an escaped quote, the quotes opened again. That also holds with zsh's
``RC_QUOTES``, since no two quotes ever stand together inside quotes. ``unset`` of a variable that
is not set succeeds (POSIX, XCU 2.15 unset). The one setting it does not survive is zsh's
``CSH_JUNKIE_QUOTES``, and only where a value has a newline.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.shells.statements import statements

FAILURE = "false"


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return "'" + text.replace("'", r"'\''") + "'"


def render(changes: Iterable[Change]) -> str:
    """Return ``export NAME='value'`` or ``unset NAME``, a line each.

    Raises:
        ValueError: a change that no shell can carry.
    """
    return statements(changes, _set, _unset)


def _set(name: str, value: str) -> str:
    return f"export {name}={quote(value)}"


def _unset(name: str) -> str:
    return f"unset {name}"
