"""How complaints show a value and name its type."""

from __future__ import annotations

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),  # before int: a bool is one
    (int, "an integer"),
    (float, "a float"),
    (str, "a string"),
    (list, "an array"),
    (dict, "a table"),
)
_LONGEST = 60


def quoted(text: str) -> str:
    """Return ``text`` in double quotes for a message: shortened, control characters escaped."""
    cut = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    shown = "".join(c if c.isprintable() else repr(c)[1:-1] for c in cut)
    return f'"{shown}"'


def kind_of(value: object) -> str:
    """Return what TOML calls the type of ``value``, with its article."""
    for python_type, name in _KINDS:
        if isinstance(value, python_type):
            return name
    return "a date or time"
