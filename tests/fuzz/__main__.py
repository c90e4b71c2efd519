"""Try many inputs on every parser of what comes from outside, and print how many."""

from __future__ import annotations

import argparse
import sys
import time
from contextlib import ExitStack
from math import ceil

from tests.fuzz import documents, foreign, programs, services, stored, wire
from tests.fuzz.run import Hangs, Parser, fuzz


def main() -> int:
    """Run it, and return 1 if an input ended in anything but an answer or an error of ours."""
    asked = _arguments()
    failed = total = 0
    with ExitStack() as stack:
        parsers = all_parsers(stack)
        shares = sum(each.share for each in parsers if asked.only in each.name)
        for each in parsers:
            begun = time.monotonic()
            count, problem = ceil(asked.inputs * each.share / shares), ""
            try:
                count = fuzz(each, count, asked.seed) if asked.only in each.name else 0
            except (Exception, Hangs) as error:  # noqa: BLE001 - what is reported
                count, problem = (
                    0,
                    f"{type(error).__name__}: {error}\n"
                    + "\n".join(getattr(error, "__notes__", [])),
                )
            total += count
            failed += bool(problem)
            if count or problem:
                _say(f"{count:7} inputs, {time.monotonic() - begun:5.1f} s: {each.name} {problem}")
    _say(f"{total} inputs tried, {failed} of {len(parsers)} parsers failed, seed {asked.seed}")
    return 1 if failed else 0


def all_parsers(stack: ExitStack) -> list[Parser]:
    """Return every parser; what they need is closed by ``stack``."""
    return [
        each
        for module in (documents, foreign, stored, services, wire, programs)
        for each in stack.enter_context(module.parsers())
    ]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("inputs", type=int, nargs="?", default=100_000, help="default: 100000")
    parser.add_argument("--seed", type=int, default=1, help="chooses them (default: 1)")
    parser.add_argument("--only", default="", help="only parsers that have this in their names")
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
