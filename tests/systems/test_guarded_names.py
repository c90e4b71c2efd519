"""No code that can be reached on macOS or Windows names what Python lacks there.

A guard is a test of ``sys.platform`` or ``os.name``, of ``hasattr``, of a function or constant that is
such a test, or a handler of AttributeError or ImportError. After a guard that leaves, all is guarded.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

import rolehop
from tests.systems.lacking import MODULES, OF_POSIX, names_of

PACKAGE = Path(rolehop.__file__).parent
SYSTEMS = {"darwin": "posix", "win32": "nt"}

NOT_REACHED = {
    "app/fastpath_writer.py:_record": "a record is of Linux' own keyrings",
    "aws/net/loopback_pages.py:Peers.lets_in": "asks who it is where the system tells",
    "aws/net/loopback_pages.py:_tells_of_listener": "likewise",
    "base/waits.py": "watches callers where signal.pthread_kill is, and is asked on POSIX",
    "base/way.py": "is imported by the part of file_access that is not Windows'",
    "commands/serve/companion.py:fork_companion": "is called where can_fork says so",
    "commands/serve/loop.py:remove_left_socket": "there is none where AF_UNIX is not",
    "commands/serve/presence.py": "abstract sockets, found in /proc",
    "commands/serve/run.py:TerminalReporter": "is used on POSIX",
    "commands/serve/run.py:_terminal_opener": "likewise",
    "hotpath/__init__.py": "answers where state_folder is asked for, on Linux",
    "hotpath/completion.py": "its names are read and written on Linux",
    "hotpath/dbus.py": "Linux' own keyrings",
    "hotpath/keyctl.py": "Linux' own keyring",
    "hotpath/record.py:seconds_since_start": "asks whether there is such a clock",
    "sources/keeper.py": "a program of its own, which is started on Linux",
    "sources/running_program.py:Program._line": "what a keeper says, on Linux",
    "sources/running_program.py:ProcessTree._kill": "end has another way for Windows",
    "vault/kernel.py": "Linux' own keyring",
    "vault/password_store.py": "pass is a shell script: not on Windows",
    "vault/session_bus.py": "Linux' session bus",
}
"""Files and functions that are not judged: what they name is reached on other systems only."""

_ENDS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_CAUGHT = {"AttributeError", "ImportError"}


class _Judge:
    """Goes through one file as it is on one system, and notes what is lacking there."""

    def __init__(self, system: str, known: dict[str, bool]) -> None:
        self._system = system
        self._known = known
        self._within = ""
        self.found: list[tuple[str, int, str]] = []

    def block(self, statements: Sequence[ast.stmt]) -> bool:
        """Judge statements; return whether what comes after them is never reached."""
        return any(self._ends(each) for each in statements)

    def _ends(self, found: ast.stmt) -> bool:
        match found:
            case ast.If():
                self._expression(found.test)
                value = self.value(found.test)
                body = value is False or self.block(found.body)
                orelse = value is True or (bool(found.orelse) and self.block(found.orelse))
                return body and orelse
            case ast.Try():
                caught = {
                    name.id
                    for handler in found.handlers
                    if handler.type is not None
                    for name in ast.walk(handler.type)
                    if isinstance(name, ast.Name)
                }
                if not caught & _CAUGHT:
                    self.block(found.body)
                for handler in found.handlers:
                    self.block(handler.body)
                self.block(found.orelse)
                self.block(found.finalbody)
                return False
            case ast.Import() | ast.ImportFrom():
                self._imports(found)
                return False
            case ast.FunctionDef() | ast.ClassDef():
                outer, self._within = self._within, f"{self._within}.{found.name}".lstrip(".")
                self.block(found.body)
                self._within = outer
                return False
            case ast.With() if _suppresses(found):
                return False
        for field in ("body", "orelse"):
            block = getattr(found, field, None)
            if isinstance(block, list):
                self.block(block)
        for each in ast.iter_child_nodes(found):
            if isinstance(each, ast.match_case):
                self.block(each.body)
            elif not isinstance(each, ast.stmt):
                self._expression(each)
        return isinstance(found, _ENDS)

    def _imports(self, found: ast.Import | ast.ImportFrom) -> None:
        if isinstance(found, ast.ImportFrom):
            names = [(found.module or "", each.name) for each in found.names]
        else:
            names = [(each.name, "") for each in found.names]
        for module, name in names:
            if self._system == "win32" and module in OF_POSIX:
                self._note(found, module)
            if name and self._lacks(module, name):
                self._note(found, f"{module}.{name}")

    def _note(self, at: ast.expr | ast.stmt, what: str) -> None:
        self.found.append((self._within, at.lineno, what))

    def _expression(self, found: ast.AST) -> None:
        match found:
            case ast.IfExp():
                self._expression(found.test)
                value = self.value(found.test)
                if value is not False:
                    self._expression(found.body)
                if value is not True:
                    self._expression(found.orelse)
                return
            case ast.BoolOp():
                decides = isinstance(found.op, ast.Or)
                for each in found.values:
                    self._expression(each)
                    if self.value(each) is decides:
                        return
                return
            case ast.Attribute(value=ast.Name(id=module), attr=name) if self._lacks(module, name):
                self._note(found, f"{module}.{name}")
            case _:
                pass
        for child in ast.iter_child_nodes(found):
            self._expression(child)

    def _lacks(self, module: str, name: str) -> bool:
        if module not in MODULES:
            return False
        here = names_of(module, self._system)
        return name not in here and name in names_of(module, "linux") | names_of(module, "darwin")

    def value(self, test: ast.expr) -> bool | None:
        """Return what a test is on this system; ``None``: it depends on something else."""
        match test:
            case ast.Compare(
                left=ast.Attribute(value=ast.Name(id=module), attr=name),
                ops=[operator],
                comparators=[ast.Constant() | ast.Tuple() as other],
            ) if (module, name) in (("sys", "platform"), ("os", "name")):
                is_it = self._system if module == "sys" else SYSTEMS[self._system]
                one_of = ast.literal_eval(other)
                is_one = is_it in one_of if isinstance(one_of, tuple) else is_it == one_of
                return is_one == isinstance(operator, ast.Eq | ast.In)
            case ast.Call(
                func=ast.Name(id="hasattr"),
                args=[ast.Name(id=module), ast.Constant(value=str(name))],
            ) if module in MODULES:
                return name in names_of(module, self._system)
            case ast.Call(func=ast.Name(id=name), args=[]) | ast.Name(id=name):
                return self._known.get(name)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.value(operand)
                return None if value is None else not value
            case ast.BoolOp():
                decides = isinstance(test.op, ast.Or)
                values = [self.value(each) for each in test.values]
                if decides in values:
                    return decides
                return None if None in values else not decides
            case _:
                return None


def _suppresses(found: ast.With) -> bool:
    calls = [each.context_expr for each in found.items]
    names = {name.id for call in calls for name in ast.walk(call) if isinstance(name, ast.Name)}
    return "suppress" in names and bool(names & _CAUGHT)


@cache
def trees() -> dict[str, ast.Module]:
    return {
        str(path.relative_to(PACKAGE)): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(PACKAGE.rglob("*.py"))
    }


def known_tests(system: str) -> dict[str, bool]:
    """Return the names of functions and constants that are tests of the system."""
    judge, found = _Judge(system, {"TYPE_CHECKING": False}), {"TYPE_CHECKING": False}
    for tree in trees().values():
        for each in ast.walk(tree):
            match each:
                case ast.FunctionDef(name=name, args=ast.arguments(args=[])):
                    returned = [
                        node.value for node in ast.walk(each) if isinstance(node, ast.Return)
                    ]
                    value = judge.value(returned[0]) if len(returned) == 1 and returned[0] else None
                case ast.Assign(targets=[ast.Name(id=name)]):
                    value = judge.value(each.value)
                case _:
                    continue
            if value is not None:
                found[name] = value
    return found


def found_in(code: str, system: str) -> list[tuple[str, int, str]]:
    judge = _Judge(system, known_tests(system))
    judge.block(ast.parse(code).body)
    return judge.found


@pytest.mark.parametrize("system", SYSTEMS)
def test_what_a_system_lacks_is_named_behind_a_guard_only(system: str) -> None:
    known, found = known_tests(system), []
    for name, tree in trees().items():
        judge = _Judge(system, known)
        judge.block(tree.body)
        found += [
            f"{name}:{line}: {what}"
            for within, line, what in judge.found
            if not any(
                f"{name}:{within}.".startswith((f"{each}:", f"{each}.")) for each in NOT_REACHED
            )
        ]
    assert found == []


def test_what_is_not_judged_is_there() -> None:
    for each in NOT_REACHED:
        name, _, within = each.partition(":")
        defined = [getattr(node, "name", "") for node in ast.walk(trees()[name])]
        assert set(filter(None, within.split("."))) <= set(defined), each


@pytest.mark.parametrize(
    "code",
    [
        "os.geteuid()",
        "import fcntl",
        "def f():\n    if x:\n        return\n    os.O_NONBLOCK",
        "if sys.platform == 'win32':\n    os.getuid()",
        "os.getppid() if os.name == 'nt' else 0\nsignal.SIGKILL",
        "y = hasattr(os, 'fork') or os.fork()",
        "try:\n    os.fork()\nexcept OSError:\n    pass",
    ],
)
def test_it_is_found_without_one(code: str) -> None:
    assert len(found_in(code, "win32")) == 1


@pytest.mark.parametrize(
    "code",
    [
        "if sys.platform != 'win32':\n    os.geteuid()",
        "def f():\n    if os.name != 'posix':\n        return\n    os.O_NONBLOCK",
        "hasattr(os, 'fork') and os.fork()",
        "try:\n    import fcntl\nexcept ImportError:\n    fcntl = None",
        "if x and can_fork():\n    os.fork()",
        "getattr(signal, 'SIGHUP', None)",
    ],
)
def test_each_guard_counts(code: str) -> None:
    assert found_in(code, "win32") == []
