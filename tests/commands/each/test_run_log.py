"""A log of a run that cannot be read is no run to resume, and a line that cannot be read says nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rolehop.commands.each.run_log import LogNotProven, RunLog, log_to_resume, new_log
from rolehop.plan.walk_options import WalkOptions
from rolehop.vault.seals import Seals
from tests.doubles.keyrings import Locked
from tests.support.seals import seals_in, seals_without_keyring

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


def a_run(state: Path, seals: Seals, number: int, chain: str) -> RunLog:
    """Return the closed log of a run of one chain, which was ok."""
    at, give_up = datetime(2026, 1, number, tzinfo=UTC), list[str]().append
    log = new_log(state, seals, ["ls"], WalkOptions(), [chain], None, at, give_up)
    log.add((chain, None), "ok", None)
    log.close()
    return log


def test_an_earlier_log_that_is_gone_is_missed_for_chains_of_no_later_run_alone(
    tmp_path: Path,
) -> None:
    """It may have had flags that limit more."""
    seals = seals_in()
    _, gone, last = (a_run(tmp_path, seals, at, chain) for at, chain in enumerate("abc", 1))
    gone.path.unlink()
    found = log_to_resume(tmp_path, seals, ["ls"], ["c"], None, list[str]().append)
    assert found is not None
    assert (found.log.path, found.ok) == (last.path, {("c", None): None})
    with pytest.raises(LogNotProven, match="the log of an earlier one is gone"):
        log_to_resume(tmp_path, seals, ["ls"], ["b", "c"], None, list[str]().append)
    with pytest.raises(LogNotProven, match="earlier one is gone"):
        log_to_resume(tmp_path, seals, ["ls"], ["a"], None, list[str]().append)


def test_without_a_key_it_is_said_why(tmp_path: Path) -> None:
    a_run(tmp_path, seals_in(), 1, "a")
    for seals, said in (
        (seals_without_keyring(), "nothing can prove it: there is no usable keyring"),
        (seals_in(Locked()), "nothing can prove it: the keyring is locked"),
        (seals_in(), "the keyring has another key by now"),
    ):
        with pytest.raises(LogNotProven, match=said):
            log_to_resume(tmp_path, seals, ["ls"], ["a"], None, list[str]().append)
