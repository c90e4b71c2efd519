"""Run all rows and print them; ``--help`` lists the options."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Iterator

from tests.benchmarks import printing
from tests.benchmarks.each_rows import each_rows
from tests.benchmarks.fan_out import fan_out_rows
from tests.benchmarks.measuring import Failed, Row
from tests.benchmarks.others import other_rows
from tests.benchmarks.own_rows import (
    Bench,
    cached_rows,
    cold_rows,
    completion_rows,
    everyday_rows,
)
from tests.benchmarks.scale import MOST, scale_rows
from tests.benchmarks.setup import (
    fresh_environment,
    in_the_kernel,
    no_bus,
    no_kernel,
    on_the_bus,
)
from tests.benchmarks.sizes import size_rows
from tests.support.moto_server import moto_server


def main() -> int:
    """Measure, and print each line as soon as it is known."""
    options = _arguments()
    pairs = options.pairs or (1 if options.quick else 15)
    if not options.json:
        _say(printing.heading(pairs))
    rows = []
    with fresh_environment(options.venv) as venv:
        bench = Bench(venv, pairs, at_once=4 if options.quick else 40)
        for row in _rows(bench, options):
            rows.append(row)
            if not options.json:
                _say(printing.as_line(row))
    if options.json:
        _say(printing.as_json(rows, pairs))
    return 1 if any(row.failed for row in rows) else 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _rows(bench: Bench, options: argparse.Namespace) -> Iterator[Row]:
    reason = no_bus()
    if reason is None and options.scale:
        with on_the_bus() as world:
            yield from _as_far_as_it_goes(size_rows(bench, world, quick=options.quick))
        return
    if reason is None:
        with on_the_bus() as world:
            yield from _as_far_as_it_goes(cached_rows(bench, world, "Secret Service"))
            yield from _as_far_as_it_goes(everyday_rows(bench, world))
            yield from _as_far_as_it_goes(completion_rows(bench, world))
            yield from _as_far_as_it_goes(cold_rows(bench, world))
            # Half as many take half as long: growth is linear.
            sizes = (50, 100) if options.quick else (MOST // 2, MOST)
            yield from _as_far_as_it_goes(scale_rows(bench, world, sizes))
            logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs each request
            with moto_server() as url:
                others = other_rows(bench, world, url, options.aws, options.awsume)
                yield from _as_far_as_it_goes(others)
            rounds = 1 if options.quick else 5
            yield from _as_far_as_it_goes(fan_out_rows(bench, world, "Secret Service", rounds))
            yield from _as_far_as_it_goes(each_rows(bench, world, quick=options.quick))
    else:
        yield Row("everything over a Secret Service", skipped=reason)
    reason = no_kernel()
    if reason is None:
        with in_the_kernel() as world:
            yield from _as_far_as_it_goes(cached_rows(bench, world, "kernel keyring"))
    else:
        yield Row("everything over the kernel keyring", skipped=reason)


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
    parser.add_argument("--pairs", type=int, help="pairs per row [15]")
    parser.add_argument("--venv", help="an environment with rolehop in it [a fresh one]")
    parser.add_argument("--aws", help="the AWS CLI, version 2 [the one on PATH]")
    parser.add_argument("--awsume", help="awsume [the one on PATH]")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
