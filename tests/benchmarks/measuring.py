"""Run programs in pairs and compare their times."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_PATIENCE = 120  # seconds
_STALLED = "the keyring does not answer"
ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """A program that is measured did not do its work."""


@dataclass(frozen=True)
class Program:
    """One program: its arguments and its whole environment."""

    argv: Sequence[str]
    environ: Mapping[str, str]
    before: Callable[[], object] = lambda: None
    """Done before each run, and not measured."""

    code: int = 0


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    ratio: float | None = None
    """Median of the pairs' ratios to as many bare interpreters; ``None``: no ratio."""

    wanted: float | None = None
    """The highest allowed ratio, if there is one."""

    milliseconds: float | None = None
    """Median of one run."""

    facts: Mapping[str, object] = field(default_factory=dict)
    """Other counts."""

    skipped: str | None = None
    """Why there is no figure."""

    failed: str | None = None
    """The message of a program that did not do its work."""


def bare(python: str) -> Program:
    """Return the unit: an interpreter that does nothing."""
    return Program([python, "-I", "-c", "pass"], {"PATH": os.environ["PATH"]})


def paired(name: str, program: Program, unit: Program, pairs: int, **more: object) -> Row:
    """Run both in turn, ``pairs`` times, and return the medians."""
    return paired_at_once(name, program, unit, pairs, 1, **more)


def paired_at_once(
    name: str, program: Program, unit: Program, pairs: int, many: int, **more: object
) -> Row:
    """Do the same with ``many`` of each started at once."""
    ratios, times = [], []
    # The first pair warms the file system's cache; a single one has no figure worth that.
    for number in range(pairs + 1) if pairs > 1 else (1,):
        program.before()
        first, second = (program, unit) if number % 2 else (unit, program)
        taken = {id(each): run(each, many) for each in (first, second)}
        if number:
            ratios.append(taken[id(program)] / taken[id(unit)])
            times.append(taken[id(program)] * 1000)
    return Row(name, median(ratios), milliseconds=median(times), **more)  # type: ignore[arg-type]


def run(program: Program, many: int = 1) -> float:
    """Start ``many`` of a program at once; return the seconds until the last has ended.

    They run once more if the machine stalled for so long that one of them gave the keyring up.

    Raises:
        Failed: one of them did not end as expected.
    """
    try:
        return _run_once(program, many)
    except Failed as failed:
        if _STALLED not in str(failed):
            raise
        program.before()
        return _run_once(program, many)


def _run_once(program: Program, many: int) -> float:
    start = time.perf_counter()
    running = [_start(program) for _ in range(many)]
    try:
        ended = [(each, each.communicate(timeout=_PATIENCE)) for each in running]
    except subprocess.TimeoutExpired as error:
        for each in running:
            each.kill()
            each.communicate()
        raise Failed(f"{' '.join(program.argv)} hangs") from error
    seconds = time.perf_counter() - start
    for process, (out, err) in ended:
        # An output proves that the work was done; a bare interpreter has none.
        if process.returncode != program.code or (program.argv[-1] != "pass" and not out + err):
            raise Failed(f"{' '.join(program.argv)}: exit {process.returncode}\n{err.decode()}")
    return seconds


def _start(program: Program) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        program.argv,
        env=dict(program.environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def peak_megabytes(program: Program) -> float:
    """Run a program once more; return its peak memory in MB (Linux, macOS)."""
    code = (
        "import json, resource, subprocess, sys; subprocess.run(json.loads(sys.argv[1]),"
        " stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True);"
        " print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    program.before()
    argv = [sys.executable, "-I", "-c", code, json.dumps(list(program.argv))]
    done = subprocess.run(argv, capture_output=True, env=dict(program.environ), check=True)
    unit = 1024 * 1024 if sys.platform == "darwin" else 1024
    return int(done.stdout) / unit
