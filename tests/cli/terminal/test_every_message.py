"""Every message in rolehop's code that has a command in it, printed at widths from 40 to 200 columns.

They are read out of the source: what only running it would tell stands for itself, as a name, an
argument with a blank, or advice of its own.
"""

from __future__ import annotations

import ast
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from rolehop.base.advice import Advice, Argument, ShellCommand, Whole, posix_argument
from rolehop.base.errors import UsageError
from rolehop.hotpath.command_table import COMMANDS
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.terminal import Settings, Terminal
from tests.support.source_code import ROOT, modules, tree

WIDTHS = (*range(40, 100, 3), 100, 120, 160, 200)
ARN = "arn:aws:iam::333333333333:role/a-role-with-a-name-that-is-longer-than-a-narrow-window"
VALUES = ("my chain", "it's", ARN)
NO_MESSAGES = (
    *("handover/shells", "guide", "hotpath", "commands/demo"),
    *("commands/config/init/drafts.py", "commands/config/importing"),
)
"""Scripts, the manual, configs, and what tables and tours show."""

_SHELL_COMMAND = "aws iam get-role --role-name 'a b' > role.json"

_OF_COMMAND = re.compile(
    rf"rolehop (?:{'|'.join(COMMANDS)})\b"
    r"(?: (?:add|list|remove|rotate|init|check|path|import|reference|install|login|logout|test|role|refresh)\b)?"
    r"(?: (?:--?[a-z][a-z-]*|[A-Z][A-Z_]+)(?![\w-]))*"
)


class _Field(Argument):
    """What an f-string has in it: printed as text, and all the same an argument behind a command."""

    __slots__ = ()


class _Window(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def texts_of(path: Path) -> Iterator[tuple[int, ast.expr]]:
    """Every outermost expression of a file that makes a text: not docstrings, nor parts of another."""
    inner = set[int]()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        if _makes_text(node):
            inner |= {id(each) for each in ast.walk(node) if each is not node}
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "to_type":  # a line of its own
            inner |= {id(each) for each in ast.walk(node.args[0])}
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.expr) and _makes_text(node) and id(node) not in inner:
            yield node.lineno, node


def _makes_text(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "Advice"
    return isinstance(node, ast.JoinedStr) or (
        isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def parts_of(node: ast.expr, value: str, before: str = "") -> Iterator[str]:
    """The parts of the advice that an expression makes; ``value`` is what an argument is."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.JoinedStr):
        for each in node.values:
            yield str(each.value) if isinstance(each, ast.Constant) else _Field("alice")
    elif isinstance(node, ast.IfExp):
        yield from parts_of(node.body, value, before)
    elif isinstance(node, ast.Starred):
        yield from (" ", Argument(value))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        kind = node.func.id
        if kind == "Advice":
            for each in node.args:
                for part in parts_of(each, value, before):
                    before = part
                    yield part
        elif kind in ("ShellCommand", "Whole"):
            yield ShellCommand(_SHELL_COMMAND) if kind == "ShellCommand" else Whole("/a path/x")
        else:
            yield Argument(value) if kind == "Argument" else "NAME"
    elif _OF_COMMAND.search(before):
        yield Argument(value)
    else:
        yield from ("rolehop refresh ", Argument(value))


def commands_in(parts: Sequence[str]) -> list[str]:
    """The commands in advice, as they are typed; what a person has to add, or prose, ends one."""
    found, begun = list[str](), ""
    for part in parts:
        if isinstance(part, ShellCommand):
            found.append(part)
            begun = ""
        elif isinstance(part, Argument):
            begun = f"{begun}{posix_argument(part)}" if begun.endswith((" ", "=")) else ""
            found += [begun] if begun else []
        else:
            if begun and re.fullmatch(r" ?", part):
                begun += part
                continue
            matches = list(_OF_COMMAND.finditer(part))
            found += [each[0] for each in matches]
            begun = ""
            if matches and re.fullmatch(r"[ =]?", part[matches[-1].end() :]):
                begun = part[matches[-1].start() :]
    return found


def _messages() -> Iterator[tuple[str, Advice, list[str]]]:
    for path in modules().values():
        place = path.relative_to(ROOT).as_posix()
        if place.startswith(NO_MESSAGES):
            continue
        for line, node in texts_of(path):
            for value in VALUES if isinstance(node, ast.Call) else VALUES[:1]:
                parts = list(parts_of(node, value))
                commands = commands_in(parts)
                text = Advice(*(str(each) if isinstance(each, _Field) else each for each in parts))
                if "\n" not in text and commands and not text.startswith(" "):
                    yield f"{place}:{line}", text, commands


@pytest.fixture(scope="module")
def messages() -> list[tuple[str, Advice, list[str]]]:
    return list(_messages())


def test_there_are_messages(messages: list[tuple[str, Advice, list[str]]]) -> None:
    found = {place for place, *_ in messages}
    assert len(found) > 200
    assert any(place.startswith("walk/") for place in found)


@pytest.mark.parametrize("width", WIDTHS)
def test_no_command_of_any_message_is_split(
    width: int, messages: list[tuple[str, Advice, list[str]]]
) -> None:
    terminal = Terminal(Settings(color="never"), {"COLUMNS": str(width)}, posix_argument)
    split = []
    for place, text, commands in messages:
        for prints in ("error", "note"):
            window = _Window()
            if prints == "error":
                error = UsageError("it failed", cause="of " * 30, fix=text)
                terminal.report(error_lines(error, width=width), window)
            else:
                terminal.say("rolehop: ", text, file=window)
            lines = window.getvalue().splitlines()
            split += [
                (place, prints, command)
                for command in commands
                if not any(command in line for line in lines)
            ]
    assert sorted(set(split)) == []
