"""Who answers for a program: nobody, or a function of the program itself."""

from __future__ import annotations

import pytest

from rolehop.app.ports import Nobody, PromptedPerson
from rolehop.base.errors import NoTerminal, UsageError

OPTIONS = ["111111111111", "222222222222"]


def test_of_one_option_nobody_is_asked() -> None:
    def prompt(_: str) -> str:
        raise AssertionError

    assert PromptedPerson(prompt).choose("Which?", OPTIONS[:1]) == 0


@pytest.mark.parametrize(
    ("answer", "index"), [("222222222222", 1), (" 1 ", 0), ("2", 1), ("111111111111\n", 0)]
)
def test_an_option_is_chosen_by_its_text_or_number(answer: str, index: int) -> None:
    asked: list[str] = []

    def prompt(question: str) -> str:
        asked.append(question)
        return answer

    assert PromptedPerson(prompt).choose("Which?", OPTIONS) == index
    assert asked == ["1  111111111111\n2  222222222222\nWhich?"]


@pytest.mark.parametrize("answer", ["", "0", "3", "-1", "1.0", "x", "²"])
def test_an_answer_that_is_none_of_the_options_is_refused(answer: str) -> None:
    with pytest.raises(NoTerminal, match="a choice is needed: Which"):
        PromptedPerson(lambda _: answer).choose("Which?", OPTIONS)


def test_what_is_no_text_is_refused() -> None:
    prompt: object = lambda _: 1  # noqa: E731
    with pytest.raises(UsageError, match="prompt returned int, not text"):
        PromptedPerson(prompt).choose("Which?", OPTIONS)  # type: ignore[arg-type]


def test_nobody_takes_a_single_option_and_says_why_nothing_else_is_asked() -> None:
    nobody = Nobody("it is late", fix=lambda needed: f"give {needed} tomorrow")
    assert nobody.choose("Which?", OPTIONS[:1]) == 0
    with pytest.raises(NoTerminal) as caught:
        nobody.choose("Which?", OPTIONS)
    assert caught.value.what == "a choice is needed, and it is late: Which?"
    assert caught.value.fix == "give a choice tomorrow"
