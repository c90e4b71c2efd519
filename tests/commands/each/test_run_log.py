"""A log of a run that cannot be read is no run to resume, and a line that cannot be read says nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.commands.each.run_log import log_to_resume, new_log
from rolehop.plan.walk_options import WalkOptions
from tests.support.seals import seals_in

DEEP = b"[" * 9_000  # what json reads only to a depth of about a thousand


@pytest.mark.parametrize("line", [b"", b"{", b"[]", b'{"chain": "a"}', DEEP])
def test_only_lines_that_make_sense_count(tmp_path: Path, line: bytes) -> None:
    problems: list[str] = []
    seals = seals_in()
    argv, chains, begun = ["ls"], ["a"], datetime(2026, 1, 1, tzinfo=UTC)
    log = new_log(tmp_path, seals, argv, WalkOptions(), chains, None, begun, problems.append)
    log.add(("a", None), "ok", "111111111111")
    log.close()
    with log.path.open("ab") as file:
        file.write(line + b"\n")
    found = log_to_resume(tmp_path, seals, argv, chains, None, problems.append)
    assert found is not None
    assert found[1] == {("a", None): "111111111111"}
    log.path.write_bytes(line + b"\n")
    assert log_to_resume(tmp_path, seals, argv, chains, None, problems.append) is None
    assert not problems
