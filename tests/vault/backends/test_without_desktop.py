"""Back ends that are named on a server: each keeps keys and sessions, for the whole program."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import pytest
from keyring.errors import KeyringError, PasswordDeleteError

from rolehop.base.errors import VaultAbsent, VaultLocked
from rolehop.vault import GPG_STORE
from rolehop.vault import password_store as password_store_module
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.storage import BackendHandle
from tests.support.environment import for_coverage
from tests.support.secret_service import BACKEND as SECRET_SERVICE
from tests.support.secret_service import PROGRAMS
from tests.support.world import World, temporary_world

CONFIG = """
[sources.alice]
type = "keys"
[chains.hub]
source = "alice"
hops = [{ role = "222222222222:role/Hub" }]
"""
PASSPHRASE = "made up: a passphrase"
_UNLOCK = f"""
printf %s {PASSPHRASE!r} | gnome-keyring-daemon --unlock --components=secrets >/dev/null
echo "$DBUS_SESSION_BUS_ADDRESS"
read -r _
"""
_BEFORE = """
from tests.support.secret_service import be_patient
be_patient()
"""


@contextmanager
def password_store() -> Iterator[World]:
    """Open a world with a store of ``pass`` whose key has no passphrase."""
    absent = [each for each in ("pass", "gpg") if shutil.which(each) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    with temporary_world(GPG_STORE) as world:
        world.more["GNUPGHOME"] = str(world.home / ".gnupg")
        Path(world.more["GNUPGHOME"]).mkdir(mode=0o700)
        made = ("--batch", "--quiet", "--passphrase", "", "--quick-generate-key", "me", "default")
        try:
            for argv in (("gpg", *made), ("pass", "init", "me")):
                done = world.run(*argv)
                assert done.code == 0, done.err
            yield world
        finally:
            world.run("gpgconf", "--kill", "all")


@contextmanager
def private_bus() -> Iterator[World]:
    """Open a world with gnome-keyring on a bus of its own, as the guide has it."""
    absent = [each for each in ("dbus-run-session", *PROGRAMS) if shutil.which(each) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    with temporary_world(SECRET_SERVICE) as world:
        Path(world.environ["XDG_RUNTIME_DIR"]).mkdir(mode=0o700)
        session = world.start("dbus-run-session", "--", "sh", "-c", _UNLOCK, stdin=subprocess.PIPE)
        with session as running:
            assert running.stdin is not None
            assert running.stdout is not None
            world.more["DBUS_SESSION_BUS_ADDRESS"] = running.stdout.readline().strip()
            yield world
            running.stdin.close()  # the shell ends, and the bus with it


@pytest.mark.long
@pytest.mark.parametrize("opened", [password_store, private_bus])
def test_it_keeps_keys_and_sessions_and_gives_them_up(
    opened: Callable[[], AbstractContextManager[World]],
) -> None:
    with opened() as world:
        keeps_keys_and_sessions(world)


def keeps_keys_and_sessions(world: World) -> None:
    world.config(CONFIG)
    rolehop = partial(world.rolehop, before=_BEFORE)
    added = rolehop("keys", "add", "alice", "--from-env")
    assert (added.code, added.err.count("\n")) == (0, 1), added.err
    world.more.update(dict.fromkeys(world.alice.environ, ""))
    first, again = (rolehop("export", "hub", "--format", "json") for _ in range(2))
    assert (first.code, again.err) == (0, ""), first.err
    assert again.json["SecretAccessKey"] == first.json["SecretAccessKey"]
    assert len(world.sts.calls) == 1
    secrets = (world.alice.key.secret, first.json["SecretAccessKey"], first.json["SessionToken"])
    texts = [path.read_bytes() for path in world.files()]
    assert not [secret for secret in secrets for text in texts if secret.encode() in text]
    assert "1 session forgotten" in rolehop("logout", "--all").err
    assert rolehop("keys", "remove", "alice", "--yes").code == 0
    assert rolehop("export", "hub").code == 4


# ---- pass


def test_pass_that_is_not_set_up_says_what_is_missing(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    for cause in (
        "there is no program pass on PATH",
        f"{tmp_path}/.password-store is no store yet",
    ):
        with pytest.raises(VaultAbsent) as caught:
            choose_backend(GPG_STORE, environ, "linux")
        assert cause in (caught.value.cause or "")
        program(tmp_path, "exit 1")


@pytest.mark.parametrize(
    ("environ", "cause"),
    [
        ({}, "HOME is not set"),
        ({"HOME": "."}, "HOME is ., not an absolute path"),
        ({"PASSWORD_STORE_DIR": ".password-store"}, "PASSWORD_STORE_DIR is .password-store, not"),
    ],
)
def test_no_store_is_looked_for_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], cause: str
) -> None:
    path = failing(tmp_path, "")["PATH"]
    monkeypatch.chdir(tmp_path)
    with pytest.raises(VaultAbsent) as caught:
        choose_backend(GPG_STORE, {"PATH": path, **environ}, "linux")
    assert f"there is no store: {cause}" in (caught.value.cause or "")


def test_pass_is_given_the_environment_of_gnupg_and_no_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "ttyname", lambda number: f"/dev/pts/{number}")
    needed = {
        "GNUPGHOME": "/gnupg",
        "DISPLAY": ":1",
        "GTK_IM_MODULE": "ibus",
        "PASSWORD_STORE_GPG_OPTS": "--no-throw-keyids",
    }
    secret = {"AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t", "ROLEHOP_MFA_CODE": "123456"}
    environ = {**failing(tmp_path, ""), **needed, **secret}
    program(tmp_path, f"export -p >{tmp_path}/seen; echo kept")
    backend = choose_backend(GPG_STORE, environ, "linux").keyring
    assert backend.get_password("rolehop/it", "rolehop") == "kept\n"
    seen = (tmp_path / "seen").read_text()
    assert [name for name in (*needed, *secret) if f" {name}=" in seen] == [*needed]
    assert re.search(r" GPG_TTY=['\"]?/dev/pts/0", seen)  # where GnuPG's agent may ask


def test_a_passphrase_that_nobody_gives_is_a_locked_keyring(tmp_path: Path) -> None:
    environ = failing(tmp_path, "gpg: public key decryption failed: Inappropriate ioctl for device")
    storage = BackendHandle(lambda: choose_backend(GPG_STORE, environ, "linux"), print).open()
    assert storage.get("rolehop/none") is None  # no process is started for it
    with pytest.raises(VaultLocked) as caught:
        storage.get("rolehop/it")
    assert caught.value.fix == "give GnuPG the passphrase in a terminal: rolehop doctor"


def test_an_item_that_another_process_removes_meanwhile_is_not_there(tmp_path: Path) -> None:
    environ = failing(tmp_path, "")
    backend = choose_backend(GPG_STORE, environ, "linux").keyring
    with pytest.raises(KeyringError, match="pass said nothing"):
        backend.delete_password("rolehop/it", "rolehop")  # it is there still
    (item,) = tmp_path.rglob("rolehop.gpg")
    rm = shutil.which("rm")
    program(tmp_path, f"{rm} {item}; exit 1")
    assert backend.get_password("rolehop/it", "rolehop") is None
    item.touch()
    with pytest.raises(PasswordDeleteError):
        backend.delete_password("rolehop/it", "rolehop")


def test_what_pass_said_while_this_process_was_stopped_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(password_store_module, "_SECONDS", 0)  # the time is up
    monkeypatch.setattr(password_store_module, "_MOMENT", 60)
    environ = failing(tmp_path, "")
    program(tmp_path, "echo kept")
    backend = choose_backend(GPG_STORE, environ, "linux").keyring
    assert backend.get_password("rolehop/it", "rolehop") == "kept\n"


@pytest.mark.parametrize(
    "says",
    [
        "gpg: decrypt_message failed: Unknown system error",
        "gpg: block_filter 0x56: read error (size=65463,a->size=879)\ngpg: block_filter: pending bytes!",
        "gpg: no valid OpenPGP data found.",
    ],
)
def test_an_item_that_was_not_written_to_its_end_is_no_broken_keyring(
    tmp_path: Path, says: str
) -> None:
    environ = failing(tmp_path, says)
    backend = BackendHandle(lambda: choose_backend(GPG_STORE, environ, "linux"), print)
    with pytest.raises(IncompleteItem):
        backend.use(lambda storage: storage.get("rolehop/it"))
    assert backend.in_use == GPG_STORE


_ENDS_WHILE_IT_READS = """
import contextlib, os, sys, threading
from rolehop.vault.password_store import PasswordStore
backend = PasswordStore(os.environ)
def read():
    with contextlib.suppress(Exception):  # as the keyring's deadline does
        backend.get_password("rolehop/it", "rolehop")
threading.Thread(target=read, daemon=True).start()
with open(sys.argv[1]) as started:
    assert started.readline() == "reads\\n"
"""


def test_no_prompt_stays_when_the_program_ends(tmp_path: Path) -> None:
    environ = failing(tmp_path, "")
    started, alive = tmp_path / "started", tmp_path / "alive"
    os.mkfifo(started)
    os.mkfifo(alive)
    path = os.environ["PATH"]
    program(tmp_path, f"exec 3<>{alive}\necho reads >{started}\nPATH={path} exec sleep 120")
    held = os.open(alive, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(held, True)
    argv = [sys.executable, "-c", _ENDS_WHILE_IT_READS, str(started)]
    subprocess.run(argv, env={**environ, **for_coverage()}, check=True)
    with os.fdopen(held, "rb") as rest:
        assert rest.read() == b""  # its writer is gone


def test_the_package_that_keeps_one_line_is_refused_and_ours_is_named() -> None:
    with pytest.raises(VaultAbsent) as caught:
        choose_backend("keyring_pass.PasswordStoreBackend", {}, "linux")
    assert (caught.value.fix or "").endswith('[vault] backend = "pass"')


def failing(folder: Path, says: str) -> dict[str, str]:
    """Make a store with one item, and a ``pass`` that fails; return the environment for both."""
    item = folder / ".password-store" / "python-keyring" / "rolehop" / "it" / "rolehop.gpg"
    item.parent.mkdir(parents=True)
    item.touch()
    (folder / ".password-store" / ".gpg-id").write_text("me\n")
    program(folder, f'echo "{says}" >&2; exit 2')
    return {"PATH": str(folder), "HOME": str(folder)}


def program(folder: Path, does: str) -> None:
    (folder / "pass").write_text(f"#!/bin/sh\n{does}\n")
    (folder / "pass").chmod(0o755)
