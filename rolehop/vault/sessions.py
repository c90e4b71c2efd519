"""Sessions in the keyring: the vault of a walk.

A session that cannot be read is a miss, which is said once, and after it this process writes
nothing to that back end any more. One that cannot be stored is said once, and the walk goes on.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rolehop.base.credentials import Secret, Session
from rolehop.base.errors import VaultAbsent, VaultError, VaultFull
from rolehop.hotpath.writer import sealed
from rolehop.plan.model import SourceStep, Step
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.documents import DocumentStore, KeyringKeyStore, KeyringTokenStore
from rolehop.vault.index import Index, SessionToStore, make_entry
from rolehop.vault.index_file import Change, IndexStore, write_problem
from rolehop.vault.seals import KIND, Seals
from rolehop.vault.serialization import Damaged, as_item, read_item, record_key_of
from rolehop.vault.storage import (
    PERSON_SECONDS,
    QUICK_SECONDS,
    TRIAL,
    BackendHandle,
    Once,
    Storage,
    in_one_line,
    portions,
)

if TYPE_CHECKING:
    from rolehop.vault.backend_selection import Chosen

_STILL_SHOWN = "status still shows sessions that are gone"


class KeyringVault:
    """The OS keyring as a vault (``ports.Vault``); safe between threads.

    Attributes:
        index: the index of stored sessions.
        keys: the stored IAM user keys.
        tokens: the stored sign-ins.
        callers: whom sources signed in as.
        seals: prove that what decides was not changed in the state folder.
    """

    def __init__(
        self,
        index: IndexStore,
        choose: Callable[[], Chosen],
        say: Callable[[str], None],
        *,
        prepare: Callable[[], None] = lambda: None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        quick_seconds: float = QUICK_SECONDS,
        person_seconds: float = PERSON_SECONDS,
        not_stored: str | None = None,
    ) -> None:
        """Touch nothing yet: the back end is chosen at first use.

        Args:
            index: the index of stored sessions.
            choose: ``choose_backend`` with its arguments; called at most once.
            say: shows one line to the user.
            prepare: called once before ``choose``, outside of any deadline: ``import_ahead``.
            now: the time, aware.
            quick_seconds: deadline of a keyring call.
            person_seconds: the same, if the system may be asking the user.
            not_stored: why sessions must be neither read nor stored; IAM user keys still are.
        """
        self._once = Once(say)
        self._backend = BackendHandle(
            choose,
            self._once.say,
            prepare=prepare,
            quick_seconds=quick_seconds,
            person_seconds=person_seconds,
        )
        self._now = now
        self._not_stored = not_stored
        # By hop key: what seals records of the hot path, of the items that this process looked for.
        self._record_keys: dict[str, Secret] = {}
        self.index = index
        self.keys = KeyringKeyStore(self._backend, self.index, now)
        self.tokens = KeyringTokenStore(self._backend, self.index, self._once.say)
        self.callers = DocumentStore(self._backend, "callers")
        self.seals = Seals(DocumentStore(self._backend, KIND), self.index.held)

    @property
    def backend(self) -> str | None:
        """The back end in use (``module.Class``), ``None`` before the first use and after a failure."""
        return self._backend.in_use

    @property
    def unreadable(self) -> bool:
        """True if the back end is there and failed, e.g. since it is locked."""
        return self._backend.is_unreadable

    def get(self, step: Step, chain: str) -> Session | None:
        """Return the session under ``step.key`` as `find` does, and note a hit for ``chain``."""
        session = self.find(step)
        if session is not None:
            self._note_hit(step, session, chain, self._backend.open().chosen.name)
        return session

    def find(self, step: Step) -> Session | None:
        """Return the session under ``step.key``, even an expired one; ``None``: a miss."""
        return self.find_key(step.key) if _is_stored(step) else None

    def find_key(self, key: str) -> Session | None:
        """Return the session under hop key ``key``, even an expired one; ``None``: a miss.

        Which back end the index names does not matter: an item in the one in use proves itself.
        """
        storage = self._open()
        try:
            found = None if storage is None else self._read(storage, key)
            if storage is not None and found is None:
                self._forget_missing(storage, key)
            return found
        except (Damaged, IncompleteItem) as damage:
            what = f"a session in the keyring is damaged and is not used: {damage}"
            self._once.say(what, about="damaged")
            return None
        except VaultError as error:
            self._give_up("sessions are neither read nor stored", error)
            return None

    def _forget_missing(self, storage: Storage, key: str) -> None:
        """Remove the entry of a session whose item was deleted from the keyring by somebody else.

        Another process stores an item only while it holds the index, so it is looked for once more
        then. Raises as `_read`.
        """
        backend = storage.chosen.name
        entry = self.index.load().sessions.get(key)
        if entry is None or entry.backend != backend:
            return
        with suppress(OSError), self.index.held() as change:  # a hint: walks ask the keyring itself
            if storage.get(_service(key)) is None:
                change(lambda index: index.without((key,), backend))

    def put(self, step: Step, session: Session, chain: str) -> None:
        """Store ``session``, got by ``step`` while walking ``chain``; a failure is said once."""
        self.put_all([SessionToStore(step, session, (chain,))])

    def put_all(
        self,
        new: Sequence[SessionToStore],
        on_stored: Callable[[int, int], object] = lambda done, total: None,
    ) -> None:
        """Store many sessions, and change the index seldom; a failure is said once.

        ``on_stored`` is told now and then how many are stored by now, and how many there are.
        Only what the index names is stored: what it does not, `status` and `logout` cannot find.
        """
        wanted = [each for each in new if _is_stored(each.step) and self._seconds_left(each) > 0]
        storage = self._open() if wanted else None
        if storage is None:
            return
        done = 0
        try:
            for some in portions(wanted):
                on_stored(done, len(wanted))
                self._put_some(some, storage)
                done += len(some)
        except OSError as error:
            self._say_not_noted("sessions are not stored", error)

    def _put_some(self, new: Sequence[SessionToStore], storage: Storage) -> None:
        """Store some sessions while the index is locked, their entries before their items.

        If this process is killed in between, there is an entry without an item, which is harmless.
        The keyring is read before: if it asks to be unlocked, nobody else waits for that.

        Raises:
            OSError: the index cannot be written; no item was.
        """
        try:
            self._learn_record_keys(storage, [each.step.key for each in new])
            storage.wake(_service(new[0].step.key))
        except VaultError as error:
            self._give_up("sessions are not stored", error)
            return
        with self.index.held() as change:
            before = self.index.load()
            change(lambda index: self._with_all(index, new, storage))
            not_stored = self._put_items(new, storage)
            if not_stored and not storage.hung:
                change(lambda index: index.as_before(not_stored, before, storage.chosen.name))

    def _read(self, storage: Storage, key: str) -> Session | None:
        """Read an item. Raises ``VaultError``, ``Damaged``, or ``IncompleteItem``."""
        self._record_keys[key] = Secret(secrets.token_hex(32))  # of the item that comes next
        text = storage.get(_service(key))
        return None if text is None else self._session_in(text, key)

    def _session_in(self, text: str, key: str) -> Session:
        session = read_item(text, key)
        self._record_keys[key] = record_key_of(text)
        return session

    def _learn_record_keys(self, storage: Storage, keys: Iterable[str]) -> None:
        """Read the record keys of the items under ``keys``: a renewed item keeps its records."""
        unknown = {_service(key): key for key in keys if key not in self._record_keys}
        found = storage.get_all(list(unknown)) if unknown else {}
        for service, key in unknown.items():
            self._record_keys[key] = Secret(secrets.token_hex(32))
            with suppress(Damaged, KeyError):
                self._session_in(found[service], key)

    def _put_items(self, new: Sequence[SessionToStore], storage: Storage) -> list[str]:
        """Write items; return the keys of those that are not stored, which has been said."""
        keys = [each.step.key for each in new]
        if self._open() is None:
            return keys
        try:
            failed = storage.put_all({_service(each.step.key): self._text_of(each) for each in new})
        except VaultError as error:
            self._give_up("sessions are not stored", error)
            return []  # each may be stored or not; an entry without an item is harmless
        for why in failed.values():
            if isinstance(why, VaultFull):
                self._once.say(in_one_line("sessions are not stored", why), about="full")
            else:
                self._give_up("sessions are not stored", why)
        return [key for key in keys if _service(key) in failed]

    def _text_of(self, new: SessionToStore) -> tuple[str, int]:
        record_key = self._record_keys[new.step.key].reveal()
        return as_item(new.session, new.step.key, record_key), self._seconds_left(new)

    def _seconds_left(self, new: SessionToStore) -> int:
        now = self._now()
        return int((new.session.ends_at(now) - now).total_seconds())

    def _with_all(self, index: Index, new: Sequence[SessionToStore], storage: Storage) -> Index:
        index = self._swept(index, storage, {each.step.key for each in new})
        for each in new:
            for chain in each.chains:
                index = self._noted(index, each.step, each.session, chain, storage.chosen.name)
        return index

    def seal(self, key: str, lines: str) -> str | None:
        """Return a record of the hot path: ``lines``, sealed with the item under hop key ``key``.

        ``None``: this process has not seen the item, or the record is no valid text.
        """
        record_key = self._record_keys.get(key)
        return None if record_key is None else sealed(lines, record_key.reveal())

    def drop(self, key: str, access_key_id: str) -> None:
        """Remove the session under ``key`` if it still has this access key ID."""
        storage = self._open()
        if storage is None:
            return
        try:
            storage.wake(_service(key))
            with self._held_for_deleting(storage.chosen.name) as gone:
                if not self._holds_another(storage, key, access_key_id):
                    storage.delete(_service(key))
                    gone.append(key)
        except VaultError as error:
            self._give_up("a session could not be removed", error)

    def _holds_another(self, storage: Storage, key: str, access_key_id: str) -> bool:
        with suppress(Damaged, IncompleteItem):
            found = self._read(storage, key)
            return found is not None and found.credentials.access_key_id != access_key_id
        return False

    def forget(self, keys: Iterable[str]) -> tuple[tuple[str, ...], int]:
        """Remove the sessions under ``keys``; return the keys that have none now, and how many had.

        Sessions in a back end that is not the one in use stay, and are not returned.

        Raises:
            VaultError: the keyring failed; sessions that were not removed stay in the index.
        """
        storage = self._backend.open()
        backend, sessions = storage.chosen.name, self.index.load().sessions
        elsewhere = {key for key, entry in sessions.items() if entry.backend != backend}
        gone: list[str] = []
        count = 0
        try:
            for some in portions(tuple(keys)):
                count += self._delete(some, storage)
                gone += [key for key in some if key not in elsewhere]
        except VaultError as error:
            self._backend.failed(error)
            raise
        return tuple(gone), count

    def forget_trial(self) -> bool:
        """Remove what a ``doctor`` that was killed left in the back end in use, and say so.

        Return ``False`` if there was nothing, or no keyring that can be asked.
        """
        try:
            left = self._backend.use(lambda storage: storage.delete(TRIAL))
        except VaultError:
            return False
        if left:
            self._once.say(
                "removed: the item with which a doctor that was killed tried the keyring"
            )
        return left

    def found_keys(self) -> tuple[str, ...] | None:
        """Return the keys of all its sessions if the back end in use lists them. Raises as `forget`."""
        return self._backend.use(Storage.session_keys)

    def forget_orphans(self, index: Index) -> int:
        """Remove the orphans of ``index`` from the back end in use; return how many. Raises as `forget`."""
        return self._backend.use(
            lambda each: self._delete(index.orphans_in(each.chosen.name), each)
        )

    def _delete(self, keys: Sequence[str], storage: Storage) -> int:
        """Delete items, then their entries, while the index is locked; return how many there were.

        Another process writes an item only while it holds that lock and has its entry there, so
        that no item is left without an entry. If the index cannot be locked or written, the items
        go all the same, and their entries stay, which is harmless.

        Raises:
            VaultError: the keyring failed; the entries of items that are still there stay.
        """
        if keys:
            storage.wake(_service(keys[0]))
        count = 0
        with self._held_for_deleting(storage.chosen.name) as gone:
            for key in keys:
                count += storage.delete(_service(key))
                gone.append(key)
        return count

    @contextmanager
    def _held_for_deleting(self, backend: str) -> Iterator[list[str]]:
        """Lock the index if possible; remove the entries of the keys that are added to the list."""
        gone: list[str] = []
        with ExitStack() as stack:
            try:
                change = stack.enter_context(self.index.held())
            except OSError as error:
                self._say_not_noted(_STILL_SHOWN, error)
                yield gone
                return
            try:
                yield gone
            finally:
                try:
                    change(lambda index: index.without(gone, backend))
                except OSError as error:
                    self._say_not_noted(_STILL_SHOWN, error)

    def _open(self) -> Storage | None:
        if self._not_stored is not None:
            self._once.say(f"sessions are not stored: {self._not_stored}", about="absent")
            return None
        try:
            return self._backend.open()
        except VaultAbsent as error:
            self._once.say(in_one_line("sessions are not stored", error), about="absent")
        except VaultError as error:
            self._give_up("sessions are neither read nor stored", error)
        return None

    def _give_up(self, what: str, error: VaultError) -> None:
        """Say once what failed, and stop using this back end."""
        self._backend.failed(error)
        self._once.say(in_one_line(what, error), about="failed")

    def _note_hit(self, step: Step, session: Session, chain: str, backend: str) -> None:
        entry = self.index.load().sessions.get(step.key)
        if entry is None or entry.backend != backend or chain not in entry.chains:
            self.note(lambda index: self._noted(index, step, session, chain, backend))

    def _noted(self, index: Index, step: Step, session: Session, chain: str, backend: str) -> Index:
        parent = index.sessions.get(step.parent or "")
        return index.with_session(make_entry(step, session, chain, backend, parent, self._now()))

    def _swept(self, index: Index, storage: Storage, spared: Collection[str] = ()) -> Index:
        """Remove expired and orphaned sessions from the back end; return the index without them.

        To be called while the index is locked: another process notes a session there before it
        writes it, so that a session that was just walked again is never removed.
        """
        backend = storage.chosen.name
        gone: list[str] = []
        try:
            for key in (*index.expired(self._now(), backend), *index.orphans_in(backend)):
                if key not in spared:
                    storage.delete(_service(key))
                    gone.append(key)
        except VaultError as error:
            self._give_up("expired sessions could not be removed", error)
        return index.without(gone, backend)

    def note(self, change: Change) -> None:
        """Apply ``change`` to the index; a failure is said once."""
        try:
            self.index.change(change)
        except OSError as error:
            self._say_not_noted("what is stored could not be noted", error)

    def _say_not_noted(self, what: str, error: OSError) -> None:
        why = "; ".join(write_problem(error))
        self._once.say(f"{what}: {self.index.path}: {why}", about=what)


def _is_stored(step: Step) -> bool:
    return not isinstance(step, SourceStep) or step.stored


def _service(key: str) -> str:
    return f"rolehop/{key}"
