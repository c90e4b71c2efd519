"""What all dialects have in common: one statement a line, and what none of them can carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from rolehop.handover.variables import Change

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def statements(
    changes: Iterable[Change], set_to: Callable[[str, str], str], unset: Callable[[str], str]
) -> str:
    r"""Return one statement a line, each ended by ``;`` and a newline; no changes, no text.

    The semicolons are for those who leave out the quotes: in ``eval $(rolehop assume x)`` (and in
    fish's ``eval (…)``) the shell joins the lines by spaces before it reads them.

    Raises:
        ValueError: a name that is no variable's, or a value with a NUL; the value is not quoted.
    """
    return "".join(f"{_statement(change, set_to, unset)};\n" for change in changes)


def _statement(
    change: Change, set_to: Callable[[str, str], str], unset: Callable[[str], str]
) -> str:
    name, value = change
    if _NAME.fullmatch(name) is None:
        raise ValueError(f"not the name of a variable: {name!r}")
    if value is None:
        return unset(name)
    if "\0" in value:
        raise ValueError(f"the value of {name} has a NUL character, which no shell can carry")
    return set_to(name, value)
