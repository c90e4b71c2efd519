"""A signal at any moment, also one that Python drops: the exit code for it, and no traceback."""

from __future__ import annotations

import signal
import sys

import pytest

from tests.support.world import World

# The console script, which gets a signal while the program imports its nth module.
SIGNALLED = """
import os, sys
import rolehop
left, number, has_begun = int(sys.argv.pop(1)), int(sys.argv.pop(1)), False
def count(event, arguments):
    global left, has_begun
    if event == "import" and has_begun:
        left -= 1
        if left == 0:
            os.kill(os.getpid(), number)
    elif event == "import":
        has_begun = arguments[0] == "rolehop.__main__"
sys.addaudithook(count)
import rolehop.__main__
rolehop.__main__.main()
"""
MOMENTS = [1, 2, 3, 4, 6, 9, 14, 20, 30, 45, 65, 90, 120, 150]


@pytest.mark.parametrize("moment", MOMENTS)
def test_ctrl_c_fails_the_eval(shared_world: World, moment: int) -> None:
    number = str(int(signal.SIGINT))
    script = (sys.executable, "-c", SIGNALLED, str(moment), number)
    done = shared_world.run(*script, "assume", "admin", "--shell", "sh")
    assert (done.code, done.out) == (130, "false\n")
    assert done.err.strip() == "rolehop: interrupted"


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_being_stopped_has_the_code_of_its_signal(
    shared_world: World, moment: int, number: signal.Signals
) -> None:
    """Before the handlers are there, the signal itself ends the process, which is the same."""
    script = (sys.executable, "-c", SIGNALLED, str(moment), str(int(number)))
    done = shared_world.run(*script, "assume", "admin", "--shell", "sh")
    assert (done.code, done.out, done.err) in [
        (-number, "", ""),
        (128 + number, "false\n", "rolehop: stopped\n"),
    ]


# The signal comes in a callback, whose exceptions Python drops; then the command waits for its end.
DROPPED = """
import signal, time, weakref
from rolehop.commands.keys import access_keys

class Taken:
    pass

def rows(app):
    taken = Taken()
    watch = weakref.ref(taken, lambda _: signal.raise_signal({number}))
    del taken
    time.sleep(60)
    raise AssertionError("the signal did not come again")

access_keys.key_rows.__code__ = rows.__code__
access_keys.key_rows.__globals__.update(Taken=Taken, signal=signal, time=time, weakref=weakref)
"""


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [(signal.SIGINT, 130, "interrupted"), (signal.SIGTERM, 143, "stopped")],
)
def test_a_signal_that_python_drops_comes_again(
    shared_world: World, number: signal.Signals, code: int, said: str
) -> None:
    done = shared_world.rolehop("keys", "list", before=DROPPED.format(number=int(number)))
    assert (done.code, done.out, done.err.strip()) == (code, "", f"rolehop: {said}")
