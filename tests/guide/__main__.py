"""Run every block of commands of the README and of the guide, or of the pages that are named."""

from __future__ import annotations

import argparse
import sys
import time

from tests.guide.blocks import pages
from tests.guide.session import problems_of, runs


def main() -> int:
    """Run the pages; return 1 if something is not as a page has it."""
    known = pages()
    parser = argparse.ArgumentParser(prog="python -m tests.guide", description=__doc__)
    parser.add_argument("page", nargs="*", help=", ".join(known))
    named = parser.parse_args().page or list(known)
    failed = 0
    for name in named:
        begun = time.monotonic()
        found = problems_of(known[name])
        failed += bool(found)
        blocks = known[name].blocks()
        say(f"{name}: {sum(map(runs, blocks))} blocks, {time.monotonic() - begun:.1f} s")
        left = sum(each.is_run and not runs(each) for each in blocks)
        if left:
            say(f"  {left} not run: ROLEHOP_TEST_PYTHON_CLIENTS names no Python")
        for each in found:
            say(f"  {each}")
    say(f"{len(named)} pages, {failed} with problems")
    return 1 if failed else 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
