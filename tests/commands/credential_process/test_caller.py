"""A question ends with whoever called: an SDK that gave up has killed its shell only."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import HUB, MFA_SERIAL, SCRIPT, World

# The session's leader stays, so that no signal of the terminal ends what it started.
STAYS = """
while ! [ -e end ]; do sleep 0.1; done
"""
A_SHELL = """sh -c '"$0" credential-process hub 2>err & echo $$ >caller; wait' "$0" """
ABOVE_A_WRAPPER = f"""{sys.executable} -c '
import os, sys
os.write(os.open("caller", os.O_CREAT | os.O_WRONLY), b"%d" % os.getpid())
os.spawnlp(os.P_WAIT, "sh", "sh", "-c", sys.argv[1], sys.argv[2])
' 'timeout --foreground 60 "$0" credential-process hub 2>err; echo more >more' "$0" """


def text_of(path: Path, wanted: str = "") -> str:
    """Return the text of a file once it has one that contains ``wanted``."""
    for _ in range(600):
        text = path.read_text() if path.exists() else ""
        if text and wanted in text:
            return text
        time.sleep(0.1)
    raise AssertionError(f"{path.name} has no {wanted!r}")


@pytest.mark.skipif(sys.platform != "linux", reason="only parents are watched here")
@pytest.mark.parametrize("caller", [A_SHELL, ABOVE_A_WRAPPER], ids=["a-shell", "above-a-wrapper"])
def test_a_question_ends_with_its_caller(world: World, caller: str) -> None:
    world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True)
    text = world.config_file.read_text()
    world.config(text.replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"'))
    with OnTerminal(world, "sh", "-c", caller + STAYS, SCRIPT) as person:
        person.expect("MFA code")
        os.kill(int(text_of(world.home / "caller")), signal.SIGKILL)
        assert "the program that called rolehop has ended" in text_of(world.home / "err", "ended")
        (world.home / "end").touch()
        person.ended()
    assert not list(world.state.glob("locks/*"))
