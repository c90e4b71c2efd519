"""The layout of rolehop, as ``house_map.py`` has it: who may import whom, and how large parts grow."""

from __future__ import annotations

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house_map import (
    ALONE,
    BASE,
    ENVIRONMENT,
    LAYOUT,
    LIBRARIES,
    REVEAL,
    WRITERS,
)
from tests.support.source_code import (
    ROOT,
    attributes,
    calls,
    imported_modules,
    imported_names,
    imports_of_test_modules,
    label,
    modules,
    nodes,
    part_of,
    tree,
)

TESTS = Path(__file__).parent
# Files in one folder, but for cli/commands, which has one for each command.
MOST_LINES, MOST_LINES_OF_CLI, MOST_FILES = 400, 250, 20


def may_import(part: str) -> set[str]:
    return LAYOUT[part] | (set() if part in ALONE else BASE)


every_part = pytest.mark.parametrize("part", LAYOUT)


# ---- who imports whom


def test_every_part_has_a_row() -> None:
    assert {part_of(path) for path in modules().values()} - {"__init__"} == set(LAYOUT)


@every_part
def test_a_part_imports_what_its_row_names_and_nothing_else(part: str) -> None:
    found = {
        part_of(modules()[each])
        for name, path in modules().items()
        if part_of(path) == part
        for each in imported_modules(name)
    } - {part, "__init__"}
    assert found <= may_import(part)
    assert LAYOUT[part] <= found, "the row names more than is imported"


@every_part
def test_a_row_names_only_rows_below_it(part: str) -> None:
    """A folder and its subfolders count as one: they may use each other."""
    rows = list(LAYOUT)
    top = part.split("/")[0]
    others = [each for each in may_import(part) - {part} if each.split("/")[0] != top]
    last = max(number for number, row in enumerate(rows) if row.split("/")[0] == top)
    if part not in BASE:
        assert [each for each in others if rows.index(each) < last] == []


def test_no_file_imports_itself_through_others() -> None:
    """The package itself is left out: it imports its API for type checkers only."""
    done: set[str] = set()

    def follow(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in done:
            for each in sorted(imported_modules(name) - {"rolehop"}):
                follow(each, (*above, name))
            done.add(name)

    for each in modules().keys() - {"rolehop"}:
        follow(each, ())


def test_each_library_is_imported_by_its_parts_only() -> None:
    wrong = [
        f"{label(path)} imports {name}"
        for path in modules().values()
        for name in imported_names(path)
        if path != ROOT / "__init__.py"
        and part_of(path) not in LIBRARIES.get(name.split(".")[0], part_of(path)).split()
    ]
    assert wrong == []


def test_no_test_module_imports_another() -> None:
    assert list(imports_of_test_modules(TESTS)) == []


# ---- what the application must not do


def test_the_application_reaches_no_terminal_library() -> None:
    reached: set[str] = set()
    queue = [name for name, path in modules().items() if part_of(path).split("/")[0] == "app"]
    while queue:
        name = queue.pop()
        if name not in reached:
            reached.add(name)
            queue.extend(imported_modules(name) - {"rolehop"})
    for name in sorted(reached):
        libraries = {each.split(".")[0] for each in imported_names(modules()[name])}
        assert not libraries & {"click", "prompt_toolkit", "rich"}, name
        assert part_of(modules()[name]) not in ("cli", "cli/commands", "terminal")


def test_the_command_line_reaches_no_part_of_the_application_but_its_functions() -> None:
    """It takes the clock and the person of an `App`, and hands it to functions of the application."""
    reached = {
        node.attr
        for path in modules().values()
        if part_of(path).split("/")[0] == "cli"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "app"
    }
    assert reached == {"now", "person"}


def test_the_application_prints_prompts_and_exits_nowhere() -> None:
    forbidden = {"print", "input", "sys.stdout", "sys.stderr", "sys.stdin", "sys.exit", "os._exit"}
    for path in modules().values():
        assert part_of(path).split("/")[0] != "app" or not attributes(path) & forbidden, path


def test_text_reaches_a_terminal_through_one_module() -> None:
    """``terminal.output`` makes it visible: no escape sequence of somebody else gets there."""
    writing = {"echo", "input", "print", "secho", "write", "writelines", "StreamHandler"}
    writers = {
        label(path) for path in modules().values() for name, _ in calls(path) if name in writing
    }
    assert writers == WRITERS.keys()
    own = [call for name, call in calls(ROOT / "terminal/output.py") if name == "_write"]
    assert {"visible" in ast.unparse(call.args[0]) for call in own} == {True}


def test_secrets_are_revealed_in_known_parts_only() -> None:
    revealing = {
        part_of(path)
        for path in modules().values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr == "reveal"
    }
    assert revealing == REVEAL.keys()


def test_the_environment_is_read_in_few_files() -> None:
    names = {"os.environ", "os.environb", "os.getenv"}
    reading = {label(path) for path in modules().values() if attributes(path) & names}
    assert reading == ENVIRONMENT


# ---- size and form


def test_a_module_opens_with_one_sentence() -> None:
    for path in modules().values():
        text = ast.get_docstring(tree(path))
        assert text, f"{label(path)} has no docstring"
        first = text.split("\n\n")[0].rstrip()
        assert first.endswith((".", ":", "…")) or path.name == "base/errors.py", label(path)


def test_a_class_name_has_one_meaning() -> None:
    names = [node.name for node in nodes(ast.ClassDef)]
    assert [name for name in names if names.count(name) > 1] == []


def sizes() -> Iterator[tuple[str, int, int]]:
    """Every file and folder of the code and the tests, its size, and how large it may be."""
    for root in (ROOT, TESTS):
        for path in sorted(root.rglob("*.py")):
            name = path.relative_to(root.parent).as_posix()
            limit = MOST_LINES_OF_CLI if name.startswith("rolehop/cli/") else MOST_LINES
            yield name, len(path.read_text(encoding="utf-8").splitlines()), limit
        for folder in sorted({path.parent for path in root.rglob("*.py")}):
            name = folder.relative_to(root.parent).as_posix()
            if name != "rolehop/cli/commands":
                yield name, len(list(folder.glob("*.py"))), MOST_FILES


def test_files_and_folders_are_small_enough_to_know() -> None:
    assert {name: size for name, size, limit in sizes() if size > limit} == {}


def test_functions_are_short() -> None:
    every = nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = sorted((node.end_lineno or 0) - node.lineno + 1 for node in every)
    assert statistics.median(lengths) <= 9
    assert lengths[len(lengths) * 9 // 10] <= 20
