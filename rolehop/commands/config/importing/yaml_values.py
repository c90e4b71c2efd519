"""Read a tool's YAML as tables, lists and texts, within limits of length, depth and size.

Every scalar is a text, so that an account ID keeps its zeros. PyYAML is loaded with the first text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

Yaml = str | list["Yaml"] | dict[str, "Yaml"]

_LONGEST = 1024 * 1024  # characters: 6,500 accounts of aws-sso-cli, some three seconds of PyYAML
_LARGEST = 2 * _LONGEST  # values and their characters, with all that aliases stand for
_DEEPEST = 30
_NULLS = ("", "~", "null", "Null", "NULL")


@lru_cache(maxsize=4)
def read_yaml(text: str) -> Yaml:
    """Return what a YAML text holds; what is empty or null is an empty text.

    The result is kept, since a file is checked before it is taken over: do not change it.

    Raises:
        ValueError: it is broken, or beyond the limits; one line, which names that of the text.
    """
    import yaml

    class Loader(yaml.BaseLoader):  # type: ignore[misc]  # PyYAML ships no types
        depth = 0

        def compose_node(self, parent: object, index: object) -> object:
            self.depth += 1
            if self.depth > _DEEPEST:
                raise _too_deep(self.peek_event().start_mark.line)
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

        def scan_flow_scalar_non_spaces(self, double: object, start_mark: object) -> object:
            try:
                return super().scan_flow_scalar_non_spaces(double, start_mark)
            except (OverflowError, ValueError):  # of chr(), for "\Uffffffff" or "\U00110000"
                line = self.line + 1
                raise ValueError(f"line {line}: it has an escape for no character") from None

    if len(text) > _LONGEST:
        raise ValueError(f"it is longer than {_LONGEST} characters")
    try:
        loader = Loader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ValueError(f"line {line}: it has a character that YAML does not allow") from None
    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise ValueError(f"line {mark.line + 1}: {error.problem or error.context}") from None
    return "" if node is None else _Expansion().value(node, 1)


class _Expansion:
    """Turns nodes into values; an alias is the node of its anchor once more, even within itself."""

    def __init__(self) -> None:
        self._left = _LARGEST

    def value(self, node: Any, depth: int) -> Yaml:
        if depth > _DEEPEST:
            raise _too_deep(node.start_mark.line)
        self._left -= 1 + len(node.value)
        if self._left < 0:
            raise _wrong(node, "it is too large with all that its aliases stand for")
        if node.id == "scalar":
            is_plain = node.style is None
            return "" if is_plain and node.value in _NULLS else str(node.value)
        if node.id == "sequence":
            return [self.value(each, depth + 1) for each in node.value] or ""
        return self._table(node, depth) or ""

    def _table(self, node: Any, depth: int) -> dict[str, Yaml]:
        found: dict[str, Yaml] = {}
        merged: dict[str, Yaml] = {}
        for key, below in node.value:
            if key.id != "scalar":
                raise _wrong(key, "the key is no text")
            if key.value in found:
                raise _wrong(key, "the key is there twice")
            value = self.value(below, depth + 1)
            if key.value == "<<" and key.style is None:
                for each in value if isinstance(value, list) else [value]:
                    merged = {**(each if isinstance(each, dict) else {}), **merged}
            else:
                found[key.value] = value
        return {**merged, **found}


def _wrong(node: Any, said: str) -> ValueError:
    return ValueError(f"line {node.start_mark.line + 1}: {said}")


def _too_deep(line: int) -> ValueError:
    return ValueError(f"line {line + 1}: it is nested too deeply")
