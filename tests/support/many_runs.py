"""Many runs of the program in one go: each in a process of its own, none with imports of its own.

Reads ``[[on_terminal, [argument, …]], …]`` from stdin and writes ``[[code, shown], …]``: what
stdout, stderr and the terminal device showed together.
"""

from __future__ import annotations

import json
import os
import pty
import sys
from typing import NoReturn

# Loaded before the first run, as each run needs them.
import rolehop.app.context
import rolehop.cli.main
import rolehop.show.render_rich
import rolehop.show.tables  # noqa: F401
from rolehop.__main__ import main

_END_OF_FILE = b"\x04"


def _run(arguments: list[str]) -> NoReturn:
    sys.argv = ["rolehop", *arguments]
    code: object = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _piped() -> tuple[int, int]:
    """Return 0 in the child, else its number and what reads its stdout and stderr."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.setsid()  # no terminal to ask on
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(writer, 1)
        os.dup2(writer, 2)
    os.close(writer)
    return child, reader


def _shown(arguments: list[str], *, on_terminal: bool) -> tuple[int, str]:
    child, reader = pty.fork() if on_terminal else _piped()
    if child == 0:
        _run(arguments)
    if on_terminal:
        os.write(reader, _END_OF_FILE * 3)  # the answer to every question
    shown = b""
    while True:
        try:
            data = os.read(reader, 65536)
        except OSError:  # the terminal's other end is closed
            break
        if not data:
            break
        shown += data
    os.close(reader)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code, shown.decode("utf-8", "surrogateescape").replace("\r\n", "\n")


if __name__ == "__main__":
    runs = json.load(sys.stdin)
    json.dump([_shown(words, on_terminal=on_terminal) for on_terminal, words in runs], sys.stdout)
