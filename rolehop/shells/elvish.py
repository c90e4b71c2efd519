"""elvish.

Between single quotes nothing is special but the quote itself, which is doubled; a newline stands
for itself (elvish language reference, String). ``set-env`` and ``unset-env`` change the process's
environment from whatever scope they run in, and do not mind an absent variable. Code that is not
UTF-8 is refused by elvish, so such a value is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.shells.statements import needs_unicode, statements

FAILURE = "fail 'rolehop failed'"


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return "'" + text.replace("'", "''") + "'"


def render(changes: Iterable[Change]) -> str:
    """Return ``set-env NAME 'value'`` or ``unset-env NAME``, a line each.

    Raises:
        UsageProblem: a value that is not Unicode.
        ValueError: a change that no shell can carry.
    """
    return statements(changes, _set, _unset)


def _set(name: str, value: str) -> str:
    needs_unicode(name, value, "elvish")
    return f"set-env {name} {quote(value)}"


def _unset(name: str) -> str:
    return f"unset-env {name}"
