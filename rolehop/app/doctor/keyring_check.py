"""The keyring: which one it is, what it protects, whether it works, and how quick it is."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rolehop.errors import RolehopError, VaultBroken
from rolehop.show.doctor.finding import DoctorFinding, fine, from_error, look
from rolehop.startup.dataclass import dataclass
from rolehop.vault import (
    ENCRYPTED_FILE,
    FREEDESKTOP,
    GPG_STORE,
    KERNEL,
    KWALLET,
    MACOS,
    WINDOWS,
    backend_label,
)
from rolehop.vault.storage import BackendHandle, Storage

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.vault.backend_selection import Chosen

TOPIC = "keyring"
_SERVICE = "rolehop/doctor"
"""The same in every trial: the next one deletes what is left of one that was killed."""

_TRIALS = 3
"""Another doctor, at the same moment, may put its own text in the place of this one's."""

_SLOW = 1.0  # seconds of a round trip; every walk makes several

PROTECTION = {
    FREEDESKTOP: "on disk it is encrypted with the login password; while it is unlocked, every"
    " program of yours can read it",
    KWALLET: "on disk it is encrypted with the wallet's password; while it is open, programs that"
    " you allowed can read it",
    KERNEL: "nothing is on disk; every program of yours can read it, and a reboot empties it",
    GPG_STORE: "on disk it is encrypted with your GnuPG key; while its agent has the passphrase, every"
    " program of yours can read it",
    ENCRYPTED_FILE: "on disk it is encrypted with the passphrase; whoever has that, or its variable, can"
    " read it, and who changes the file is not noticed",
    MACOS: "on disk it is encrypted with the login password; it asks before another program reads it",
    WINDOWS: "on disk it is encrypted with your Windows login; every program of yours can read it",
}
"""What each back end protects, by `backend_label`'s names."""

_UNKNOWN = "what it protects is for its own documentation to say"


def check_keyring(app: App) -> Iterator[DoctorFinding]:
    """Yield what is to be said of the keyring, after one item was written, read and deleted."""
    from rolehop.vault.backend_selection import choose_backend, import_ahead

    try:
        named = app.config.vault_backend
    except RolehopError:  # the config's own check says it
        named = None
    try:
        found = _try_keyring(
            lambda: choose_backend(named, app.environ, sys.platform),
            lambda: import_ahead(named, app.environ, sys.platform),
        )
    except RolehopError as error:
        yield from_error(TOPIC, error, "no session can be stored, and stored keys cannot be used")
        return
    what = f"{backend_label(found.backend)}: an item was written, read and deleted in"
    what = f"{what} {found.seconds * 1000:.0f} ms"
    protects = PROTECTION.get(found.backend, _UNKNOWN)
    if found.warning is not None:
        yield look(TOPIC, what, found.warning, 'name another: [vault] backend = "module.Class"')
    elif found.seconds > _SLOW:
        yield look(TOPIC, what, f"it is slow; {protects}", "see what else uses the keyring")
    else:
        yield fine(TOPIC, what, protects)


@dataclass(frozen=True, slots=True)
class _RoundTrip:
    """How the keyring did."""

    backend: str
    """``module.Class``."""

    seconds: float
    """For writing, reading and deleting one item."""

    lasting: bool
    """Its items survive a reboot."""

    warning: str | None
    """One line for the user, e.g. that it may keep plain text."""


def _try_keyring(choose: Callable[[], Chosen], prepare: Callable[[], None]) -> _RoundTrip:
    """Choose the back end as `KeyringVault` does, and use it once.

    Raises:
        VaultError: there is none, it is locked, it fails, or gives back something else.
    """
    storage = BackendHandle(choose, lambda line: None, prepare=prepare).open()
    for _ in range(_TRIALS):
        begun = time.monotonic()
        works = _gives_back(storage, secrets.token_hex(32))
        seconds = time.monotonic() - begun
        if works:
            break
    else:
        raise VaultBroken(
            "the keyring does not give back what it was given",
            cause=f"{storage.chosen.name} stored an item and then had another, or none",
            fix='name another one: [vault] backend = "module.Class"',
        )
    return _RoundTrip(storage.chosen.name, seconds, storage.chosen.lasting, storage.chosen.warning)


def _gives_back(storage: Storage, text: str) -> bool:
    storage.put(_SERVICE, text, 60)
    try:
        return storage.get(_SERVICE) == text
    finally:
        storage.delete(_SERVICE)
