"""``guide json`` has every document that the code makes, and each of its keys.

What runs print is compared with the page, too: `tests.support.world.Done.json`.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from tests.guide.json_page import differences, documented
from tests.support.source_code import modules, tree

_SCHEMA = re.compile(r"rolehop\.[a-z-]+/\d+")
_HANDED_IN = {"rolehop.each/1": ("rolehop.commands.each.targets", "no_output")}
"""Functions whose members another one hands to the one with the schema."""

Place = tuple[str, str]
"""A module and a function of it."""


def test_the_page_has_every_schema_of_the_code() -> None:
    assert sorted(documented()) == sorted(makers())


@pytest.mark.parametrize("schema", sorted(documented()))
def test_the_page_has_its_keys(schema: str) -> None:
    places = [*makers()[schema], *([_HANDED_IN[schema]] if schema in _HANDED_IN else [])]
    made = {key for place in reached(places) for key in keys_of(place)}
    assert documented()[schema].keys() == made


def test_a_document_with_other_keys_or_types_is_noticed() -> None:
    server: dict[str, Any] = {"schema": "rolehop.server/1", "status": "ok", "pid": 7}
    assert differences(server) == []
    assert differences(server | {"new": 1, "pid": "7"}) == [
        "rolehop.server/1: new",
        "rolehop.server/1.pid: '7' is no number",
    ]
    assert differences({"schema": "rolehop.keys/1", "keys": [None]}) == [
        "rolehop.keys/1.keys[]: null"
    ]
    assert differences({"schema": "rolehop.new/1"}) == ["rolehop.new/1: not there"]
    assert differences({"Version": 1}) == []


@cache
def makers() -> dict[str, list[Place]]:
    """Return the functions that make each document, by its schema."""
    found: dict[str, list[Place]] = {}
    of_schemas = (each for each, path in modules().items() if '"schema"' in path.read_text("utf-8"))
    for module, name in ((each, name) for each in of_schemas for name in functions(each)):
        for key, value in members_of((module, name)):
            text = constant(module, value.id) if isinstance(value, ast.Name) else literal(value)
            if key == "schema" and _SCHEMA.fullmatch(text or ""):
                found.setdefault(text or "", []).append((module, name))
    return found


def reached(places: list[Place]) -> set[Place]:
    """Return these functions, and those that make parts of their documents."""
    found: set[Place] = set()
    while places:
        place = places.pop()
        if place not in found:
            found.add(place)
            module, name = place
            named = (n.id for n in ast.walk(functions(module)[name]) if isinstance(n, ast.Name))
            places += filter(makes_document, (names(module).get(n, (module, n)) for n in named))
    return found


def makes_document(place: Place) -> bool:
    module, name = place
    if module not in modules() or name not in functions(module):
        return False
    returns = functions(module)[name].returns
    said = "" if returns is None else ast.unparse(returns)
    return re.search(r"\bDocument\b|dict\[str, object\]", said) is not None


def keys_of(place: Place) -> set[str]:
    return {key for key, _ in members_of(place)}


def members_of(place: Place) -> Iterator[tuple[str, ast.expr]]:
    """Yield the members of every object that a function writes out."""
    for node in ast.walk(functions(place[0])[place[1]]):
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            yield from ((key, value) for at, value in pairs if at and (key := literal(at)))


@cache
def functions(module: str) -> dict[str, ast.FunctionDef]:
    """Return every function of a module by its name, a method by its class and name."""
    found: dict[str, ast.FunctionDef] = {}
    for outer in ast.walk(tree(modules()[module])):
        prefix = f"{outer.name}." if isinstance(outer, ast.ClassDef) else ""
        inner = ast.iter_child_nodes(outer)
        found |= {
            f"{prefix}{node.name}": node for node in inner if isinstance(node, ast.FunctionDef)
        }
    return found


@cache
def names(module: str) -> dict[str, Place]:
    """Return what a module imports by name, and from where."""
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in ast.walk(tree(modules()[module]))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@cache
def constants(module: str) -> dict[str, str | None]:
    return {
        target.id: literal(node.value)
        for node in tree(modules()[module]).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def constant(module: str, name: str) -> str | None:
    """Return the text of a name of a module, its own or imported."""
    source, name = names(module).get(name, (module, name))
    return constants(source).get(name) if source in modules() else None


def literal(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
