"""Changes of single keys leave every other character of a TOML text as it is."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.config.toml_edit import Value, change_keys
from rolehop.config.value_types import Place

TEXT = """\
# mine
version = 1  # one

[chains.a]
source = "me"  # who
  [[chains.a.hops]]
  role = "R"   # the hub
  external_id = 'x'  # theirs

  # the second
  [[chains.a.hops]]
  role = "S"

[chains.b]
source = "me"
hops = [
    { role = "R", tags = { team = "red" } },  # first
    { role = "S" },
]
[chains.c] # empty
[chains.d]
"""
LIST = """\
tags = [
    "a",  # one
    # two, "x", and
    "b",
    "c"  # three
]  # end
"""
TEXT += LIST
FIRST: Place = ("chains", "a", "hops", 0)
INLINE: Place = ("chains", "b", "hops", 0)


@pytest.mark.parametrize(
    ("table", "changes", "old", "new"),
    [
        (FIRST, {"external_id": "y"}, "'x'  # theirs", '"y"  # theirs'),
        (FIRST, {"external_id": None}, "external_id = 'x'  # theirs\n", "# theirs\n"),
        (FIRST, {"n": ["a"]}, "# theirs\n", '# theirs\n  n = ["a"]\n'),
        (("chains", "a", "hops", 1), {"n": "1"}, 'role = "S"\n\n', 'role = "S"\n  n = "1"\n\n'),
        (("chains", "c"), {"source": "me"}, "# empty\n", '# empty\nsource = "me"\n'),
        (("chains", "b"), {"region": "r"}, "},\n]\n", '},\n]\nregion = "r"\n'),
        (INLINE, {"n": "1"}, '"red" } }', '"red" }, n = "1" }'),
        (INLINE, {"tags": {"team": "blue"}}, '"red"', '"blue"'),
        (INLINE, {"tags": None}, ', tags = { team = "red" }', ""),
        (INLINE, {"role": None}, 'role = "R", tags', "tags"),
        (INLINE, {"none": None}, "", ""),
        (("chains", "d"), {"tags": ["a", "b"]}, '"b",\n    "c"  #', '"b"\n    #'),
        (("chains", "d"), {"tags": ["b", "c"]}, '    "a",  # one\n', "    # one\n"),
        (
            ("chains", "d"),
            {"tags": ["a", "b", "c", "e"]},
            '"c"  # three\n',
            '"c",  # three\n    "e"\n',
        ),
        (("chains", "d"), {"tags": None}, LIST, '# one\n# two, "x", and\n# three\n# end\n'),
    ],
)
def test_only_what_is_changed_differs(
    table: Place, changes: Mapping[str, Value | None], old: str, new: str
) -> None:
    assert change_keys(TEXT, table, changes) == TEXT.replace(old, new, 1)


@pytest.mark.parametrize(
    "text",
    [
        '[a]\nx = 1\n[a.tags]\nteam = "red"\n',
        '[a]\nx = 1\ntags.team = "red"\n',
        "a.b.x = 1\n",
    ],
)
def test_a_key_that_is_a_table_of_its_own_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="of its own"):
        change_keys(text, ("a",), {"tags": {"team": "blue"}})


@given(
    st.dictionaries(st.sampled_from(["k", "l m", "n"]), st.text(max_size=5), max_size=3),
    st.text(max_size=8),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_any_text_is_set_and_removed(
    pairs: dict[str, str], text: str, end: str, ends_there: bool
) -> None:
    before = f"# é{end}[t.u]{end}b = 2{end}[t]{end}a = 1{'' if ends_there else end}"
    after = change_keys(before, ("t",), {"tags": pairs, "x": text})
    assert tomllib.loads(after)["t"] == {"a": 1, "u": {"b": 2}, "tags": pairs, "x": text}
    assert change_keys(after, ("t",), {"tags": None, "x": None}) == before


TAGS = ["a", "b", "c", "d"]


@given(
    st.lists(st.sampled_from(TAGS), min_size=1, unique=True),
    st.lists(st.sampled_from(["e", "f"]), unique=True),
    st.lists(st.sampled_from(["", '  # why, ["a"]']), min_size=4, max_size=4),
    st.sampled_from(["\n", "\r\n"]),
    st.booleans(),
)
def test_the_items_of_a_list_change_alone(
    left: list[str], more: list[str], comments: list[str], end: str, comma: bool
) -> None:
    left = [each for each in TAGS if each in left]
    lines = [
        f'  "{tag}"{"," if comma or tag != "d" else ""}{c}'
        for tag, c in zip(TAGS, comments, strict=True)
    ]
    before = end.join(["[t]", "x = [", *lines, "]", "y = 1  # y"])
    after = change_keys(before, ("t",), {"x": [*left, *more]})
    assert tomllib.loads(after)["t"] == {"x": [*left, *more], "y": 1}
    kept = [line for line, tag in zip(lines, TAGS, strict=True) if tag in left]
    whole = kept if comma else kept[:-1]  # the last one may get or lose its comma
    assert [each for each in after.split(end) if each in whole] == whole
    assert after.count("#") == before.count("#")
    assert after.count("\r") == after.count(end) * (len(end) - 1)
    if more:  # adding and removing again restores every byte
        assert change_keys(after, ("t",), {"x": left}) == change_keys(before, ("t",), {"x": left})
