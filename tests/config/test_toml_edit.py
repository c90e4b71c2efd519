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
"""
FIRST: Place = ("chains", "a", "hops", 0)
INLINE: Place = ("chains", "b", "hops", 0)


@pytest.mark.parametrize(
    ("table", "changes", "old", "new"),
    [
        (FIRST, {"external_id": "y"}, "'x'  # theirs", '"y"  # theirs'),
        (FIRST, {"external_id": None}, "  external_id = 'x'  # theirs\n", ""),
        (FIRST, {"n": ["a"]}, "# theirs\n", '# theirs\n  n = ["a"]\n'),
        (("chains", "a", "hops", 1), {"n": "1"}, 'role = "S"\n\n', 'role = "S"\n  n = "1"\n\n'),
        (("chains", "c"), {"source": "me"}, "# empty\n", '# empty\nsource = "me"\n'),
        (("chains", "b"), {"region": "r"}, "},\n]\n", '},\n]\nregion = "r"\n'),
        (INLINE, {"n": "1"}, '"red" } }', '"red" }, n = "1" }'),
        (INLINE, {"tags": {"team": "blue"}}, '"red"', '"blue"'),
        (INLINE, {"tags": None}, ', tags = { team = "red" }', ""),
        (INLINE, {"role": None}, 'role = "R", tags', "tags"),
        (INLINE, {"none": None}, "", ""),
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
)
def test_any_text_is_set_and_removed(pairs: dict[str, str], text: str, end: str) -> None:
    before = f"[t]{end}a = 1{end}[t.u]{end}b = 2{end}"
    after = change_keys(before, ("t",), {"tags": pairs, "x": text})
    assert tomllib.loads(after)["t"] == {"a": 1, "u": {"b": 2}, "tags": pairs, "x": text}
    assert change_keys(after, ("t",), {"tags": None, "x": None}) == before
