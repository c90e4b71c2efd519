"""What was chosen last is remembered, and a list begins with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from rolehop.awsconfig import AwsConfig
from rolehop.base.digest import checked_line
from rolehop.sources.context import SourceContext, choose
from rolehop.vault.notes import MOST_CHOICES, LastChoices
from tests.sources.machines import Typist


def test_the_last_choice_of_each_list_is_remembered_and_the_oldest_are_dropped(
    tmp_path: Path,
) -> None:
    choices = LastChoices(tmp_path)
    assert choices.last("a") is None
    choices.note("a", "one")
    choices.note("b", "two")
    choices.note("a", "three")
    assert (choices.last("a"), choices.last("b")) == ("three", "two")
    for number in range(MOST_CHOICES - 1):
        choices.note(f"list {number}", "x")
    assert (choices.last("a"), choices.last("b")) == ("three", None)


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[]", "[" * 9_000, '{"schema": 2}', '{"schema": 1}'),
        *('{"schema": 1, "choices": {"a": 1}}', '{"schema": 1, "choices": [true]}'),
    ],
)
def test_a_damaged_file_is_forgotten_and_written_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "choices.json"
    path.write_text(checked_line(text) if "}" in text else text)
    path.chmod(0o600)
    choices = LastChoices(tmp_path)
    assert choices.last("a") is None
    choices.note("a", "b")
    assert choices.last("a") == "b"


def test_a_state_folder_that_cannot_be_written_remembers_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    choices = LastChoices(tmp_path / "file")
    choices.note("a", "b")
    assert choices.last("a") is None


def test_a_list_begins_with_the_last_choice_and_one_option_is_no_choice(tmp_path: Path) -> None:
    person = Typist(picks="3  third")
    context = SourceContext(
        environ={},
        aws=AwsConfig(),
        aws_files=(tmp_path, tmp_path),
        keys=None,  # type: ignore[arg-type]
        now=lambda: pytest.fail("no time is needed"),
        person=person,
        choices=lambda: LastChoices(tmp_path),
    )
    options, names = ["1  first", "2  second", "3  third"], ["1", "2", "3"]
    for _ in range(2):
        assert choose(context, "which?", options, "list", names) == 2
    assert person.asked == [*options, "3  third", "1  first", "2  second"]
    assert choose(context, "which?", options[:1], "list", names) == 0
    assert LastChoices(tmp_path).last("list") == "3"
