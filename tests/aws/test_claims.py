"""The digest of a token's claims: equal for equal content, different for any other."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rolehop.aws.jwt import read_claims
from rolehop.base.credentials import Secret
from rolehop.base.digest import digest_of

PER_TOKEN = {"exp": 1, "nbf": 2, "iat": 3, "jti": "4", "auth_time": 5, "nonce": "6", "sid": "7"}

texts = st.text(max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
claims = st.dictionaries(
    st.sampled_from(["iss", "sub", "aud", "azp", "https://aws.amazon.com/tags"]) | texts,
    values,
    max_size=5,
).map(lambda found: {name: value for name, value in found.items() if name not in PER_TOKEN})


def token(found: dict[str, Any] | str) -> Secret:
    text = found if isinstance(found, str) else json.dumps(found)
    body = base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).rstrip(b"=").decode()
    return Secret(f"eyJh.{body}.c2ln")


def digest(found: dict[str, Any] | str) -> str:
    return read_claims(token(found)).digest


@given(claims, claims)
def test_two_contents_never_have_one_digest(one: dict[str, Any], other: dict[str, Any]) -> None:
    assume(json.dumps(one, sort_keys=True) != json.dumps(other, sort_keys=True))
    assert digest(one) != digest(other)


@given(claims, st.sampled_from(sorted(PER_TOKEN)), st.randoms(use_true_random=False))
def test_order_and_what_differs_between_tokens_make_no_other_digest(
    found: dict[str, Any], name: str, chance: Any
) -> None:
    shuffled = [*found.items(), (name, PER_TOKEN[name])]
    chance.shuffle(shuffled)
    assert digest(dict(shuffled)) == digest(found)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["https://i a", "b"], ["https://i", "a b"]),
        (["a", "b"], ["a\nb"]),
        (["a", ""], ["a"]),
        (["a", None], ["a", ""]),
        ([["a"], "b"], [["a", "b"]]),
        (["1"], [1]),
        (["\udc80"], ["\ufffd"]),
    ],
)
def test_the_boundaries_between_values_count(one: list[object], other: list[object]) -> None:
    assert digest_of(*one) != digest_of(*other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("0.1", "0.10000000000000000001"), ("1e400", "1e500"), ("1e400", "Infinity")],
)
def test_numbers_that_python_rounds_to_one_are_two(one: str, other: str) -> None:
    assert digest(f'{{"sub":"me","x":[{{"y":{one}}}]}}') != digest(
        f'{{"sub":"me","x":[{{"y":{other}}}]}}'
    )


def test_the_numbers_of_a_time_make_no_other_digest() -> None:
    times = ("1732690000.1234567890", "1732690001.1234567891")
    assert len({digest(f'{{"sub":"me","exp":{each}}}') for each in times}) == 1


def test_a_claim_that_occurs_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="its claims cannot be read"):
        digest('{"sub": "alice", "sub": "bob"}')
