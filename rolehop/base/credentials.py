"""Secrets and credentials: a secret shows its text only through ``reveal()``.

``tests/house_map.py`` lists the modules that may call it. Everything else (``repr``, formatting,
``json``, ``pickle``, ``copy.deepcopy``) hides the text or fails.
"""

from __future__ import annotations

import weakref
from _thread import allocate_lock
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NoReturn

from rolehop.base.dataclass import dataclass
from rolehop.base.durations import end_by_new_clock, is_fresh, start_of_machine

HIDDEN = "[hidden]"

# By identity, not by value: equal secrets are freed one by one.
_live: weakref.WeakValueDictionary[int, Secret] = weakref.WeakValueDictionary()
_SHORTEST = 4  # characters; what is shorter is hidden nowhere

_starts: tuple[set[str], ...] = (set(),)
"""How secrets begin, also some that are gone: most texts hold none of these, and so no secret.

New ones are added to the last set. There are two while those that are gone are forgotten.
"""

_MOST_GONE = 1_000
_forgetting = allocate_lock()


class Secret:
    """A string whose text is shown by ``reveal()`` only."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _live[id(self)] = self
        starts = _starts[-1]
        starts.add(value[:_SHORTEST])
        if len(starts) > 2 * len(_live) + _MOST_GONE:
            _forget_starts()

    def reveal(self) -> str:
        """Return the plain text; only the listed modules may call this."""
        return self._value

    def __repr__(self) -> str:
        return "Secret([hidden])"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled or deep-copied")


@dataclass(frozen=True, slots=True)
class Credentials:
    """The keys that sign a call, and when they expire."""

    access_key_id: str
    """Not secret; in messages it is shortened to its last four characters."""

    secret_access_key: Secret

    session_token: Secret | None = None

    expires_at: datetime | None = None
    """By AWS's clock: aware, UTC, whole seconds; ``None`` for a long-lived key or if not known."""

    clock_offset: timedelta = timedelta()
    """AWS's clock minus this machine's when they were received; zero if not known."""

    @property
    def local_expires_at(self) -> datetime | None:
        """``expires_at`` as this machine's clock will show it."""
        return None if self.expires_at is None else self.expires_at - self.clock_offset

    @property
    def long_lived(self) -> bool:
        """True for IAM user keys: signed calls carry no session token."""
        return self.session_token is None

    def __repr__(self) -> str:
        return f"Credentials(…{self.access_key_id[-4:]})"


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials, their principal, and when they were issued and expire."""

    credentials: Credentials

    arn: str
    """The caller's ARN as GetCallerIdentity gives it; empty if not known yet."""

    account: str
    """12 digits; empty if not known yet."""

    issued_at: datetime
    """By this machine's clock: aware, UTC, whole seconds; when rolehop received it."""

    expires_at: datetime
    """By AWS's clock: aware, UTC, whole seconds. Handed out, and never compared with the time here."""

    user_id: str = ""
    """The unique ID (``AROA…:session``); empty if not known yet."""

    started_at: datetime | None = None
    """When this machine started, by the clock of ``issued_at``; ``None`` if not known."""

    @property
    def local_expires_at(self) -> datetime:
        """``expires_at`` as the clock of ``issued_at`` will show it: see `ends_at`."""
        return self.expires_at - self.credentials.clock_offset

    def ends_at(self, now: datetime) -> datetime:
        """Return when it ends by this machine's clock, which says ``now`` and may have been set."""
        if self.started_at is None:
            return self.local_expires_at
        shift = start_of_machine(now) - self.started_at
        return end_by_new_clock(self.local_expires_at, self.expires_at, shift)

    def lasts(self, now: datetime, min_ttl: timedelta) -> bool:
        """True if enough life is left at ``now``, by this machine's clock."""
        return is_fresh(self.issued_at, self.ends_at(now), now, min_ttl)


StoredDocument = Mapping[str, str | Secret]
"""A few named values that the vault stores together, some of them secret."""


def scrub(text: str) -> str:
    """Return ``text`` with every live secret of this process replaced by ``[hidden]``."""
    parts = {text[at : at + _SHORTEST] for at in range(len(text) - _SHORTEST + 1)}
    if all(starts.isdisjoint(parts) for starts in _starts):
        return text
    values = (secret._value for secret in _all_live())
    for value in sorted({each for each in values if len(each) >= _SHORTEST}, key=len, reverse=True):
        text = text.replace(value, HIDDEN)
    return text


def _all_live() -> list[Secret]:
    # Other threads make secrets meanwhile: unlike values(), valuerefs() is one step.
    return [secret for each in _live.valuerefs() if (secret := each()) is not None]


def _forget_starts() -> None:
    """Forget how secrets began that are gone, so that a program that runs for weeks does not grow.

    Nothing is locked here, for it runs wherever a secret is made. A secret of another thread is
    live before its start is added: to the old set, and then it is found here, or to the new one.
    """
    global _starts
    if not _forgetting.acquire(blocking=False):
        return
    try:
        new: set[str] = set()
        _starts = (*_starts, new)
        new.update(secret._value[:_SHORTEST] for secret in _all_live())
        _starts = (new,)
    finally:
        _forgetting.release()
