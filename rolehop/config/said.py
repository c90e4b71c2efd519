"""What TOML calls the type of a value, for complaints."""

from __future__ import annotations

_KINDS: tuple[tuple[type, str], ...] = (
    (bool, "a boolean"),  # before int: a bool is one
    (int, "an integer"),
    (float, "a float"),
    (str, "a string"),
    (list, "an array"),
    (dict, "a table"),
)


def kind_of(value: object) -> str:
    """Return what TOML calls the type of ``value``, with its article."""
    for python_type, name in _KINDS:
        if isinstance(value, python_type):
            return name
    return "a date or time"
