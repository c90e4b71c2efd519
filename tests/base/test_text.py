"""Text from outside, on its way to a terminal, a JSON document, a config or a command."""

from __future__ import annotations

import json
import shlex
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rolehop.base.advice import PLACEHOLDER, Advice, Argument
from rolehop.base.text import (
    clean,
    elided,
    may_hold_secret,
    reason_text,
    visible,
    visible_json,
)
from rolehop.config.toml import toml_text
from rolehop.terminal.json_text import as_json
from rolehop.terminal.layout import StyledText
from tests.support.hostile import FORTY, INVISIBLE, VISIBLE, invisible_in
from tests.support.source_code import calls_of

any_text = st.text(st.sampled_from("".join(FORTY)) | st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize("text", FORTY)
def test_what_is_visible_stays_as_it_is_and_the_rest_goes(text: str) -> None:
    assert visible(text) == (text if text in VISIBLE else visible(visible(text)))
    assert invisible_in(visible(text)) == ""
    assert StyledText(text).text == visible(text)


@given(any_text)
def test_visible_text_is_printable(text: str) -> None:
    assert visible(text).isprintable()
    assert clean(text) == " ".join(visible(text).split())


@given(any_text | st.text(st.characters()))
def test_json_holds_the_same_text_and_shows_no_control_character(text: str) -> None:
    written = as_json({"key": text})
    assert json.loads(written) == {"key": text}
    assert all(each.isprintable() for each in written.split("\n"))


def test_one_name_beyond_ascii_does_not_make_a_long_document_slow() -> None:
    text = json.dumps(["Prüfung \u202e", "Audit " * 5000], ensure_ascii=False)
    assert visible_json(text) == text.replace("\u202e", "\\u202e")
    assert calls_of(lambda: visible_json(text)) < 100  # not several for each character


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text('a"\\\né'),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("ab\n"), inner),
    max_leaves=10,
)


@settings(max_examples=40)
@given(st.dictionaries(st.text("ab", max_size=3), JSON, max_size=3))
def test_json_is_indented_as_the_library_does_it(document: dict[str, object]) -> None:
    assert as_json(document) == json.dumps(document, indent=2, ensure_ascii=False)


@given(any_text)
def test_toml_holds_the_same_text_and_shows_no_control_character(text: str) -> None:
    written = toml_text(text)
    assert tomllib.loads(f"key = {written}") == {"key": text}
    assert written.isprintable()


@given(any_text)
def test_an_argument_is_one_word_or_the_placeholder(text: str) -> None:
    advice = Advice("rolehop plan ", Argument(text))
    words = [each for each in shlex.split(advice) if each != "--"]
    assert words == ["rolehop", "plan", text] or words[-1] == PLACEHOLDER
    assert advice.isprintable()


def test_advice_is_quoted_for_the_shell_of_whoever_reads_it() -> None:
    advice = Advice("run: rolehop plan ", Argument("a b"), " --strict")
    assert advice == "run: rolehop plan 'a b' --strict"
    assert advice.in_shell(lambda text: f"<{text}>") == "run: rolehop plan <a b> --strict"
    assert Advice("rolehop plan ", Argument("--all")) == "rolehop plan -- --all"


def test_advice_in_advice_is_quoted_for_that_shell_too() -> None:
    inner = Advice("rolehop plan ", Argument("a b"))
    outer = Advice(inner, "; more: rolehop explain ", Argument("c d"))
    assert outer == "rolehop plan 'a b'; more: rolehop explain 'c d'"
    assert outer.in_shell(lambda text: f"<{text}>") == (
        "rolehop plan <a b>; more: rolehop explain <c d>"
    )


def test_the_value_of_an_option_is_in_one_word_with_it() -> None:
    assert Advice("aws --profile ", Argument("--all"), " x") == "aws --profile=--all x"
    assert Advice("aws --profile ", Argument("-a b")) == "aws --profile='-a b'"
    assert Advice("aws --profile ", Argument("a b")) == "aws --profile 'a b'"


@pytest.mark.parametrize("text", INVISIBLE)
def test_what_cannot_be_shown_is_not_advised(text: str) -> None:
    assert Advice("rolehop plan ", Argument(text)) == f"rolehop plan {PLACEHOLDER}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [("INC-42", "INC-42"), (" a \n b ", "a b"), ("修理", "修理"), ("-- 1", "-- 1")],
)
def test_a_reason_is_one_visible_line(text: str, reason: str) -> None:
    assert reason_text(text) == reason


@pytest.mark.parametrize("text", ["", "--", " . ", "\u2800", "\x1b[!"])
def test_a_reason_that_says_nothing_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="a letter or a digit"):
        reason_text(text)


@pytest.mark.parametrize(
    "text",
    [
        *("login --password x", "login -pin 1", "https://me@corp/", "API_KEY=1", "Bearer x"),
        *("AKIA0123456789AB", f"{'aA1' * 13}b", "ABCDEFGHIJKLMNOP", "abcdefg2ijklmnop"),
        *("0123456789abcdef0123456789ABCDEF", "abcd efgh ijk2 lmno"),
    ],
)
def test_what_may_be_a_secret_is_not_copied(text: str) -> None:
    assert may_hold_secret(text)


@pytest.mark.parametrize(
    "text",
    [
        "aws-vault export --format json",
        "https://corp.awsapps.com/start",
        "arn:aws:iam::1:role/A",
        "",
    ],
)
def test_what_has_none_is(text: str) -> None:
    assert not may_hold_secret(text)


@pytest.mark.parametrize(
    ("width", "text"),
    [(7, "abcdefg"), (6, "abc…fg"), (5, "ab…fg"), (2, "a…"), (1, "…"), (0, ""), (-1, "")],
)
def test_what_is_too_long_keeps_both_ends(width: int, text: str) -> None:
    assert elided("abcdefg", width) == text
