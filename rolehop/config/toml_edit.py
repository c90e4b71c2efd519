"""Change single keys of a TOML text: every other character stays as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from rolehop.config.toml_positions import index_spans
from rolehop.config.toml_writer import toml_line
from rolehop.config.value_types import Place

Value = str | Mapping[str, str] | Sequence[str]


def change_keys(text: str, table: Place, changes: Mapping[str, Value | None]) -> str:
    """Return ``text`` with keys of a table set, or removed where the value is ``None``.

    Raises:
        ValueError: the text has the table or a key in a form that cannot be changed in place, such
            as a table of its own for the key.
    """
    wanted: dict[str, Any] = tomllib.loads(text)
    inside: Any = wanted
    for step in table:
        inside = inside[step]
    for key, value in changes.items():
        text = _changed(text, table, key, value)
        if value is None:
            inside.pop(key, None)
        else:
            inside[key] = dict(value) if isinstance(value, Mapping) else _plain(value)
    if not _says(text, wanted):
        raise ValueError("the key is written as a table of its own")
    return text


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _plain(value: str | Sequence[str]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def _changed(text: str, table: Place, key: str, value: Value | None) -> str:
    spans = index_spans(text)
    if table not in spans:
        raise ValueError("the table has no place of its own")
    in_line = text[spans[table][1] : spans[table][2]].startswith("{")
    found = spans.get((*table, key))
    if value is None:
        return text if found is None else _removed(text, *found[::2], in_line=in_line)
    if found is not None:
        written = toml_line(key, value).partition(" = ")[2]
        return text[: found[1]] + written + text[found[2] :]
    end = spans[table][2]
    return _added_in_line(text, end, key, value) if in_line else _added(text, end, key, value)


def _removed(text: str, start: int, end: int, *, in_line: bool) -> str:
    """Remove a key: its lines, or in an inline table also the comma beside it."""
    if not in_line:
        after = text.find("\n", end)
        return text[: text.rfind("\n", 0, start) + 1] + (text[after + 1 :] if after >= 0 else "")
    before, after_it = text[:start], text[end:]
    if after_it.lstrip().startswith(","):
        return before + after_it.lstrip()[1:].lstrip()
    return before.rstrip().removesuffix(",") + after_it


def _added_in_line(text: str, end: int, key: str, value: Value) -> str:
    """Add a key at the end of the inline table that ends at ``end``."""
    before = text[: end - 1].rstrip()
    comma = "" if before.endswith("{") else ","
    return f"{before}{comma} {toml_line(key, value)} {text[end - 1 :]}"


def _added(text: str, end: int, key: str, value: Value) -> str:
    """Add a line below the one that ends the table's last key at ``end``, as far to the right."""
    start = text.rfind("\n", 0, end) + 1
    line = text[start:end]
    indent = line[: len(line) - len(line.lstrip())]
    at = text.find("\n", end)
    if at < 0:
        return f"{text}\n{indent}{toml_line(key, value)}\n"
    ending = "\r\n" if text[at - 1] == "\r" else "\n"
    return f"{text[: at + 1]}{indent}{toml_line(key, value)}{ending}{text[at + 1 :]}"
