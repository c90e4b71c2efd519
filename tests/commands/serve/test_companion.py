"""A process that is no child of the one that starts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from rolehop.commands.serve.companion import fork_companion


def test_a_companion_that_cannot_be_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first fork works, the second one does not: the user has too many processes."""
    fork = os.fork

    def only_now() -> int:
        monkeypatch.setattr(os, "fork", no_more)
        return fork()

    def no_more() -> int:
        raise BlockingIOError

    monkeypatch.setattr(os, "fork", only_now)
    with pytest.raises(OSError, match="unavailable"):
        fork_companion(lambda: None, ())


_HIDDEN = """
import ctypes, os
from rolehop.commands.serve.companion import fork_companion
prctl, get_dumpable = ctypes.CDLL(None).prctl, 3
read, write = os.pipe()
fork_companion(lambda: os.write(write, b"%d" % prctl(get_dumpable)), (write,))
print(os.read(read, 1).decode(), prctl(get_dumpable))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2)")
def test_a_companion_is_hidden_before_the_command_can_look() -> None:
    """A command that looked at once read the source's keys in the environment of its server."""
    found = subprocess.run([sys.executable, "-c", _HIDDEN], capture_output=True, text=True)
    assert found.stdout == "0 1\n", found.stderr
