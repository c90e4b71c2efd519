"""The history as files: lines that are only appended, each with a hash of the line before it.

``history/000000000001.jsonl`` has the lines from number 1 on, the next file those behind them, and
so on; the oldest file is deleted if there are too many. ``history/end.json`` says how many lines
there have been, the hash of the last one, and where the kept ones begin.

A line is written first, ``end.json`` after it. So a process that is killed in between leaves a line
that goes on from the end, or a piece of one; the next writer counts the line, or removes the piece.
Nothing else is ever repaired: what does not fit stays as it is, for `verify` to find. If ``end.json``
is lost, a line says so, which `verify` finds too: nothing proves how many lines there were before.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from rolehop.digest import sha256_hex
from rolehop.files import open_own_log, read_own, sweep_unfinished, write_all, write_beside
from rolehop.startup.dataclass import asdict, dataclass, replace
from rolehop.startup.lazy_regex import Pattern
from rolehop.state.json_file import LARGEST_NUMBER, UNUSABLE, load_object

if TYPE_CHECKING:
    from rolehop.ports import Locks

FOLDER, END = "history", "end.json"
REPAIR = "repair"
"""The event of a line that was added because ``end.json`` was lost."""

LARGEST_FILE = 1 << 20
"""In bytes; a file that has reached it gets no more lines."""

MOST_FILES = 8
LONGEST_LINE = 1 << 15
"""In bytes; far above what a call needs."""

START = "0" * 64
"""Stands for the hash of the line before the first one."""

_SCHEMA = 1
_NAME = Pattern(r"[0-9]{12}\.jsonl")
_HASH = Pattern(r"[0-9a-f]{64}")

Entry = dict[str, object]
"""What one line says, apart from its number ``n`` and the hash ``prev``."""


@dataclass(frozen=True, slots=True)
class End:
    """What ``end.json`` says."""

    count: int = 0
    """The number of the last line."""
    last: str = START
    """Its hash."""
    first: int = 1
    """The number of the first line that is kept."""
    before: str = START
    """The hash of the line before that one."""
    file: str = "000000000001.jsonl"
    """Where the last line is."""
    size: int = 0
    """How many bytes that file has up to the end of the last line."""


class HistoryLog:
    """The lines in one state folder; safe to use from many processes at once."""

    def __init__(
        self,
        state_folder: Path,
        locks: Locks,
        *,
        largest_file: int = LARGEST_FILE,
        most_files: int = MOST_FILES,
    ) -> None:
        """``locks`` lets one process at a time append; files of ``largest_file`` bytes are full."""
        self._folder = state_folder / FOLDER
        self._locks = locks
        self._largest_file = largest_file
        self._most_files = most_files

    def append(self, entries: Sequence[Entry]) -> None:
        """Append a line for each of ``entries``.

        Raises:
            OSError: they cannot be written.
            ServiceError: another process held the lock for too long.
        """
        with self._locks.hold("history"):
            end = _read_end(self._folder)
            if end is None:
                _sweep(self._folder)
                end = _end_of_lines(self._folder)
                if end.count:  # whoever reads it should know that lines may be missing
                    entries = [_repair(self._folder, entries[0].get("at")), *entries]
                else:
                    _write_end(self._folder, end)  # else a first line seems to have lost it
            self._append(end, entries)

    def _append(self, end: End, entries: Sequence[Entry]) -> None:
        full = end.size >= self._largest_file
        if full:
            end = replace(end, file=_name(end.count + 1), size=0)
        with open_own_log(self._folder / end.file) as file:
            end, separator = _caught_up(end, file)
            data = bytearray(separator)
            for entry in entries:
                line = _line(end, entry)
                data += line + b"\n"
                end = replace(end, count=end.count + 1, last=_hash(line))
            write_all(file, data)
            end = replace(end, size=os.fstat(file.fileno()).st_size)
        if full:
            end = self._without_oldest(end)
        _write_end(self._folder, end)
        if full:
            self._delete_before(end.first)

    def _without_oldest(self, end: End) -> End:
        """Let the kept lines begin with the oldest of the files that may stay."""
        kept = [name for name in _names(self._folder) if _number(name) >= end.first]
        if len(kept) <= self._most_files:
            return end
        oldest = kept[-self._most_files]
        first = next(iter(_lines(self._folder / oldest)), b"")
        found = _parsed(first)
        # A line that cannot be read stays kept: what follows it could not be proved whole.
        return end if found is None else replace(end, first=found.number, before=found.previous)

    def _delete_before(self, first: int) -> None:
        _sweep(self._folder)
        for name in _names(self._folder):
            if _number(name) < first:
                with suppress(OSError):  # e.g. open elsewhere, on Windows; the next time, then
                    (self._folder / name).unlink()

    def entries(self) -> list[tuple[int, Entry]]:
        """Return the number of each line and what it says, the oldest first; lines that cannot be read are passed over.

        Raises:
            OSError: a file cannot be read.
            ServiceError: another process held the lock for too long.
        """
        with self._locks.hold("history"):
            end = _read_end(self._folder)
            names = _names(self._folder)
            kept = [each for each in names if end is None or _number(each) >= end.first]
            lines = [line for name in kept for line in _lines(self._folder / name)]
        return [
            (found.number, found.entry) for line in lines if (found := _parsed(line)) is not None
        ]

    def verify(self) -> Verified:
        """Return whether every line is as it was written.

        Raises:
            OSError: a file cannot be read.
            ServiceError: another process held the lock for too long.
        """
        with self._locks.hold("history"):
            return _verified(self._folder)


def _repair(folder: Path, at: object) -> Entry:
    """Return the line that says that the end of the history was lost before ``at``."""
    why = "damaged" if os.path.lexists(folder / END) else "missing"
    return {"at": at, "event": REPAIR, "outcome": f"{END} was {why}"}


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of checking all lines."""

    lines: int
    first: int
    last: int
    problems: tuple[str, ...]
    """What was changed, each in a sentence without its full stop; empty if nothing was."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    number: int
    previous: str
    entry: Entry


def _verified(folder: Path) -> Verified:
    end = _read_end(folder)
    names = _names(folder)
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        problem = f"'{FOLDER}' is not a folder, but something else in its place"
        return Verified(0, 0, 0, (problem,))
    if end is None:
        if not names and not os.path.lexists(folder / END):
            return Verified(0, 1, 0, ())
        return Verified(0, 0, 0, (f"{END} is missing or damaged, so nothing proves the rest",))
    chain = _Chain(end)
    for name in names:
        if _number(name) >= end.first:
            for line in _lines(folder / name):
                chain.add(line, name)
    return chain.result()


class _Chain:
    """Follows the lines from the first one to the last, and notes what does not fit."""

    def __init__(self, end: End) -> None:
        self._end = end
        self._number = end.first - 1
        self._hash = end.before
        self._lines = 0
        self._problems: list[str] = []

    def add(self, line: bytes, file: str) -> None:
        """Take the next line."""
        self._lines += 1
        found = _parsed(line)
        if found is None:
            self._problems.append(f"line {self._number + 1} is damaged ({file})")
            self._number, self._hash = self._number + 1, _hash(line)
            return
        self._compare(found, file)
        if found.entry.get("event") == REPAIR:
            when = f" at {at}" if isinstance(at := found.entry.get("at"), str) else ""
            self._problems.append(
                f"line {found.number} was added{when} because {END} was lost: lines before it may be missing"
            )
        self._number, self._hash = found.number, _hash(line)
        if self._number == self._end.count and self._hash != self._end.last:
            self._problems.append(f"line {self._number} was changed ({file})")

    def _compare(self, found: _Parsed, file: str) -> None:
        expected = self._number + 1
        if found.number > expected:
            where = "in" if expected >= _number(file) else "before"
            missing = _range(expected, found.number - 1)
            self._problems.append(f"{missing} missing {where} {file}")
        elif found.number < expected:
            self._problems.append(f"line {found.number} is out of order ({file})")
        elif found.previous != self._hash:
            self._problems.append(
                f"line {self._number} was changed, or another one put in its place ({file})"
                if self._number >= self._end.first
                else f"line {found.number} does not continue what was before it ({file})"
            )

    def result(self) -> Verified:
        """Return what was found, once all lines have been added."""
        if self._number < self._end.count:
            missing = _range(self._number + 1, self._end.count)
            self._problems.append(f"{missing} missing at the end")
        return Verified(self._lines, self._end.first, self._number, tuple(self._problems))


def _range(first: int, last: int) -> str:
    return f"line {first} is" if first == last else f"lines {first} to {last} are"


# ---- one line


def _line(end: End, entry: Entry) -> bytes:
    numbered = {"n": end.count + 1, "prev": end.last, **entry}
    line = json.dumps(numbered, ensure_ascii=True, separators=(",", ":")).encode()
    if len(line) > LONGEST_LINE:
        raise OSError(f"a line of {len(line):,} bytes is too long")
    return line


def _hash(line: bytes) -> str:
    return sha256_hex(line)


def _parsed(line: bytes) -> _Parsed | None:
    """Return what a line says; ``None`` if it is no line of a history."""
    try:
        entry = json.loads(line)
        number, previous = entry.pop("n"), entry.pop("prev")
    except UNUSABLE:
        return None
    if not _is_count(number) or not isinstance(previous, str) or not _HASH.fullmatch(previous):
        return None
    return _Parsed(number, previous, entry)


# ---- files


def _name(number: int) -> str:
    return f"{number:012d}.jsonl"


def _number(name: str) -> int:
    return int(name[:12])


def _names(folder: Path) -> list[str]:
    """Return the files with lines, the oldest first."""
    try:
        return sorted(each.name for each in folder.iterdir() if _NAME.fullmatch(each.name))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _sweep(folder: Path) -> None:
    """Delete what killed writers of ``end.json`` left; the caller's lock keeps others from writing."""
    sweep_unfinished(folder, END, 0)


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the complete lines of a file; a piece at its end, of a killed process, is none."""
    data = read_own(path, 64 * LARGEST_FILE)
    yield from data.split(b"\n")[:-1]


def _caught_up(end: End, file: BinaryIO) -> tuple[End, bytes]:
    """Return the end with the lines of ``file`` behind it, and what must come before the next one.

    A piece of a line behind the end is removed.
    """
    size = os.fstat(file.fileno()).st_size
    if size == end.size:
        return end, b""
    file.seek(max(0, min(end.size, size - 1)))
    rest = file.read()
    if size < end.size:  # lines are missing, which is for `verify` to say
        return end, b"" if rest.endswith(b"\n") or not size else b"\n"
    *lines, piece = rest.split(b"\n")
    if piece:
        os.ftruncate(file.fileno(), size - len(piece))
    for line in lines:
        found = _parsed(line)
        if found is None or (found.number, found.previous) != (end.count + 1, end.last):
            break
        end = replace(end, count=found.number, last=_hash(line))
    return end, b""


def _read_end(folder: Path) -> End | None:
    """Return what ``end.json`` says; ``None`` if there is none that makes sense."""
    try:
        stored = load_object(folder / END)
        if stored.pop("schema") != _SCHEMA:
            return None
        end = End(**stored)
    except (OSError, *UNUSABLE):
        return None
    return end if _is_sound(end) else None


def _is_sound(end: End) -> bool:
    """True if every field, read from JSON, is what its type says."""
    texts: tuple[tuple[object, Pattern], ...] = (
        (end.last, _HASH),
        (end.before, _HASH),
        (end.file, _NAME),
    )
    return all(_is_count(each) for each in (end.count, end.first, end.size)) and all(
        isinstance(text, str) and pattern.fullmatch(text) for text, pattern in texts
    )


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= LARGEST_NUMBER


def _write_end(folder: Path, end: End) -> None:
    stored = {"schema": _SCHEMA, **asdict(end)}
    write_beside(folder / END, json.dumps(stored) + "\n", lasting=False)


def _end_of_lines(folder: Path) -> End:
    """Return where the lines end, if ``end.json`` is lost."""
    end = End()
    for number, name in enumerate(_names(folder)):
        end = replace(end, file=name, size=0)
        for line in _lines(folder / name):
            found = _parsed(line)
            if found is not None and number == 0 and end.size == 0:
                end = replace(end, first=found.number, before=found.previous)
            count = end.count + 1 if found is None else found.number
            end = replace(end, count=count, last=_hash(line), size=end.size + len(line) + 1)
    return end
