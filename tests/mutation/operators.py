"""Make mutants: one small change each, of a kind that a wrong decision is made of.

What only words a message is left alone: docstrings, texts of several words, annotations. Weaker
changes are left out where a stronger one is made: ``a and b`` becomes ``a`` and ``b``, and whatever
tells both from the original tells ``a or b`` from it, too.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType
from typing import Any

from tests.mutation.names import header, is_phrase, is_wording, own_lines, shortened, source_text

_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ORDER = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv, ast.BitOr: ast.BitAnd, ast.BitAnd: ast.BitOr,
    ast.BitXor: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_OPPOSITES = (
    ("min", "max"),
    ("any", "all"),
    ("startswith", "endswith"),
    ("removeprefix", "removesuffix"),
    ("partition", "rpartition"),
    ("split", "rsplit"),
    ("fullmatch", "match"),
    ("lstrip", "rstrip"),
    ("union", "intersection"),
    ("issubset", "issuperset"),
    ("append", "extend"),
)
_OPPOSITE = {a: b for one, other in _OPPOSITES for a, b in ((one, other), (other, one))}
_DROPPED = {"strip", "lower", "upper", "casefold", "replace", "rstrip", "lstrip", "format"}
"""Methods that give a text again: without the call it is another."""
_SYMMETRIC = {"isinstance", "max", "min", "print", "getattr", "super", "cast"}


@dataclass(frozen=True)
class Change:
    """One change of a syntax tree: ``node`` has ``new`` instead of ``old`` in a field."""

    node: ast.AST
    field: str
    index: int | None
    new: Any
    text: str
    """What is changed into what, in source code."""

    def make(self) -> Any:
        """Make it; return what it takes to have it undone."""
        if self.index is None:
            old = getattr(self.node, self.field)
            setattr(self.node, self.field, self.new)
            return old
        several = getattr(self.node, self.field)
        old = list(several)
        several[self.index : self.index + 1] = [] if self.new is None else [self.new]
        return old

    def undo(self, old: Any) -> None:
        """Take it back."""
        setattr(self.node, self.field, old)


@dataclass(frozen=True)
class Mutant:
    """One change of one function of a file, named without line numbers."""

    file: str
    function: str
    """Its qualified name; that of a class, or empty, for what is run when the file is imported."""

    change: str
    lines: tuple[int, ...]
    """Of the statement; a test that runs none of them sees no difference."""

    imported: bool
    """True if it takes effect when the file is imported."""

    made: Change

    @property
    def name(self) -> str:
        """Its name, the same as long as the statement is."""
        return f"{self.file}::{self.function} {self.change}"


class Source:
    """A file and its mutants."""

    def __init__(self, file: str, text: str, path: str) -> None:
        """``file`` names it in reports; ``path`` is what its code objects say."""
        self.file, self.path = file, path
        self.tree = ast.parse(text)
        self.code: CodeType = compile(self.tree, path, "exec", dont_inherit=True)
        self.mutants = list(self._mutants())

    def mutated(self, mutant: Mutant) -> CodeType:
        """Return the code of the whole file with the change. Raises SyntaxError if there is none."""
        old = mutant.made.make()
        try:
            tree = ast.fix_missing_locations(self.tree)
            return compile(tree, self.path, "exec", dont_inherit=True)
        except (ValueError, TypeError) as error:  # an empty body, or an odd tree
            raise SyntaxError(str(error)) from None
        finally:
            mutant.made.undo(old)

    def _mutants(self) -> Iterator[Mutant]:
        count: Counter[tuple[str, str]] = Counter()
        for function, imported, statement, change in _changes(self.tree, "", imported=True):
            where = shortened(header(statement))
            text = f"{change.text}, in: {where}"
            count[function, text] += 1
            if count[function, text] > 1:
                text += f" ({count[function, text]})"
            lines = tuple(own_lines(statement))
            yield Mutant(self.file, function, text, lines, imported, change)


# ---- the walk through a tree


def _changes(
    node: ast.AST, function: str, *, imported: bool
) -> Iterator[tuple[str, bool, ast.stmt, Change]]:
    """Yield each change, the function it is in, and its statement."""
    body: list[ast.stmt]
    for name in ("body", "orelse", "finalbody"):
        body = getattr(node, name, [])
        for index, each in enumerate(body if isinstance(body, list) else []):
            for change in _of_statement(node, name, index, each):
                yield function, imported, each, change
            yield from _within(each, function, imported=imported)
    for handler in getattr(node, "handlers", []):
        yield from _changes(handler, function, imported=imported)
    for case in getattr(node, "cases", []):
        yield from _changes(case, function, imported=imported)


def _within(
    statement: ast.stmt, function: str, *, imported: bool
) -> Iterator[tuple[str, bool, ast.stmt, Change]]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        inner = f"{function}.{statement.name}".lstrip(".")
        for each in _of_definition(statement):
            yield inner, imported, statement, each
        is_class = isinstance(statement, ast.ClassDef)
        yield from _changes(statement, inner, imported=imported and is_class)
        return
    if _is_left_alone(statement):
        return
    for parent, field, index, node in _expressions(statement):
        for change in _of_expression(parent, field, index, node):
            yield function, imported, statement, change
    yield from _changes(statement, function, imported=imported)


def _of_definition(
    statement: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef,
) -> list[Change]:
    """Return changes of its default values; they are made when it is imported."""
    if isinstance(statement, ast.ClassDef):
        return []
    return [
        change
        for parent, field, index, node in _expressions(statement.args)
        if not isinstance(parent, ast.arg)
        for change in _of_expression(parent, field, index, node)
    ]


def _is_left_alone(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.If):
        return "TYPE_CHECKING" in ast.unparse(statement.test)
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Constant)
    if isinstance(statement, ast.Assign):
        return any(
            isinstance(each, ast.Name) and each.id == "__all__" for each in statement.targets
        )
    return isinstance(statement, ast.Assert | ast.Import | ast.ImportFrom | ast.Raise)


def _expressions(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    """Yield expressions in ``node`` with their places, but not those of statements in it."""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_params", "decorator_list", "type_comment"):
            continue
        several = value if isinstance(value, list) else [value]
        for index, each in enumerate(several):
            if not isinstance(each, ast.AST) or isinstance(each, ast.stmt | ast.ExceptHandler):
                continue
            if isinstance(each, ast.match_case):
                yield from _expressions_of_case(each)
                continue
            if not is_wording(each):
                yield node, field, index if isinstance(value, list) else None, each
                yield from _expressions(each)


def _expressions_of_case(
    case: ast.match_case,
) -> Iterator[tuple[ast.AST, str, int | None, ast.AST]]:
    if case.guard is not None:
        yield case, "guard", None, case.guard
        yield from _expressions(case.guard)
    yield from _expressions(case.pattern)


# ---- the changes


def _of_statement(parent: ast.AST, field: str, index: int, node: ast.stmt) -> Iterator[Change]:
    def instead(new: ast.stmt, text: str) -> Change:
        return Change(parent, field, index, ast.copy_location(new, node), text)

    match node:
        case ast.Expr(value=ast.Constant()):
            return
        case ast.Expr() | ast.AugAssign() | ast.Raise() | ast.Delete():
            yield instead(ast.Pass(), "removed")
        case ast.Assign(targets=[ast.Attribute() | ast.Subscript()]):
            yield instead(ast.Pass(), "removed")
        case ast.Return(value=ast.expr() as value) if not _is_none(value):
            yield instead(ast.Return(ast.copy_location(ast.Constant(None), value)), "returns None")
        case ast.Return(value=None):
            yield instead(ast.Pass(), "removed")
        case ast.Continue():
            yield instead(ast.Break(), "continue → break")
        case ast.Break():
            yield instead(ast.Pass(), "removed")
        case ast.While(test=test):
            yield Change(node, "test", None, _constant(False, test), "while → never")
        case _:
            pass
    for number, handler in enumerate(getattr(node, "handlers", [])):
        if isinstance(handler.type, ast.Tuple):
            for place, each in enumerate(handler.type.elts):
                text = f"except without {ast.unparse(each)}"
                yield Change(handler.type, "elts", place, None, text)
        elif len(node.handlers) > 1:  # type: ignore[attr-defined]
            name = ast.unparse(handler.type) if handler.type else "everything"
            yield Change(node, "handlers", number, None, f"except without {name}")
    for number, case in enumerate(getattr(node, "cases", [])):
        if len(node.cases) > 1:  # type: ignore[attr-defined]
            yield Change(node, "cases", number, None, f"without case {ast.unparse(case.pattern)}")


def _of_expression(
    parent: ast.AST, field: str, index: int | None, node: ast.AST
) -> Iterator[Change]:
    def instead(new: ast.AST) -> Change:
        text = f"{shortened(source_text(node))} → {shortened(source_text(new))}"
        placed = new if hasattr(new, "lineno") else ast.copy_location(new, node)
        return Change(parent, field, index, placed, text)

    if _is_condition(parent, field) and not isinstance(parent, ast.While):
        yield instead(_constant(True, node))
        yield instead(_constant(False, node))
    match node:
        case ast.Compare(ops=[op]):
            if isinstance(op, _ORDER) or not _is_condition(parent, field):
                yield instead(ast.Compare(node.left, [_COMPARISONS[type(op)]()], node.comparators))
            if isinstance(op, _ORDER) and not _is_condition(parent, field):
                yield instead(ast.UnaryOp(ast.Not(), node))
        case ast.Compare():
            for number, op in enumerate(node.ops):
                new = [*node.ops]
                new[number] = _COMPARISONS[type(op)]()
                yield instead(ast.Compare(node.left, new, node.comparators))
        case ast.BoolOp(values=values):
            for each in values:
                rest = [other for other in values if other is not each]
                yield instead(rest[0] if len(rest) == 1 else ast.BoolOp(node.op, rest))
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            if not _is_condition(parent, field):
                yield instead(node.operand)
        case ast.BinOp(op=op) if type(op) in _ARITHMETIC and not _is_text(node):
            yield instead(ast.BinOp(node.left, _ARITHMETIC[type(op)](), node.right))
        case ast.Constant():
            new_value = _other_value(node.value)
            is_key = isinstance(parent, ast.Dict) and field == "keys"  # which is dropped instead
            is_check = isinstance(parent, ast.keyword) and parent.arg == "strict"  # of zip
            if new_value is not None and not is_key and not is_check:
                yield instead(_constant(new_value, node))
        case ast.Call():
            name = shortened(source_text(node.func))
            for text, other in _other_calls(node):
                change = instead(other)
                text = text and f"{name}: {text}"
                yield Change(parent, field, index, change.new, text or change.text)
        case ast.Slice():
            for name in ("lower", "upper"):
                if getattr(node, name) is not None:
                    yield instead(_with(node, name, None))
        case (
            ast.Tuple(ctx=ast.Load(), elts=elts)
            | ast.List(ctx=ast.Load(), elts=elts)
            | ast.Set(elts=elts)
        ) if len(elts) > 1 and not _has_fixed_size(parent):
            for number, each in enumerate(elts):
                text = f"without {shortened(source_text(each))}"
                yield Change(node, "elts", number, None, text)
        case ast.Dict():
            for number, value in enumerate(node.values):
                keys = [each for place, each in enumerate(node.keys) if place != number]
                values = [each for place, each in enumerate(node.values) if place != number]
                change = instead(ast.Dict(keys, values))
                key = node.keys[number]
                text = f"without {shortened(source_text(key if key is not None else value))}"
                yield Change(parent, field, index, change.new, text)
        case _:
            pass


def _other_calls(node: ast.Call) -> Iterator[tuple[str, ast.expr]]:
    """Yield what is changed, empty if the source text says it best, and the call that results."""
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    is_same = name in ("split", "rsplit") and len(node.args) + len(node.keywords) < 2
    if name in _OPPOSITE and not is_same:
        field = "attr" if isinstance(function, ast.Attribute) else "id"
        other = ast.copy_location(_with(function, field, _OPPOSITE[name]), function)
        yield "", ast.Call(other, node.args, node.keywords)
    if isinstance(function, ast.Attribute) and name in _DROPPED:
        yield "", function.value
    if name == "sorted":
        yield "", ast.Call(ast.copy_location(ast.Name("list", ast.Load()), node), node.args[:1], [])
    plain = not any(isinstance(each, ast.Starred) for each in node.args[:2])
    if len(node.args) >= 2 and plain and name not in _SYMMETRIC:
        one, other_one, *rest = node.args
        yield "arguments swapped", ast.Call(function, [other_one, one, *rest], node.keywords)
    for each in node.keywords:
        if each.arg not in ("cause", "fix", "chain", "strict"):  # which only word an error
            rest_of_them = [one for one in node.keywords if one is not each]
            text = f"without {each.arg}=" if each.arg else "without **"
            yield text, ast.Call(function, node.args, rest_of_them)


def _other_value(value: object) -> object:
    """Return a value for another one; ``None`` if there is none that decides anything."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return None if is_phrase(value) else "" if value else "XX"
    if isinstance(value, bytes):
        return b"" if value else b"XX"
    return None


def _is_condition(parent: ast.AST, field: str) -> bool:
    if isinstance(parent, ast.comprehension):
        return field == "ifs"
    if isinstance(parent, ast.match_case):
        return field == "guard"
    return field == "test" and isinstance(parent, ast.If | ast.IfExp | ast.While)


def _has_fixed_size(parent: ast.AST) -> bool:
    """True if a tuple there needs all of its elements: without one it is an error, not a decision."""
    targets = getattr(parent, "targets", ())
    return isinstance(parent, ast.Subscript) or any(isinstance(each, ast.Tuple) for each in targets)


def _is_text(node: ast.BinOp) -> bool:
    return any(
        isinstance(each, ast.JoinedStr)
        or (isinstance(each, ast.Constant) and isinstance(each.value, str))
        for each in (node.left, node.right)
    )


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _constant(value: Any, where: ast.AST) -> ast.Constant:
    return ast.copy_location(ast.Constant(value), where)


def _with(node: Any, field: str, value: object) -> Any:
    return type(node)(**{**dict(ast.iter_fields(node)), field: value})
