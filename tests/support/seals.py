"""Seals under a key of a keyring in this process, or where there is none."""

from __future__ import annotations

from contextlib import nullcontext

from keyring.backend import KeyringBackend

from rolehop.base.errors import VaultAbsent
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.documents import DocumentStore
from rolehop.vault.seals import KIND, Seals
from rolehop.vault.storage import BackendHandle
from tests.doubles.keyrings import InMemory
from tests.vault.samples import chosen


def seals_in(keyring: KeyringBackend | None = None) -> Seals:
    """Return the seals of a process that has this keyring, or a new one."""
    keyring = keyring or InMemory()
    return _seals(BackendHandle(lambda: chosen(keyring), print))


def seals_without_keyring() -> Seals:
    """Return the seals of a process that has no keyring."""

    def choose() -> Chosen:
        raise VaultAbsent("there is no usable keyring")

    return _seals(BackendHandle(choose, print))


def _seals(handle: BackendHandle) -> Seals:
    return Seals(DocumentStore(handle, KIND), nullcontext)
