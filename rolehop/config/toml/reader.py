"""Read TOML: long plain texts by regular expressions, every other one by tomllib.

tomllib looks at each character, and a config may have thousands of chains: here a regular expression
reads a line. A text is plain if it has only tables, arrays of tables and keys without a dot, and as
values texts without escapes, whole numbers, booleans, tables of these in braces, and arrays of texts
or of such tables. Everything else, and everything that is wrong, is left to tomllib.
"""

from __future__ import annotations

from typing import Any, TypeVar

from rolehop.startup.lazy_regex import Pattern

T = TypeVar("T")

_KEY = r"[A-Za-z0-9_-]+"
_TEXT = r'"[^"\\\x00-\x08\x0a-\x1f\x7f]*"'
_WORD = r"true|false|0|[1-9][0-9]{0,15}+"
_PAIRS = rf"[ \t]*+(?:{_KEY}[ \t]*=[ \t]*(?:{_TEXT}|{_WORD})[ \t]*(?:,[ \t]*(?!\}})|(?=\}})))*+"
_REMARK = r"#[^\x00-\x08\x0a-\x1f\x7f]*"
# A line, or several lines if there is an array in brackets. Every line matches one of both.
_LINE = Pattern(
    rf"(?m)^[ \t]*(?:(\[\[?(?:{_KEY}|{_TEXT})(?:\.(?:{_KEY}|{_TEXT}))*\]\]?)"
    rf"|({_KEY})[ \t]*=[ \t]*(?:({_TEXT})"
    rf"|(\[(?:{_TEXT}|[^\[\]\"'#\x00-\x08\x0b-\x1f\x7f])*+\])|(\{{{_PAIRS}\}})|({_WORD})))?"
    rf"[ \t]*(?:{_REMARK})?$|^(.+)$"
)
# Of an array: a table of one text, as most hops are; another table; a text.
_ITEM = Pattern(
    rf"[ \t\n]*(?:\{{[ \t]*({_KEY})[ \t]*=[ \t]*({_TEXT})[ \t]*\}}|\{{({_PAIRS})\}}|({_TEXT}))[ \t\n]*"
)
_PAIR = Pattern(rf"({_KEY})[ \t]*=[ \t]*(?:({_TEXT})|({_WORD}))")
_NAME = Pattern(rf"({_KEY})|({_TEXT})")
# Characters. Compiling the expressions takes as long as tomllib takes for about as many.
_LONG = 30_000


def read_toml(text: str) -> dict[str, Any]:
    """Return what ``tomllib.loads`` returns.

    Raises:
        ValueError, RecursionError: those of ``tomllib.loads``.
    """
    found = read_plain(text.replace("\r\n", "\n")) if len(text) > _LONG else None
    if found is None:
        import tomllib

        return tomllib.loads(text)
    return found


def read_plain(text: str) -> dict[str, Any] | None:
    """Return the document of a text with line ends of Unix, or ``None`` if it is not plain."""
    document: dict[str, Any] = {}
    table = document
    headers = _Headers(document)
    for header, key, string, array, inline, word, other in _LINE.compiled.findall(text):
        if key:
            if string:
                value: object = string[1:-1]
            elif word:
                value = _value_of(word)
            else:
                value = _array(array) if array else _pairs(inline)
            if value is None or key in table:
                return None
            table[key] = value
        elif header:
            opened = headers.open(header)
            if opened is None:
                return None
            table = opened
        elif other:
            return None
    return document


class _Headers:
    """The tables that headers have opened: only those may be opened further."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._opened: set[int] = set()  # by identity, also lists
        # The last header, up to its last name, and the table that it is in.
        self._before = ""
        self._parent: dict[str, Any] = {}

    def open(self, header: str) -> dict[str, Any] | None:
        """Return the new table of ``[a.b]`` or ``[[a.b]]``; ``None`` if there is something already."""
        before, _, last = header.rpartition(".")
        if before and before == self._before and '"' not in header and header[-2] != "]":
            if last[:-1] in self._parent:
                return None
            new: dict[str, Any] = self._new({})
            self._parent[last[:-1]] = new
            return new
        return self._walk(header)

    def _walk(self, header: str) -> dict[str, Any] | None:
        self._before = ""
        several = header.startswith("[[")
        if several is not header.endswith("]]"):
            return None
        *parents, last = _names(header[2:-2] if several else header[1:-1])
        table = self._document
        for name in parents:
            below = table.get(name)
            if below is None:
                below = table[name] = self._new({})
            elif id(below) not in self._opened:
                return None
            table = below[-1] if isinstance(below, list) else below
        found = table.get(last)
        new: dict[str, Any] = self._new({})
        if several and found is None:
            table[last] = self._new([new])
        elif several and isinstance(found, list) and id(found) in self._opened:
            found.append(new)
        elif found is None:
            table[last] = new
            if not several and '"' not in header:
                self._before, self._parent = header.rpartition(".")[0], table
        else:
            return None
        return new

    def _new(self, made: T) -> T:
        self._opened.add(id(made))
        return made


def _names(text: str) -> list[str]:
    if '"' not in text:
        return text.split(".")
    return [key or quoted[1:-1] for key, quoted in _NAME.compiled.findall(text)]


def _array(text: str) -> list[object] | None:
    """Return the array of texts, or of tables in braces; ``None``: it is another."""
    # What is between the items, and the four groups of each.
    parts = _ITEM.compiled.split(text)
    items: list[object] = []
    for key, only, pairs, string in zip(*(parts[n::5] for n in range(1, 5)), strict=True):
        if key:
            items.append({key: only[1:-1]})
        elif string:
            items.append(string[1:-1])
        else:
            table = _pairs(pairs)
            if table is None:
                return None
            items.append(table)
    if not items:
        return items if text == "[]" else None
    first, *between, last = parts[::5]
    ends = last.removeprefix(",").lstrip(" \t\n") == "]"
    return items if first == "[" and ends and set(between) <= {","} else None


def _pairs(text: str) -> dict[str, object] | None:
    """Return the table in braces; ``None``: a key is there twice."""
    pairs = _PAIR.compiled.findall(text)
    table: dict[str, object] = {
        key: string[1:-1] if string else _value_of(word) for key, string, word in pairs
    }
    return table if len(table) == len(pairs) else None


def _value_of(word: str) -> int | bool:
    return int(word) if word[0] not in "tf" else word == "true"
