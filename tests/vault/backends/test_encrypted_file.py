"""The encrypted file of ``keyrings.alt``: nothing is lost, and what was changed is an item, not the keyring."""

from __future__ import annotations

import base64
import json
import os
import threading
from configparser import RawConfigParser
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

from rolehop.errors import VaultBroken, VaultLocked
from rolehop.vault import ENCRYPTED_FILE
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.storage import BackendHandle

pytest.importorskip("Crypto", reason="pycryptodome encrypts the file")
encrypted_file = pytest.importorskip("rolehop.vault.backends.encrypted_file")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of keyrings.alt

PASSPHRASE = "made up: a passphrase"
KEYS, SESSION = "rolehop/keys/alice", f"rolehop/{'a' * 64}"
SECTION = "rolehop_2F" + "a" * 64


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return the path of a file with two items."""
    path = tmp_path / "crypted_pass.cfg"
    storage = opened(path).open()
    storage.put(KEYS, "the keys")
    storage.put(SESSION, "the session")
    return path


def opened(path: Path, passphrase: str = PASSPHRASE) -> BackendHandle:
    environ = {
        "KEYRING_PROPERTY_KEYRING_KEY": passphrase,
        "KEYRING_PROPERTY_FILE_PATH": str(path),
    }
    return BackendHandle(
        lambda: choose_backend(ENCRYPTED_FILE, environ, "linux"),
        pytest.fail,
        quick_seconds=60,
        person_seconds=60,
    )


def test_the_old_file_stays_whole_until_the_new_one_is_there(file: Path) -> None:
    """A full disk, or a process that is killed while it writes, loses nothing."""
    before, kept = file.read_bytes(), file.with_name("kept")
    os.link(file, kept)
    opened(file).open().put(SESSION, "another session")
    opened(file).open().delete(KEYS)
    assert kept.read_bytes() == before
    assert file.stat().st_mode & 0o777 == 0o600


def test_processes_that_write_at_once_lose_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encrypted_file, "_SECONDS", 60)  # a busy machine stops the one that writes
    services = [f"rolehop/{number:064}" for number in range(8)]
    writers = [
        threading.Thread(target=opened(file).open().put, args=(each, each)) for each in services
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    found = opened(file).open().get_all([KEYS, *services])
    assert found == {KEYS: "the keys", **{each: each for each in services}}


def test_a_link_to_the_file_stays(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    opened(link).open().put(SESSION, "another session")
    assert link.is_symlink()
    assert opened(file).open().get(SESSION) == "another session"


@pytest.mark.parametrize("part", ["salt", "IV", "password_encrypted", None])
def test_an_item_that_was_changed_is_no_broken_keyring(file: Path, part: str | None) -> None:
    change(file, part)
    backend = opened(file)
    with pytest.raises(IncompleteItem):
        backend.use(lambda storage: storage.get(SESSION))
    assert backend.in_use == ENCRYPTED_FILE
    assert backend.open().get(KEYS) == "the keys"
    backend.open().put(SESSION, "another session")
    assert backend.open().get(SESSION) == "another session"


def test_under_another_passphrase_nothing_is_read_or_written(file: Path) -> None:
    before = file.read_bytes()
    storage = opened(file, "another one").open()
    with pytest.raises(VaultLocked, match="locked"):
        storage.get(SESSION)
    with pytest.raises(VaultLocked) as caught:
        storage.put("rolehop/new", "x")
    assert "KEYRING_PROPERTY_KEYRING_KEY" in (caught.value.fix or "")
    assert file.read_bytes() == before
    assert storage.delete(SESSION)  # as by `logout`, which needs none
    assert not storage.delete(SESSION)


def test_a_file_of_another_kind_is_said_to_be_damaged(file: Path) -> None:
    for data in (b"\xff\xfe", b"no section"):
        file.write_bytes(data)
        with pytest.raises(VaultBroken) as caught:
            opened(file).open().put(SESSION, "x")
        assert caught.value.cause == "its file is damaged: put it back from a backup, or remove it"
        assert file.read_bytes() == data


def test_the_library_itself_reads_what_is_written_and_knows_the_passphrase(file: Path) -> None:
    from keyrings.alt.file import EncryptedKeyring

    library = EncryptedKeyring()
    library.file_path, library.keyring_key = str(file), PASSPHRASE
    assert library.get_password(SESSION, "rolehop") == "the session"
    assert library._check_file()  # else it would ask for a new passphrase
    library.set_password("else", "somebody", "of another program")
    chosen = opened(file).open().chosen.keyring
    assert chosen.get_password("else", "somebody") == "of another program"
    with pytest.raises(PasswordDeleteError):
        chosen.delete_password("else", "nobody")


def change(file: Path, part: str | None) -> None:
    """Change a bit of a part of the session's item; ``None``: cut it."""
    items = RawConfigParser()
    items.read_string(file.read_text())
    coded = base64.b64decode(items.get(SECTION, "rolehop"))
    parts = json.loads(coded)
    if part is not None:
        data = bytearray(base64.b64decode(parts[part]))
        data[0] ^= 1
        parts[part] = base64.b64encode(data).decode()
    text = base64.b64encode(json.dumps(parts).encode() if part else coded[:50]).decode()
    items.set(SECTION, "rolehop", text)
    with file.open("w") as out:
        items.write(out)
