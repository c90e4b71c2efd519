from __future__ import annotations

import errno
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from keyring.errors import InitError, KeyringError, KeyringLocked, NoKeyringError, PasswordSetError
from secretstorage.exceptions import LockedException, SecretServiceNotAvailableException

from rolehop.base.credentials import Secret
from rolehop.base.errors import (
    VaultAbsent,
    VaultBroken,
    VaultDenied,
    VaultError,
    VaultFull,
    VaultLocked,
)
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.storage import BackendHandle, Deadline, as_vault_error, portions
from tests.doubles.keyrings import InMemory, WindowsError


class DBusErrorResponse(Exception):
    """Shaped like jeepney's."""

    def __init__(self, name: str, *data: str) -> None:
        super().__init__(name)
        self.name, self.data = name, data


class KeychainError(Exception):
    """Shaped like keyring's macOS API error."""


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (NoKeyringError("none"), VaultAbsent),
        (RuntimeError("Unable to initialize SecretService: no bus"), VaultAbsent),
        (SecretServiceNotAvailableException("gone"), VaultAbsent),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), VaultAbsent),
        (WindowsError(1312, "CredRead", "no such logon session"), VaultAbsent),
        (DBusErrorResponse("org.freedesktop.DBus.Error.ServiceUnknown"), VaultAbsent),
        (KeyringLocked("dismissed"), VaultLocked),
        (LockedException("locked"), VaultLocked),
        (InitError("Failed to create the collection: Prompt dismissed.."), VaultLocked),
        (DBusErrorResponse("org.freedesktop.Secret.Error.IsLocked"), VaultLocked),
        (caused_by(KeyringError("Can't get"), KeychainError(-25308, "Unknown Error")), VaultLocked),
        (PermissionError(errno.EACCES, "denied"), VaultDenied),
        (WindowsError(5, "CredRead", "denied"), VaultDenied),
        (DBusErrorResponse("org.freedesktop.DBus.Error.AccessDenied"), VaultDenied),
        (caused_by(KeyringError("Can't get"), KeychainError(-67030, "unsigned")), VaultDenied),
        (OSError(errno.EDQUOT, "quota"), VaultFull),
        (OSError(errno.ENOSPC, "space"), VaultFull),
        (PasswordSetError("no"), VaultBroken),
        (InitError("other"), VaultBroken),
        (RuntimeError("other"), VaultBroken),
        (WindowsError(1783, "CredWrite", "bad data"), VaultBroken),
        (UnicodeDecodeError("utf-8", b"secret", 0, 1, "bad"), VaultBroken),
        (KeyboardInterrupt(), VaultBroken),
    ],
    ids=lambda each: each.__name__ if isinstance(each, type) else type(each).__name__,
)
def test_each_error_is_one_of_five_things(error: BaseException, kind: type[VaultError]) -> None:
    said = as_vault_error(error)
    assert type(said) is kind
    assert said.fix
    assert said.exit_code == 7


SECRET = Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError(f"cannot store {SECRET.reveal()}"),
        KeyringError(f"cannot store {SECRET.reveal()}"),
        PasswordSetError("cannot store c2VjcmV0LW9mLWh1YnNlY3JldC1vZi1odWI="),
        OSError(errno.EIO, f"cannot store {SECRET.reveal()}"),
        UnicodeDecodeError("utf-8", SECRET.reveal().encode(), 0, 1, "bad"),
    ],
)
def test_no_value_is_quoted_or_chained(error: Exception) -> None:
    def fail() -> None:
        raise error

    with pytest.raises(VaultError) as caught:
        Deadline(5).call("testing", fail)
    said = f"{caught.value.what} {caught.value.cause} {caught.value.fix}"
    assert "wJalrX" not in said
    assert "c2VjcmV0" not in said
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_control_characters_do_not_reach_the_terminal() -> None:
    assert as_vault_error(KeyringError("a\x1b[2Jb\nc")).cause == "a [2Jb c"


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (KeyringLocked("Failed to unlock the collection!"), None),
        (InitError("Prompt dismissed.."), "nobody answered the prompt to unlock it"),
        (PermissionError(errno.EACCES, "Permission denied"), None),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"), "connection refused"),
        (WindowsError(1783, "CredWrite", "Bad data"), "bad data"),
    ],
)
def test_a_cause_says_more_than_the_error_or_is_left_out(
    error: BaseException, cause: str | None
) -> None:
    said = as_vault_error(error).cause
    assert said == cause or (said and cause and said.startswith(cause))


def test_the_result_of_a_call_is_returned() -> None:
    assert Deadline(5).call("testing", lambda: 7) == 7


def _steps(on_step: Callable[[], None]) -> int:
    for _ in range(9):
        on_step()
    return 9


def test_each_step_of_a_call_has_the_whole_time() -> None:
    deadline, late = Deadline(0.05), threading.Event()
    raised: list[BaseException] = []

    def write(on_step: Callable[[], None]) -> None:
        try:
            for _ in range(3):
                on_step()
            late.wait()
            on_step()
        except BaseException as error:
            raised.append(error)
            raise
        finally:
            ended.set()

    ended = threading.Event()
    with pytest.raises(VaultBroken) as caught:
        deadline.call_in_steps("writing to the keyring", write)
    assert caught.value.cause == "writing to the keyring did not end within 0.05 s"
    late.set()
    assert ended.wait(60)
    # What nobody waits for any more sends nothing more.
    assert [type(each) for each in raised] == [TimeoutError]
    assert Deadline(60).call_in_steps("testing", _steps) == 9


def test_a_call_that_waits_for_the_steps_of_another_does_not_hang() -> None:
    deadline, long_ago = Deadline(60), time.monotonic() - 1_000
    assert deadline._left(time.monotonic() - 50) > 0
    deadline._stepped_at = long_ago
    assert deadline._left(long_ago) == 0
    deadline.call_in_steps("writing to the keyring", _steps)
    assert deadline._left(long_ago) > 0


def test_after_a_hang_no_further_call_is_made() -> None:
    deadline, never, calls = Deadline(0.05), threading.Event(), []
    with pytest.raises(VaultBroken) as first:
        deadline.call("reading from the keyring", never.wait)
    assert first.value.cause == "reading from the keyring did not end within 0.05 s"
    with pytest.raises(VaultBroken) as second:
        deadline.call("writing to the keyring", lambda: calls.append(1))
    assert second.value.cause == "an earlier call did not end within 0.05 s"
    never.set()
    assert calls == []


_HANGS = """
import sys, tempfile
from pathlib import Path
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.index_file import IndexStore
from rolehop.vault.sessions import KeyringVault
from rolehop.base.dataclass import replace
from tests.vault.samples import hop_step, session
chosen = choose_backend("tests.doubles.keyrings.Hanging", {}, sys.platform)
vault = KeyringVault(
    IndexStore(Path(sys.argv[1])),
    lambda: replace(chosen, asks_person=True),  # choosing it has the other limit
    print,
    quick_seconds=60,
    person_seconds=0.2,
)
assert vault.get(hop_step(), "prod") is None
vault.put(hop_step(), session(), "prod")
vault.drop("other", "ASIA")
print("at the end")
"""


NO_ANSWER = (
    "sessions are neither read nor stored: the keyring does not answer: "
    "reading from the keyring did not end within 0.2 s"
)


def test_a_hung_keyring_never_stops_a_program_from_ending(tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", _HANGS, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert shown.stderr == ""
    assert shown.stdout.splitlines() == [
        NO_ANSWER,
        "at the end",
    ]


def test_importing_a_back_end_is_not_waiting_for_a_keyring() -> None:
    deeds: list[tuple[str, bool]] = []

    def note(deed: str) -> None:
        deeds.append((deed, threading.current_thread() is threading.main_thread()))

    def choose() -> Chosen:
        note("chosen")
        return Chosen("tests.doubles.keyrings.InMemory", InMemory())

    BackendHandle(choose, print, prepare=lambda: note("imported")).open()
    # What is limited runs in a thread of its own.
    assert deeds == [("imported", True), ("chosen", False)]


def test_a_keyring_whose_pace_is_not_known_gets_few_items_under_one_lock() -> None:
    whole = range(100)
    parts = [list(part) for part in portions(whole)]
    assert [each for part in parts for each in part] == list(whole)
    assert len(parts[0]) <= 4
    assert max(map(len, parts)) <= 20
