"""The entry: ``rolehop`` and ``python -m rolehop``."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line of this process and exit with its code."""
    from rolehop.cli.boundary import run
    from rolehop.cli.wiring import App

    sys.exit(run(sys.argv[1:], App.of_this_process()))


if __name__ == "__main__":
    main()
