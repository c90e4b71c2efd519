"""Two hundred chains through one hub, STS answering in 50 ms: seconds, calls, memory.

Storing their sessions is paired with secret-tool, which stores as many texts of that length in the same
keyring, one process each.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from jeepney.io.blocking import open_dbus_connection

from rolehop.vault.secret_service import find_collection
from tests.benchmarks.measuring import Program, Row, peak_megabytes
from tests.benchmarks.own_rows import Bench
from tests.support.world import HUB, World

SPOKES = [f"{300000000000 + number}" for number in range(200)]
REFRESH, STORING = "refresh of 200 chains through one hub", "storing their 201 sessions"
_TEXT = b"x" * 1_500  # as long as a session's item
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
    walked, stored, ratios = [], [], []
    world.sts.delay_seconds = 0.05
    try:
        for _ in range(runs):
            world.sts.calls.clear()
            seconds = _times(timed)
            walked.append(seconds[0])
            stored.append(seconds[1])
            if runs > 1 and shutil.which("secret-tool"):
                ratios.append(seconds[1] / _by_secret_tool(program))
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
        f"{REFRESH}, {where}",
        facts={**facts, "wanted": "0.75 s, 70 MB"},
    )
    yield Row(
        f"{STORING}, {where}, against 201 times secret-tool",
        ratio=median(ratios) if ratios else None,
        wanted=0.5,
        milliseconds=median(stored) * 1000,
        facts={"wanted": "2 s"},
    )


def prepare(world: World) -> None:
    """Give the world the spokes."""
    for account in SPOKES:
        world.sts.world.role(f"arn:aws:iam::{account}:role/Far", trusts=[HUB])
    world.config(
        '[defaults]\nsession_name = "me"\n[sources.me]\ntype = "environment"\n'
        f'[chains.hub]\nsource = "me"\nhops = [{{ role = "{HUB}" }}]\n'
        f'[fleets.far]\nfrom = "hub"\nrole = "{{account}}:role/Far"\naccounts = {json.dumps(SPOKES)}\n'
    )


def _by_secret_tool(program: Program) -> float:
    """Return the seconds in which secret-tool stores 201 texts; they are removed again."""
    environ, name = dict(program.environ), {"rolehop-benchmark": "x"}
    store = ["secret-tool", "store", "--label=benchmark", *next(iter(name.items())), "number"]
    start = time.perf_counter()
    for number in range(len(SPOKES) + 1):
        subprocess.run([*store, f"{number}"], input=_TEXT, env=environ, check=True)
    seconds = time.perf_counter() - start
    with open_dbus_connection(bus=environ["DBUS_SESSION_BUS_ADDRESS"]) as bus:
        for item in list(find_collection(bus).search_items(name)):
            item.delete()
    return seconds


def _times(program: Program) -> tuple[float, float]:
    start = time.perf_counter()
    done = subprocess.run(
        program.argv, env=dict(program.environ), capture_output=True, text=True, check=True
    )
    whole = time.perf_counter() - start
    times = next(row for row in done.stderr.splitlines() if row.startswith("TIMES "))
    stored = float(times.split()[2])
    return whole - stored, stored
