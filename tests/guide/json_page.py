"""The JSON documents as ``rolehop guide json`` has them, and whether one that was printed is such."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from rolehop.guide import topic_text

_SECTION = re.compile(r"^##+ (?P<title>.+)\n(?P<text>(?:(?!##).*\n?)*)", re.MULTILINE)
_ROW = re.compile(r"^\| (?P<keys>`.+?`) \| (?P<type>.*?) \| (?P<what>.*?)\|$", re.MULTILINE)
_SCHEMA = re.compile(r"`(rolehop\.[a-z-]+/\d+)`: ")
_LINK = re.compile(r"\[.+\]\(#(?P<part>.+)\)(?P<null>\??)")
_KINDS = {
    "string": r"(?s:.*)",
    "ARN": r"arn:aws[a-z-]*:.+",
    "account": r"\d{12}",
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ",
}
_MEMBERS = {"strings": str, "numbers": int}


@dataclass
class Shape:
    """One value: its kind as the page has it, and its members; ``[]`` is the member of a list."""

    kind: str = "object"
    nullable: bool = False
    members: dict[str, Shape] = field(default_factory=dict)

    def at(self, path: str) -> Shape:
        """Return the shape at a path such as ``chains[].name``; it is added if it is not there."""
        shape = self
        for name in path.replace("[]", ".[]").split("."):
            shape = shape.members.setdefault(name, Shape())
        return shape

    def keys(self) -> set[str]:
        """Return the names of all keys, on every level."""
        inner = set[str]().union(*(each.keys() for each in self.members.values()))
        return inner | self.members.keys() - {"[]"}


@cache
def documented() -> dict[str, Shape]:
    """Return the shape of each document, by schema."""
    titles = {each["title"]: each["text"] for each in _SECTION.finditer(topic_text("json"))}
    parts = {title.lower().replace(" ", "-"): text for title, text in titles.items()}
    found = {}
    for title, text in titles.items():
        if schema := _SCHEMA.match(title):
            found[schema[1]] = Shape(members={"schema": Shape("string")})
            _add(found[schema[1]], text, parts)
    return found


def _add(shape: Shape, text: str, parts: dict[str, str]) -> None:
    for row in _ROW.finditer(text):
        for path in re.findall(r"`(.+?)`", row["keys"]):
            of = shape.at(path)
            if part := _LINK.fullmatch(row["type"]):
                of.nullable = bool(part["null"])
                _add(of, parts[part["part"]], parts)
            elif row["type"] != "objects":
                of.kind, of.nullable = row["type"].removesuffix("?"), row["type"].endswith("?")


def differences(document: Any) -> list[str]:
    """Return how a document of rolehop differs from its shape on the page."""
    schema = document.get("schema") if isinstance(document, dict) else None
    if not isinstance(schema, str) or not schema.startswith("rolehop."):
        return []
    shape = documented().get(schema)
    return [f"{schema}: not there"] if shape is None else _differences(document, shape, schema)


def _differences(value: Any, shape: Shape, path: str) -> list[str]:
    if value is None:
        return [] if shape.nullable else [f"{path}: null"]
    if "[]" in shape.members:
        if not isinstance(value, list):
            return [f"{path}: {value!r} is no list"]
        return [
            each for one in value for each in _differences(one, shape.members["[]"], f"{path}[]")
        ]
    if not shape.members:
        return [] if _is(value, shape.kind) else [f"{path}: {value!r} is no {shape.kind}"]
    if not isinstance(value, dict):
        return [f"{path}: {value!r} is no object"]
    wrong = [f"{path}: {each}" for each in sorted(value.keys() ^ shape.members.keys())]
    both = value.keys() & shape.members.keys()
    return wrong + [
        each
        for key in sorted(both)
        for each in _differences(value[key], shape.members[key], f"{path}.{key}")
    ]


def _is(value: Any, kind: str) -> bool:
    if kind in _KINDS:
        return isinstance(value, str) and re.fullmatch(_KINDS[kind], value) is not None
    if kind == "any":
        return True
    if kind in ("number", "seconds"):
        return type(value) is int
    if kind in ("boolean", "decimal"):
        return type(value) in ((bool,) if kind == "boolean" else (float, int))
    assert kind.startswith(("map", "policy", "statement")), f"{kind}: no type of the page"
    members = _MEMBERS.get(kind.partition(" of ")[2], object)
    return isinstance(value, dict) and all(isinstance(each, members) for each in value.values())
