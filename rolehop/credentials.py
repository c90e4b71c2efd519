"""The one room where secrets live: a value that hides itself, and what is made of it.

A secret leaves by ``reveal()`` alone, and ``tests/test_house.py`` lists the doors that may call
it. Everything else (``repr``, formatting, ``json``, ``pickle``, ``copy.deepcopy``) hides or fails.
"""

from __future__ import annotations

import weakref
from datetime import datetime, timedelta
from typing import NoReturn

from rolehop.startup.dataclass import dataclass

HIDDEN = "[hidden]"
# By identity, not by value: equal secrets die one by one.
_live: weakref.WeakValueDictionary[int, Secret] = weakref.WeakValueDictionary()


class Secret:
    """A string that shows itself only when asked by name."""

    __slots__ = ("__weakref__", "_value")

    def __init__(self, value: str) -> None:
        self._value = value
        _live[id(self)] = self

    def reveal(self) -> str:
        """Return the plain text; called at the doors only."""
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
    """What signs a call, and the moment it ends."""

    access_key_id: str
    """Not secret; in messages it is shortened to its last four characters."""

    secret_access_key: Secret

    session_token: Secret | None = None

    expires_at: datetime | None = None
    """Aware, UTC, whole seconds; ``None`` for a long-lived key or where nobody says."""

    @property
    def long_lived(self) -> bool:
        """Tell whether these are IAM user keys: signed calls carry no session token."""
        return self.session_token is None

    def __repr__(self) -> str:
        return f"Credentials(…{self.access_key_id[-4:]})"


@dataclass(frozen=True, slots=True)
class Session:
    """Temporary credentials, whose they are, and when they began and end."""

    credentials: Credentials

    arn: str
    """Of the caller, as GetCallerIdentity would say it; empty where nobody has asked."""

    account: str
    """12 digits; empty where nobody has asked."""

    issued_at: datetime
    """Aware, UTC, whole seconds: when rolehop got it."""

    expires_at: datetime
    """Aware, UTC, whole seconds."""

    user_id: str = ""
    """The unique ID (``AROA…:session``); empty where nobody has asked."""

    def lasts(self, now: datetime, min_ttl: timedelta) -> bool:
        """Tell whether enough life is left at ``now``.

        Enough is ``min_ttl``, but never more than half of the session's whole life: a session of
        15 minutes would otherwise never be served from the vault.
        """
        enough = min(min_ttl, (self.expires_at - self.issued_at) / 2)
        return self.expires_at - now >= enough


def scrub(text: str) -> str:
    """Return ``text`` with every live secret of this process replaced by ``[hidden]``."""
    values = sorted(
        {s._value for s in list(_live.values()) if len(s._value) >= 4}, key=len, reverse=True
    )
    for value in values:
        text = text.replace(value, HIDDEN)
    return text
