"""``each``: 200 commands against the same without rolehop, and 2,000 targets in little memory."""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.fan_out import prepare
from tests.benchmarks.measuring import Program, Row, peak_megabytes, run
from tests.benchmarks.own_rows import Bench
from tests.support.world import HUB, World

_JOBS = 8
_MANY = [f"{500000000000 + number}" for number in range(2000)]


def each_rows(bench: Bench, world: World, *, quick: bool) -> Iterator[Row]:
    """Measure the time, the calls and the memory of one command in every account."""
    yield _beside_xargs(bench, world, quick=quick)
    yield _many(bench, world, quick=quick)


def _beside_xargs(bench: Bench, world: World, *, quick: bool) -> Row:
    prepare(world)
    count, seconds = (10, "0.1") if quick else (200, "1")
    pattern = "far/30000000000*" if quick else "far/*"
    program = bench.rolehop(world, "each", pattern, "-j", str(_JOBS), "--", "sleep", seconds)
    _name_sessions(world, "each")
    world.sts.delay_seconds = 0.05
    try:
        begun = time.perf_counter()
        peak = peak_megabytes(program)
        own = time.perf_counter() - begun
    finally:
        world.sts.delay_seconds = 0
    shell = f"seq {count} | xargs -P {_JOBS} -I% sleep {seconds}; echo done"
    bare = run(Program(["sh", "-c", shell], program.environ))
    facts: dict[str, object] = {
        "times_without": round(own / bare, 2),
        "seconds": round(own, 2),
        "calls": len(world.sts.calls),
        "peak_mb": round(peak),
        "wanted": "1.3 times, 201 calls, 80 MB",
    }
    return Row(f"each, 200 commands of 1 s, {_JOBS} at a time, against xargs", facts=facts)


def _many(bench: Bench, world: World, *, quick: bool) -> Row:
    """Run a short command for 2,000 targets, the hub's session cached."""
    accounts = _MANY[: 60 if quick else None]
    for account in accounts:
        world.sts.world.role(f"arn:aws:iam::{account}:role/Far", trusts=[HUB])
    text = world.config_file.read_text()
    world.config(re.sub(r"accounts = \[.*\]", f"accounts = {json.dumps(accounts)}", text))
    _name_sessions(world, "many")
    run(bench.rolehop(world, "credential-process", "hub"))
    words = ("each", "far/*", "-j", str(_JOBS), "--format", "json", "--", "date", "+%s.%N")
    program = bench.rolehop(world, *words)
    begun, first, sizes = time.time(), 0.0, list[float]()
    with subprocess.Popen(
        program.argv, env=dict(program.environ), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for number, line in enumerate(process.stdout):
            first = first or float(json.loads(line)["stdout"]) - begun
            if number in (len(accounts) // 10, len(accounts) - 1):
                sizes.append(_resident_megabytes(process.pid))
    facts: dict[str, object] = {
        "first_command_seconds": round(first, 2),
        "seconds": round(time.time() - begun, 1),
        "mb_after_a_tenth": sizes[0],
        "mb_at_the_end": sizes[-1],
        "wanted": "1 s to the first command, no growth",
    }
    return Row("each, 2,000 targets, the hub's session cached", facts=facts)


def _name_sessions(world: World, name: str) -> None:
    """Name all sessions otherwise, so that none is cached."""
    text = world.config_file.read_text()
    world.config(re.sub(r'session_name = "\w+"', f'session_name = "{name}"', text))
    world.sts.calls.clear()


def _resident_megabytes(process: int) -> float:
    """Return the memory of a process now; 0 if the system does not tell."""
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return round(int(found[1]) / 1024, 1) if found else 0.0
