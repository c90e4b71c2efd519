"""How a change is named, by source text without line numbers; and what is words for a person."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

_LONGEST = 110
_WORDING = re.compile(
    r"Error|Refused|Withdrawn|NoTerminal|Problem|Advice|ShellCommand|AssertionError"
)
"""Calls whose arguments are an error's words, or advice."""
_PHRASE = re.compile(r"[a-z]{2,}[,;:.]? [a-z(]", re.IGNORECASE)


def source_text(node: ast.AST) -> str:
    if isinstance(node, ast.Slice):
        return ast.unparse(ast.Subscript(ast.Name("_"), node))[2:-1]
    return " ".join(ast.unparse(node).split())


def header(statement: ast.stmt) -> str:
    """Return a statement in one line; of a compound one, what is before its body."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return f"def {statement.name}"
        case ast.Try() | ast.TryStar():
            return "try"
        case ast.Match():
            return f"match {source_text(statement.subject)}"
        case ast.If() | ast.While() | ast.For() | ast.With():
            return ast.unparse(statement).partition("\n")[0].strip().removesuffix(":")
        case _:
            return source_text(statement)


def shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 20]} … {text[-15:]}"


def own_lines(statement: ast.stmt) -> Iterator[int]:
    """Yield the numbers of its lines, without those of the statements in it."""
    inner = [each for each in ast.iter_child_nodes(statement) if isinstance(each, ast.stmt)]
    is_definition = isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    last = statement.end_lineno or statement.lineno
    if inner and not is_definition:
        last = max(statement.lineno, min(each.lineno for each in inner) - 1)
    yield from range(statement.lineno, last + 1)


def is_wording(node: ast.AST) -> bool:
    """True if it is words for a person: an error, advice, a text with values in it."""
    if isinstance(node, ast.Call):
        return _WORDING.search(source_text(node.func)) is not None
    if isinstance(node, ast.JoinedStr):
        constants = [each.value for each in node.values if isinstance(each, ast.Constant)]
        return is_phrase("{}".join(map(str, constants)))
    return False


def is_phrase(text: str) -> bool:
    """True if it is several words."""
    return _PHRASE.search(text) is not None
