"""Run the tests, and print how many branches of each part of rolehop they take: ``python -m tests.coverage``.

Every process is measured that runs rolehop: forks, programs with ``-I``, what `os.execve` and
`os._exit` end. One that is killed tells nothing, nor does one with ``-S`` (the hot path's launcher).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from coverage import Coverage

from tests.support.environment import ROOT

DEMANDED = {
    **dict.fromkeys(("plan", "walk", "vault", "policy", "handover", "app"), 95.0),
    "cli": 90.0,
    "commands": 90.0,
}
"""Parts of rolehop, and the share of their branches (%) that tests must take."""
LEFT_OUT = {
    "benchmarks": "measures times",
    "hotpath/test_imports.py": "counts what is imported: coverage, too",
    "hotpath/test_leaving.py::test_ctrl_c_while_a_shell_completes": "delays what coverage imports first",
    "pictures": "draws pictures",
    "sources/test_subprocesses.py::test_masking_a_long_line": "measures a time",
    "storm": "kills processes before they save what they ran",
}
"""Tests that coverage itself breaks, or that can tell it nothing."""
_DATA = ROOT / "build" / "coverage" / "data"


def main() -> int:
    """Run it; return 1 if a part is below what is demanded, or a test failed."""
    asked, tests = _arguments()
    if not asked.append and not asked.report:
        shutil.rmtree(_DATA.parent, ignore_errors=True)
    _DATA.parent.mkdir(parents=True, exist_ok=True)
    _DATA.parent.chmod(0o1777)  # some tests run programs as another user
    failed = 0 if asked.report else _run(tests)
    measured = _combined()
    low = [part for part, least in DEMANDED.items() if _show(measured, part, asked.missing) < least]
    if low:
        _say(f"too low: {', '.join(low)}")
    return 1 if low or failed else 0


def _arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = argparse.ArgumentParser(prog="python -m tests.coverage", description=__doc__)
    parser.add_argument("--append", action="store_true", help="add to what was measured before")
    parser.add_argument("--report", action="store_true", help="run nothing: print the last figures")
    parser.add_argument(
        "--missing", action="store_true", help="print the lines of missing branches"
    )
    return parser.parse_known_args()


def _run(tests: list[str]) -> int:
    """Run pytest with these arguments; without any, on all tests but ``LEFT_OUT``."""
    left_out = [f"--deselect=tests/{each}" for each in LEFT_OUT]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.coverage", *(tests or left_out)],
        check=False,
        cwd=ROOT,
        env={
            **os.environ,
            "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"),
            "COVERAGE_FILE": str(_DATA),
        },
    ).returncode


def pytest_sessionfinish() -> None:
    """Save what this process ran: pytest-xdist kills a worker that takes long to end."""
    measured = Coverage.current()
    if measured is not None:
        measured.stop()
        measured.save()


def _combined() -> Coverage:
    """Add what each process saved to what was combined before."""
    measured = Coverage(data_file=str(_DATA), config_file=str(ROOT / "pyproject.toml"))
    measured.load()
    if any(_DATA.parent.glob(f"{_DATA.name}.*")):
        measured.combine([str(_DATA.parent)])
        measured.save()
    return measured


def _show(measured: Coverage, part: str, missing: bool) -> float:
    """Print the part's figures, and which branches no test takes; return the share of the others."""
    total = taken = 0
    for path in _files(part):
        lines = measured.branch_stats(str(path))
        total += sum(exits for exits, _ in lines.values())
        taken += sum(passed for _, passed in lines.values())
        short = [line for line, (exits, passed) in sorted(lines.items()) if passed < exits]
        if short and missing:
            _say(f"  {path.relative_to(ROOT)}: {', '.join(map(str, short))}")
    share = 100 * taken / total
    _say(f"{part:9} {taken:6} of {total:6} branches {share:6.1f} %")
    return share


def _files(part: str) -> Iterator[Path]:
    folder = ROOT / "rolehop" / part
    yield from sorted(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
