"""What `status` shows of failed `credential-process` runs when there are many."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rolehop.app.sdk_problems import as_problem, note_problem, problem_notes, sdk_problems
from rolehop.base.errors import SourceError


def test_of_many_problems_the_latest_are_shown(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    for number in range(230):
        at = now - timedelta(minutes=number)
        before = set(problem_notes(tmp_path).path.glob("*"))
        note_problem(tmp_path, as_problem(f"chain-{number}", SourceError("none"), at))
        (new,) = set(problem_notes(tmp_path).path.glob("*")) - before
        os.utime(new, (at.timestamp(),) * 2)
    shown = [each.chain for each in sdk_problems(tmp_path, now)]
    assert shown == [f"chain-{number}" for number in range(200)]
