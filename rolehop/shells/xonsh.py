r"""xonsh, whose statements are Python.

A value is a Python string literal in ASCII: Python's own ``ascii()`` writes it, and nothing in a
plain literal is expanded. It goes into the environment by ``${...}``, xonsh's name for all of it.
``pop`` does not mind that a variable is absent, as ``del $NAME`` would.
"""

from __future__ import annotations

from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.shells.statements import statements

FAILURE = "raise RuntimeError('rolehop failed')"


def quote(text: str) -> str:
    """Return ``text`` as one literal."""
    return ascii(text)


def render(changes: Iterable[Change]) -> str:
    """Return ``$NAME = 'value'`` or ``${...}.pop('NAME', None)``, a line each.

    Raises:
        ValueError: a change that no shell can carry.
    """
    return statements(changes, _set, _unset)


def _set(name: str, value: str) -> str:
    return f"${name} = {quote(value)}"


def _unset(name: str) -> str:
    return f"${{...}}.pop('{name}', None)"
