"""The history on disk: lines that no accident and no other process takes away."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any, BinaryIO

import pytest

from rolehop.base import files as base_files
from rolehop.vault import history, packed_history
from rolehop.vault.history import HistoryLog
from tests.support.environment import ROOT

WRITER = """
import sys
from pathlib import Path
from rolehop.vault.history import HistoryLog
largest = int(sys.argv[2])
log = HistoryLog(Path(sys.argv[1]), largest=lambda: largest, per_file=largest // 8)
for number in range(15):
    log.append({"writer": sys.argv[3], "number": number})
"""
# What a kill before a line of this code leaves behind is what is on disk then.
OURS = (history.__file__, packed_history.__file__, base_files.__file__)


@pytest.fixture
def log(tmp_path: Path) -> HistoryLog:
    made = HistoryLog(tmp_path)
    for number in range(1, 7):
        made.append({"text": f"line {number}"})
    return made


def limited(folder: Path, largest: int) -> HistoryLog:
    return HistoryLog(folder, largest=lambda: largest, per_file=largest // 8)


def files(folder: Path, below: str = "history") -> list[Path]:
    return sorted((folder / below).rglob("*.jsonl*"))


def texts(log: HistoryLog) -> list[object]:
    return [entry.get("text") for _, entry in log.entries()]


def numbers(log: HistoryLog) -> list[int]:
    return [number for number, _ in log.entries()]


def test_lines_are_read_as_they_were_written(log: HistoryLog, tmp_path: Path) -> None:
    assert list(log.entries()) == [(number, {"text": f"line {number}"}) for number in range(1, 7)]
    (file,) = files(tmp_path)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_text().splitlines()[1] == '{"text":"line 2"}'


def test_no_history_has_no_lines(tmp_path: Path) -> None:
    assert list(HistoryLog(tmp_path).entries()) == []
    (tmp_path / "history").symlink_to("elsewhere")
    assert list(HistoryLog(tmp_path).entries()) == []


def test_a_link_is_never_followed(log: HistoryLog, tmp_path: Path) -> None:
    (file,) = files(tmp_path)
    target = tmp_path / "somebody's"
    file.rename(target)
    file.symlink_to(target)
    before = target.read_bytes()
    with pytest.raises(OSError, match="symbolic links"):
        log.append({"text": "later"})
    assert target.read_bytes() == before


def test_a_line_that_is_too_long_is_not_written(log: HistoryLog) -> None:
    with pytest.raises(OSError, match="is too long"):
        log.append({"text": "x" * history.LONGEST_LINE})
    assert numbers(log) == [*range(1, 7)]


def start(folder: Path, largest: int, writer: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder), str(largest), writer],
        env={"PYTHONPATH": str(ROOT)},
    )


# ---- accidents


@pytest.mark.parametrize(
    "piece", ['{"text":"li', '{"text":"whole"}', "\n", "\0" * 9, "[1]", "\udcff"]
)
def test_what_is_no_line_keeps_its_number_and_no_other_line_is_lost(
    log: HistoryLog, tmp_path: Path, piece: str
) -> None:
    (file,) = files(tmp_path)
    with file.open("ab") as stream:
        stream.write(piece.encode(errors="surrogateescape"))
    before = texts(log)
    log.append({"text": "later"})
    log.append({"text": "last"})
    assert [each for each in texts(log) if each != "whole"] == [*before, "later", "last"]
    assert numbers(log)[-2:] == [8, 9]


def test_a_write_that_a_full_disk_cuts_short_is_an_error_and_the_next_line_is_whole(
    tmp_path: Path,
) -> None:
    limited = (  # with -B, as a compiled file would be cut short, too
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (120, 120))\n"
    )
    command = [sys.executable, "-B", "-c", limited + WRITER, str(tmp_path), "10000", "limited"]
    done = subprocess.run(command, env={"PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True)
    assert done.stderr.endswith("File too large\n")
    (file,) = files(tmp_path)
    assert file.stat().st_size == 120
    log = HistoryLog(tmp_path)
    log.append({"text": "later"})
    assert [entry.get("number") for _, entry in log.entries()] == [0, 1, 2, None]
    assert numbers(log) == [1, 2, 3, 5]


@pytest.mark.parametrize(
    "lines", [0, 3, 8, 64], ids=["the first line", "a line", "a new file", "an old file deleted"]
)
def test_a_kill_at_any_moment_loses_no_earlier_line(tmp_path: Path, lines: int) -> None:
    folder = tmp_path / "folder"
    log = limited(folder, 1280)  # eight files with eight lines each
    for number in range(lines):
        log.append({"text": f"line {number:3}"})
    before = list(log.entries())
    left = states_while(folder, lambda: log.append({"text": "this one"}))
    written = [*before, (lines + 1, {"text": "this one"})]
    assert list(log.entries()) == (written[8:] if lines == 64 else written)
    assert len(left) >= 2
    for each in left:
        log = limited(each, 1280)
        found = list(log.entries())
        assert found in (before, written, written[8:]), each
        log.append({"text": "the next one"})
        *earlier, last = list(log.entries())
        assert last == ((found[-1][0] if found else 0) + 1, {"text": "the next one"}), each
        assert earlier == found[len(found) - len(earlier) :], each


def contents(folder: Path) -> dict[Path, bytes]:
    return {each: each.read_bytes() for each in folder.rglob("*") if each.is_file()}


def states_while(folder: Path, act: Callable[[], object]) -> list[Path]:
    """Return a copy of each state in which a line of our code found the folder."""
    moments = 0
    seen: dict[Path, bytes] | None = None
    copies: list[Path] = []

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal moments, seen
        if frame.f_code.co_filename not in OURS:
            return None
        moments += 1
        if (now := contents(folder)) != seen:
            seen = now
            copies.append(folder.parent / str(moments))
            shutil.copytree(folder, copies[-1])
        return trace

    folder.mkdir(exist_ok=True)
    usual = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(usual)
    return copies


# ---- rotation, and many processes


def quiet_for_an_hour(folder: Path) -> None:
    hour_ago = time.time() - 3600
    for each in (folder / "history").glob("*.jsonl"):
        os.utime(each, (hour_ago, hour_ago))


def test_older_files_are_packed_and_read_like_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    log = HistoryLog(folder, per_file=2000)
    for number in range(1, 400):
        log.append({"text": f"line {number:3}"})
    quiet_for_an_hour(folder)
    before = list(log.entries())

    def append_some() -> None:
        for _ in range(50):
            log.append({"text": "x" * 40})

    left = states_while(folder, append_some)
    assert len(left) > 20
    assert list(log.entries())[:399] == before
    packed = files(folder / "history" / "packed", "")
    assert len(packed) >= 2
    assert all(stat.S_IMODE(each.stat().st_mode) == 0o600 for each in packed)
    assert sum(each.stat().st_size for each in packed) < 1000
    for each in left:
        assert list(HistoryLog(each).entries())[:399] == before, each
    packed[0].write_bytes(b"no gzip")
    packed[1].write_bytes(packed[1].read_bytes()[:-30])
    assert list(log.entries())[-1][1] == {"text": "x" * 40}


def test_a_line_that_was_on_its_way_to_a_packed_file_is_written_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process sleeps between opening the file and writing; meanwhile another one packs it."""
    log, other = HistoryLog(tmp_path, per_file=100), HistoryLog(tmp_path, per_file=100)
    log.append({"text": "first"})
    written, usual = list[bool](), history._append

    def slow(file: Any, line: bytes) -> None:
        if not written:
            written.append(True)
            for number in range(8):
                quiet_for_an_hour(tmp_path)
                other.append({"text": f"line {number:3}"})
        usual(file, line)

    monkeypatch.setattr(history, "_append", slow)
    log.append({"text": "this one"})
    assert sorted(map(str, texts(log))) == [
        "first", *(f"line {number:3}" for number in range(8)), "this one",
    ]  # fmt: skip


def test_the_oldest_lines_are_deleted_and_the_rest_keep_their_numbers(tmp_path: Path) -> None:
    log = limited(tmp_path, 1280)
    for number in range(1, 201):
        log.append({"text": f"line {number:3}"})
        assert sum(each.stat().st_size for each in files(tmp_path)) <= 1280
    assert numbers(log) == [*range(numbers(log)[0], 201)]
    assert len(numbers(log)) > 56
    assert texts(log) == [f"line {number:3}" for number in numbers(log)]


def test_a_line_that_was_on_its_way_to_a_full_file_shifts_those_behind_it(tmp_path: Path) -> None:
    log = limited(tmp_path, 1280)
    for number in range(10):
        log.append({"text": f"line {number:3}"})
    with files(tmp_path)[0].open("a") as stream:
        stream.write('{"text":"late"}\n')
    assert numbers(log) == [*range(1, 12)]
    assert texts(log)[8] == "late"


def test_the_first_line_of_another_process_is_no_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It arrives just after the file was seen to be empty."""
    log, usual = HistoryLog(tmp_path), history._size

    def slow(file: BinaryIO) -> int:
        size = usual(file)
        if len(asked) == 1:
            os.write(file.fileno(), b'{"text":"first"}\n')
        asked.append(size)
        return size

    asked: list[int] = []
    monkeypatch.setattr(history, "_size", slow)
    log.append({"text": "second"})
    assert asked == [0, 0]
    assert list(log.entries()) == [(1, {"text": "first"}), (2, {"text": "second"})]


def test_twenty_processes_write_at_once_and_no_line_is_lost_or_torn(tmp_path: Path) -> None:
    """Lines of 40 bytes, for which there is room; a file is full after 64 of them."""
    writers = [start(tmp_path, 20_480, f"writer {each:2}") for each in range(20)]
    assert [each.wait(120) for each in writers] == [0] * 20
    log = limited(tmp_path, 20_480)
    assert numbers(log) == [*range(1, 301)]
    assert len(files(tmp_path)) > 3
    written: dict[object, list[object]] = {}
    for _, entry in log.entries():
        written.setdefault(entry["writer"], []).append(entry["number"])
    assert sorted(written.values()) == [[*range(15)]] * 20


def test_twenty_processes_delete_the_oldest_at_once(tmp_path: Path) -> None:
    writers = [start(tmp_path, 1600, f"writer {each:2}") for each in range(20)]
    while any(each.poll() is None for each in writers):
        list(limited(tmp_path, 1600).entries())  # whatever goes away meanwhile
    assert [each.returncode for each in writers] == [0] * 20
    log = limited(tmp_path, 1600)
    assert len(list(log.entries())) >= 15
    assert sorted({*numbers(log)}) == numbers(log)
    assert (
        sum(each.stat().st_size for each in files(tmp_path)) <= 1600 + 25 * 40
    )  # those on their way
