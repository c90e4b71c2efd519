"""Mutation testing: change rolehop's code in one small place at a time, and run the tests.

    python -m tests.mutation [PART ...]

For each part it prints how many changes were tried (mutants), how many made a test fail (killed),
how many did not (survived), and how many of those ``tests/mutation/survivors.toml`` lists with a
reason. It exits with 1 if one survives that is not listed, and names listed ones that are killed
now, or gone. A change that lets a test run for ever is killed by a limit of time.

A change of a function takes a fork and the tests that run its line, a tenth of a second or so; one
that takes effect at import takes seconds. On two idle cores allow ten minutes for a part, and
half an hour for all. ``--sample 200`` is a quick look.

It works in a copy of the checkout. Progress is kept in ``build/mutation``: --resume goes on where a
run of the same tree was stopped, --again tries only what survived the last time, and what is new.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.mutation import PARTS, ROOT, SOURCES, Part
from tests.mutation.children import AT_IMPORT, NO_CODE, SURVIVED
from tests.mutation.known import compare, read_known
from tests.mutation.operators import Mutant, Source

KEPT = ROOT / "build/mutation"
UNREACHED = "unreached"
_UNDECIDED = SURVIVED, UNREACHED, AT_IMPORT


def main() -> int:
    """Run it, and return 1 if a mutant survives that is not listed."""
    asked = _arguments()
    unlisted = 0
    with tempfile.TemporaryDirectory(prefix="rolehop-mutation-") as folder:
        copy = _copied(Path(folder))
        for name in asked.parts or PARTS:
            unlisted += _Run(name, PARTS[name], copy, asked).unlisted()
    return 1 if unlisted else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parts = "; ".join(f"{name}: {part.purpose}" for name, part in PARTS.items())
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"default: all. {parts}")
    parser.add_argument("--sample", type=int, metavar="N", help="try N of a part, chosen by --seed")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    parser.add_argument("--only", default="", metavar="TEXT", help="mutants whose name contains it")
    parser.add_argument("--resume", action="store_true", help="go on with the same tree")
    parser.add_argument(
        "--again", action="store_true", help="only what survived, or was not there, the last time"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="default: the cores")
    asked = parser.parse_args()
    for each in asked.parts:
        if each not in PARTS:
            parser.error(f"there is no part {each}: {', '.join(PARTS)}")
    return asked


def _copied(folder: Path) -> Path:
    """Return a copy of the checkout, as far as tests need it."""
    copy = folder / "checkout"
    copy.mkdir()
    for each in ("rolehop", "tests", ".build", "pyproject.toml", "README.md", "CHANGELOG.md"):
        source = ROOT / each
        if source.is_dir():
            shutil.copytree(source, copy / each, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / each)
    return copy


@dataclass
class _Run:
    name: str
    part: Part
    copy: Path
    asked: argparse.Namespace

    def __post_init__(self) -> None:
        self._files = self.part.mutated_files()
        self._there = self._mutants()
        KEPT.mkdir(parents=True, exist_ok=True)
        self._kept = KEPT / f"{self.name}.jsonl"

    def unlisted(self) -> int:
        """Try the mutants, report, and return how many survive without being listed."""
        wanted = self._wanted()
        results = self._kept_results({each.name for each in wanted})
        left = [each for each in wanted if results.get(each.name) in (None, *_UNDECIDED)]
        _say(f"{self.name}: {len(wanted)} mutants of {len(self._there)}, {len(left)} to try")
        if left:
            self._write(results)
            found = self._do("baseline", {})
            self._try_in_forks(left, found, results)
            self._try_at_import(left, found, results)
            self._write(results)
        return self._report([each.name for each in wanted], results)

    # ---- which mutants

    def _mutants(self) -> list[Mutant]:
        return [
            mutant
            for each in self._files
            for mutant in Source(each, (SOURCES / each).read_text(), each).mutants
            if self.part.includes(mutant.function)
        ]

    def _wanted(self) -> list[Mutant]:
        wanted = [each for each in self._there if self.asked.only in each.name]
        if self.asked.again:
            before = self._results()
            wanted = [each for each in wanted if before.get(each.name) in (None, *_UNDECIDED)]
        if self.asked.sample is not None and self.asked.sample < len(wanted):
            chance = random.Random(self.asked.seed)  # noqa: S311 - the same each time
            chosen = set(chance.sample(range(len(wanted)), self.asked.sample))
            wanted = [each for number, each in enumerate(wanted) if number in chosen]
        return wanted

    def _tree(self) -> str:
        digest = hashlib.sha256()
        for folder in ("rolehop", "tests"):
            for each in sorted((ROOT / folder).rglob("*.py")):
                digest.update(each.read_bytes())
        return digest.hexdigest()

    def _kept_results(self, wanted: set[str]) -> dict[str, str]:
        """Return what earlier runs found and this one need not."""
        before, tree = self._results(), {"tree": self._tree()}
        if self.asked.resume and before.get("tree") == self._tree():
            return before
        if self.asked.again or self.asked.only:
            return {name: by for name, by in before.items() if name not in wanted} | tree
        return tree

    # ---- trying them

    def _try_in_forks(
        self, left: list[Mutant], found: dict[str, Any], results: dict[str, str]
    ) -> None:
        jobs = {each.name: self._tests(each, found) for each in left if not each.imported}
        self._do("forks", found, {name: tests for name, tests in jobs.items() if tests})
        results.update(self._results())

    def _try_at_import(
        self, left: list[Mutant], found: dict[str, Any], results: dict[str, str]
    ) -> None:
        """Try what takes effect at import, and survivors whose code runs while tests are collected."""
        jobs: dict[str, list[str]] = {}
        every = {test.split("::")[0] for test in found["seconds"]}
        for each in left:
            before = results.get(each.name)
            files = {
                test.split("::")[0] for test in self._tests(each, found, whole_file=each.imported)
            }
            collecting = {test.removeprefix("collect ") for test in self._collecting(each, found)}
            survives = before in (None, SURVIVED) and collecting
            if each.imported and not files:  # it has no functions: any test may use its values
                files = every
            if each.imported or before == AT_IMPORT or survives:
                jobs[each.name] = sorted(files | (set() if each.imported else collecting))
        unreached = [
            each.name for each in left if each.name not in results and not jobs.get(each.name)
        ]
        self._do("imports", found, {name: files for name, files in jobs.items() if files})
        results.update(self._results())
        results.update(dict.fromkeys(unreached, UNREACHED))

    def _tests(
        self, mutant: Mutant, found: dict[str, Any], *, whole_file: bool = False
    ) -> list[str]:
        """Return the tests that run the changed statement, or any line of its file."""
        left_out = set(found["left_out"])
        return [each for each in self._running(mutant, found, whole_file) if each not in left_out]

    def _collecting(self, mutant: Mutant, found: dict[str, Any]) -> list[str]:
        by_line = found["lines"][mutant.file]
        names = {each for line in mutant.lines for each in by_line.get(str(line), [])}
        return sorted(each for each in names if each.startswith("collect "))

    def _running(self, mutant: Mutant, found: dict[str, Any], whole_file: bool) -> list[str]:
        by_line = found["lines"][mutant.file]
        lines = by_line if whole_file else map(str, mutant.lines)
        names = {each for line in lines for each in by_line.get(line, [])}
        return sorted(each for each in names if not each.startswith("collect "))

    def _do(
        self, mode: str, found: dict[str, Any], mutants: dict[str, list[str]] | None = None
    ) -> dict[str, Any]:
        """Run the runner in the copy, and return what a baseline found."""
        if mode != "baseline" and not mutants:
            return {}
        out = self.copy.parent / "found.json" if mode == "baseline" else self._kept
        job = {
            "files": self._files,
            "tests": [f"tests/{each}" for each in self.part.tests],
            "mutants": mutants or {},
            "at_once": self.asked.jobs,
            **{each: found[each] for each in ("seconds", "left_out", "loaded") if found},
        }
        path = self.copy.parent / "job.json"
        path.write_text(json.dumps(job))
        environment = {**os.environ, "PYTHONPATH": str(self.copy), "LC_ALL": "C.UTF-8"}
        _say(f"  {mode}: {len(mutants or {}) or 'every test once'}")
        subprocess.run(
            [sys.executable, "-m", "tests.mutation.runner", mode, str(path), str(out)],
            cwd=self.copy, env=environment, check=True,
        )  # fmt: skip
        return json.loads(out.read_text()) if mode == "baseline" else {}

    # ---- results

    def _results(self) -> dict[str, str]:
        """Return what became of each mutant, by its name, and the tree they are of."""
        if not self._kept.is_file():
            return {}
        rows = [json.loads(line) for line in self._kept.read_text().splitlines()]
        return {each["name"]: each["by"] for each in rows}

    def _write(self, results: dict[str, str]) -> None:
        rows = [json.dumps({"name": name, "by": by}) for name, by in results.items()]
        self._kept.write_text("".join(f"{each}\n" for each in rows))

    def _report(self, wanted: list[str], results: dict[str, str]) -> int:
        tried = [each for each in wanted if results.get(each) not in (None, NO_CODE)]
        survived = [each for each in tried if results[each] in _UNDECIDED]
        found = compare(read_known(), survived, tried, [each.name for each in self._there])
        for each in found.unlisted:
            note = "  (no test runs it)" if results[each] == UNREACHED else ""
            _say(f"  survived: {each}{note}")
        for text, names in (("killed now", found.killed), ("gone", found.gone)):
            for each in names:
                _say(f"  listed, but {text}: {each}")
        limits = Counter(results[each] for each in tried)
        by_limit = limits["a limit of time or memory"] + limits["the deadline"]
        _say(
            f"{self.name}: {len(tried)} mutants, {len(tried) - len(survived)} killed"
            f" ({by_limit} by a limit of time or memory), {len(survived)} survived,"
            f" {len(found.listed)} of them listed with a reason"
        )
        return len(found.unlisted)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
