"""The benchmarks run; their figures are for people and not checked here."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.benchmarks.fan_out import REFRESH, STORING
from tests.benchmarks.measuring import Row
from tests.benchmarks.printing import README_ROWS, as_section
from tests.support.secret_service import missing

ROOT = Path(__file__).parents[2]


def test_the_guide_has_the_section_that_the_benchmarks_print_but_for_the_figures() -> None:
    text = (ROOT / "rolehop" / "guide" / "how-it-works.md").read_text(encoding="utf-8")
    section = text.partition("\n## Speed\n")[2].partition("\n## ")[0]
    rows = [Row(name, 1.0) for name, said in README_ROWS.items() if f"| {said} | " in section]
    facts = {"calls": 201, "seconds": 1.0, "peak_mb": 1}
    rows += [Row(f"{REFRESH}, Secret Service", facts=facts), Row(STORING, milliseconds=1.0)]
    assert _without_figures(as_section(rows, 15)) == _without_figures(section.strip())


def _without_figures(text: str) -> str:
    return re.sub(r"\d+(\.\d+)*", "1", re.sub(r"This run: .*", "", text))


@pytest.mark.long
def test_a_quick_run_fills_every_row() -> None:
    if not (Path(sys.executable).parent / "rolehop").exists():
        pytest.skip("rolehop is not installed in this environment")
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", "--quick", "--json", "--venv", sys.prefix],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, re.findall(r'"failed": ".*', done.stdout) or done.stderr
    report = json.loads(done.stdout)
    assert report["schema"] == "rolehop.benchmarks/1"
    assert set(report["machine"]) == {"cpus", "python", "system"}
    assert report["pairs"] == 1
    for row in report["rows"]:
        assert row["failed"] is None, row
        assert row["skipped"] or row["facts"] or row["ratio"] > 0, row
    if missing() is None:
        facts = {row["name"]: row["facts"] for row in report["rows"]}
        assert facts["refresh of 200 chains through one hub, Secret Service"]["calls"] == 201
        assert facts["cold walk of three hops"]["calls"] == 3
        # Ten of the 200 spokes, and the hub.
        assert facts["each, 200 commands of 1 s, 8 at a time, against xargs"]["calls"] == 11
