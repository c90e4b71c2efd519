"""A strict JSON reader that records the position of each element.

Python's own reader keeps the last of two equal keys, records no positions, and recurses as deep
as the text does. A policy that one reader approves and another reads differently is a security
hole, so equal keys, deep nesting, oversize texts and anything outside RFC 8259 are refused here,
each with line and column.
"""

from __future__ import annotations

import json

from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern
from rolehop.text import quoted

LONGEST = 131_072
"""Characters. IAM's largest quota is 10,240 without white space; drafts may be longer."""

DEEPEST = 16
"""A policy needs six levels."""

_SPACE = Pattern(r"[ \t\n\r]*")
_STRING = Pattern(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"')
_NUMBER = Pattern(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORDS = {"true": True, "false": False, "null": None}


class PolicyError(ValueError):
    """A document that cannot be read; the text names the place, line and column from 1."""


@dataclass(frozen=True, slots=True)
class Number:
    """A JSON number as it is written."""

    text: str


Value = str | bool | Number | None | dict[str, "Node"] | list["Node"]


@dataclass(frozen=True, slots=True)
class Node:
    """One element; ``offset`` is where it starts in the text."""

    value: Value
    offset: int
    key_offsets: dict[str, int] | None = None
    """Of an object: the offset of each key."""


def error_at(text: str, offset: int, problem: str) -> PolicyError:
    """Make the error that points at ``offset``."""
    before = text[:offset].split("\n")
    return PolicyError(f"line {len(before)}, column {len(before[-1]) + 1}: {problem}")


def read_json(text: str) -> Node:
    """Read one JSON value.

    Raises:
        PolicyError: with line and column.
    """
    if len(text) > LONGEST:
        raise error_at(text, 0, f"longer than {LONGEST} characters")
    reader = _Reader(text)
    node = reader.value(0)
    if reader.at < len(text):
        raise reader.error("something follows the end of the document")
    return node


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._skip()

    def error(self, problem: str, offset: int | None = None) -> PolicyError:
        return error_at(self.text, self.at if offset is None else offset, problem)

    def value(self, depth: int) -> Node:
        if depth > DEEPEST:
            raise self.error(f"nested deeper than {DEEPEST} levels")
        match self._next():
            case "{":
                return self._object(depth)
            case "[":
                return self._array(depth)
            case '"':
                offset = self.at
                return Node(self._string(), offset)
            case _:
                return self._bare()

    def _next(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self) -> None:
        match = _SPACE.compiled.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _take(self, mark: str) -> bool:
        if self._next() != mark:
            return False
        self.at += 1
        self._skip()
        return True

    def _string(self) -> str:
        match = _STRING.compiled.match(self.text, self.at)
        if match is None:
            raise self.error("a string that does not end, or holds what a JSON string may not")
        self.at = match.end()
        self._skip()
        found: str = json.loads(match[0])
        return found

    def _bare(self) -> Node:
        offset = self.at
        for word, value in _WORDS.items():
            if self.text.startswith(word, offset):
                self.at += len(word)
                self._skip()
                return Node(value, offset)
        match = _NUMBER.compiled.match(self.text, offset)
        if match is None:
            found = quoted(self.text[offset : offset + 20]) if self._next() else "the end"
            raise self.error(f"expected a value here, found {found}")
        self.at = match.end()
        self._skip()
        return Node(Number(match[0]), offset)

    def _array(self, depth: int) -> Node:
        offset = self.at
        self._take("[")
        found: list[Node] = []
        if self._take("]"):
            return Node(found, offset)
        while True:
            found.append(self.value(depth + 1))
            if self._take("]"):
                return Node(found, offset)
            if not self._take(","):
                raise self.error("expected a comma or ] here")

    def _object(self, depth: int) -> Node:
        offset = self.at
        self._take("{")
        found: dict[str, Node] = {}
        keys: dict[str, int] = {}
        if self._take("}"):
            return Node(found, offset, keys)
        while True:
            at = self.at
            if self._next() != '"':
                raise self.error("expected a key in double quotes here")
            key = self._string()
            if key in found:
                raise self.error(f"the key {quoted(key)} occurs twice", at)
            if not self._take(":"):
                raise self.error("expected a colon here")
            keys[key] = at
            found[key] = self.value(depth + 1)
            if self._take("}"):
                return Node(found, offset, keys)
            if not self._take(","):
                raise self.error("expected a comma or } here")
