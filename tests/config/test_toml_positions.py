from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass, field
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.errors import ConfigError
from rolehop.config import toml as positions
from rolehop.config.toml import index_lines, nearest_line
from rolehop.config.validation import Origin, ProblemList
from rolehop.config.value_types import Place

TEXT = dedent('''\
    # [not.a.table]
    version = 1

    [defaults] # a comment = "with a key"
    region = "eu-west-1"

    [chains.hub]
    source = 'a # b'
    hops = [   # several lines
      { role = "x", tags = { team = "p", "a.b" = "[" } },

      # { role = "y" },
      { role = "z",  external_id = "]" },
    ]
    [chains."dotted.name"]
    description = """
    [chains.not_this]
    source = "nor this" \\"""
    """""
    source = "s"

    [[chains.prod.hops]]
    role = "one"
    [[chains.prod.hops]]
    role = "two"
    [chains.prod.hops.tags]
    team = "t"
    [chains.prod]
    from = "hub"
    labels.env = "prod"
    labels."tier\\u0031" = \'\'\'
    }
    \'\'\'
    when = 1979-05-27 07:32:00
    deep = [[1,
      2], [
      3]]
    end = true''')


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("version",), 2),
        (("defaults",), 4),
        (("defaults", "region"), 5),
        (("chains",), 7),
        (("chains", "hub"), 7),
        (("chains", "hub", "source"), 8),
        (("chains", "hub", "hops"), 9),
        (("chains", "hub", "hops", 0), 10),
        (("chains", "hub", "hops", 0, "role"), 10),
        (("chains", "hub", "hops", 0, "tags", "a.b"), 10),
        (("chains", "hub", "hops", 1, "external_id"), 13),
        (("chains", "dotted.name"), 15),
        (("chains", "dotted.name", "description"), 16),
        (("chains", "dotted.name", "source"), 20),
        (("chains", "prod", "hops"), 22),
        (("chains", "prod", "hops", 0), 22),
        (("chains", "prod", "hops", 0, "role"), 23),
        (("chains", "prod", "hops", 1), 24),
        (("chains", "prod", "hops", 1, "role"), 25),
        (("chains", "prod", "hops", 1, "tags"), 26),
        (("chains", "prod", "hops", 1, "tags", "team"), 27),
        (("chains", "prod"), 28),
        (("chains", "prod", "from"), 29),
        (("chains", "prod", "labels"), 30),
        (("chains", "prod", "labels", "env"), 30),
        (("chains", "prod", "labels", "tier1"), 31),
        (("chains", "prod", "when"), 34),
        (("chains", "prod", "deep", 0, 1), 36),
        (("chains", "prod", "deep", 1), 36),
        (("chains", "prod", "deep", 1, 0), 37),
        (("chains", "prod", "end"), 38),
        # What is not there is placed at the nearest thing around it.
        (("chains", "prod", "hops", 1, "duration"), 24),
        (("chains", "hub", "region"), 7),
        (("vault", "backend"), None),
        ((), None),
    ],
)
def test_located(place: Place, line: int | None) -> None:
    tomllib.loads(TEXT)
    assert nearest_line(index_lines(TEXT), place) == line


def test_lines_are_the_same_with_windows_line_ends() -> None:
    assert index_lines(TEXT.replace("\n", "\r\n")) == index_lines(TEXT)


# A property: text written by a writer that knows its own lines is located right. The writer
# varies headers, arrays of tables, dotted keys, inline values, quoting, comments, blank lines.

KEYS = st.one_of(
    st.text("abz_-09", min_size=1, max_size=3), st.text(max_size=3).filter(str.isprintable)
)
SCALARS = st.one_of(
    st.integers(-9, 9), st.booleans(), st.text(max_size=8).filter(lambda t: "\x7f" not in t)
)
INLINE = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3)
)
TABLES = st.recursive(
    st.dictionaries(KEYS, INLINE, max_size=3),
    lambda inner: st.dictionaries(
        KEYS, INLINE | inner | st.lists(inner, min_size=1, max_size=2), max_size=3
    ),
    max_leaves=8,
)


@dataclass
class Writer:
    """Writes TOML and notes the line of each thing with a line of its own."""

    draw: st.DataObject
    text: str = ""
    lines: dict[Place, int] = field(default_factory=dict)

    def note(self, place: Place) -> None:
        self.lines[place] = self.text.count("\n") + 1

    def choose(self, *options: str) -> str:
        return self.draw.draw(st.sampled_from(options))

    def key(self, key: str) -> str:
        quoted = json.dumps(key, ensure_ascii=False)
        if key and all(c in "abz_-09" for c in key):
            return self.choose(key, quoted)
        return quoted

    def string(self, value: str) -> str:
        basic = json.dumps(value, ensure_ascii=False)
        if value.isprintable() and "'" not in value:
            return self.choose(basic, f"'{value}'", f"'''\n{value}'''", f'"""\n{basic[1:-1]}"""')
        return self.choose(basic, f'"""{basic[1:-1]}"""')

    def value(self, place: Place, value: object) -> None:
        if isinstance(value, list):
            self.text += "["
            for index, item in enumerate(value):
                self.text += self.choose("", "\n", " # ]\n\n")
                self.note((*place, index))
                self.value((*place, index), item)
                self.text += self.choose(",", " ,\n") if index < len(value) - 1 else ""
            self.text += self.choose("]", "\n]", ",]" if value else "]")
        elif isinstance(value, dict):
            self.text += "{ "
            for index, (key, item) in enumerate(value.items()):
                self.text += ", " if index else ""
                self.pair((*place, key), key, item)
            self.text += " }"
        elif isinstance(value, bool):
            self.text += "true" if value else "false"
        else:
            self.text += self.string(value) if isinstance(value, str) else str(value)

    def pair(self, place: Place, key: str, value: object) -> None:
        self.note(place)
        self.text += f"{self.key(key)}{self.choose('=', ' = ')}"
        self.value(place, value)

    def table(self, place: Place, keys: tuple[str, ...], table: dict[str, object]) -> None:
        later: list[tuple[str, object]] = []
        for key, value in table.items():
            is_tables = (
                isinstance(value, list) and value and all(isinstance(v, dict) for v in value)
            )
            if (isinstance(value, dict) or is_tables) and self.choose(
                "inline", "header"
            ) == "header":
                later.append((key, value))
                continue
            self.text += self.choose("", "\n", "# [a]\n")
            self.pair((*place, key), key, value)
            self.text += self.choose("\n", " # x = 1\n")
        for key, value in later:
            self.headed((*place, key), (*keys, key), value)

    def headed(self, place: Place, keys: tuple[str, ...], value: object) -> None:
        header = ".".join(map(self.key, keys))
        if isinstance(value, dict):
            self.note(place)
            self.text += f"[{header}]\n"
            self.table(place, keys, value)
            return
        assert isinstance(value, list)
        for index, item in enumerate(value):
            self.note((*place, index))
            if not index:
                self.note(place)
            self.text += f"[[ {header} ]]\n"
            self.table((*place, index), keys, item)


@given(TABLES, st.data())
def test_whatever_is_written_is_found_where_it_was_written(
    table: dict[str, object], data: st.DataObject
) -> None:
    writer = Writer(data)
    writer.table((), (), table)
    tomllib.loads(writer.text)
    assert index_lines(writer.text) == writer.lines


def test_a_text_with_many_problems_is_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A config that a program has made may have the same mistake in thousands of tables."""
    looked: list[str] = []

    def look(text: str) -> dict[Place, int]:
        looked.append(text)
        return index_lines(text)

    monkeypatch.setattr(positions, "index_lines", look)
    problems = ProblemList()
    problems.knows("a.toml", "x = 1\ny = 2\n")
    for key in ("y", "x"):
        problems.add(Origin("a.toml", (key,)), "unknown")
    with pytest.raises(ConfigError) as caught:
        problems.raise_any()
    assert [each.line for each in caught.value.complaints] == [1, 2]
    assert len(looked) == 1


def test_a_comment_may_follow_a_header_at_once_and_literal_texts_hold_what_ends_others() -> None:
    text = "[a]#x\nb = 1\n[[c]]#x\n'd.e' = ['],}#', 2]\n[[c]]\nf = 3\n"
    assert index_lines(text) == {
        ("a",): 1,
        ("a", "b"): 2,
        ("c",): 3,
        ("c", 0): 3,
        ("c", 0, "d.e"): 4,
        ("c", 0, "d.e", 0): 4,
        ("c", 0, "d.e", 1): 4,
        ("c", 1): 5,
        ("c", 1, "f"): 6,
    }
