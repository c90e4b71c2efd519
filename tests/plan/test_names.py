"""Names of sessions: what STS takes, and what depends on a caller who is not known yet."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.arn import RoleArn
from rolehop.config.model import ChainConfig, HopConfig, SourceConfig
from rolehop.plan.resolve import Resolved, clean_name, is_unnamed

TWO = "222222222222"


@given(st.text(max_size=200))
def test_a_cleaned_name_is_what_sts_takes(text: str) -> None:
    cleaned = clean_name(text)
    assert 2 <= len(cleaned) <= 64
    assert all(each.isascii() and (each.isalnum() or each in "_+=,.@-") for each in cleaned)


@given(st.from_regex(r"[A-Za-z0-9_+=,.@-]{2,64}", fullmatch=True))
def test_a_name_that_sts_takes_is_left_alone(text: str) -> None:
    assert clean_name(text) == text


def test_two_long_names_stay_two() -> None:
    assert clean_name("a" * 80 + "b") != clean_name("a" * 80 + "c")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("a" * 64, "a" * 64),
        ("a" * 65, f"{'a' * 55}-635361c4"),
        ("ab", "ab"),
        ("a", "a-rolehop"),
        ("", "-rolehop"),
        ("a b/c", "a-b-c"),
    ],
)
def test_a_name_is_cut_or_made_longer(text: str, name: str) -> None:
    assert clean_name(text) == name


@pytest.mark.parametrize(
    ("session_name", "identity", "unnamed"),
    [
        ("{caller}", None, True),
        ("alice", "{caller}", True),
        ("{caller}", "alice", True),
        ("alice", "alice", False),
        (None, None, False),
    ],
)
def test_a_hop_is_unnamed_if_one_of_its_names_is_the_callers(
    session_name: str | None, identity: str | None, unnamed: bool
) -> None:
    hop = HopConfig(f"{TWO}:role/Hub", session_name=session_name, source_identity=identity)
    assert is_unnamed(hop) is unnamed


@pytest.mark.parametrize(
    ("names", "wants"),
    [((), False), (("me", "you"), False), (("me", "{caller}"), True), (("{caller}", "me"), True)],
)
def test_a_chain_wants_the_caller_if_one_of_its_hops_does(
    names: tuple[str, ...], wants: bool
) -> None:
    role = RoleArn.parse(f"arn:aws:iam::{TWO}:role/Hub")
    hops = tuple((role, HopConfig(str(role), session_name=each)) for each in names)
    source = SourceConfig("corp", "environment")
    made = Resolved(ChainConfig("x", source="corp"), source, hops, (), None, "eu-west-1", None)
    assert made.wants_caller is wants
