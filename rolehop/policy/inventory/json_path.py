"""JSON values that know their path, so that errors can name it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from rolehop.startup.dataclass import dataclass
from rolehop.text import clean, quoted

_LONGEST_NUMBER = 100


class InvalidInventory(ValueError):
    """A file that cannot be read as AWS CLI output; the message says why."""


@dataclass(slots=True)  # not frozen: a file has ten for each of thousands of roles
class JsonNode:
    """One value of a file, and its place, as in ``RoleDetailList[0].Arn``; empty: the whole."""

    value: Any
    place: str = ""

    def wrong(self, wanted: str) -> InvalidInventory:
        """Make the error that says what is expected here."""
        where = self.place or "the whole of it"
        return InvalidInventory(f"{where} is {_kind(self.value)}, and {wanted} is expected there")

    def keys(self) -> dict[str, Any]:
        """Return the object, by key.

        Raises:
            InvalidInventory: it is something else; every method raises this.
        """
        if not isinstance(self.value, dict):
            raise self.wrong("{…}")
        return self.value

    def get(self, key: str) -> JsonNode | None:
        """Return the value at ``key``; ``None``: missing, or null, as ``--query`` writes it."""
        value = self.keys().get(key)
        if value is None:
            return None
        return JsonNode(value, f"{self.place}.{key}" if self.place else key)

    def need(self, key: str) -> JsonNode:
        """Return the value at ``key``, which IAM always includes."""
        found = self.get(key)
        if found is None:
            raise InvalidInventory(f"{self.place or 'it'} lacks {key}, which IAM always includes")
        return found

    def text(self) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        return self.value

    def number(self) -> int:
        """Return a whole number."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.wrong("a whole number")
        return self.value

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def items(self) -> Iterator[JsonNode]:
        """Yield the members of a list."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return (JsonNode(each, f"{self.place}[{at}]") for at, each in enumerate(self.value))

    def members(self, key: str) -> list[JsonNode] | None:
        """Return the members of the list at ``key``; ``None``: there is none."""
        found = self.get(key)
        return None if found is None else list(found.items())


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return quoted(value)
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case _:
            return "{…}"


def load_strictly(text: str) -> Any:
    """Read JSON, refusing duplicate keys, hostile nesting and huge numbers.

    Raises:
        InvalidInventory: it cannot be read.
    """
    try:
        return json.loads(
            text, object_pairs_hook=_no_twins, parse_int=_whole, parse_constant=_no_number
        )
    except RecursionError:
        raise InvalidInventory("it is nested too deep") from None
    except json.JSONDecodeError as error:
        at = f"unexpected text at line {error.lineno}, column {error.colno}"
        raise InvalidInventory(f"it is not JSON: {at if text.strip() else 'it is empty'}") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise InvalidInventory(f"the key {quoted(twice)} occurs twice in the same object")
    return found


def _whole(text: str) -> int:
    if len(text) > _LONGEST_NUMBER:
        raise InvalidInventory(f"a number in it has {len(text)} digits")
    return int(text)


def _no_number(text: str) -> None:
    raise InvalidInventory(f"it is not JSON: {clean(text)} is not a number")
