"""Which names of Python's own modules a system lacks, as typeshed, which mypy brings, has them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import mypy

MODULES = ("os", "select", "signal", "socket", "time")

OF_POSIX = frozenset(
    {"fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty"}
)
"""Modules that Windows lacks."""

_STUBS = Path(mypy.__file__).parent / "typeshed" / "stdlib"
_NOT_BEFORE_3_13 = frozenset(
    {"waitid", "waitid_result", "P_ALL", "P_PID", "P_PGID", "WEXITED", "WNOWAIT", "WSTOPPED"}
)
"""Of macOS; typeshed gives it more of them."""


@cache
def names_of(module: str, system: str) -> frozenset[str]:
    """Return what ``module`` has on ``system``, by ``sys.platform``."""
    path = _STUBS / f"{module}.pyi"
    path = path if path.exists() else _STUBS / module / "__init__.pyi"
    found = frozenset(_names(ast.parse(path.read_text(encoding="utf-8")).body, system))
    return found - _NOT_BEFORE_3_13 if (module, system) == ("os", "darwin") else found


def lacking(module: str, system: str) -> frozenset[str]:
    """Return what ``module`` has on Linux alone, not on ``system``."""
    return names_of(module, "linux") - names_of(module, system)


def _names(statements: list[ast.stmt], system: str) -> Iterator[str]:
    for each in statements:
        match each:
            case ast.If():
                yield from _names(each.body if _holds(each.test, system) else each.orelse, system)
            case ast.FunctionDef() | ast.ClassDef():
                yield each.name
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield name
            case ast.ImportFrom():
                yield from (alias.asname or alias.name for alias in each.names)
            case _:
                pass


def _holds(test: ast.expr, system: str) -> bool:
    known = {"sys": SimpleNamespace(platform=system, version_info=sys.version_info)}
    return bool(eval(compile(ast.Expression(test), "typeshed", "eval"), known))  # noqa: S307
