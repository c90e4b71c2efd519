"""The fast check of tables in which nothing is wrong agrees with the one that reports problems."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rolehop.config.schema import CHAIN, FLEET, HOP
from rolehop.config.validation import Origin, ProblemList, _reported, _well_formed
from rolehop.sources import SOURCE_TABLES

_TEXTS = st.sampled_from(
    [
        "me",
        "",
        " ",
        "a b",
        "{user}",
        "{caller}",
        "{account}",
        "{nobody}",
        "{",
        "{}",
        "30m",
        "1y",
        "eu-west-1",
        "red",
        "auto",
        "required",
        "a\x00b\n    ",
        "111111111111:role/R",
        "{account}:role/R",
        "arn:aws:iam::111111111111:role/a/R",
        "m@x.y\n    ",
        "arn:aws:iam::aws:policy/P",
        "https://x.y/z",
        "arn:aws:iam::111111111111:user/alice",
    ]
)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    _TEXTS | st.booleans() | st.integers(-1, 5000),
    lambda inside: (
        st.lists(inside, max_size=2)
        | st.dictionaries(st.sampled_from(["team", "TEAM", "aws:x", "n"]), inside, max_size=2)
    ),
    max_leaves=4,
)
_TABLES = (CHAIN, FLEET, HOP, *SOURCE_TABLES.values())
_HOPS = st.lists(
    st.dictionaries(st.sampled_from([key.name for key in HOP.keys]), _VALUES, max_size=3),
    max_size=2,
)


@given(st.data(), st.sampled_from(_TABLES))
def test_the_fast_check_and_the_full_one_agree(data: st.DataObject, table: Any) -> None:
    names = st.sampled_from([*(key.name for key in table.keys), "typo"])
    found = data.draw(_VALUES | st.dictionaries(names, _VALUES, max_size=4))
    if isinstance(found, dict) and data.draw(st.booleans()):
        found |= {"role": "111111111111:role/R"} | (
            {"hops": data.draw(_HOPS)} if table is CHAIN else {}
        )
    problems = ProblemList()
    values = _reported(table, found, Origin("f"), problems)
    assert _well_formed(table, found) == (None if problems else values)
