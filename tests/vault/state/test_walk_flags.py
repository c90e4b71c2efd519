"""The stored flags of a session: complete, or the session is not renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.base.digest import checked_line
from rolehop.plan.walk_options import WalkOptions
from rolehop.vault.notes import (
    RETENTION,
    forget_flags,
    load_flags,
    load_shell_flags,
    remember_flags,
)
from tests.support.seals import seals_in
from tests.support.source_code import calls_of

SEALS = seals_in()
KEY = "ASIAEXAMPLEEXAMPLE12"
FLAGS = WalkOptions(
    duration=900,
    read_only=True,
    tags=(("a", "b"),),
    policy_arns=("arn:x",),
    policy="{}",
    source_identity="me",
    reason="why",
)


def test_remembered_flags_are_loaded(tmp_path: Path) -> None:
    remember_flags(tmp_path, SEALS, KEY, FLAGS, datetime.now(UTC))
    assert load_flags(tmp_path, SEALS, KEY) == FLAGS
    assert load_flags(tmp_path, SEALS, "ASIAOTHEROTHEROTHER1") is None


# What each shell was given, and the note that the last command with the same session left.
@pytest.mark.parametrize(
    ("given", "note", "found"),
    [
        ("", WalkOptions(duration=7200), None),
        ("--region=us-east-1", WalkOptions(duration=7200), None),
        ("", WalkOptions(duration=7200, read_only=True), WalkOptions(read_only=True)),
        (
            "--read-only --region=us-east-1",
            WalkOptions(duration=7200, read_only=True),
            WalkOptions(read_only=True),
        ),
        ("--duration", WalkOptions(duration=7200), WalkOptions(duration=7200)),
        (
            "--duration --tag",
            WalkOptions(duration=7200, read_only=True, tags=(("a", "b"),)),
            WalkOptions(duration=7200, read_only=True, tags=(("a", "b"),)),
        ),
        (
            "--reason",
            WalkOptions(duration=7200, read_only=True, reason="x"),
            WalkOptions(read_only=True, reason="x"),
        ),
    ],
)
def test_a_shell_has_the_flags_that_it_was_given(
    tmp_path: Path, given: str, note: WalkOptions, found: WalkOptions | None
) -> None:
    remember_flags(tmp_path, SEALS, KEY, note, datetime.now(UTC))
    assert load_shell_flags(tmp_path, SEALS, KEY, given) == found


@pytest.mark.parametrize("given", ["--tag", "--read-only --tag"])
def test_flags_that_the_note_does_not_have_are_not_known(tmp_path: Path, given: str) -> None:
    with pytest.raises(ValueError, match="gone"):
        load_shell_flags(tmp_path, SEALS, KEY, given)
    remember_flags(tmp_path, SEALS, KEY, WalkOptions(read_only=True), datetime.now(UTC))
    with pytest.raises(ValueError, match="another command"):
        load_shell_flags(tmp_path, SEALS, KEY, given)


@pytest.mark.parametrize(
    ("note", "stays"), [(WalkOptions(duration=7200), False), (WalkOptions(read_only=True), True)]
)
def test_what_is_forgotten_holds_up_no_session_without_flags(
    tmp_path: Path, note: WalkOptions, stays: bool
) -> None:
    remember_flags(tmp_path, SEALS, KEY, note, datetime.now(UTC))
    forget_flags(tmp_path)
    assert (tmp_path / "flags" / f"{KEY}.json").exists() is stays


@pytest.mark.parametrize("name", ["", "../index", "../../etc/passwd", "A" * 200])
def test_what_is_no_access_key_id_opens_no_file(tmp_path: Path, name: str) -> None:
    assert load_flags(tmp_path, SEALS, name) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 2}', "null"])
def test_a_note_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    remember_flags(tmp_path, SEALS, KEY, FLAGS, datetime.now(UTC))
    (tmp_path / "flags" / f"{KEY}.json").write_text(checked_line(text) if "}" in text else text)
    with pytest.raises(ValueError):  # noqa: PT011 - json's own message is as good as ours
        load_flags(tmp_path, SEALS, KEY)


def test_old_notes_are_dropped_when_one_is_written(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    remember_flags(tmp_path, SEALS, KEY, FLAGS, now)
    other = "ASIAOTHEROTHEROTHER1"
    remember_flags(tmp_path, SEALS, other, FLAGS, now + RETENTION + timedelta(minutes=1))
    assert load_flags(tmp_path, SEALS, KEY) is None


def test_a_note_costs_no_more_where_there_are_many(tmp_path: Path) -> None:
    """A run in a thousand accounts writes as many: old ones are looked for once."""
    now = datetime.now(UTC)

    def remember() -> None:
        remember_flags(tmp_path, SEALS, KEY, FLAGS, now)

    remember()
    few = calls_of(remember)
    for number in range(200):
        (tmp_path / "flags" / f"ASIA{number:016}.json").touch()
    assert calls_of(remember) < few * 1.5
