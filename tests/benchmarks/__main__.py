"""Run all rows and print them; ``--help`` lists the options."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from tests.benchmarks import printing
from tests.benchmarks.each_rows import each_rows
from tests.benchmarks.fan_out import MANY_SPOKES, SPOKES, fan_out_rows
from tests.benchmarks.measuring import Failed, Row
from tests.benchmarks.own_rows import (
    Bench,
    cached_rows,
    cold_rows,
    completion_rows,
    everyday_rows,
)
from tests.benchmarks.peers import PEERS, peer_rows
from tests.benchmarks.scale import MOST, scale_rows
from tests.benchmarks.setup import (
    fresh_environment,
    in_the_kernel,
    no_bus,
    no_kernel,
    on_the_bus,
)
from tests.benchmarks.sizes import ACCOUNTS, fleet_rows, size_rows
from tests.support.world import World


def main() -> int:
    """Measure, and print each line as soon as it is known."""
    options = _arguments()
    pairs = options.pairs or (1 if options.quick else 15)
    if not options.json and not options.readme:
        _say(printing.heading(pairs))
    rows = []
    with fresh_environment(options.venv) as venv:
        bench = Bench(venv, pairs, at_once=4 if options.quick else 40)
        for row in _rows(bench, options):
            rows.append(row)
            if not options.json and not options.readme:
                _say(printing.as_line(row))
    if options.json:
        _say(printing.as_json(rows, pairs))
    if options.readme:
        _say(printing.as_section(rows, pairs))
    return 1 if any(row.failed for row in rows) else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _rows(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    reason = no_bus()
    if reason is None:
        with on_the_bus() as world:
            for rows in _over_the_bus(bench, world, options):
                yield from _as_far_as_it_goes(rows)
    else:
        yield Row("everything over a Secret Service", skipped=reason)
    if options.scale or options.peers:
        return
    reason = no_kernel()
    if reason is None:
        with in_the_kernel() as world:
            yield from _as_far_as_it_goes(cached_rows(bench, world, "kernel keyring"))
    else:
        yield Row("everything over the kernel keyring", skipped=reason)


def _over_the_bus(
    bench: Bench, world: World, options: argparse.Namespace
) -> Iterator[Iterator[Row]]:
    quick: bool = options.quick
    peers = peer_rows(bench, world, {name: getattr(options, name) for name in PEERS})
    if options.scale or options.peers:
        yield size_rows(bench, world, quick=quick) if options.scale else peers
        if options.scale:
            for spokes in (SPOKES,) if quick else (SPOKES, MANY_SPOKES):
                yield fan_out_rows(bench, world, "Secret Service", 1 if quick else 3, spokes)
        return
    yield cached_rows(bench, world, "Secret Service")
    yield everyday_rows(bench, world)
    yield completion_rows(bench, world)
    yield cold_rows(bench, world)
    if options.readme:
        yield fleet_rows(bench, world, (0, ACCOUNTS[-1]))
    else:
        # Half as many take half as long: growth is linear.
        yield scale_rows(bench, world, (50, 100) if quick else (MOST // 2, MOST))
    yield peers
    yield fan_out_rows(bench, world, "Secret Service", 1 if quick else 5)
    if not options.readme:
        yield each_rows(bench, world, quick=quick)


def _as_far_as_it_goes(rows: Iterator[Row]) -> Iterator[Row]:
    """Give the rows; after a failed program, one row with the failure replaces the rest."""
    try:
        yield from rows
    except Failed as failed:
        yield Row("a program failed", failed=str(failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--quick", action="store_true", help="one pair each: proves it works")
    parser.add_argument(
        "--scale", action="store_true", help="only how commands grow with accounts and roles"
    )
    parser.add_argument(
        "--peers", action="store_true", help="only the same chain through other tools, and rolehop"
    )
    parser.add_argument(
        "--readme", action="store_true", help="the text and table of the guide's section on speed"
    )
    parser.add_argument("--pairs", type=int, help="pairs per row [15]")
    parser.add_argument("--venv", help="an environment with rolehop in it [a fresh one]")
    for name, program in PEERS.items():
        parser.add_argument(f"--{name}", metavar="FILE", help=f"{program} [the one on PATH]")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
