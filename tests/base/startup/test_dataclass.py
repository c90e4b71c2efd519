"""Data classes: rolehop's decorator does what the standard library's does."""

from __future__ import annotations

import copy
import json
import subprocess
import sys

import pytest

from rolehop.base.dataclass import asdict, dataclass, field, replace


def dump(*how: str) -> dict[str, dict[str, object]]:
    argv = [sys.executable, "-m", "tests.base.startup.dump_classes", *how]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found: dict[str, dict[str, object]] = json.loads(done.stdout)
    return found


def test_every_class_of_rolehop_is_as_the_standard_library_makes_it() -> None:
    ours, theirs = dump(), dump("standard")
    assert len(ours) > 100
    assert ours.keys() == theirs.keys()
    for name, each in ours.items():
        assert each == theirs[name], name


@dataclass(frozen=True, slots=True)
class Inner:
    number: int


@dataclass(frozen=True, slots=True)
class Outer:
    inner: Inner
    listed: list[Inner] = field(default_factory=list)
    named: dict[str, Inner] = field(default_factory=dict)
    pair: tuple[Inner, ...] = ()
    secret: str = field(default="", repr=False, compare=False)


def test_a_copy_differs_in_what_was_changed() -> None:
    one = Outer(Inner(1), secret="s")
    two = replace(one, inner=Inner(2))
    assert (one.inner.number, two.inner.number, two.secret) == (1, 2, "s")
    with pytest.raises(TypeError, match="no_such"):
        replace(one, no_such=1)  # type: ignore[call-arg]


def test_as_a_dict_values_inside_are_dicts() -> None:
    one = Outer(Inner(1), [Inner(2)], {"a": Inner(3)}, (Inner(4),), "s")
    assert asdict(one) == {
        "inner": {"number": 1},
        "listed": [{"number": 2}],
        "named": {"a": {"number": 3}},
        "pair": ({"number": 4},),
        "secret": "s",
    }


def test_a_default_from_a_factory_is_not_shared() -> None:
    assert Outer(Inner(1)).listed is not Outer(Inner(1)).listed


def test_fields_that_are_hidden_neither_show_nor_count() -> None:
    one, two = Outer(Inner(1), secret="a"), Outer(Inner(1), secret="b")
    assert one == two
    assert "secret" not in repr(one)
    assert hash(Inner(1)) == hash(Inner(1))
    assert copy.copy(one.inner) == one.inner


def test_init_is_compiled_for_the_first_object_and_kept() -> None:
    @dataclass(frozen=True, slots=True)
    class Late:
        number: int

    class Later(Late):
        pass

    fresh = vars(Late)["__init__"]
    assert Later(1).number == 1
    compiled = vars(Late)["__init__"]
    assert compiled is not fresh
    assert Late(number=2).number == 2
    assert vars(Late)["__init__"] is compiled
