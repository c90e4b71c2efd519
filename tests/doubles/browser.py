"""A browser for programs under test: it follows one address and its redirects, and notes what it saw.

It leaves this machine nowhere: a redirect that would is what it saw.

Named in the variable BROWSER, as ``PYTHON FILE LOG %s``; each run adds a line of JSON to LOG.
"""

from __future__ import annotations

import json
import shlex
import sys
import time
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


def seen(log: Path, runs: int = 1) -> list[Any]:
    """Return what every run saw, once so many have: address, status and text.

    A browser notes it last of all: whatever waited for its request may have ended before.
    """
    return [json.loads(line) for line in _lines(log, runs)]


def arguments(log: Path) -> list[str]:
    """Return the arguments that `noting` noted, once it has."""
    return _lines(log, 1)


def _lines(log: Path, least: int) -> list[str]:
    ends_at = time.monotonic() + 60
    while True:
        text = log.read_text() if log.exists() else ""
        if text.count("\n") >= least or time.monotonic() > ends_at:
            return text.splitlines()
        time.sleep(0.02)


class _Here(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not newurl.startswith("http://127.0.0.1:"):
            raise urllib.error.HTTPError(newurl, code, msg, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def main() -> None:
    log, url = sys.argv[1:3]
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Here())
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
