"""The entry, ``rolehop`` and ``python -m rolehop``: first the hot path, else the command line."""

import os
import sys

from rolehop.fast import answer


def main() -> None:
    """Answer a cached ``credential-process`` at once, else run the command line."""
    line = answer(sys.argv[1:], os.environ)
    if line is not None:
        _leave_with(line + "\n")
    from rolehop.cli.boundary import run
    from rolehop.cli.wiring import App

    sys.exit(run(sys.argv[1:], App.of_this_process()))


def _leave_with(text: str) -> None:
    """Write ``text`` to stdout and end at once: there is nothing to clean up."""
    data = text.encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    main()
