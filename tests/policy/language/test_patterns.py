"""Patterns: what is a wildcard in them, and what they match, cover and have in common."""

from __future__ import annotations

from fnmatch import filter as filter_by
from fnmatch import fnmatchcase
from itertools import product

import pytest

from rolehop.policy.language.operators import (
    Token,
    Wild,
    covers,
    matches,
    matches_text,
    overlap,
    tokens_of,
)

STAR, ONE = Wild.RUN, Wild.ONE


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("", ()),
        ("ab", ("ab",)),
        ("*", (STAR,)),  # this alone is anything, as a Resource
        ("ab*c?", ("ab", STAR, "c", ONE)),
        ("?*ab", (ONE, STAR, "ab")),
    ],
)
def test_a_star_and_a_question_mark_are_wildcards(text: str, tokens: tuple[Token, ...]) -> None:
    assert tokens_of(text) == tokens


def test_patterns_of_actions_are_compared_by_what_they_match() -> None:
    """Patterns of up to four signs, by all texts of up to five letters."""
    texts = ["".join(each) for size in range(6) for each in product("ab", repeat=size)]
    patterns = ["".join(each) for size in range(1, 4) for each in product("a*?", repeat=size)]
    patterns += ["b*a", "*b", "ab*a", "a**b"]
    found = {each: {text for text in texts if fnmatchcase(text, each)} for each in patterns}
    for one, other in product(patterns, repeat=2):
        if covers(one, other):
            assert found[other] <= found[one], (one, other)
        assert overlap(one, other) is bool(found[one] & found[other]), (one, other)
        if one == other or one == "*":
            assert covers(one, other), (one, other)


def test_what_stands_between_two_stars_is_looked_for_from_where_the_last_one_ended() -> None:
    """One piece and two, and one alone, with question marks in them, in every text of up to five letters."""
    texts = ["".join(each) for size in range(6) for each in product("ab", repeat=size)]
    pieces = ["".join(each) for size in (1, 2, 3) for each in product("ab?", repeat=size)]
    short = [each for each in pieces if len(each) < 3]
    patterns = [f"*{each}*" for each in pieces]
    patterns += [f"*{one}*{other}*" for one, other in product(short, repeat=2)]
    for pattern in patterns:
        tokens = tokens_of(pattern)
        assert [each for each in texts if matches(each, tokens)] == filter_by(texts, pattern), (
            pattern
        )
    for piece in pieces:
        assert [each for each in texts if matches_text(each, piece)] == filter_by(texts, piece), (
            piece
        )
