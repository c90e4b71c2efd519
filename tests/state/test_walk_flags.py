"""The stored flags of a session: complete, or the session is not renewed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rolehop.plan.walk_options import WalkOptions
from rolehop.state.walk_flags import RETENTION, load_flags, remember_flags

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
    remember_flags(tmp_path, KEY, FLAGS, datetime.now(UTC))
    assert load_flags(tmp_path, KEY) == FLAGS
    assert load_flags(tmp_path, "ASIAOTHEROTHEROTHER1") is None


@pytest.mark.parametrize("name", ["", "../index", "../../etc/passwd", "A" * 200])
def test_what_is_no_access_key_id_opens_no_file(tmp_path: Path, name: str) -> None:
    assert load_flags(tmp_path, name) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 1}', '{"schema": 2}', "null"])
def test_a_note_that_cannot_be_read_is_an_error(tmp_path: Path, text: str) -> None:
    remember_flags(tmp_path, KEY, FLAGS, datetime.now(UTC))
    (tmp_path / "flags" / f"{KEY}.json").write_text(text)
    with pytest.raises(ValueError):  # noqa: PT011 - json's own message is as good as ours
        load_flags(tmp_path, KEY)


def test_old_notes_are_dropped_when_one_is_written(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    remember_flags(tmp_path, KEY, FLAGS, now)
    other = "ASIAOTHEROTHEROTHER1"
    remember_flags(tmp_path, other, FLAGS, now + RETENTION + timedelta(minutes=1))
    assert load_flags(tmp_path, KEY) is None


def test_a_note_of_an_older_version_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "flags"
    folder.mkdir()
    (folder / f"{KEY}.json").write_text(
        '{"schema": 1, "duration_seconds": 900, "min_ttl_seconds": null, "read_only": true,'
        ' "tags": [["a", "b"]], "policy_arns": ["arn:x"], "policy": "{}",'
        ' "source_identity": "me", "reason": "why"}'
    )
    assert load_flags(tmp_path, KEY) == FLAGS
