"""What is known of a request's condition keys: values, absent keys, families, what a user supplies."""

from __future__ import annotations

import pytest

from rolehop.policy.language.request_context import UNKNOWN, Context


def seen(key: str) -> bool:
    """All keys but two may be in such a request; it is asked in lower case."""
    return key not in ("aws:never", "aws:nowhere")


def context() -> Context:
    return Context(
        {
            "aws:Known": ["a", "b"],
            "aws:Also": ["also"],
            "aws:Empty": [],
            "aws:Open": UNKNOWN,
            "aws:PrincipalTag/Open": UNKNOWN,
            "aws:PrincipalTag/Team": ["blue"],
        },
        ["aws:Gone", "aws:PrincipalTag/", "aws:RequestTag/Gone", "aws:RequestTagged"],
        ranges={"aws:Age": ("0", "9")},
        patterns={"aws:Arn": "arn:*"},
        present=["aws:There"],
        may_have=seen,
    )


ROWS = [
    # Keys are compared without regard to case.
    ("AWS:KNOWN", ("a", "b"), True),
    ("aws:empty", None, False),
    ("AWS:open", UNKNOWN, False),
    ("AWS:gone", None, False),
    ("aws:Gone/x", UNKNOWN, False),
    # A family that is absent, but for those of its keys of which something else is known.
    ("aws:principaltag/TEAM", ("blue",), True),
    ("aws:principaltag/open", UNKNOWN, False),
    ("aws:PrincipalTag/other", None, False),
    ("aws:PrincipalTag/a/b", None, False),
    ("aws:PrincipalTag", UNKNOWN, False),
    ("aws:RequestTag/gone", None, False),
    ("aws:RequestTag/other", UNKNOWN, False),
    # Of the value of these something is known, so the request has them.
    ("AWS:age", UNKNOWN, True),
    ("AWS:arn", UNKNOWN, True),
    ("AWS:there", UNKNOWN, True),
    ("aws:Never", None, False),
    ("aws:Other", UNKNOWN, False),
]


@pytest.mark.parametrize(("key", "values", "has"), ROWS)
def test_what_is_known_of_a_key(key: str, values: object, has: bool) -> None:
    known = context()
    assert (known.lookup(key), known.has(key)) == (values, has)


def test_what_an_unknown_value_is_between_or_like() -> None:
    known = context()
    assert (known.range_of("AWS:age"), known.range_of("aws:arn")) == (("0", "9"), None)
    assert (known.pattern_of("AWS:arn"), known.pattern_of("aws:age")) == ("arn:*", None)


@pytest.mark.parametrize(
    ("key", "values", "has"),
    [
        # The user's values win, over values, absent and unknown keys, and over the rules.
        ("aws:known", ("c",), True),
        ("aws:gone", ("d",), True),
        ("aws:open", None, False),
        ("aws:age", None, False),
        ("aws:never", ("e",), True),
        ("aws:also", ("also",), True),
        ("aws:nowhere", None, False),
        ("aws:principaltag/team", None, False),
        ("aws:requesttag/gone", ("f", "g"), True),
        # Of all others the same is known as before.
        ("aws:empty", None, False),
        ("aws:principaltag/open", UNKNOWN, False),
        ("aws:principaltag/other", None, False),
        ("aws:arn", UNKNOWN, True),
        ("aws:there", UNKNOWN, True),
        ("aws:other", UNKNOWN, False),
    ],
)
def test_what_a_user_supplies_wins(key: str, values: object, has: bool) -> None:
    supplied = (
        context()
        .with_supplied(
            {
                "AWS:Known": ["c"],
                "AWS:Gone": ["d"],
                "AWS:Open": [],
                "AWS:Age": [],
                "AWS:Never": ["e"],
                "AWS:PrincipalTag/Team": [],
            }
        )
        .with_supplied({"AWS:RequestTag/Gone": ["f", "g"]})
    )
    assert (supplied.lookup(key), supplied.has(key)) == (values, has)
    assert supplied.range_of("aws:age") == ("0", "9")
    assert supplied.pattern_of("aws:arn") == "arn:*"


def test_what_was_supplied_is_named_as_it_was_typed_and_can_be_taken_back() -> None:
    first = context().with_supplied({"AWS:Gone": ["a"], "aws:Known": []})
    supplied = first.with_supplied({"aws:Open": ["b"], "aws:Known": ["c"]})
    assert supplied.supplied == ("AWS:Gone", "aws:Known", "aws:Open")
    assert supplied.with_supplied({}).supplied == supplied.supplied
    fewer = supplied.without("aws:Known", "aws:Open")
    assert fewer.supplied == ("AWS:Gone",)
    keys = ("aws:gone", "aws:known", "aws:open")
    assert [supplied.lookup(key) for key in keys] == [("a",), ("c",), ("b",)]
    assert [fewer.lookup(key) for key in keys] == [("a",), ("a", "b"), UNKNOWN]
    assert supplied.without(*supplied.supplied).supplied == ()
    assert context().supplied == ()


def test_only_what_is_not_known_is_filled_in() -> None:
    filled = context().with_missing_filled(
        {"AWS:Known": ["c"], "AWS:Gone": ["c"], "AWS:Open": ["c"], "AWS:Other": ["c"]}
    )
    found = [filled.lookup(f"aws:{name}") for name in ("known", "gone", "open", "other")]
    assert found == [("a", "b"), None, ("c",), ("c",)]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("aws:known", UNKNOWN),
        ("aws:gone", UNKNOWN),
        ("aws:never", UNKNOWN),
        ("aws:principaltag/team", UNKNOWN),
        ("aws:principaltag/open", UNKNOWN),
        ("aws:principaltag/other", UNKNOWN),
        # What the user supplied still wins, and other keys are as they were.
        ("aws:other", ("c",)),
        ("aws:open", UNKNOWN),
        ("aws:empty", None),
        ("aws:requesttag/gone", None),
        ("aws:requesttagged", None),
        ("aws:also", ("also",)),
        ("aws:nowhere", None),
    ],
)
def test_of_an_opened_key_nothing_is_known(key: str, values: object) -> None:
    names = ["AWS:Known", "AWS:Gone", "AWS:Never", "AWS:PrincipalTag/", "AWS:RequestTag"]
    opened = context().with_supplied({"aws:Other": ["c"]}).opened(names)
    assert opened.lookup(key) == values
    assert opened.has("aws:arn")
    assert opened.without("aws:Other").lookup("aws:other") is UNKNOWN


def test_of_a_closed_context_nothing_else_is_unknown() -> None:
    closed = Context({"a": ["b"], "c": UNKNOWN}, closed=True)
    for each in (closed, closed.with_supplied({"d": ["e"]})):
        assert [each.lookup(key) for key in "acx"] == [("b",), UNKNOWN, None]


def test_who_says_which_tags_are_sent_says_that_no_others_are() -> None:
    sent = Context({}).with_supplied({"aws:TagKeys": ["Team"]})
    assert sent.lookup("aws:RequestTag/Cost") is None
    assert sent.lookup("aws:RequestTag/team") is UNKNOWN
    assert sent.with_supplied({"aws:RequestTag/Team": ["a"]}).lookup("aws:requesttag/team") == (
        "a",
    )
    assert Context({}).with_supplied({"AWS:tagkeys": []}).lookup("aws:RequestTag/Team") is None
    assert sent.without("aws:TagKeys").lookup("aws:RequestTag/Cost") is UNKNOWN
    own = Context({"aws:RequestTag/Cost": ["b"]}).with_supplied({"aws:TagKeys": ["Team"]})
    assert own.lookup("aws:RequestTag/Cost") == ("b",)


def test_only_keys_of_tags_that_are_given_say_which_tags_are_sent() -> None:
    tagged = Context({}).with_supplied({"aws:TagKeys": ["team"]})
    assert tagged.lookup("aws:RequestTag/team") is UNKNOWN
    assert tagged.lookup("aws:RequestTag/cost") is None
    other = Context({}).with_supplied({"aws:username": ["team"]})
    assert other.lookup("aws:RequestTag/cost") is UNKNOWN
