"""Messages are wrapped at words to the window; what a person copies stays in one piece."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rolehop.base.advice import Advice, Argument, ShellCommand, one_line, posix_argument
from rolehop.base.errors import ConfigError, ConfigProblem, HopRefused
from rolehop.terminal.error_text import error_lines
from rolehop.terminal.terminal import columns_of, whole_words, wrap_message
from tests.support.hostile import FORTY

ARN = "arn:aws:iam::333333333333:role/a-role-with-a-name-that-is-longer-than-a-narrow-window"


def lines(text: str, width: int, label: str = "  try: ") -> list[str]:
    return wrap_message(label, text, posix_argument, width)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("correct it, then run rolehop config check; more helps", "rolehop config check;"),
        ("rolehop list shows the chains", "rolehop list"),
        ("to use it, rolehop exec CHAIN -- CMD runs it", "rolehop exec CHAIN -- CMD"),
        ("first rolehop explain role ARN, or a file", "rolehop explain role ARN,"),
        ("(rolehop explain --error -) helps", "(rolehop explain --error -)"),
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


def test_the_place_of_a_problem_stays_in_one_piece() -> None:
    file = "/Users/me/Library/Application Support/rolehop/config.toml"
    problem = ConfigProblem(file, 3, "chains.prod.source", 'no source is called "corp"')
    error = ConfigError("1 problem in config.toml", complaints=(problem,))
    assert error_lines(error, width=40)[1:] == [
        f"  {file}:3:",
        "    chains.prod.source: no source is",
        '    called "corp"',
    ]
