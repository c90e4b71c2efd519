"""The mutants themselves: what is changed, how it is named, and that the list names what is there."""

from __future__ import annotations

import pytest

from tests.mutation import PARTS, ROOT, SOURCES
from tests.mutation.known import EVERY, compare, read_known, toml_of
from tests.mutation.operators import Source

SOURCE = '''
"""A text."""
LIMIT = 3

def f(a, b=1):
    """A text."""
    if a and b:
        raise ValueError("it is too much for me")
    return g(a, b, c=a < LIMIT)
'''
CHANGES = """\
: 3 → 4, in: LIMIT = 3
f: 1 → 2, in: def f
f: a and b → True, in: if a and b
f: a and b → False, in: if a and b
f: a and b → b, in: if a and b
f: a and b → a, in: if a and b
f: removed, in: raise ValueError('it is too much for me')
f: returns None, in: return g(a, b, c=a < LIMIT)
f: g: arguments swapped, in: return g(a, b, c=a < LIMIT)
f: g: without c=, in: return g(a, b, c=a < LIMIT)
f: a < LIMIT → a <= LIMIT, in: return g(a, b, c=a < LIMIT)
f: a < LIMIT → not a < LIMIT, in: return g(a, b, c=a < LIMIT)"""


def test_each_change_is_one_that_a_decision_depends_on() -> None:
    mutants = Source("f.py", SOURCE, "f.py").mutants
    assert "\n".join(f"{each.function}: {each.change}" for each in mutants) == CHANGES


def test_a_mutant_has_its_change_and_the_next_one_has_not() -> None:
    source = Source("f.py", SOURCE, "f.py")
    first, *_ = source.mutants
    found: dict[str, object] = {}
    exec(source.mutated(first), found)  # noqa: S102 - the text above
    assert found["LIMIT"] == 4
    assert all(source.mutated(each) != source.code for each in source.mutants)
    assert compile(source.tree, "f.py", "exec", dont_inherit=True) == source.code


def test_the_list_is_compared_by_function_and_change() -> None:
    known = {("a::f", "x"): "equivalent", ("a::g", EVERY): "words", ("a::h", "z"): "speed"}
    there = ["a::f x", "a::f y", "a::g p", "a::g q"]
    found = compare(known, survived=["a::f y", "a::g p"], tried=there, there=there)
    assert found.unlisted == ["a::f y"]
    assert found.listed == ["a::g p"]
    assert found.killed == ["a::f x"]
    assert found.gone == ["a::h z"]


@pytest.fixture(scope="module")
def there() -> dict[str, set[str]]:
    """Return the changes of each function that the list names."""
    names = {function.partition("::")[0] for function, _ in read_known()}
    mutants = [
        each for name in names for each in Source(name, (SOURCES / name).read_text(), name).mutants
    ]
    found: dict[str, set[str]] = {}
    for each in mutants:
        found.setdefault(f"{each.file}::{each.function}", {EVERY}).add(each.change)
    return found


def test_every_survivor_that_is_listed_is_a_change_of_today(there: dict[str, set[str]]) -> None:
    gone = [each for each in read_known() if each[1] not in there.get(each[0], set())]
    assert gone == [], "its statement has changed: try its part again"


def test_the_list_is_sorted_and_every_survivor_has_its_reason() -> None:
    known = read_known()
    assert all(known.values())
    text = (ROOT / "tests/mutation/survivors.toml").read_text()
    assert text.partition("\n\n")[2] == (toml_of(known) if known else "")


@pytest.mark.parametrize("part", PARTS)
def test_a_part_has_files_and_tests(part: str) -> None:
    assert PARTS[part].mutated_files()
    assert [each for each in PARTS[part].tests if not (ROOT / "tests" / each).exists()] == []
