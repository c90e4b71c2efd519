"""Write names and values as TOML, and find the line of each key of a TOML text."""

from __future__ import annotations

import json
import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from rolehop.base.text import is_visible
from rolehop.config.value_types import Place

Value = str | bool | Mapping[str, str] | Sequence[str]
"""A text, true or false, a table of texts, or a list of them."""


def toml_line(key: str, value: Value) -> str:
    """Return one key of a table with its value."""
    if isinstance(value, bool):
        return f"{key} = {'true' if value else 'false'}"
    if isinstance(value, str):
        return f"{key} = {toml_text(value)}"
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(each)} = {toml_text(text)}" for each, text in value.items())
        return f"{key} = {{ {', '.join(pairs)} }}"
    return f"{key} = [{', '.join(map(toml_text, value))}]"


def toml_key(name: str) -> str:
    """Return ``name`` as a key: bare if TOML allows it."""
    return name if name.replace("-", "_").isidentifier() and name.isascii() else toml_text(name)


def toml_text(text: str) -> str:
    """Return ``text`` as a string with its quotes; invisible characters are escaped."""
    # A JSON string is a TOML string, except for characters that JSON does not escape.
    written = json.dumps(text, ensure_ascii=False)
    return "".join(c if is_visible(c) else f"\\U{ord(c):08x}" for c in written)


_SPACE = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANKS = re.compile(r"[ \t]*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")

# A string of three quotes may end in up to two more of its own quotes.
_STRINGS = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r'"""(?:\\.|[^\\])*?"""(?:"{0,2})',
        r"'''.*?'''(?:'{0,2})",
        r'"(?:\\.|[^"\\])*"',
        r"'[^']*'",
    )
)

_SCALAR = re.compile(r"[^,\]}#\n]+")


def nearest_line(lines: Mapping[Place, int], place: Place) -> int | None:
    """Return the 1-based line of the value at ``place``, or of the nearest table around it.

    ``lines`` is the result of ``index_lines``. ``place`` is keys and indexes, e.g.
    ``("chains", "prod", "hops", 0, "role")``. ``None``: not even its first key is there.
    """
    for length in range(len(place), 0, -1):
        if place[:length] in lines:
            return lines[place[:length]]
    return None


def index_lines(text: str) -> dict[Place, int]:
    """Return the line of every table, key and array item of a well-formed TOML text.

    A table with a header is at its header; one that is only named on the way to another is where it
    is first named.
    """
    scanner = _Scanner(text)
    scanner.scan()
    return {**scanner.implied, **scanner.lines}


class _Scanner:
    """Scans the text once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._ends = [match.start() for match in re.finditer("\n", text)]
        self._last: dict[Place, int] = {}  # arrays of tables: index of the newest table
        self.lines: dict[Place, int] = {}
        self.implied: dict[Place, int] = {}

    def scan(self) -> None:
        table: Place = ()
        self._skip(_SPACE)
        while self._at < len(self._text):
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_SPACE)

    def _header(self) -> Place:
        line, array = self._line(), self._peek("[[")
        self._at += 2 if array else 1
        keys = self._keys()
        self._at += 2 if array else 1
        place: Place = ()
        for key in keys[:-1]:
            place = self._enter((*place, key))
        named = (*place, keys[-1])
        if array:
            self._last[named] = self._last.get(named, -1) + 1
        self._name_way(self._enter(named), line)
        table = self._enter(named)
        self.lines[table] = line
        return table

    def _enter(self, place: Place) -> Place:
        """Return the newest table, if ``place`` is an array of tables."""
        return (*place, self._last[place]) if place in self._last else place

    def _pair(self, table: Place) -> None:
        line = self._line()
        place = (*table, *self._keys())
        self._at += 1  # =
        self._name_way(place, line)
        self.lines[place] = line
        self._value(place)

    def _name_way(self, place: Place, line: int) -> None:
        for length in range(1, len(place)):
            self.implied.setdefault(place[:length], line)

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while self._peek("."):
            self._at += 1
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip(_BLANKS)
        raw = self._take(_BARE_KEY) or self._string()
        self._skip(_BLANKS)
        # tomllib knows every escape; a bare key is its own text.
        return str(tomllib.loads(f"k = {raw}")["k"]) if raw[0] in "\"'" else raw

    def _value(self, place: Place) -> None:
        self._skip(_SPACE)
        if self._peek("["):
            self._array(place)
        elif self._peek("{"):
            self._inline_table(place)
        elif not self._string():
            self._at += len(self._peeked(_SCALAR))

    def _array(self, place: Place) -> None:
        for index, _ in enumerate(self._items("]")):
            self.lines[(*place, index)] = self._line()
            self._value((*place, index))

    def _inline_table(self, place: Place) -> None:
        for _ in self._items("}"):
            self._pair(place)

    def _items(self, end: str) -> Iterator[None]:
        """Yield at each item between the brackets; the caller reads it."""
        self._at += 1
        self._skip(_SPACE)
        while not self._peek(end) and self._at < len(self._text):
            yield
            self._skip(_SPACE)
            if self._peek(","):
                self._at += 1
                self._skip(_SPACE)
        self._at += 1

    def _string(self) -> str:
        return next(filter(None, (self._take(pattern) for pattern in _STRINGS)), "")

    def _take(self, pattern: re.Pattern[str]) -> str:
        found = self._peeked(pattern)
        self._at += len(found)
        return found

    def _peeked(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self._text, self._at)
        return "" if match is None else match[0]

    def _skip(self, pattern: re.Pattern[str]) -> None:
        self._take(pattern)

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _line(self) -> int:
        return bisect_right(self._ends, self._at - 1) + 1
