"""Read the INI file of a tool, as Python's and Go's readers do: blanks around ``=``, comments behind values."""

from __future__ import annotations

import configparser


def read_ini(text: str, tool: str, *, defaults: str = "") -> dict[str, dict[str, str]]:
    """Return the sections of ``text``, keys in small letters.

    ``defaults``: the section that all others inherit from, which then comes first.

    Raises:
        ValueError: it is none; the error has the line and quotes nothing, since it may be a secret.
    """
    parser = configparser.RawConfigParser(
        default_section=defaults,
        inline_comment_prefixes=("#", ";"),
        strict=False,  # two sections of a name are one there, and the later of two keys counts
    )
    try:
        parser.read_string(text)
    except configparser.Error as error:
        wrong = getattr(error, "errors", ())
        line = wrong[0][0] if wrong else getattr(error, "lineno", None)
        raise ValueError(f"line {line} of {tool}'s config is no INI") from None
    of_all = {defaults: dict(parser.defaults())} if defaults and parser.defaults() else {}
    return of_all | {name: dict(parser.items(name)) for name in parser.sections()}
