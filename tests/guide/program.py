"""What stands for ``rolehop`` while a page is run: it asks the tests' fork server for a run.

Started by the shell with ``-IS``: a run takes a tenth of an interpreter with all imports. Each run has a
terminal of its own, on which this types the answers to the questions that it knows.
"""

# pathlib's import would be a third of what this takes.
# ruff: noqa: PTH109, PTH123

import json
import os
import posix
import select
import signal
import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import _socket as _socket_module

SERVER = "ROLEHOP_GUIDE_SERVER"  # the number of its socket, inherited by the shell's programs
FOLDER = "ROLEHOP_GUIDE_FOLDER"  # with ``answers``, ``codes`` and ``used``
STEP_SECONDS = 30
LONGEST_WAIT = 60


def main(script: str) -> int:
    """Run ``script`` with the arguments of this process; return its exit code."""
    argv, number = [script, *sys.argv[1:]], os.environ.get(SERVER, "")
    try:
        os.fstat(int(number))
    except (OSError, ValueError):  # started by a program that closes what it does not know
        os.execv(script, argv)  # noqa: S606 - what it stands for
    return _served(int(number), argv)


def _served(server: int, argv: list[str]) -> int:
    import _socket
    import array

    master, slave = os.openpty()
    status, theirs = os.pipe()
    request = [argv, dict(os.environ), os.getcwd(), posix.ttyname(slave), "", {}]
    ends = array.array("i", [0, 1, 2, theirs])
    asked: _socket_module.socket = _socket.socket(
        _socket.AF_UNIX, _socket.SOCK_SEQPACKET, 0, os.dup(server)
    )
    asked.sendmsg([json.dumps(request).encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, ends)])
    os.close(theirs)
    nothing = os.open(os.devnull, os.O_RDWR)
    for each in (0, 1):  # whoever reads what it prints waits for its end, not for this one's
        os.dup2(nothing, each)
    said, shown = b"", ""
    while len(said.split()) < 2:
        ready, _, _ = select.select([status, master], [], [], LONGEST_WAIT)
        if not ready and said:
            os.write(2, f"\nnothing answers this: {shown!r}\n".encode())
            os.killpg(int(said.split()[0]), signal.SIGKILL)
        if master in ready:
            shown = _answered(master, shown + os.read(master, 4096).decode("utf-8", "replace"))
        if status in ready:
            said += os.read(status, 32)
    code = int(said.split()[1])
    return code if code >= 0 else 128 - code


def _answered(terminal: int, shown: str) -> str:
    """Type the answer to the question that ``shown`` ends with; return what is left to look at."""
    folder, asked = os.environ[FOLDER], (shown.splitlines() or [""])[-1].rstrip()
    if not asked.endswith((":", "]", "?")):
        return shown
    with open(f"{folder}/answers", encoding="utf-8") as file:
        for line in file:
            question, _, answer = line.rstrip("\n").partition("\t")
            if question in asked:
                os.write(terminal, f"{_code(folder) if answer == '{code}' else answer}\n".encode())
                return ""
    return shown


def _code(folder: str) -> str:
    """Return a code of the MFA device that was not used yet: this step's, or the next one's."""
    with open(f"{folder}/codes", encoding="utf-8") as file:
        first, *codes = file.read().split()
    try:
        with open(f"{folder}/used", encoding="utf-8") as file:
            used = int(file.read())
    except FileNotFoundError:
        used = -1
    step = max(int(time.time()) // STEP_SECONDS, used + 1)
    with open(f"{folder}/used", "w", encoding="utf-8") as file:
        file.write(str(step))
    return codes[step - int(first)]
