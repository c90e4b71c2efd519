r"""tcsh and csh.

Every character that is not plain has a backslash of its own before it. That is the one way that
means the same with and without ``backslash_quote`` and with history on (``!`` is special even
between single quotes). Only a newline cannot be said: it is refused, and so are the other control
characters, of which some versions keep their own notes. Evaluate it between double quotes,
``eval "`rolehop assume x`"``: without them a backquote splits at spaces, and two in a row are one.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.shells.statements import needs_unicode, refused, statements
from rolehop.startup.lazy_regex import Pattern

FAILURE = "false"

_CONTROL = Pattern(r"[\x01-\x1f\x7f-\x9f\u2028\u2029]")
_SPECIAL = Pattern(r"[^A-Za-z0-9_./:@%+=,\u0080-\U0010ffff-]")


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return _SPECIAL.sub(r"\\\g<0>", text) or "''"


def render(changes: Iterable[Change]) -> str:
    r"""Return ``setenv NAME it\'s`` or ``unsetenv NAME``, a line each.

    Raises:
        UsageProblem: a value with a control character, or that is not Unicode.
        ValueError: a change that no shell can carry.
    """
    return statements(changes, _set, _unset)


def _set(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise refused(name, "tcsh", "it has a newline or another control character")
    needs_unicode(name, value, "tcsh")
    return f"setenv {name} {quote(value)}"


def _unset(name: str) -> str:
    return f"unsetenv {name}"
