"""The layout of rolehop, as ``house_map.py`` has it: who may import whom, and what belongs where."""

from __future__ import annotations

import ast
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from rolehop.hotpath.command_table import COMMANDS
from tests import house_map
from tests.house_map import (
    AT_THE_TERMINAL,
    CHANGES,
    ENVIRONMENT,
    FEATURE_ARROWS,
    FEATURES,
    LIBRARIES,
    OUTSIDE,
    REVEAL,
    ROOMS,
    SHARED_OPTIONS,
    WRITERS,
)
from tests.support.environment import CHECKOUT
from tests.support.source_code import (
    ROOT,
    attributes,
    calls,
    feature_of,
    imported_modules,
    imported_names,
    imports_of_test_modules,
    label,
    modules,
    nodes,
    room_of,
    tree,
)

TESTS = Path(__file__).parent
MOST_LINES = 900

Arrow = tuple[str, str]
"""A module, and one that it imports."""


def arrows() -> Iterable[Arrow]:
    """Every import of a module of rolehop by another; the package itself is left out."""
    for name in modules().keys() - {"rolehop"}:
        yield from ((name, each) for each in imported_modules(name) - {"rolehop"})


def room(module: str) -> str:
    return room_of(modules()[module])


def feature(module: str) -> str | None:
    return feature_of(modules()[module])


def circle_in(found: Callable[[str], Iterable[str]], names: Iterable[str]) -> list[str]:
    """Return a way from one name back to itself, if there is one."""
    done: set[str] = set()

    def follow(name: str, above: list[str]) -> list[str]:
        if name in above:
            return [*above[above.index(name) :], name]
        if name not in done:
            for each in sorted(found(name)):
                if circle := follow(each, [*above, name]):
                    return circle
            done.add(name)
        return []

    return next((circle for name in sorted(names) if (circle := follow(name, []))), [])


# ---- who imports whom


def test_every_room_and_every_feature_is_explained() -> None:
    paths = modules().values()
    assert {room_of(path) for path in paths} - {"__init__"} == set(ROOMS)
    assert {feature_of(path) for path in paths} - {None} == set(FEATURES)


def test_a_room_imports_lower_rooms_only() -> None:
    rows = list(ROOMS)
    upwards = [
        arrow for arrow in arrows() if rows.index(room(arrow[0])) > rows.index(room(arrow[1]))
    ]
    assert upwards == []


def test_no_file_imports_itself_through_others() -> None:
    """The package itself is left out: it imports its API for type checkers only."""
    assert circle_in(lambda name: imported_modules(name) - {"rolehop"}, modules()) == []


def test_features_use_those_others_that_the_map_names() -> None:
    found: dict[str, set[str]] = {}
    for importing, imported in arrows():
        one, other = feature(importing), feature(imported)
        if one and other and one != other:
            found.setdefault(one, set()).add(other)
    assert found == {name: set(text.split()) for name, text in FEATURE_ARROWS.items()}
    assert circle_in(lambda name: found.get(name, ()), found) == []


def test_each_library_is_imported_by_its_rooms_only() -> None:
    commands = command_files() | SHARED_OPTIONS
    wrong = [
        f"{label(path)} imports {name}"
        for path in modules().values()
        for name in imported_names(path)
        if name.partition(".")[0] in LIBRARIES
        and not {room_of(path), f"commands/{feature_of(path)}"}
        & set(LIBRARIES[name.partition(".")[0]].split())
        and not (name.partition(".")[0] == "click" and label(path) in commands)
    ]
    assert wrong == []


def command_files() -> set[str]:
    """The file of each command, from the table."""
    return {f"commands/{row.module.replace('.', '/')}.py" for row in COMMANDS.values()}


def test_logic_of_a_feature_reaches_neither_the_command_line_nor_the_terminal() -> None:
    """So a Python program can use it."""
    allowed = command_files() | SHARED_OPTIONS | AT_THE_TERMINAL.keys()
    wrong = [
        arrow
        for arrow in arrows()
        if room(arrow[0]) == "commands"
        and room(arrow[1]) in ("cli", "terminal")
        and label(path := modules()[arrow[0]]) not in allowed
        and path.name != "run.py"
        and not (path.stem.endswith("view") and room(arrow[1]) == "terminal")
    ]
    assert wrong == []


def test_no_test_module_imports_another() -> None:
    assert list(imports_of_test_modules(TESTS)) == []


def test_the_map_names_what_is_there() -> None:
    """Paths in its changes, and files on the way of a chain."""
    texts = [*CHANGES.values(), *OUTSIDE.values()]
    named = [word for text in texts for word in text.partition(";")[0].split()]
    assert [each for each in named if not (CHECKOUT / each).exists()] == []
    assert house_map.__doc__ is not None
    on_the_way = re.findall(r"\b[a-z_]+(?:/[a-z_]+)*(?:\.py|/)", house_map.__doc__)
    missing = [each for each in on_the_way if not (ROOT / each).exists()]
    assert [each for each in missing if not (TESTS / each).exists()] == []


# ---- what the application must not do


def test_the_application_reaches_no_terminal_library() -> None:
    reached: set[str] = set()
    queue = [name for name, path in modules().items() if room_of(path) == "app"]
    while queue:
        name = queue.pop()
        if name not in reached:
            reached.add(name)
            queue.extend(imported_modules(name) - {"rolehop"})
    for name in sorted(reached):
        libraries = {each.split(".")[0] for each in imported_names(modules()[name])}
        assert not libraries & {"click", "prompt_toolkit", "rich"}, name
        assert room_of(modules()[name]) not in ("cli", "commands", "terminal")


def test_the_command_line_reaches_no_part_of_the_application_but_its_functions() -> None:
    """It takes the clock and the person of an `App`, and hands it to functions of the application."""
    reached = {
        node.attr
        for path in modules().values()
        if room_of(path) == "cli" or label(path) in command_files()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "app"
    }
    assert reached == {"now", "person"}


def test_the_application_prints_prompts_and_exits_nowhere() -> None:
    forbidden = {"print", "input", "sys.stdout", "sys.stderr", "sys.stdin", "sys.exit", "os._exit"}
    for path in modules().values():
        assert room_of(path) != "app" or not attributes(path) & forbidden, path


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
        room_of(path)
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
        assert first.endswith((".", ":", "…")) or path.name == "errors.py", label(path)


def test_a_class_name_has_one_meaning_in_a_room() -> None:
    """A feature is a room of its own."""
    names = Counter(
        (feature_of(path) or room_of(path), node.name)
        for path in modules().values()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
    )
    assert [name for name, count in names.items() if count > 1] == []


@pytest.mark.parametrize("folder", [ROOT, TESTS], ids=["rolehop", "tests"])
def test_files_are_small_enough_to_know(folder: Path) -> None:
    sizes = {path: len(path.read_text("utf-8").splitlines()) for path in folder.rglob("*.py")}
    assert {path.name: size for path, size in sizes.items() if size > MOST_LINES} == {}


def test_functions_are_short() -> None:
    every = nodes(ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = sorted((node.end_lineno or 0) - node.lineno + 1 for node in every)
    assert statistics.median(lengths) <= 9
    assert lengths[len(lengths) * 9 // 10] <= 20
