"""What the commands of a run print, merged into one table: lines of JSON, or CSV.

A command's stdout is taken apart where it is JSON: the members of a list, or of lines of JSON, are rows
of their own. Each row says whose it is; a target that is not ok has one that says why.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from rolehop.base.text import visible_json
from rolehop.commands.each.targets import ResultClass, TargetRow, identity_of

MOST_MERGED = 1 << 24
"""Bytes of a command's stdout that are merged; of more nothing is, since half a document is none."""

_ABOUT = ("target", "chain", "account", "account_name", "role", "region", "class", "error")


class MergedRow(NamedTuple):
    """One row: a target, and something that its command printed."""

    row: TargetRow
    value: Any = None
    """What JSON can say; a text where it was no JSON; ``None``: it printed nothing."""

    cut: bool = False
    """It printed too much."""


def _about(row: TargetRow) -> dict[str, object]:
    """Return whose a row is, and what became of that."""
    return {
        **identity_of(row),
        "class": row.result.value,
        "error": None if row.problem is None else row.problem.in_one_line,
    }


def merged_rows(row: TargetRow, stdout: str | None) -> Iterator[MergedRow]:
    """Give the rows of a target; ``stdout``: ``None`` if it is longer than `MOST_MERGED` bytes."""
    values = [] if stdout is None else values_of(stdout)
    yield from (MergedRow(row, value) for value in values)
    if stdout is None or (not values and row.result is not ResultClass.OK):
        yield MergedRow(row, cut=stdout is None)


def values_of(text: str) -> list[Any]:
    """Return what a command printed: the members of a list, an object, or of lines of these; else the text.

    Numbers and words alone stay text: ``012345678901`` is an account, and no number.
    """
    if not text.strip():
        return []
    whole = _json_of(text)
    if whole is not None:
        return whole if isinstance(whole, list) else [whole]
    lines = [_json_of(each) for each in text.splitlines() if each.strip()]
    return [text.rstrip("\r\n")] if None in lines else lines


def _json_of(text: str) -> Any:
    """Return a JSON object or list; ``None``: it is none, or could not be written again."""
    if text.lstrip()[:1] not in ("{", "["):
        return None
    try:
        found = json.loads(text)
        json.dumps(found, allow_nan=False)
    except (ValueError, RecursionError):
        return None
    return found


def merged_line(merged: MergedRow) -> str:
    """Return one line of ``rolehop.each-row/1``."""
    document = {
        "schema": "rolehop.each-row/1",
        **_about(merged.row),
        "value": merged.value,
        "cut": merged.cut,
    }
    return visible_json(json.dumps(document, ensure_ascii=False))


class MergedTable:
    """CSV, whose columns are known once all targets are done: those of every object, as they came."""

    def __init__(self) -> None:
        self._rows: list[dict[str, str]] = []
        self._columns = dict.fromkeys(_ABOUT)

    def add(self, merged: MergedRow) -> None:
        """Add a row."""
        members = merged.value if isinstance(merged.value, dict) else {"value": merged.value}
        members = {} if merged.value is None else members
        named = {f"value.{key}" if key in _ABOUT else key: members[key] for key in members}
        self._columns.update(dict.fromkeys(named))
        values: Mapping[str, Any] = {**_about(merged.row), **named}
        self._rows.append({key: _cell(value) for key, value in values.items()})

    @property
    def text(self) -> str:
        """The whole table; a line end within a cell is in quotes, as RFC 4180 says."""
        file = io.StringIO()
        names = {each: _cell(each) for each in self._columns}
        table = csv.DictWriter(file, self._columns, restval="", lineterminator="\n")
        table.writerow(names)
        table.writerows(self._rows)
        return file.getvalue()


_FORMULA = ("=", "+", "-", "@", "\t", "\n")


def _cell(value: Any) -> str:
    """Return a value as a cell; a text that a spreadsheet would run as a formula has ``'`` before it."""
    if value is None:
        return ""
    if isinstance(value, str):
        value = value.replace("\r\n", "\n").replace("\r", "\n")  # csv quotes no single return
        return f"'{value}" if value.startswith(_FORMULA) else value
    return json.dumps(value, ensure_ascii=False)
