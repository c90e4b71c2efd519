"""The entry, ``rolehop`` and ``python -m rolehop``: first the hot path, else the command line."""

import os
import sys

from rolehop.fast import answer

TYPE_CHECKING = False  # typing's own costs more than all that this module does
if TYPE_CHECKING:
    from typing import NoReturn


def main() -> None:
    """Answer a cached ``credential-process`` at once, else run the command line."""
    line = answer(sys.argv[1:], os.environ)
    if line is not None:
        _leave_with(line + "\n")
    try:
        from rolehop.cli.boundary import run
        from rolehop.cli.wiring import App
    except KeyboardInterrupt:
        # So early nobody knows what was asked; a shell that evaluates must fail all the same.
        _leave_with("" if os.isatty(1) or "assume" not in sys.argv else "false\n", 130)
    sys.exit(run(sys.argv[1:], App.of_this_process()))


def _leave_with(text: str, code: int = 0) -> "NoReturn":
    """Write ``text`` to stdout and end at once: there is nothing to clean up."""
    data = text.encode()
    try:
        while data:
            data = data[os.write(1, data) :]
    except OSError:
        os._exit(1)
    os._exit(code)


if __name__ == "__main__":
    main()
