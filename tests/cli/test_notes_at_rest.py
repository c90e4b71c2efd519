"""What is written beside sessions: nothing that gives a code, a password or a reason away."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.support.world import CONFIG, HUB, MFA_SERIAL, World, ended, mfa_code

WITH_MFA = CONFIG.replace(
    'type = "environment"', f'type = "environment"\nmfa_serial = "{MFA_SERIAL}"'
)


@pytest.fixture
def guarded(world: World) -> World:
    """A world whose hub wants MFA."""
    world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True)
    world.config(WITH_MFA)
    return world


def _index(world: World) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = json.loads((world.state / "index.json").read_text())["mfa"]
    return found


def _notes(world: World) -> list[Path]:
    """The files that logout --all has to clear; the history stays, reasons included."""
    return [path for path in world.files() if path.parent != world.state / "history"]


def _guesses(code: str) -> set[str]:
    """Return the digests that a program without the key could try."""
    texts = [code, f"{MFA_SERIAL}\n{code}", f"{MFA_SERIAL}{code}", f"{code}\n"]
    return {hashlib.sha256(text.encode()).hexdigest() for text in texts}


def test_the_digest_of_a_used_code_cannot_be_guessed(guarded: World) -> None:
    code = mfa_code(guarded)
    assert guarded.rolehop("export", "hub", "--mfa-stdin", input=code + "\n").code == 0
    (noted,) = _index(guarded).values()
    assert len(noted["digest"]) == 64
    assert noted["digest"] not in _guesses(code)
    texts = [path.read_text(errors="replace") for path in guarded.files()]
    assert not any(guess in text for guess in _guesses(code) for text in texts)


def test_a_code_that_was_sent_is_not_sent_again(guarded: World) -> None:
    guarded.config(
        WITH_MFA
        + f'\n[chains.long]\nsource = "me"\nhops = [{{ role = "{HUB}", duration = "4h" }}]\n'
    )
    guarded.sts.world.role(HUB, trusts=[guarded.alice.arn], mfa=True, max_session=43_200)
    code = mfa_code(guarded)
    assert guarded.rolehop("export", "long", "--mfa-stdin", input=code + "\n").code == 0
    assert guarded.rolehop("logout", "long").code == 0
    again = guarded.rolehop("export", "long", "--mfa-stdin", input=code + "\n")
    assert again.code == 4
    assert "this MFA code was sent before" in again.err
    assert len(guarded.sts.calls) == 1


def test_without_a_keyring_no_digest_is_written(guarded: World) -> None:
    nothing = {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"}
    code = mfa_code(guarded)
    done = guarded.rolehop("export", "hub", "--mfa-stdin", input=code + "\n", env=nothing)
    assert done.code == 0, done.err
    assert [noted["digest"] for noted in _index(guarded).values()] == [""]
    again = guarded.rolehop("export", "hub", "--mfa-stdin", input=code + "\n", env=nothing)
    assert again.code in (4, 5)


# Two processes that use a code at the same time, each the first; the keyring takes its time.
AT_ONCE = """
import sys, time
from pathlib import Path
from rolehop.app.context import App
import os
from tests.doubles.keyrings import FileBacked
read = FileBacked.get_password
def slow(self, *names):
    found = read(self, *names)
    time.sleep(0.5)
    return found
FileBacked.get_password = slow
key = App(os.environ, Path(os.environ["HOME"])).vault.seals
print("ready", flush=True)
sys.stdin.readline()
print(key.digest("MFA code", "serial", "123456"))
"""


def test_processes_that_make_the_key_at_once_end_with_the_same_one(world: World) -> None:
    command = (sys.executable, "-c", AT_ONCE)
    started = [world.start(*command, stdin=subprocess.PIPE) for _ in range(3)]
    for each in started:
        assert each.stdout is not None
        assert each.stdout.readline() == "ready\n"
    for each in started:
        assert each.stdin is not None
        each.stdin.write("\n")
        each.stdin.flush()
    digests = {ended(each).out for each in started}
    digests.add(world.run(*command, input="\n").out.removeprefix("ready\n"))
    assert len(digests) == 1, digests
    assert len(digests.pop()) == 65


def test_logout_all_takes_flags_reasons_and_digests_of_codes_with_it(guarded: World) -> None:
    code = mfa_code(guarded)
    done = guarded.rolehop(
        *("assume", "admin", "--reason", "zebra audit", "--shell", "sh", "--mfa-stdin"),
        input=code + "\n",
    )
    assert done.code == 0, done.err
    assert guarded.rolehop("export", "admin", "--read-only", "--tag", "a=zebra").code == 0
    assert any("zebra" in path.read_text(errors="replace") for path in guarded.files())
    assert guarded.rolehop("logout", "--all").code == 0
    files = [path for path in _notes(guarded) if path != guarded.config_file]
    assert not any("zebra" in path.read_text(errors="replace") for path in files)
    assert {noted["digest"] for noted in _index(guarded).values()} == {""}
    assert [unquote(path.name) for path in guarded.items()] == ["rolehop/seals/key@rolehop.json"]


def test_logout_all_takes_every_note_that_it_can(world: World) -> None:
    """What stands in for one note, here folders, holds up none of the others."""
    assert world.rolehop("export", "admin", "--read-only", "--reason", "zebra").code == 0
    world.sts.fail(9, status=403, code="AccessDenied", text="no")
    assert world.rolehop("refresh", "admin", "--reason", "zebra").code == 5
    for number in range(20):
        (world.state / "flags" / f"{number}.json").mkdir()
    assert sum("zebra" in path.read_text(errors="replace") for path in _notes(world)) >= 2
    done = world.rolehop("logout", "--all")
    assert done.code == 0
    assert "a note in the state folder could not be deleted" in done.err
    assert not any("zebra" in path.read_text(errors="replace") for path in _notes(world))


def test_logout_all_takes_the_refusal_that_an_sdk_is_not_to_repeat(world: World) -> None:
    world.sts.fail(9, status=403, code="AccessDenied", text="no, zebra")
    assert world.rolehop("credential-process", "admin").code == 5
    assert list(world.state.glob("recent-failures/*.json"))
    assert world.rolehop("logout", "--all").code == 0
    assert not any("zebra" in path.read_text(errors="replace") for path in _notes(world))
    calls = len(world.sts.calls)
    assert world.rolehop("credential-process", "admin").code == 5
    assert len(world.sts.calls) > calls


def test_a_logout_that_fails_takes_no_flags(world: World) -> None:
    assert world.rolehop("assume", "admin", "--read-only", "--shell", "sh").code == 0
    (note,) = (world.state / "flags").glob("*.json")
    before = note.read_text()
    for item in world.items():  # what the keyring can neither read nor delete
        item.unlink()
        item.mkdir()
    assert world.rolehop("logout", "--all").code == 7
    assert note.read_text() == before


def test_a_refresh_after_logout_all_never_widens_access(world: World) -> None:
    done = world.rolehop("assume", "admin", "--read-only", "--shell", "sh")
    assert done.code == 0, done.err
    (note,) = (world.state / "flags").glob("*.json")
    assert world.rolehop("logout", "--all").code == 0
    shell = {"AWS_ACCESS_KEY_ID": note.stem, "ROLEHOP_CHAIN": "admin"}
    calls = len(world.sts.calls)
    done = world.rolehop("refresh", "--shell", "sh", env=shell)
    assert (done.code, done.out.strip()) == (3, "false")
    assert "rolehop logout --all has deleted the note of its flags" in done.err
    assert len(world.sts.calls) == calls


def test_a_code_is_sent_if_its_use_cannot_be_noted(guarded: World) -> None:
    guarded.state.mkdir(parents=True)
    guarded.state.chmod(0o777)
    done = guarded.rolehop("export", "hub", "--mfa-stdin", input=mfa_code(guarded) + "\n")
    assert done.code == 0, done.err
    assert "sessions are not stored" in done.err


def test_an_address_with_a_password_is_written_nowhere(real_world: World) -> None:
    address = real_world.sts.url.replace("http://", "http://user:pa55word@")
    for _ in range(2):
        done = real_world.rolehop(
            "credential-process", "admin", env={"AWS_ENDPOINT_URL_STS": address}
        )
        assert done.code == 0, done.err
    for path in real_world.files():
        assert "pa55word" not in path.read_text(errors="replace"), path
