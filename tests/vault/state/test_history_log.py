"""The history on disk: complete after every kind of accident, and no change of it goes unnoticed."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from rolehop.vault import history as history_log
from rolehop.vault.history import HistoryLog
from rolehop.vault.locks import FileLocks
from tests.support.environment import ROOT

WRITER = """
import sys
from pathlib import Path
from rolehop.vault.history import HistoryLog
from rolehop.vault.locks import FileLocks
folder = Path(sys.argv[1])
log = HistoryLog(
    folder, FileLocks(folder, deadline_seconds=60), largest_file=700, most_files=3
)
"""
APPENDS = """
for number in range(15):
    log.append([{"text": sys.argv[2], "number": number}])
"""
# What a kill before a line of this code leaves behind is what is on disk then.
OURS = (history_log.__file__, str(Path(history_log.__file__).parent.parent / "files"))


def make_log(folder: Path, **limits: int) -> HistoryLog:
    return HistoryLog(folder, FileLocks(folder), **limits)


@pytest.fixture
def log(tmp_path: Path) -> HistoryLog:
    made = make_log(tmp_path)
    for number in range(1, 7):
        made.append([{"text": f"line {number}"}])
    return made


def files(folder: Path) -> list[Path]:
    return sorted((folder / "history").glob("*.jsonl"))


def texts(log: HistoryLog) -> list[object]:
    return [entry.get("text") for _, entry in log.entries()]


def start(code: str, folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER + code, str(folder), *arguments],
        env={"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_lines_are_read_as_they_were_written(log: HistoryLog, tmp_path: Path) -> None:
    assert log.entries() == [(number, {"text": f"line {number}"}) for number in range(1, 7)]
    found = log.verify()
    assert (found.lines, found.first, found.last, found.problems) == (6, 1, 6, ())
    for each in (*files(tmp_path), tmp_path / "history/end.json"):
        assert stat.S_IMODE(each.stat().st_mode) == 0o600


def test_no_history_is_no_problem(tmp_path: Path) -> None:
    assert make_log(tmp_path).entries() == []
    assert make_log(tmp_path).verify().problems == ()
    (tmp_path / "history").symlink_to("elsewhere")
    assert "is not a folder" in "".join(make_log(tmp_path).verify().problems)


# ---- changes by somebody


def _edit(change: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        (file,) = files(folder)
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join(change(lines)))

    return edit


def _without_a_hash(lines: list[str]) -> list[str]:
    return [*lines[:2], '{"text":"forged"}\n', *lines[3:]]


CHANGES = {
    "a changed line": (
        _edit(lambda lines: [*lines[:2], lines[2].replace("line 3", "line X"), *lines[3:]]),
        "line 3 was changed",
    ),
    "the last line changed": (
        _edit(lambda lines: [*lines[:-1], lines[-1].replace("line 6", "line X")]),
        "line 6 was changed",
    ),
    "a removed line": (_edit(lambda lines: lines[:2] + lines[3:]), "line 3 is missing in"),
    "removed lines": (_edit(lambda lines: lines[:1] + lines[4:]), "lines 2 to 4 are missing"),
    "the first line removed": (_edit(lambda lines: lines[1:]), "line 1 is missing"),
    "the last line removed": (_edit(lambda lines: lines[:-1]), "line 6 is missing at the end"),
    "reordered lines": (
        _edit(lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]]),
        "line 3 is out of order",
    ),
    "an added line": (_edit(lambda lines: [*lines[:3], lines[2], *lines[3:]]), "out of order"),
    "a line without a hash": (_edit(_without_a_hash), "line 3 is damaged"),
    "a file that is gone": (lambda folder: files(folder)[0].unlink(), "lines 1 to 6 are missing"),
    "the end removed": (lambda folder: (folder / "history/end.json").unlink(), "end.json is"),
    "the end damaged": (
        lambda folder: (folder / "history/end.json").write_text('{"schema": 1, "count": "6"}'),
        "end.json is",
    ),
}


@pytest.mark.parametrize(("change", "problem"), CHANGES.values(), ids=CHANGES)
def test_a_change_is_found_and_stays_found_when_more_is_written(
    log: HistoryLog, tmp_path: Path, change: Callable[[Path], None], problem: str
) -> None:
    change(tmp_path)
    assert problem in "; ".join(log.verify().problems)
    log.append([{"text": "later"}])
    assert texts(log)[-1] == "later"
    after = problem.replace("end.json is", "end.json was").removesuffix(" at the end")
    assert after in "; ".join(log.verify().problems)


def test_a_lost_end_is_written_anew_and_leaves_a_line_that_says_so(
    log: HistoryLog, tmp_path: Path
) -> None:
    (tmp_path / "history/end.json").unlink()
    log.append([{"text": "later", "at": "2026-01-02T03:04:05Z"}])
    (problem,) = log.verify().problems
    assert problem.startswith("line 7 was added at 2026-01-02T03:04:05Z because end.json was lost")
    assert [entry.get("event") for _, entry in log.entries()][-2:] == ["repair", None]


def test_a_link_is_never_followed(log: HistoryLog, tmp_path: Path) -> None:
    (file,) = files(tmp_path)
    target = tmp_path / "somebody's"
    file.rename(target)
    file.symlink_to(target)
    before = target.read_bytes()
    with pytest.raises(OSError, match="symbolic links"):
        log.append([{"text": "later"}])
    assert target.read_bytes() == before


# ---- rotation and accidents


def test_old_lines_are_deleted_and_the_rest_is_still_proved(tmp_path: Path) -> None:
    log = make_log(tmp_path, largest_file=700, most_files=3)
    for number in range(40):
        log.append([{"text": str(number)}])
        assert log.verify().problems == ()
    assert len(files(tmp_path)) == 3
    found = log.verify()
    assert found.first > 1
    assert found.last == 40
    assert texts(log) == [str(number) for number in range(found.first - 1, 40)]


def test_a_removed_file_in_the_middle_is_found(tmp_path: Path) -> None:
    log = make_log(tmp_path, largest_file=700, most_files=5)
    for number in range(20):
        log.append([{"text": str(number)}])
    files(tmp_path)[1].unlink()
    assert "are missing before" in "; ".join(log.verify().problems)


def test_a_piece_of_a_line_is_removed_by_the_next_writer(log: HistoryLog, tmp_path: Path) -> None:
    (file,) = files(tmp_path)
    with file.open("a") as stream:
        stream.write('{"n":7,"prev":"')
    assert log.verify().problems == ()
    log.append([{"text": "line 7"}])
    assert log.verify().problems == ()
    assert texts(log)[-1] == "line 7"
    assert [json.loads(line)["n"] for line in file.read_text().splitlines()] == [*range(1, 8)]


@pytest.mark.parametrize(
    "lines", [0, 3, 8, 24], ids=["the first line", "a line", "a new file", "an old file deleted"]
)
def test_a_kill_at_any_moment_loses_no_earlier_line(tmp_path: Path, lines: int) -> None:
    folder = tmp_path / "folder"
    log = make_log(folder, largest_file=700, most_files=3)
    for number in range(lines):
        log.append([{"text": str(number)}])
    before = log.verify().last
    moments, left = states_while(folder, lambda: log.append([{"text": "this one"}]))
    assert moments > 100
    assert len(left) > 3
    for each in left:
        log = make_log(each, largest_file=700, most_files=3)
        found = log.verify()
        assert not found.problems, (each, found.problems)
        assert found.last in (before, before + 1), each
        log.append([{"text": "the next one"}])
        after = log.verify()
        assert not after.problems, (each, after.problems)
        assert after.last == found.last + 1, each


def contents(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def states_while(folder: Path, act: Callable[[], object]) -> tuple[int, list[Path]]:
    """Return how many lines of our code ran, and a copy of each state that one of them found."""
    moments = 0
    seen: dict[Path, bytes] | None = None
    copies: list[Path] = []

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal moments, seen
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        moments += 1
        if (now := contents(folder)) != seen:
            seen = now
            copies.append(folder.parent / str(moments))
            shutil.copytree(folder, copies[-1])
        return trace

    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(usual)
    return moments, copies


def test_twenty_processes_write_at_once_and_the_files_rotate_meanwhile(tmp_path: Path) -> None:
    writers = [start(APPENDS, tmp_path, f"writer {each}") for each in range(20)]
    for each in writers:
        with each:
            assert each.wait(120) == 0
    found = make_log(tmp_path).verify()
    assert found.problems == ()
    assert found.last == 300
    assert len(files(tmp_path)) == 3
