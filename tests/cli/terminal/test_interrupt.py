"""Ctrl-C: 130, nothing half done, no lock left, and an eval that fails."""

from __future__ import annotations

import signal
import termios

import pytest

from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, MFA_SERIAL, SCRIPT, World, ended, lengthen_window

WITH_MFA = CONFIG.replace('"environment"', f'"environment"\nmfa_serial = "{MFA_SERIAL}"', 1)
EVALUATED = [
    pytest.param(("assume", "admin"), "false\n", id="assume"),
    pytest.param(("export", "admin"), "false\n", id="export"),
    pytest.param(("credential-process", "admin"), "", id="credential-process"),
    pytest.param(("exec", "admin", "--", "echo", "ran"), "", id="exec"),
]


@pytest.mark.parametrize(("arguments", "out"), EVALUATED)
def test_during_a_prompt(world: World, arguments: tuple[str, ...], out: str) -> None:
    world.config(WITH_MFA)
    with OnTerminal(world, SCRIPT, *arguments) as person:
        person.expect("MFA code of alice")
        person.presses_ctrl_c()
        done = person.ended()
    assert (done.code, done.out) == (130, out)
    assert done.err.endswith("rolehop: interrupted\n")
    assert "Traceback" not in done.err
    assert_nothing_is_left(world)


# Python learns of it, and no system call of the main thread is interrupted by it: as with a signal
# that comes just before that call.
UNSEEN_CTRL_C = """
import threading
def press():
    import signal, sys, threading, time
    main = threading.main_thread().ident
    while sys._current_frames()[main].f_code.co_name not in ("ask", "_await_line"):
        time.sleep(0.05)
    time.sleep(0.2)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    signal.raise_signal(signal.SIGINT)
threading.Thread(target=press, daemon=True).start()
"""


def test_just_before_a_prompt_waits(world: World) -> None:
    world.config(WITH_MFA)
    with OnTerminal(world, SCRIPT, "exec", "admin", "--", "true", before=UNSEEN_CTRL_C) as person:
        done = person.ended()
    assert done.code == 130
    assert done.err.endswith("rolehop: interrupted\n")


@pytest.mark.parametrize(("arguments", "out"), EVALUATED)
def test_during_a_slow_call(world: World, arguments: tuple[str, ...], out: str) -> None:
    with world.sts.held(), OnTerminal(world, SCRIPT, *arguments) as person:
        world.sts.wait_for_calls()
        person.presses_ctrl_c()
        done = person.ended()
    assert (done.code, done.out) == (130, out)
    assert done.err.endswith("rolehop: interrupted\n")
    assert_nothing_is_left(world)


def test_during_a_countdown(world: World) -> None:
    world.config(WITH_MFA)
    with OnTerminal(world, SCRIPT, "assume", "admin") as person:
        person.expect("MFA code of alice")
        person.types(world.device.code(world.sts.now))
        first = person.ended()
    assert first.code == 0, first.err
    assert world.rolehop("logout", "--all").code == 0
    lengthen_window(world, 30)
    with OnTerminal(world, SCRIPT, "assume", "admin") as person:
        before = person.attributes()
        person.expect("next one in")
        person.presses_ctrl_c()
        done = person.ended()
        assert person.attributes() == before
    assert (done.code, done.out) == (130, "false\n")
    sessions = [each for each in world.items() if "seals" not in each.name]
    assert (list(world.state.glob("locks/*")), sessions) == ([], [])


def test_at_a_hidden_question_the_echo_comes_back(world: World) -> None:
    with OnTerminal(world, SCRIPT, "keys", "add", "me") as person:
        person.expect("Access key ID: ")
        person.types("AKIAIOSFODNN7EXAMPLE")
        person.expect("Secret access key: ")
        assert not person.attributes()[3] & termios.ECHO
        person.presses_ctrl_c()
        done = person.ended()
        assert person.attributes()[3] & termios.ECHO
    assert (done.code, done.out) == (130, "")
    assert world.items() == []


def test_an_interrupted_eval_fails(world: World) -> None:
    world.config(WITH_MFA)
    script = 'eval "$(rolehop assume admin)"; echo "after: $?"'
    with OnTerminal(world, "bash", "-c", f"trap : INT; {script}") as person:
        person.expect("MFA code of alice")
        person.presses_ctrl_c()
        done = person.ended()
    assert done.out == "after: 1\n"


def test_what_was_walked_before_the_interrupt_is_stored(world: World) -> None:
    assert world.rolehop("credential-process", "hub").code == 0
    with world.sts.held(), world.fork("credential-process", "admin") as process:
        world.sts.wait_for_calls()
        process.send_signal(signal.SIGINT)
        assert ended(process).code == 130
    assert world.rolehop("credential-process", "hub").code == 0
    assert world.sts.roles_called.count("arn:aws:iam::222222222222:role/Hub") == 1


def assert_nothing_is_left(world: World) -> None:
    """There is no lock and no item, and the next walk succeeds."""
    assert list(world.state.glob("locks/*")) == []
    assert world.items() == []
    world.config()
    assert world.rolehop("credential-process", "admin").code == 0
