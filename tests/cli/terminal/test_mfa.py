"""MFA codes: asked for once, on the terminal itself, and never sent twice."""

from __future__ import annotations

import re
import subprocess
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.doubles.sts_world import STEP_SECONDS, totp
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import (
    ADMIN,
    CONFIG,
    HUB,
    MFA_SERIAL,
    SCRIPT,
    World,
    ended,
    lengthen_window,
    mfa_code,
    wrong_codes,
)

WITH_MFA = CONFIG.replace(
    'type = "environment"', f'type = "environment"\nmfa_serial = "{MFA_SERIAL}"'
)
LONG_HOP = (
    WITH_MFA
    + f"""
[chains.long]
source = "me"
hops = [{{ role = "{HUB}", duration = "4h" }}]
"""
)


@pytest.fixture
def guarded(world: World) -> World:
    """A world whose hub requires MFA."""
    world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True, max_session=43_200)
    world.config(LONG_HOP)
    return world


def actions(world: World) -> list[str]:
    return [call.action for call in world.sts.calls]


def test_one_code_opens_a_session_that_all_chains_of_the_source_share(guarded: World) -> None:
    done = guarded.rolehop("assume", "admin", "--mfa-stdin", input=mfa_code(guarded) + "\n")
    assert done.code == 0, done.err
    assert actions(guarded) == ["GetSessionToken", "AssumeRole", "AssumeRole"]
    done = guarded.rolehop("credential-process", "spokes/444444444444")
    assert done.code == 0, done.err
    assert actions(guarded)[3:] == ["AssumeRole"]
    # The MFA session outlives the hops.
    guarded.rolehop("logout", "hub")
    assert guarded.rolehop("credential-process", "hub", "--no-prompt").code == 0
    assert actions(guarded).count("GetSessionToken") == 1


# The program itself, with less time for a code.
IMPATIENT = """
from rolehop.app import mfa_codes
mfa_codes.COMMAND_DEADLINE = 1.0
"""


def test_standard_input_is_not_waited_for_without_end(guarded: World) -> None:
    command = ("assume", "hub", "--mfa-stdin")
    with guarded.fork(*command, before=IMPATIENT, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write("12")  # and no line end
        process.stdin.flush()
        assert process.wait(60) == 4
        assert process.stderr is not None
        assert "standard input gave no MFA code in time" in process.stderr.read()
    assert actions(guarded) == []


def test_a_long_hop_1_sends_the_code_itself(guarded: World) -> None:
    plan = guarded.rolehop("plan", "long", "--format", "json").json["hops"][0]
    assert (plan["mfa"], plan["duration"]) == ("hop", 14_400)
    done = guarded.rolehop("assume", "long", "--mfa-stdin", input=mfa_code(guarded) + "\n")
    assert done.code == 0, done.err
    assert actions(guarded) == ["AssumeRole"]
    assert guarded.sts.calls[0].params["SerialNumber"] == MFA_SERIAL
    assert guarded.sts.calls[0].params["DurationSeconds"] == "14400"


def test_auto_finds_the_users_only_device(guarded: World) -> None:
    guarded.config(WITH_MFA.replace(MFA_SERIAL, "auto"))
    done = guarded.rolehop("assume", "hub", "--mfa-stdin", input=mfa_code(guarded) + "\n")
    assert done.code == 0, done.err
    assert actions(guarded) == ["ListMFADevices", "GetSessionToken", "AssumeRole"]


def test_auto_works_for_keys_in_the_keyring(guarded: World) -> None:
    key = guarded.alice.key
    guarded.config(WITH_MFA.replace('"environment"', '"keys"').replace(MFA_SERIAL, "auto"))
    key_lines = f"{key.access_key_id}\n{key.secret}\n"
    assert guarded.rolehop("keys", "add", "me", "--stdin", input=key_lines).code == 0
    nothing = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}
    done = guarded.rolehop(
        "assume", "hub", "--mfa-stdin", env=nothing, input=mfa_code(guarded) + "\n"
    )
    assert done.code == 0, done.err
    assert actions(guarded) == ["ListMFADevices", "GetSessionToken", "AssumeRole"]
    assert guarded.sts.calls[0].access_key_id == key.access_key_id


def with_command(world: World, script: str) -> None:
    """Let the source's mfa_command be ``script``, which counts its runs in the file ``runs``."""
    program = world.home / "code"
    program.write_text(
        f"#!/bin/sh\necho run >> {world.home}/runs\nenv > {world.home}/seen\n{script}\n"
    )
    program.chmod(0o755)
    world.config(WITH_MFA.replace("mfa_serial", f'mfa_command = ["{program}"]\nmfa_serial', 1))


def test_mfa_command_gives_the_code_and_sees_no_credentials(guarded: World) -> None:
    with_command(guarded, f"echo {mfa_code(guarded)}")
    done = guarded.rolehop("credential-process", "admin")
    assert (done.code, done.err) == (0, "")
    seen = (guarded.home / "seen").read_text()
    assert guarded.alice.key.secret not in seen
    assert "AWS_ACCESS_KEY_ID" not in seen


def test_many_at_once_ask_for_one_code(guarded: World) -> None:
    with_command(guarded, f"sleep 0.3; echo {mfa_code(guarded)}")
    running = [guarded.fork("credential-process", "admin") for _ in range(10)]
    done = []
    for process in running:
        with process:
            done.append(ended(process))
    assert {each.code for each in done} == {0}, [each.err for each in done]
    assert (guarded.home / "runs").read_text() == "run\n"
    assert actions(guarded) == ["GetSessionToken", "AssumeRole", "AssumeRole"]


@pytest.mark.parametrize(
    ("script", "what", "cause"),
    [
        ("exit 3", "mfa_command of chain 'admin' failed", "ended with code 3"),
        ("echo 123456 654321", "mfa_command gave no code", "printed 2 six-digit codes"),
    ],
)
def test_an_mfa_command_that_gives_no_code_is_named(
    guarded: World, script: str, what: str, cause: str
) -> None:
    with_command(guarded, script)
    done = guarded.rolehop("credential-process", "admin")
    assert (done.code, done.out) == (4, "")
    assert what in done.err
    assert cause in done.err
    assert "123456" not in done.err
    assert guarded.sts.calls == []


def test_the_prompt_is_on_the_terminal_while_stdout_is_captured_and_stdin_a_pipe(
    guarded: World,
) -> None:
    with OnTerminal(guarded, SCRIPT, "assume", "admin", input="for somebody else\n") as person:
        person.expect("MFA code of alice")
        person.types("12 34")
        person.expect("six digits, please: ")
        person.types(mfa_code(guarded))
        done = person.ended()
    assert done.code == 0, done.err
    assert done.out.startswith("unset AWS_PROFILE;\n")
    assert "MFA" not in done.out + done.err
    assert actions(guarded) == ["GetSessionToken", "AssumeRole", "AssumeRole"]


@pytest.mark.long  # it waits for the next code, up to half a minute
def test_a_second_code_in_the_same_window_waits_for_the_next_with_a_countdown(
    guarded: World,
) -> None:
    code = mfa_code(guarded)
    step = int(time.time()) // STEP_SECONDS
    assert guarded.rolehop("assume", "long", "--mfa-stdin", input=code + "\n").code == 0
    again = guarded.rolehop("assume", "hub", "--mfa-stdin", input=code + "\n")
    assert again.code == 4
    assert "this MFA code was sent before" in again.err
    lengthen_window(guarded, 12)  # time to start, also on a machine that stalls
    with OnTerminal(guarded, SCRIPT, "assume", "hub") as person:
        person.expect("the last MFA code was used; next one in")
        person.expect("MFA code of alice", STEP_SECONDS + 60)
        assert int(time.time()) // STEP_SECONDS > step
        person.types(code)
        person.expect("that one was sent before")
        person.types(totp(guarded.device.seed, int(time.time()) // STEP_SECONDS))
        done = person.ended()
    assert done.code == 0, done.err
    assert not any(call.refused for call in guarded.sts.calls)


def test_a_wrong_code_is_explained_and_not_sent_again(guarded: World) -> None:
    wrong = f"{(int(mfa_code(guarded)) + 1) % 1_000_000:06d}"
    done = guarded.rolehop("assume", "admin", "--mfa-stdin", input=wrong + "\n")
    assert (done.code, done.out) == (5, "false\n")
    assert "AWS refused the MFA session of source 'me'" in done.err
    assert "the code is wrong, or was used before" in done.err
    assert wrong not in done.err
    assert actions(guarded) == ["GetSessionToken"]


def test_a_call_with_a_code_is_never_retried(guarded: World) -> None:
    guarded.sts.fail(1, status=503)
    done = guarded.rolehop("assume", "admin", "--mfa-stdin", input=mfa_code(guarded) + "\n")
    assert (done.code, done.out) == (6, "false\n")
    assert actions(guarded) == ["GetSessionToken"]


@pytest.mark.parametrize("arguments", [["assume", "admin"], ["credential-process", "admin"]])
def test_without_a_terminal_the_error_comes_at_once_and_says_what_to_run(
    guarded: World, arguments: list[str]
) -> None:
    done = guarded.rolehop(*arguments)
    assert done.code == 8
    assert "chain 'admin' needs an MFA code and nobody can be asked" in done.err
    assert "run this in a terminal first: rolehop assume admin" in done.err
    assert f"cause  a code of {MFA_SERIAL} is needed for" in done.err
    assert guarded.sts.calls == []


def test_no_prompt_asks_nothing_although_there_is_a_terminal(guarded: World) -> None:
    with OnTerminal(guarded, SCRIPT, "credential-process", "admin", "--no-prompt") as person:
        done = person.ended()
    assert (done.code, done.out, person.shown) == (8, "", "")


def test_an_mfa_code_on_hop_2_is_refused_in_the_config(guarded: World) -> None:
    role = 'role = "333333333333:role/Admin"'
    guarded.config(CONFIG.replace(role, f'{role}\nmfa_serial = "{MFA_SERIAL}"'))
    done = guarded.rolehop("credential-process", "admin")
    assert (done.code, done.out) == (3, "")
    assert "chains.admin.hops[0].mfa_serial: hop 2 cannot carry an MFA code" in done.err
    assert guarded.sts.calls == []


def test_a_code_for_a_source_that_is_a_session_is_known_to_fail_before_any_call(
    guarded: World,
) -> None:
    hops = f'hops = [{{ role = "{HUB}" }}]'
    guarded.config(CONFIG.replace(hops, hops.replace(" }]", f', mfa_serial = "{MFA_SERIAL}" }}]')))
    session = guarded.sts.world.issue(
        600,
        account="111111111111",
        arn=guarded.alice.arn,
        user_id=guarded.alice.user_id,
        user=guarded.alice,
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    plan = guarded.rolehop("plan", "hub", "--format", "json", env=session.environ).json
    assert "only IAM user keys carry MFA" in plan["hops"][0]["will_fail"]
    done = guarded.rolehop("credential-process", "hub", env=session.environ)
    assert (done.code, done.out) == (3, "")
    assert f"hop 1 cannot work: {HUB}" in done.err
    assert guarded.sts.calls == []


def test_an_edited_mfa_serial_of_hop_1_is_walked_again(guarded: World) -> None:
    with_command(guarded, f"echo {mfa_code(guarded)}")
    text = guarded.config_file.read_text()
    of_the_hop = f'hops = [{{ role = "{HUB}", mfa_serial = "{MFA_SERIAL}" }}]'
    guarded.sts.world.role(HUB, trusts=[guarded.alice.arn])
    guarded.config(re.sub("mfa_serial.*", "", text, count=1))
    guarded.rolehop("credential-process", "admin")
    guarded.config(
        guarded.config_file.read_text().replace(f'hops = [{{ role = "{HUB}" }}]', of_the_hop)
    )
    assert guarded.rolehop("credential-process", "admin").code == 0
    assert guarded.sts.roles_called == [HUB, ADMIN, HUB, ADMIN]
    assert guarded.sts.calls[2].params["SerialNumber"] == MFA_SERIAL


def test_a_wrong_code_is_asked_again_at_once(guarded: World) -> None:
    """The device's own code of this window was not used, so there is no wait for the next one."""
    first, second, _ = wrong_codes(guarded)
    with OnTerminal(guarded, SCRIPT, "export", "hub", "--format", "json") as person:
        person.expect("MFA code of alice")
        person.types(first)
        person.expect("that code was wrong, 2 tries left. MFA code of alice")
        person.types(first)
        person.expect("sent before")
        person.types(second)
        person.expect("that code was wrong, 1 try left.")
        person.types(mfa_code(guarded))
        done = person.ended()
    assert done.code == 0, done.err
    assert actions(guarded) == ["GetSessionToken"] * 3 + ["AssumeRole"]
    assert "next one in" not in person.shown


def test_a_third_wrong_code_is_the_end(guarded: World) -> None:
    with OnTerminal(guarded, SCRIPT, "export", "hub") as person:
        for text, code in zip(
            ("MFA code", "was wrong", "was wrong"), wrong_codes(guarded), strict=True
        ):
            person.expect(text)
            person.types(code)
        done = person.ended()
    assert done.code == 5
    assert actions(guarded) == ["GetSessionToken"] * 3


def test_a_wrong_code_from_stdin_is_sent_once(guarded: World) -> None:
    done = guarded.rolehop("export", "hub", "--mfa-stdin", input=wrong_codes(guarded)[0] + "\n")
    assert done.code == 5
    assert actions(guarded) == ["GetSessionToken"]


def test_a_code_that_never_left_can_be_used(guarded: World) -> None:
    """Nothing listens there, so nothing was sent."""
    code, nobody = mfa_code(guarded), {"AWS_ENDPOINT_URL_STS": "http://127.0.0.1:9"}
    done = guarded.rolehop("export", "hub", "--mfa-stdin", input=code + "\n", env=nobody)
    assert done.code == 6
    assert "next MFA code" not in done.err
    done = guarded.rolehop("export", "hub", "--mfa-stdin", input=code + "\n")
    assert done.code == 0, done.err
