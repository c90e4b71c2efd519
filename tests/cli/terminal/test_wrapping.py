"""Messages are wrapped at words to the window; what a person copies stays in one piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.advice import Advice, Argument, ShellCommand, one_line, posix_argument
from rolehop.base.errors import ConfigError, ConfigProblem, HopRefused, UsageError
from rolehop.terminal.drawing import as_text
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.layout import TO_TYPE
from rolehop.terminal.messages import message
from rolehop.terminal.words import columns_of, whole_words
from tests.support.hostile import FORTY

ARN = "arn:aws:iam::333333333333:role/a-role-with-a-name-that-is-longer-than-a-narrow-window"


def lines(text: str, width: int, label: str = "  try: ") -> list[str]:
    return as_text(message(label, text, posix_argument, width)).splitlines()


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("correct it, then run rolehop config check; more helps", "rolehop config check;"),
        ("rolehop list shows the chains", "rolehop list"),
        ("to use it, rolehop exec CHAIN -- CMD runs it", "rolehop exec CHAIN -- CMD"),
        ("first rolehop explain role ARN, or a file", "rolehop explain role ARN,"),
        ("(rolehop explain --error -) helps", "(rolehop explain --error -)"),
        ("it is old (rolehop refresh spokes/44); more", "(rolehop refresh spokes/44);"),
        ("another rolehop is walking the same hop", "rolehop"),
        ("it gives you role Admin. Continue? [y/N]", "Continue? [y/N]"),
        ('set duration = "1 h" for it', 'duration = "1 h"'),
        ('write hops = [{ role = "x" }] there', 'hops = [{ role = "x" }]'),
        (Advice("next: rolehop plan ", Argument("my chain")), "rolehop plan 'my chain'"),
        (Advice("next: rolehop plan ", Argument("-x y")), "rolehop plan -- '-x y'"),
        (Advice("rolehop keys add ", Argument("a"), " --yes"), "rolehop keys add a --yes"),
        (Advice("set it (", ShellCommand("sudo hwclock -s"), ")"), "(sudo hwclock -s)"),
    ],
)
def test_a_command_an_argument_and_a_setting_are_one_word(text: str, whole: str) -> None:
    assert whole in whole_words(text, posix_argument)


def test_a_message_is_wrapped_at_words_with_a_hanging_indent() -> None:
    assert lines("copy the keys again, then rolehop keys add alice, and test them", 32) == [
        "  try: copy the keys again, then",
        "    rolehop keys add alice, and",
        "    test them",
    ]


def test_what_is_longer_than_the_window_is_alone_on_its_line() -> None:
    said = Advice("the role is ", Argument(ARN), ", or: rolehop explain role ", Argument(ARN), ".")
    assert lines(said, 40) == [
        "  try: the role is",
        f"    {ARN},",
        "    or:",
        f"    rolehop explain role {ARN}.",
    ]
    assert lines(ARN, 40) == ["  try:", f"    {ARN}"]


def test_a_command_at_the_end_has_a_line_to_itself() -> None:
    said = Advice("no chain is configured yet: ", "rolehop config init")
    assert lines(said, 80) == ["  try: no chain is configured yet:", "  rolehop config init"]
    assert lines("rolehop list shows the chains", 80) == ["  try: rolehop list shows the chains"]
    *_, last = message("", Advice("rolehop plan ", Argument("a b"), " says more"), str, 80)
    assert [each.text for each in last.words if each.style == TO_TYPE] == ["rolehop plan a b"]


COMMAND = ("rolehop explain --last", "rolehop profile install --take-over ", "rolehop plan ")


@given(
    st.sampled_from(
        ["", "it is so: ", "they are, as it seems, other people's than yours; ", f"{ARN} "]
    ),
    st.sampled_from(COMMAND),
    st.lists(st.sampled_from(["hub", "prod-admin", "my chain", ARN]), max_size=5),
    st.sampled_from(["", " shows why", ", then again", "."]),
    st.integers(40, 200),
)
def test_no_command_is_split_at_any_width(
    before: str, command: str, values: list[str], after: str, width: int
) -> None:
    arguments = [part for value in values for part in (Argument(value), " ")]
    typed = Advice(command, *arguments[:-1])
    wanted = one_line(typed, posix_argument).strip()
    error = UsageError("it failed", cause="of " * 40, fix=Advice(before, typed, after))
    for drawn in (error_lines(error, width=width), message("", error.fix or "", str, width)):
        shown = as_text(drawn).splitlines()
        assert [each for each in shown if wanted in each or one_line(typed, str).strip() in each]
        assert all(each == each.rstrip() for each in shown)


def test_a_fix_that_is_a_command_is_a_line_of_its_own_in_the_colour_of_what_is_typed() -> None:
    error = UsageError("it failed", fix=Advice("rolehop plan ", Argument("a b")))
    assert as_text(error_lines(error, width=80)) == "rolehop: it failed\n  rolehop plan 'a b'\n"
    assert as_text(error_lines(error)) == "rolehop: it failed\n  rolehop plan 'a b'\n"
    assert error_lines(error, width=80)[1].words[1].style == TO_TYPE


@given(
    st.lists(st.sampled_from(["a", "mistake", "rolehop plan", *FORTY])),
    st.lists(st.sampled_from(["x", "my chain", "-v", *FORTY])),
    st.integers(1, 120),
)
def test_wrapping_moves_blanks_and_nothing_else(
    texts: list[str], values: list[str], width: int
) -> None:
    pairs = zip(texts, values, strict=False)
    said = Advice(*(part for text, value in pairs for part in (f" {text} ", Argument(value))))
    wrapped = lines(said, width, "rolehop: ")
    whole = f"rolehop: {one_line(said, posix_argument)}"
    assert " ".join(" ".join(wrapped).split()) == " ".join(whole.split())
    longest = max(map(columns_of, whole_words(said, posix_argument)), default=0)
    assert max(map(columns_of, wrapped)) <= max(width, 20, longest + 4)


def test_wide_characters_count_twice() -> None:
    assert lines("漢字漢字漢字 漢字漢字 漢字", 20) == [
        "  try: 漢字漢字漢字",
        "    漢字漢字 漢字",
    ]


def test_a_program_reads_each_part_of_an_error_in_one_line() -> None:
    refused = HopRefused("w " * 90, code="x", cause="c " * 90, fix="f " * 90, suspects=("s " * 90,))
    assert len(error_lines(refused)) == 4


def test_a_refusal_is_told_in_brief_and_in_full_if_that_is_asked_for() -> None:
    refused = HopRefused(
        "AWS refused it", code="x", cause="in AWS's words", brief="so", suspects=("is it?",)
    )
    assert as_text(error_lines(refused)).splitlines() == ["rolehop: AWS refused it", "  cause  so"]
    whole = as_text(error_lines(refused, verbose=True)).splitlines()
    assert whole[1:] == ["  cause  in AWS's words", "    - is it?"]


def test_the_place_of_a_problem_stays_in_one_piece() -> None:
    file = "/Users/me/Library/Application Support/rolehop/config.toml"
    problem = ConfigProblem(file, 3, "chains.prod.source", 'no source is called "corp"')
    error = ConfigError("1 problem in config.toml", complaints=(problem,))
    assert as_text(error_lines(error, width=40)).splitlines()[1:] == [
        f"  {file}:3:",
        "    chains.prod.source: no source is",
        '    called "corp"',
    ]
