"""Many chains through one hub, STS answering in 50 ms: seconds, calls, memory.

Walking is paired with the least program that makes the same calls, storing with secret-tool, which
stores as many texts of that length in the same keyring, one process each.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from jeepney.io.blocking import open_dbus_connection

from rolehop.vault.secret_service import find_collection
from tests.benchmarks.measuring import Program, Row, peak_megabytes, run
from tests.benchmarks.own_rows import LEAST, Bench
from tests.support.world import HUB, World

SPOKES = [f"{300000000000 + number}" for number in range(200)]
MANY_SPOKES = [f"{300000000000 + number}" for number in range(1000)]
REFRESH, STORING = "refresh of 200 chains through one hub", "storing their 201 sessions"
_WANTED = "70 MB", "120 MB"
"""Memory for 200 chains, and for 1,000."""

_TEXT = b"x" * 1_500  # as long as a session's item
_ITEMS = "rolehop-benchmark", "x"  # an attribute of secret-tool's items
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


def fan_out_rows(
    bench: Bench, world: World, where: str, runs: int, spokes: Sequence[str] = SPOKES
) -> Iterator[Row]:
    """Measure walking and storing apart; ``runs`` times each, after a first one.

    The first one also writes the record of each chain with which the hot path gives its next answer.
    """
    prepare(world, spokes)
    program = bench.rolehop(world, "refresh", "far/*")
    timed = replace(program, argv=[bench.python, "-c", _TIMED])
    roles = [HUB, *map(_role, spokes)]
    least = replace(program, argv=[bench.python, str(LEAST), "fan-out", *roles])
    walked, stored, against_least, against_tool = [], [], [], []
    calls = 0
    world.sts.delay_seconds = 0.05
    has_tool = runs > 1 and shutil.which("secret-tool") is not None
    try:
        first, _ = _times(timed)
        if has_tool:  # both replace what is there, in a file of the same length
            _by_secret_tool(program, len(spokes) + 1)
        for _ in range(runs):
            world.sts.calls.clear()
            seconds = _times(timed)
            calls = len(world.sts.calls)
            walked.append(seconds[0])
            stored.append(seconds[1])
            against_least.append(seconds[0] / run(least))
            if has_tool:
                against_tool.append(seconds[1] / _by_secret_tool(program, len(spokes) + 1))
        peak = peak_megabytes(program)
    finally:
        world.sts.delay_seconds = 0
        if has_tool:
            _remove_items_of_secret_tool(program)
    yield Row(
        f"{refresh_row(spokes)}, {where}",
        ratio=median(against_least),
        wanted=1.5,
        milliseconds=median(walked) * 1000,
        facts={
            "seconds": round(median(walked), 3),
            "calls": calls,
            "peak_mb": round(peak),
            "wanted": _WANTED[len(spokes) > len(SPOKES)],
            "the first time": f"{first:.1f} s",
        },
    )
    yield Row(
        f"{storing_row(spokes)}, {where}, against {len(spokes) + 1} times secret-tool",
        ratio=median(against_tool) if against_tool else None,
        wanted=0.5,
        milliseconds=median(stored) * 1000,
        facts={"wanted": "2 s"} if spokes is SPOKES else {},
    )


def refresh_row(spokes: Sequence[str]) -> str:
    """Return the name of the row that measures the walk of so many chains."""
    return REFRESH.replace("200", str(len(spokes)))


def storing_row(spokes: Sequence[str]) -> str:
    """Return the name of the row that measures how their sessions are stored."""
    return STORING.replace("201", str(len(spokes) + 1))


def prepare(world: World, spokes: Sequence[str] = SPOKES) -> None:
    """Give the world the spokes."""
    for account in spokes:
        world.sts.world.role(_role(account), trusts=[HUB])
    world.config(
        '[defaults]\nsession_name = "me"\n[sources.me]\ntype = "environment"\n'
        f'[chains.hub]\nsource = "me"\nhops = [{{ role = "{HUB}" }}]\n'
        f'[fleets.far]\nfrom = "hub"\nrole = "{{account}}:role/Far"\naccounts = {json.dumps(spokes)}\n'
    )


def _role(account: str) -> str:
    return f"arn:aws:iam::{account}:role/Far"


def _by_secret_tool(program: Program, items: int) -> float:
    """Return the seconds in which secret-tool stores so many texts."""
    store = ["secret-tool", "store", "--label=benchmark", *_ITEMS, "number"]
    start = time.perf_counter()
    for number in range(items):
        subprocess.run([*store, f"{number}"], input=_TEXT, env=dict(program.environ), check=True)
    return time.perf_counter() - start


def _remove_items_of_secret_tool(program: Program) -> None:
    with open_dbus_connection(bus=program.environ["DBUS_SESSION_BUS_ADDRESS"]) as bus:
        for item in list(find_collection(bus).search_items(dict([_ITEMS]))):
            item.delete()


def _times(program: Program) -> tuple[float, float]:
    start = time.perf_counter()
    done = subprocess.run(
        program.argv, env=dict(program.environ), capture_output=True, text=True, check=True
    )
    whole = time.perf_counter() - start
    times = next(row for row in done.stderr.splitlines() if row.startswith("TIMES "))
    stored = float(times.split()[2])
    return whole - stored, stored
