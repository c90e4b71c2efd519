"""The encrypted file of ``keyrings.alt``: nothing is lost, and what was changed is an item, not the keyring."""

from __future__ import annotations

import base64
import errno
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from configparser import RawConfigParser
from contextlib import nullcontext, suppress
from pathlib import Path

import pytest
from keyring.errors import PasswordDeleteError

from rolehop.base.errors import VaultBroken, VaultError, VaultFull, VaultLocked
from rolehop.base.files import read_regular
from rolehop.vault import ENCRYPTED_FILE
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.storage import BackendHandle
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World, temporary_world

pytest.importorskip("Crypto", reason="pycryptodome encrypts the file")
encrypted_file = pytest.importorskip("rolehop.vault.encrypted_file")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of keyrings.alt

PASSPHRASE = "made up: a passphrase"
KEYS, SESSION = "rolehop/keys/alice", f"rolehop/{'a' * 64}"
SECTION = "rolehop_2F" + "a" * 64
SETTINGS = "keyring_2Dsetting"
REGULAR = "it must be a regular file that you may read and write, in a folder of yours with room"
QUIET = "import warnings; warnings.simplefilter('ignore')"  # of keyrings.alt


@pytest.fixture(autouse=True)
def _no_wait_for_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encrypted_file, "_MOMENT", 0)  # the tests write the file in place, too


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


def test_a_file_that_another_process_replaced_meanwhile_is_opened_anew(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced, is_locked = file.with_name("replaced"), encrypted_file._is_locked
    shutil.copy(file, replaced)
    opened(replaced).open().put("rolehop/other", "x")

    def late(*arguments: object) -> bool:
        if replaced.exists():
            replaced.replace(file)
        return is_locked(*arguments)  # type: ignore[no-any-return]  # it may be absent

    monkeypatch.setattr(encrypted_file, "_is_locked", late)
    opened(file).open().put(SESSION, "another session")
    found = opened(file).open().get_all([KEYS, SESSION, "rolehop/other"])
    assert [*found.values()] == ["the keys", "another session", "x"]


def test_what_the_library_is_writing_just_now_is_read_when_it_is_whole(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It empties the file, and takes no lock: its text went to a file that ours had replaced."""
    whole = file.read_bytes()
    file.write_bytes(b"")

    def read_then_library_writes(path: Path, longest: int) -> bytes:
        data = read_regular(path, longest)
        file.write_bytes(whole)
        return data

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(encrypted_file, "read_regular", read_then_library_writes)
        opened(file).open().put(SESSION, "another session")
    assert opened(file).open().get(KEYS) == "the keys"


@pytest.mark.parametrize(
    ("text", "nanoseconds", "is_unfinished"),
    [
        ("", None, True),
        ("", 5 * 10**9, True),
        ("", 0, False),
        ("x", None, True),
        ("x", 5 * 10**9, False),
        ("x", 5 * 10**9 + 1, False),
    ],
)
def test_only_what_is_empty_or_was_written_in_place_just_now_is_looked_at_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    nanoseconds: int | None,
    is_unfinished: bool,
) -> None:
    """``nanoseconds``: the file's time; ``None``: just now."""
    monkeypatch.setattr(encrypted_file, "_MOMENT", 600)  # a busy machine stops this process
    path = tmp_path / "it"
    path.write_text(text)
    just_now = int(path.stat().st_mtime) * 10**9 + 1
    os.utime(path, ns=(0, just_now if nanoseconds is None else nanoseconds))
    assert encrypted_file._may_be_unfinished(path.stat()) is is_unfinished


def test_nothing_written_here_is_waited_for(tmp_path: Path) -> None:
    made = encrypted_file._open_locked(tmp_path / "made")
    assert not encrypted_file._may_be_unfinished(os.fstat(made))
    os.close(made)
    opened(tmp_path / "it").open().put(SESSION, "x")
    assert (tmp_path / "it").stat().st_mtime_ns % 10**9 == 0


def test_a_file_that_others_keep_locked_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encrypted_file, "_SECONDS", 0)
    with file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(VaultBroken) as caught:
            opened(file).open().put(SESSION, "x")
    assert caught.value.cause == f"other processes write {file} all the time"


def test_a_file_system_without_locks_has_none(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    opened(file).open().put(SESSION, "another session")
    assert opened(file).open().get(SESSION) == "another session"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_the_file_stays_that_of_its_user_when_root_writes_it(file: Path) -> None:
    os.chown(file, 65_520, 65_520)
    opened(file).open().put(SESSION, "another session")
    assert (file.stat().st_uid, file.stat().st_gid) == (65_520, 65_520)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
@pytest.mark.parametrize("link", [Path.symlink_to, Path.hardlink_to])
def test_root_gives_away_no_file_that_somebody_put_in_its_place(
    file: Path, link: Callable[[Path, Path], None]
) -> None:
    os.chown(file, 65_520, 65_520)
    other, new = file.with_name("other"), file.with_name("new")
    other.touch()
    link(new, other)
    with suppress(OSError):
        encrypted_file._put_in_place(new, file)
    assert (other.stat().st_uid, other.stat().st_gid) == (0, 0)


def test_a_link_to_the_file_stays(file: Path) -> None:
    link = file.with_name("link")
    link.symlink_to(file)
    opened(link).open().put(SESSION, "another session")
    assert link.is_symlink()
    assert opened(file).open().get(SESSION) == "another session"


@pytest.mark.parametrize("part", ["salt", "IV", "password_encrypted", "deep", None])
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
    with pytest.raises(VaultLocked, match="locked") as read:
        storage.get(SESSION)
    assert read.value.cause == f"{file} has another passphrase than the one that was given"
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
        assert caught.value.cause == f"{file} is damaged"
        assert "move it away, which loses its keys and sessions" in (caught.value.fix or "")
        assert file.read_bytes() == data


def test_what_is_no_file_is_named_and_not_waited_for(file: Path) -> None:
    file.unlink()
    for make, cause in ((os.mkfifo, "it is a pipe, not a regular file"), (os.mkdir, "is a dir")):
        make(file)
        for passphrase in (PASSPHRASE, ""):  # without one, the library would open it
            with pytest.raises(VaultBroken) as caught:
                opened(file, passphrase).open().put(SESSION, "x")
            assert (caught.value.cause or "").startswith(f"{file}: {cause}")
            assert caught.value.fix == REGULAR
        file.rename(file.with_name(make.__name__))


@pytest.mark.parametrize(
    ("number", "kind", "fix"),
    [
        (errno.ENOSPC, VaultFull, "make room on the disk of {}"),
        (errno.EROFS, VaultBroken, REGULAR),
    ],
)
def test_a_disk_that_cannot_be_written_is_named(
    file: Path, number: int, kind: type[VaultError], fix: str
) -> None:
    with pytest.raises(kind) as caught, encrypted_file._explained(file):
        raise OSError(number, os.strerror(number))
    assert caught.value.cause == f"{file}: {os.strerror(number).lower()}"
    assert caught.value.fix == fix.format(file)


# ---- the passphrase


def test_a_blank_passphrase_is_none(tmp_path: Path) -> None:
    """As of a variable that was to be filled from a secret which is not there."""
    for blank in ("", " \t"):
        chosen = opened(tmp_path / "it", blank).open().chosen
        assert chosen.asks_person
        assert "keyring_key" not in vars(chosen.keyring)


def test_a_passphrase_that_the_library_cannot_take_is_told(tmp_path: Path) -> None:
    with pytest.raises(VaultLocked) as caught:
        opened(tmp_path / "it", "made up: 5 €").open().put(KEYS, "x")
    assert "Latin-1" in (caught.value.cause or "")


@pytest.mark.parametrize("part", ["password_20reference", "scheme", None])
def test_a_file_whose_head_was_changed_is_opened_with_its_passphrase(
    file: Path, monkeypatch: pytest.MonkeyPatch, part: str | None
) -> None:
    """Any other item proves the passphrase, and no new one is asked for."""
    items = RawConfigParser()
    items.read(file)
    if part is None:
        items.remove_section(SETTINGS)
    else:
        items.set(SETTINGS, part, "AAAA")
    with file.open("w") as out:
        items.write(out)
    monkeypatch.setattr(encrypted_file, "_terminal_kept", nullcontext)
    answers = ["wrong", PASSPHRASE]
    monkeypatch.setattr("getpass.getpass", lambda _: answers.pop(0))
    with pytest.raises(VaultLocked):
        opened(file, "").open().get(KEYS)
    assert opened(file, "").open().get(KEYS) == "the keys"


@pytest.fixture
def world() -> Iterator[World]:
    with temporary_world(ENCRYPTED_FILE) as made:
        made.config('[sources.alice]\ntype = "keys"')
        yield made


def test_the_passphrase_is_asked_on_the_terminal_whose_echo_comes_back(world: World) -> None:
    add = ("keys", "add", "alice", "--from-env")
    with OnTerminal(world, SCRIPT, *add, before=QUIET) as person:
        for asked in ("set a password", "confirm"):
            person.expect(asked)
            person.types(PASSPHRASE)
        assert person.ended().code == 0
        assert PASSPHRASE not in person.shown
    with OnTerminal(world, SCRIPT, *add, "--replace", before=QUIET) as person:
        before = person.attributes()
        person.expect("enter password")
        person.presses_ctrl_c()
        assert person.ended().code == 130
        assert person.attributes() == before


def test_without_a_terminal_no_line_of_standard_input_is_the_passphrase(world: World) -> None:
    done = world.rolehop("keys", "add", "alice", "--from-env", before=QUIET, input=PASSPHRASE)
    assert done.code == 7
    assert "there is no terminal to ask for its passphrase" in done.err
    assert "KEYRING_PROPERTY_KEYRING_KEY" in done.err


# ---- the library


def test_the_library_itself_reads_what_is_written_and_knows_the_passphrase(file: Path) -> None:
    from keyrings.alt.file import EncryptedKeyring

    library = EncryptedKeyring()
    library.file_path, library.keyring_key = str(file), PASSPHRASE
    assert library.get_password(SESSION, "rolehop") == "the session"
    assert library._check_file()  # else it would ask for a new passphrase
    library.set_password("else", "somebody", "of another program")
    chosen = opened(file).open().chosen.keyring
    assert chosen.get_password("else", "somebody") == "of another program"
    library.set_password("else", "another", "x")
    chosen.delete_password("else", "another")
    with pytest.raises(PasswordDeleteError):
        chosen.delete_password("else", "another")
    assert library.get_password("else", "somebody") == "of another program"


def change(file: Path, part: str | None) -> None:
    """Change a bit of a part of the session's item; ``None``: cut it; "deep": nest too deeply."""
    items = RawConfigParser()
    items.read_string(file.read_text())
    coded = base64.b64decode(items.get(SECTION, "rolehop"))
    parts = json.loads(coded)
    if part in parts:
        data = bytearray(base64.b64decode(parts[part]))
        data[0] ^= 1
        parts[part] = base64.b64encode(data).decode()
    changed = {None: coded[:50], "deep": b"[" * 100_000}.get(part, json.dumps(parts).encode())
    text = base64.b64encode(changed).decode()
    items.set(SECTION, "rolehop", text)
    with file.open("w") as out:
        items.write(out)
