"""Read rolehop's own source code: its modules, what they import, the names that they use, and how much runs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import rolehop

ROOT = Path(rolehop.__file__).parent


@cache
def modules() -> dict[str, Path]:
    """Every module's file, by its full name."""
    return {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(path: Path) -> str:
    """The row of ``house_map.ROOMS`` that a file belongs to: its outermost folder, or itself."""
    inside = path.relative_to(ROOT)
    return inside.parts[0] if len(inside.parts) > 1 else inside.stem


def feature_of(path: Path) -> str | None:
    """The row of ``house_map.FEATURES`` that a file belongs to: its folder in ``commands``, or itself."""
    first, *rest = path.relative_to(ROOT).with_suffix("").parts
    return rest[0] if first == "commands" and rest[0] != "__init__" else None


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(*kinds: type[ast.AST]) -> Iterator[Any]:
    """Every node of these kinds, in all modules."""
    for path in modules().values():
        yield from (node for node in ast.walk(tree(path)) if isinstance(node, kinds))


def imported_names(path: Path) -> Iterator[str]:
    """Every import, also those inside functions and for type checkers, as dotted names."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ImportFrom):
            assert node.module is not None, "a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def imports_of_test_modules(folder: Path) -> Iterator[tuple[Path, str]]:
    """Every import of a test module below ``folder``, and the file that has it."""
    # Its name is in the text of what imports it, and looking for that is faster than parsing.
    stems = {path.stem for path in folder.rglob("test_*.py")}
    named = re.compile(rf"\b(?:{'|'.join(sorted(stems))})\b")
    for path in folder.rglob("*.py"):
        if named.search(path.read_text(encoding="utf-8")):
            yield from ((path, name) for name in imported_names(path) if ".test_" in name)


@cache
def imported_modules(name: str) -> frozenset[str]:
    """The modules of rolehop's own that a module imports."""
    found = set()
    for each in imported_names(modules()[name]):
        if each.split(".")[0] == "rolehop":
            found.add(each if each in modules() else each.rpartition(".")[0])
    return frozenset(found - {name})


def label(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def attributes(path: Path) -> set[str]:
    """Every attribute of a plain name, such as ``os.environ``, and every name, such as ``print``."""
    nodes = list(ast.walk(tree(path)))
    return {node.id for node in nodes if isinstance(node, ast.Name)} | {
        f"{node.value.id}.{node.attr}"
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name that is called, without what it belongs to."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func).rpartition(".")[2], node


def calls_of(work: Callable[[], object]) -> int:
    """How many functions ``work`` calls, built-in ones too: a measure of time without a clock."""
    calls = 0

    def count(_frame: object, event: str, _value: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls
