"""Whose credentials sources gave when AWS was last asked: it finds sessions named after the caller.

A note in the keyring, not in the index: whoever can write files could otherwise choose the name. It
only leads to stored sessions; before a new one is made AWS is asked again, as an IAM user may be
renamed and a program may sign in as somebody else.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from typing import TYPE_CHECKING

from rolehop.base.errors import VaultError

if TYPE_CHECKING:
    from rolehop.vault.documents import DocumentStore

NAME = "sources"
_MOST = 32  # sources in one state each; the item stays small enough for every back end


class SourceCallers:
    """ARNs of callers by the source step's key, which has the source's state in it.

    Safe between threads. A keyring that fails is a miss; the vault of the walk says why.
    """

    def __init__(
        self,
        documents: Callable[[], DocumentStore],
        alone: Callable[[], AbstractContextManager[object]],
    ) -> None:
        """Open no keyring before something is asked.

        ``alone`` lets only one process at a time rewrite the note; OSError if it cannot.
        """
        self._documents = documents
        self._alone = alone
        self._guard = threading.RLock()
        self._asking = threading.Lock()
        self._said: dict[str, str] = {}
        self._noted: dict[str, str] | None = None

    def get(self, key: str) -> str | None:
        """Return the noted ARN; ``None``: none is known."""
        with self._guard:
            if self._noted is None:
                self._noted = self._stored()
            return self._said.get(key) or self._noted.get(key)

    def said_by_aws(self, key: str, ask: Callable[[], str]) -> str:
        """Return what AWS said in this process, which one thread asks for; raises as ``ask``."""
        with self._asking:
            if key not in self._said:
                arn = ask()
                self.note(key, arn)
                self._said[key] = arn
            return self._said[key]

    def note(self, key: str, arn: str) -> None:
        """Store what AWS said just now; failing to is harmless."""
        with self._guard:
            if self.get(key) == arn:
                return
            self._stored()  # if the keyring asks to be unlocked, nobody else waits for that
            with suppress(VaultError, OSError), self._alone():
                others = {each: of for each, of in self._stored().items() if each != key}
                self._noted = dict([*others.items(), (key, arn)][-_MOST:])
                self._documents().put(NAME, self._noted)

    def forget(self) -> None:
        """Delete the note; failing to is harmless: it holds no secret."""
        with self._guard, suppress(VaultError):
            self._said, self._noted = {}, None
            self._documents().delete(NAME)

    def _stored(self) -> dict[str, str]:
        from rolehop.vault.serialization import Damaged

        with suppress(VaultError, Damaged):
            found = self._documents().get(NAME) or {}
            return {key: value for key, value in found.items() if isinstance(value, str)}
        return {}
