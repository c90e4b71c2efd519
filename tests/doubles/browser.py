"""A browser for programs under test: it follows one address through all redirects and notes what it saw.

Named in the variable BROWSER, as ``PYTHON FILE LOG %s``; each run adds a line of JSON to LOG.
"""

from __future__ import annotations

import json
import shlex
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any


def as_variable(log: Path) -> str:
    """Return the value of BROWSER."""
    return f"{shlex.quote(sys.executable)} -I {shlex.quote(__file__)} {shlex.quote(str(log))} %s"


def noting(folder: Path) -> tuple[str, Path]:
    """Return a value of BROWSER that only notes its arguments, and the file with them."""
    script, log = folder / "note-arguments", folder / "arguments"
    script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" >> {shlex.quote(str(log))}\n')
    script.chmod(0o700)
    return f"{shlex.quote(str(script))} %s", log


def seen(log: Path) -> list[Any]:
    """Return what every run saw: address, status and text."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main() -> None:
    log, url = sys.argv[1:3]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=60) as answer:
            found = [answer.url, answer.status, answer.read().decode()]
    except urllib.error.HTTPError as error:
        with error:
            found = [error.url, error.code, error.read().decode()]
    with Path(log).open("a") as file:
        file.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
