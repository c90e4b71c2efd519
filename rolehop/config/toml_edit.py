"""Change single keys of a TOML text: every other character stays as it is, each comment too."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from rolehop.config.toml import Span, comments_in, index_spans, line_ending, toml_line, toml_text
from rolehop.config.value_types import Place

Value = str | Mapping[str, str] | Sequence[str]


def change_keys(text: str, table: Place, changes: Mapping[str, Value | None]) -> str:
    """Return ``text`` with keys of a table set, or removed where the value is ``None``.

    The comments of a key that is removed stay, on lines of their own.

    Raises:
        ValueError: the text has the table or a key in a form that cannot be changed in place, such
            as a table of its own for the key.
    """
    before = text
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
    if _comments(text) != _comments(before):
        raise ValueError("there is a comment within the value, which would be lost")
    return text


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def _comments(text: str) -> list[str]:
    return sorted(text[start:end] for start, end in comments_in(text, 0, len(text)))


def _plain(value: str | Sequence[str]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def _changed(text: str, table: Place, key: str, value: Value | None) -> str:
    spans = index_spans(text)
    if table not in spans:
        raise ValueError("the table has no place of its own")
    in_line = text[spans[table][1] : spans[table][2]].startswith("{")
    found = spans.get((*table, key))
    if value is None:
        if found is None:
            return text
        return _removed_in_line(text, found) if in_line else _removed(text, found)
    if found is not None:
        listed = None if isinstance(value, str | Mapping) else list(value)
        edited = None if listed is None else _changed_list(text, (*table, key), listed)
        written = toml_line(key, value).partition(" = ")[2]
        return edited or text[: found[1]] + written + text[found[2] :]
    end = spans[table][2]
    return _added_in_line(text, end, key, value) if in_line else _added(text, end, key, value)


def _removed(text: str, found: Span) -> str:
    """Remove the lines of a key, but for its comments."""
    start, after = text.rfind("\n", 0, found[0]) + 1, text.find("\n", found[2])
    end = after + 1 if after >= 0 else len(text)
    indent, ending = text[start : found[0]], line_ending(text)
    kept = "".join(f"{indent}{text[a:b]}{ending}" for a, b in comments_in(text, found[1], end))
    removed = text[:start] + kept + text[end:]
    return removed if after >= 0 else removed.removesuffix(ending)


def _removed_in_line(text: str, found: Span) -> str:
    """Remove a key of an inline table, with the comma beside it."""
    before, after_it = text[: found[0]], text[found[2] :]
    if after_it.lstrip().startswith(","):
        return before + after_it.lstrip()[1:].lstrip()
    return before.rstrip().removesuffix(",") + after_it


def _added_in_line(text: str, end: int, key: str, value: Value) -> str:
    """Add a key at the end of the inline table that ends at ``end``."""
    before = text[: end - 1].rstrip()
    is_empty = before.endswith("{")
    tail = f" {text[end - 1 :]}" if is_empty else text[len(before) :]
    return f"{before}{'' if is_empty else ','} {toml_line(key, value)}{tail}"


def _added(text: str, end: int, key: str, value: Value) -> str:
    """Add a line below the one that ends the table's last key at ``end``, as far to the right."""
    start, ending = text.rfind("\n", 0, end) + 1, line_ending(text)
    line = text[start:end]
    indent = line[: len(line) - len(line.lstrip())]
    at = text.find("\n", end)
    if at < 0:
        return f"{text}{ending}{indent}{toml_line(key, value)}"
    return f"{text[: at + 1]}{indent}{toml_line(key, value)}{ending}{text[at + 1 :]}"


# ---- a list over several lines, item by item: the lines and comments of others stay


def _changed_list(text: str, place: Place, wanted: Sequence[str]) -> str | None:
    """Return ``text`` with the list at ``place`` changed to ``wanted``.

    ``None``: the list is on one line, is or becomes empty, or is wanted in another order.
    """
    _, start, end = index_spans(text)[place]
    old = tomllib.loads(f"k = {text[start:end]}")["k"]
    if "\n" not in text[start:end] or not isinstance(old, list):
        return None
    left = [each for each in old if each in wanted]
    if not old or not wanted or left != list(wanted)[: len(left)]:
        return None
    for value in list(wanted)[len(left) :]:
        text = _with_item(text, place, toml_text(value))
    for number in reversed(range(len(old))):
        if old[number] not in wanted:
            text = _without_item(text, place, number)
    return text


def _gap(text: str, place: Place, number: int) -> tuple[int, int, int | None]:
    """Return where an item ends, where the next one or the bracket begins, and the comma between."""
    spans = index_spans(text)
    end, following = spans[*place, number][2], spans.get((*place, number + 1))
    stop = spans[place][2] - 1 if following is None else following[0]
    hidden = {at for a, b in comments_in(text, end, stop) for at in range(a, b)}
    comma = next((n for n in range(end, stop) if text[n] == "," and n not in hidden), None)
    return end, stop, comma


def _end_of_line(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found


def _without_item(text: str, place: Place, number: int) -> str:
    """Remove an item and its comma; its line goes too, unless something else is on it."""
    start = index_spans(text)[*place, number][0]
    end, _, comma = _gap(text, place, number)
    if comma is None and number:  # the last one has none, and then none is wanted
        before = _gap(text, place, number - 1)[2]
        if before is not None:
            text, start, end = text[:before] + text[before + 1 :], start - 1, end - 1
    elif comma is not None:
        text = text[:comma] + text[comma + 1 :]
    after = _end_of_line(text, end)
    line, rest = text[text.rfind("\n", 0, start) + 1 : start], text[end:after]
    if line.strip() or rest.strip():
        return text[:start] + text[end:].lstrip(" \t")
    return text[: start - len(line)] + text[after + 1 :]


def _with_item(text: str, place: Place, written: str) -> str:
    """Add an item at the end: on a line of its own, if the last one has one."""
    spans = index_spans(text)
    last = sum(each[:-1] == place for each in spans) - 1
    start = spans[*place, last][0]
    end, _, comma = _gap(text, place, last)
    indent = text[text.rfind("\n", 0, start) + 1 : start]
    after = _end_of_line(text, end)
    shared = indent.strip() or text[end:after].lstrip(" \t,")[:1] not in ("", "\r", "#")
    if shared or (comma is not None and comma > after):
        return f"{text[:end]}, {written}{text[end:]}"
    if comma is None:
        text, after = f"{text[:end]},{text[end:]}", after + 1
    own = "" if comma is None else ","
    return f"{text[: after + 1]}{indent}{written}{own}{line_ending(text)}{text[after + 1 :]}"
