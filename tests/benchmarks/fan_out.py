"""Two hundred chains through one hub, STS answering in 50 ms: seconds, calls, memory."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from tests.benchmarks.measuring import Program, Row, peak_megabytes
from tests.benchmarks.own_rows import Bench
from tests.support.world import HUB, World

SPOKES = [f"{300000000000 + number}" for number in range(200)]
# Times the walk and the storing of one process separately.
_TIMED = """
import sys, time
from rolehop.vault import deferred_writes
store, begun = deferred_writes.BatchVault.store, time.perf_counter()
def timed(self, *arguments, **named):
    walked = time.perf_counter()
    store(self, *arguments, **named)
    stored = time.perf_counter()
    sys.stderr.write(f"TIMES {walked - begun} {stored - walked}\\n")
deferred_writes.BatchVault.store = timed
sys.argv[1:] = ["refresh", "far/*"]
from rolehop.__main__ import main
main()
"""


def fan_out_rows(bench: Bench, world: World, where: str, runs: int) -> Iterator[Row]:
    """Measure walking and storing apart; ``runs`` times each."""
    prepare(world)
    program = bench.rolehop(world, "refresh", "far/*")
    timed = replace(program, argv=[bench.python, "-c", _TIMED])
    walked, stored = [], []
    world.sts.delay_seconds = 0.05
    try:
        for _ in range(runs):
            world.sts.calls.clear()
            seconds = _times(timed)
            walked.append(seconds[0])
            stored.append(seconds[1])
        calls = len(world.sts.calls)
        peak = peak_megabytes(program)
    finally:
        world.sts.delay_seconds = 0
    facts: dict[str, object] = {
        "seconds": round(median(walked), 3),
        "calls": calls,
        "peak_mb": round(peak),
    }
    yield Row(
        f"refresh of 200 chains through one hub, {where}",
        facts={**facts, "wanted": "0.75 s, 70 MB"},
    )
    facts = {"seconds": round(median(stored), 3), "wanted": "2.5 s"}
    yield Row(f"storing their 201 sessions, {where}", facts=facts)


def prepare(world: World) -> None:
    """Give the world the spokes."""
    for account in SPOKES:
        world.sts.world.role(f"arn:aws:iam::{account}:role/Far", trusts=[HUB])
    world.config(
        '[defaults]\nsession_name = "me"\n[sources.me]\ntype = "environment"\n'
        f'[chains.hub]\nsource = "me"\nhops = [{{ role = "{HUB}" }}]\n'
        f'[fleets.far]\nfrom = "hub"\nrole = "{{account}}:role/Far"\naccounts = {json.dumps(SPOKES)}\n'
    )


def _times(program: Program) -> tuple[float, float]:
    start = time.perf_counter()
    done = subprocess.run(
        program.argv, env=dict(program.environ), capture_output=True, text=True, check=True
    )
    whole = time.perf_counter() - start
    times = next(row for row in done.stderr.splitlines() if row.startswith("TIMES "))
    stored = float(times.split()[2])
    return whole - stored, stored
