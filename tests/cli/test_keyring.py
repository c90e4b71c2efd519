"""A keyring that is locked, denied, broken, silent, full or absent, as users see it."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Mapping

import pytest

from tests.support.fork_server import AS_SHIPPED
from tests.support.pseudo_terminal import OnTerminal
from tests.support.secret_service import BACKEND, SecretService
from tests.support.world import ADMIN, CONFIG, FILE_BACKED, HUB, SCRIPT, Done, World
from tests.vault import as_user

DOUBLES = "tests.doubles.keyrings"
WITH_KEYS = CONFIG.replace('type = "environment"', 'type = "keys"')
# The messages of a walk and of `keys add`.
BAD = {
    f"{DOUBLES}.Locked": (
        "neither read nor stored: the keyring is locked",
        "the keyring is locked",
    ),
    f"{DOUBLES}.Denied": (
        "neither read nor stored: the keyring denies access",
        "the keyring denies access",
    ),
    f"{DOUBLES}.Broken": ("neither read nor stored: the keyring failed", "the keyring failed"),
    f"{DOUBLES}.Hanging": (
        "the keyring does not answer: reading from the keyring did not end within 5 s",
        "the keyring does not answer",
    ),
    f"{DOUBLES}.Full": ("not stored: the keyring has no room left", "the keyring has no room left"),
    f"{DOUBLES}.BrokenWrites": ("not stored: the keyring failed", "the keyring failed"),
    "keyring.backends.null.Keyring": ("sessions are not stored: there is no keyring", "no keyring"),
    "keyring.backends.fail.Keyring": ("sessions are not stored: there is no keyring", "no keyring"),
}


@pytest.mark.parametrize("backend", BAD)
def test_a_walk_goes_on_unsaved_and_says_so_in_one_line(world: World, backend: str) -> None:
    done = world.rolehop("credential-process", "admin", env={"PYTHON_KEYRING_BACKEND": backend})
    assert done.code == 0, done.err
    assert done.json["AccountId"] == "333333333333"
    assert BAD[backend][0] in done.err
    assert len(done.err.splitlines()) == 1
    assert world.sts.roles_called == [HUB, ADMIN]


@pytest.mark.parametrize("backend", BAD)
def test_keys_add_is_7_and_says_what_is_wrong_and_what_to_do(
    shared_world: World, backend: str
) -> None:
    hangs = backend.endswith("Hanging")
    done = shared_world.rolehop(
        *("keys", "add", "me", "--from-env"),
        env={"PYTHON_KEYRING_BACKEND": backend},
        before=AS_SHIPPED if hangs else "",
    )
    assert (done.code, done.out) == (7, ""), done.err
    assert BAD[backend][1] in done.err
    assert re.search(r"\n  (try    |rolehop )", done.err), "what to do, be it a command alone"
    waited = "waiting for the keyring, which may ask to be unlocked, for more than 3 s" in done.err
    assert waited == hangs
    assert shared_world.alice.key.secret not in done.err
    assert shared_world.rolehop("keys", "list", "--format", "json").json["keys"] == []


@pytest.mark.parametrize("backend", BAD)
def test_nothing_that_was_stored_is_lost(world: World, backend: str) -> None:
    first = world.rolehop("credential-process", "admin")
    assert world.rolehop("keys", "add", "stored", "--from-env").code == 0
    bad = {"PYTHON_KEYRING_BACKEND": backend}
    world.rolehop("credential-process", "spokes/444444444444", env=bad)
    calls = len(world.sts.calls)
    world.config(CONFIG + '[sources.stored]\ntype = "keys"\n[chains.k]\nsource = "stored"\n')
    assert world.rolehop("credential-process", "admin") == first
    assert len(world.sts.calls) == calls
    assert world.rolehop("credential-process", "k").code == 0


def test_keys_stay_if_the_keyring_fails_to_replace_them(world: World) -> None:
    world.config(WITH_KEYS)
    assert world.rolehop("keys", "add", "me", "--from-env").code == 0
    other = world.sts.world.new_key(world.alice).environ
    bad = {**other, "PYTHON_KEYRING_BACKEND": f"{DOUBLES}.Denied"}
    assert world.rolehop("keys", "add", "me", "--from-env", "--replace", env=bad).code == 7
    assert world.rolehop("keys", "remove", "me", "--yes", env=bad).code == 7
    assert world.rolehop("credential-process", "hub").code == 0
    assert world.sts.calls[-1].access_key_id == world.alice.keys[0].access_key_id


def test_logout_does_not_pretend(world: World) -> None:
    world.rolehop("credential-process", "admin")
    done = world.rolehop("logout", "--all", env={"PYTHON_KEYRING_BACKEND": f"{DOUBLES}.Locked"})
    assert done.code == 7
    assert "the keyring is locked" in done.err
    assert len(world.items()) == 2
    assert len(world.rolehop("status", "--format", "json").json["sessions"]) == 2


# ---- the real Secret Service, locked


def test_a_locked_secret_service_is_reported_and_loses_nothing(
    world: World, own_secret_service: SecretService
) -> None:
    world.backend = BACKEND
    world.more = {
        name: own_secret_service.environ[name]
        for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
    }
    world.config(WITH_KEYS + '[sources.env]\ntype = "environment"\n[chains.e]\nsource = "env"\n')
    assert world.rolehop("keys", "add", "me", "--from-env").code == 0
    first = world.rolehop("credential-process", "admin")
    own_secret_service.lock()
    done = world.rolehop("credential-process", "admin")
    assert (done.code, done.out) == (7, "")
    assert "the keyring is locked" in done.err
    done = world.rolehop("credential-process", "e")
    assert done.code == 0, done.err
    assert "sessions are neither read nor stored: the keyring is locked" in done.err
    done = world.rolehop("keys", "add", "other", "--from-env")
    assert done.code == 7
    assert "the keyring is locked" in done.err
    assert world.rolehop("status", "--format", "json").json["hidden"] == [
        {"backend": BACKEND, "sessions": 2, "sign_ins": 0}
    ]
    done = world.rolehop("status")
    assert (done.code, "role/Hub" in done.out) == (0, False)
    assert "the Secret Service is locked: 2 sessions in it cannot be used now" in done.err
    (world.state / "index.json").unlink()
    assert "the keyring could not be searched for sessions" in world.rolehop("status").err
    own_secret_service.unlock()
    assert len(world.rolehop("status", "--format", "json").json["sessions"]) == 2
    assert "Secret Service" in world.rolehop("keys", "list").out
    assert world.rolehop("credential-process", "admin") == first


# ---- discovery of a back end


def without_kernel(world: World, *arguments: str, env: Mapping[str, str | None] = {}) -> Done:
    """Run rolehop with the kernel's keyring blocked, as in containers, and no back end named."""
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "aarch64"):
        pytest.skip("no seccomp filter for this machine")
    return world.run(
        sys.executable,
        "-m",
        "tests.support.without_kernel_keyring",
        SCRIPT,
        *arguments,
        env={"PYTHON_KEYRING_BACKEND": None, **env},
    )


def test_plaintext_found_by_discovery_is_refused_and_the_walk_goes_on(world: World) -> None:
    pytest.importorskip("keyrings.alt", reason="not installed: keyrings.alt")
    done = without_kernel(world, "credential-process", "admin")
    assert done.code == 0, done.err
    assert len(done.err.splitlines()) == 1
    assert "sessions are not stored: there is no usable keyring" in done.err
    assert "there is no session bus" in done.err
    assert "kernel keyring: this system or container does not let keys be used" in done.err
    assert "may keep secrets in plain text and was not chosen explicitly: refused" in done.err
    done = without_kernel(world, "keys", "add", "me", "--from-env")
    assert (done.code, done.out) == (7, "")
    assert "refused" in done.err
    assert '[vault] backend = "kernel"' in done.err
    files = [path for path in world.files() if "keyring" in str(path).lower()]
    assert files == []


def test_plaintext_named_on_purpose_is_used_with_a_warning(world: World) -> None:
    pytest.importorskip("keyrings.alt", reason="not installed: keyrings.alt")
    world.config(CONFIG + '[vault]\nbackend = "keyrings.alt.file.PlaintextKeyring"\n')
    first = without_kernel(world, "credential-process", "admin")
    assert first.code == 0
    assert first.err.splitlines() == [
        (
            "rolehop: [vault] backend names keyrings.alt.file.PlaintextKeyring: it may keep secrets in"
            " plain text"
        )
    ]
    assert without_kernel(world, "credential-process", "admin").out == first.out
    assert len(world.sts.calls) == 2


def test_a_backend_in_the_config_wins_over_the_variable(world: World) -> None:
    world.config(CONFIG + f'[vault]\nbackend = "{FILE_BACKED}"\n')
    world.rolehop("credential-process", "hub", env={"PYTHON_KEYRING_BACKEND": f"{DOUBLES}.Locked"})
    assert len(world.items()) == 1


def test_the_kernel_keyring_stores_keys_only_with_until_reboot(world: World) -> None:
    world.backend = "rolehop.vault.kernel.KernelKeyring"
    done = world.rolehop("keys", "add", "me", "--from-env")
    if "no kernel keyring" in done.err:
        pytest.skip("no kernel keyring")
    assert done.code == 7
    assert "--until-reboot" in done.err
    name = f"test-{os.getpid()}"
    assert world.rolehop("keys", "add", name, "--from-env", "--until-reboot").code == 0
    assert world.rolehop("keys", "remove", name, "--yes").code == 0


# ---- an unprivileged user whose quota is full

# Python may lie where that user cannot read, so all that is needed is imported beforehand.
_IMPORTS = """
import importlib, pkgutil, rolehop
for found in pkgutil.walk_packages(rolehop.__path__, "rolehop."):
    if "demo" not in found.name and not found.name.endswith("__main__"):
        importlib.import_module(found.name)
import rolehop.__main__, getpass, encodings.idna, platformdirs.unix
"""


@as_user.NEEDS_MUCH
def test_a_full_quota_of_the_kernel_keyring_is_reported_once_and_the_walk_goes_on(
    world: World,
) -> None:
    as_user.need_kernel_keyring()
    world.sts.token_length = 12_000
    (world.home / ".local" / "state").mkdir(parents=True, exist_ok=True)
    as_user.give(world.folder)
    environ = world.environ_with({"PYTHON_KEYRING_BACKEND": "rolehop.vault.kernel.KernelKeyring"})
    code = (
        f"os.environ.clear()\nos.environ.update({environ!r})\n"
        "os.dup2(1, 2)\n"
        "sys.argv = ['rolehop', 'credential-process', 'admin']\n"
        "print('exit', rolehop.__main__.run_program(), flush=True)\n"
    )
    shown = as_user.run(code, before=_IMPORTS, room=18_000)
    if not any("not stored" in line for line in shown):
        pytest.skip("this kernel has big_key, which costs no quota")
    assert shown[0] == (
        "rolehop: sessions are not stored: the kernel keyring has no room left: this user's quota of"
        " keys is used up (/proc/sys/kernel/keys)"
    )
    assert '"AccountId":"333333333333"' in shown[1]
    assert not any("not stored" in line for line in shown[1:])
    assert shown[-1] == "exit 0"


# ---- prompts of the system


def test_ctrl_c_ends_a_program_whose_keyring_hangs(world: World) -> None:
    # Somebody may see a question of the keyring, so it has 40 s to answer.
    bad = {"PYTHON_KEYRING_BACKEND": f"{DOUBLES}.Hanging", "DISPLAY": ":9"}
    with OnTerminal(world, SCRIPT, "--debug", "credential-process", "hub", env=bad) as person:
        assert person.process.stderr is not None
        assert "the keyring is" in person.process.stderr.readline()
        person.presses_ctrl_c()
        done = person.ended(seconds=30)
    assert (done.code, done.out) == (130, "")


def test_a_session_that_was_deleted_behind_our_back_is_missed_by_the_first_walk(
    world: World,
) -> None:
    assert world.rolehop("assume", "hub", "--shell", "sh").code == 0
    for item in world.items_for_aws():
        item.unlink()
    assert len(world.rolehop("status", "--format", "json").json["sessions"]) == 1
    del world.sts.world.roles[HUB]
    assert world.rolehop("assume", "hub", "--shell", "sh").code == 5
    assert world.rolehop("status", "--format", "json").json["sessions"] == []


def test_a_session_that_aws_no_longer_takes_is_forgotten_once_whoami_was_told(world: World) -> None:
    assert world.rolehop("assume", "hub", "--shell", "sh").code == 0
    session = world.rolehop("export", "hub", "--format", "json").json["AccessKeyId"]
    world.sts.world.forget_key(session)
    assert len(world.rolehop("status", "--format", "json").json["sessions"]) == 1
    assert world.rolehop("whoami", "hub").code == 5
    assert world.rolehop("status", "--format", "json").json["sessions"] == []
    assert world.rolehop("whoami", "hub").code == 0
