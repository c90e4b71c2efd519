"""Run the storm: sixty processes at a time for thirty seconds, ten times on each back end."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rolehop.vault import KERNEL
from tests.storm.storm import blow, left_over
from tests.support.secret_service import BACKEND, start_secret_service
from tests.support.world import World, temporary_world


def main() -> int:
    """Run it, and return 1 if anything was wrong."""
    asked = _arguments()
    failed = 0
    for backend in asked.backend or ("secret-service", "kernel"):
        for seed in range(1, asked.runs + 1):
            with _world(backend) as world:
                storm = blow(world, processes=asked.processes, seconds=asked.seconds, seed=seed)
                wrong = [*storm.wrong, *(f"left over: {each}" for each in left_over(world))]
            failed += bool(wrong)
            counts = ", ".join(f"{count} {name}" for name, count in sorted(storm.runs.items()))
            _say(f"{backend}, run {seed}: {counts}: {len(wrong)} wrong")
            for line in wrong:
                _say(f"  {line}")
    return 1 if failed else 0


@contextmanager
def _world(backend: str) -> Iterator[World]:
    if backend == "kernel":
        with temporary_world(KERNEL) as world:
            yield world
        return
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start_secret_service(Path(folder)) as service,
        temporary_world(BACKEND) as world,
    ):
        for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"):
            world.more[name] = service.environ[name]
        yield world


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.storm", description=__doc__)
    parser.add_argument("--processes", type=int, default=60, help="at a time (default: 60)")
    parser.add_argument("--seconds", type=float, default=30, help="of each run (default: 30)")
    parser.add_argument("--runs", type=int, default=10, help="on each back end (default: 10)")
    parser.add_argument("--backend", action="append", choices=("secret-service", "kernel"))
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
