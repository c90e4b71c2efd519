"""The vault over a real Secret Service, through processes of its user."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.secret_service import SecretService

ROOT = Path(__file__).parents[2]

_BEFORE = """
import os, sys
from pathlib import Path
from rolehop.vault.backend_selection import choose_backend
from rolehop.vault.index_file import IndexStore
from rolehop.vault.sessions import KeyringVault
from tests.vault.samples import NOW, hop_step, keys, session
# Were the machine's start its own, a clock that stands still would be one that is set back.
clock = {"now": lambda: NOW, "machine_start": lambda now: NOW}
vault = KeyringVault(
    IndexStore(Path(sys.argv[1]), **clock),
    lambda: choose_backend(None, os.environ, sys.platform),
    print,
    **clock,
)
"""
PUT = 'vault.put(hop_step(), session(), "prod"); print("done")'
GET = 'print(vault.get(hop_step(), "prod") == session())'
GET_AND_PUT = 'vault.get(hop_step(), "prod"); vault.put(hop_step(), session("another"), "prod")'
LOCKED = (
    "sessions are neither read nor stored: the keyring is locked: "
    "KeyringLocked: Failed to unlock the collection!"
)


def run(code: str, service: SecretService, folder: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _BEFORE + code, str(folder)],
        capture_output=True,
        text=True,
        env={**service.full_environ(), "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_session_is_there_for_the_next_process(
    own_secret_service: SecretService, tmp_path: Path
) -> None:
    assert run(PUT, own_secret_service, tmp_path) == ["done"]
    assert run(GET, own_secret_service, tmp_path) == ["True"]


def test_a_keyring_that_was_locked_in_between_is_reported_and_loses_nothing(
    own_secret_service: SecretService, tmp_path: Path
) -> None:
    assert run(PUT, own_secret_service, tmp_path) == ["done"]
    own_secret_service.lock()
    assert run(GET_AND_PUT, own_secret_service, tmp_path) == [LOCKED]
    own_secret_service.unlock()
    assert run(GET, own_secret_service, tmp_path) == ["True"]


def test_a_keyring_that_was_never_unlocked_is_reported(
    locked_secret_service: SecretService, tmp_path: Path
) -> None:
    shown = run(GET_AND_PUT, locked_secret_service, tmp_path)
    assert len(shown) == 1
    assert shown[0].startswith("sessions are neither read nor stored: the keyring is locked: ")
