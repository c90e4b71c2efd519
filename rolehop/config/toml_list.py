"""Change a TOML list over several lines item by item: the lines and comments of others stay."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence

from rolehop.config.toml_positions import comments_in, index_spans, line_ending
from rolehop.config.toml_writer import toml_text
from rolehop.config.value_types import Place


def change_list(text: str, place: Place, wanted: Sequence[str]) -> str | None:
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
    if line.strip():
        return text[:start] + text[end:].lstrip(" \t")
    if rest.strip():
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
