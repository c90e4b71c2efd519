"""The chosen back end in use: plain texts by service name, each call within a deadline, its errors in words.

`BackendHandle` chooses the back end at first use and remembers a failure: this process never asks
again a keyring that was locked or silent once, and never writes to it after a failed read.
"""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rolehop.base.advice import Advice
from rolehop.base.credentials import HIDDEN, scrub
from rolehop.base.errors import (
    VaultAbsent,
    VaultBroken,
    VaultDenied,
    VaultError,
    VaultFull,
    VaultLocked,
)
from rolehop.base.startup import Pattern, debug
from rolehop.base.time_limit import comes_within
from rolehop.base.waits import Wait
from rolehop.vault import chunks

if TYPE_CHECKING:
    from rolehop.vault.backend_selection import Chosen

QUICK_SECONDS = 5.0

PERSON_SECONDS = 40.0
"""If the system may be asking the user; below the 45 s after which waiting processes give up."""

T = TypeVar("T")
_LONG_WORD = re.compile(r"[A-Za-z0-9+=]{24,}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST_MESSAGE = 200  # characters of a library's own message
_UNLOCK = "unlock it in your desktop session, then run the command again"

# By the name of the class, since the libraries that define them are not loaded here.
_BY_CLASS: dict[str, type[VaultError]] = {
    "NoKeyringError": VaultAbsent,
    "SecretServiceNotAvailableException": VaultAbsent,
    "KeyringLocked": VaultLocked,
    "LockedException": VaultLocked,
    "PromptDismissedException": VaultLocked,
}

_BY_ERRNO: dict[int, type[VaultError]] = {
    errno.EACCES: VaultDenied,
    errno.EPERM: VaultDenied,
    getattr(errno, "EDQUOT", errno.ENOSPC): VaultFull,
    errno.ENOSPC: VaultFull,
    errno.ECONNREFUSED: VaultAbsent,
    errno.ENOENT: VaultAbsent,
}

# D-Bus error names (D-Bus specification; Secret Service draft, "Errors").
_BY_DBUS_NAME: dict[str, type[VaultError]] = {
    "org.freedesktop.DBus.Error.AccessDenied": VaultDenied,
    "org.freedesktop.DBus.Error.ServiceUnknown": VaultAbsent,
    "org.freedesktop.DBus.Error.Spawn.ExecFailed": VaultAbsent,
    "org.freedesktop.Secret.Error.IsLocked": VaultLocked,
}

# Win32 error codes: access denied, not enough memory, no such logon session (SSH, services).
_BY_WINERROR: dict[int, type[VaultError]] = {5: VaultDenied, 8: VaultFull, 1312: VaultAbsent}

# Security framework: "Deny" was clicked, interaction not allowed (SSH), authorisation failed,
# unsigned program; not available, no such Keychain, no default one (a service, a new home).
_BY_KEYCHAIN_STATUS: dict[int, type[VaultError]] = {
    -128: VaultDenied,
    -25308: VaultLocked,
    -25293: VaultDenied,
    -67030: VaultDenied,
    -25291: VaultAbsent,
    -25294: VaultAbsent,
    -25307: VaultAbsent,
}

_CHOOSE = "see what the system's keyring says, or name another: [vault] backend in the config"

_WHAT: dict[type[VaultError], tuple[str, str]] = {
    VaultAbsent: ("there is no usable keyring", _CHOOSE),
    VaultLocked: ("the keyring is locked", _UNLOCK),
    VaultDenied: ("the keyring denies access", "allow this program in the keyring's settings"),
    VaultFull: ("the keyring has no room left", "rolehop logout --all"),
    VaultBroken: ("the keyring failed", _CHOOSE),
}


class Deadline:
    """Makes calls of at most ``seconds`` each; after one that hung, it makes no more.

    Calls of several threads may take turns: while the steps of one are made, others do not hang.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.hung = False
        self._stepped_at = time.monotonic()

    def call(self, doing: str, function: Callable[[], T]) -> T:
        """Return what ``function`` returns. ``doing`` says what it does, for the message.

        Raises:
            VaultError: it failed or did not end in time, or an earlier call did not.
        """
        return self.call_in_steps(doing, lambda _: function())

    def call_in_steps(self, doing: str, function: Callable[[Callable[[], None]], T]) -> T:
        """Do the same with a call of many steps, each of which has the whole time.

        ``function`` gets what it must call after each step; that raises if it came too late.
        Raises as `call`.
        """
        if self.hung:
            raise _hang(doing, self.seconds, before=True)
        outcome = _Outcome[T](self._has_stepped)
        threading.Thread(target=outcome.run, args=(function,), daemon=True).start()
        since = time.monotonic()
        while True:
            with Wait("waiting for the keyring, which may ask to be unlocked,", may_ask=True):
                moved = comes_within(
                    self._left(since), lambda part: outcome.moved.acquire(timeout=part)
                )
            if outcome.has_ended:
                break
            if moved:
                since = time.monotonic()
            elif self._left(since) == 0:
                self.hung = outcome.is_too_late = True
                raise _hang(doing, self.seconds, before=False)
        if outcome.error is not None:
            raise outcome.error
        return outcome.value

    def _left(self, since: float) -> float:
        return max(0.0, max(since, self._stepped_at) + self.seconds - time.monotonic())

    def _has_stepped(self) -> None:
        self._stepped_at = time.monotonic()


class _Outcome(Generic[T]):
    """The outcome of one call. The library's exception dies in the thread, with its frames."""

    value: T

    def __init__(self, on_step: Callable[[], None]) -> None:
        self._on_step = on_step
        self.moved = threading.Semaphore(0)
        self.has_ended = False
        self.is_too_late = False
        self.error: VaultError | None = None

    def run(self, function: Callable[[Callable[[], None]], T]) -> None:
        try:
            self.value = function(self._step)
        except BaseException as error:  # noqa: BLE001 - back ends raise anything; see module
            self.error = as_vault_error(error)
        finally:
            self.has_ended = True
            self.moved.release()

    def _step(self) -> None:
        if self.is_too_late:
            raise TimeoutError("nobody waits for it any more")
        self._on_step()
        self.moved.release()


def as_vault_error(error: BaseException) -> VaultError:
    """Return a new error that says what ``error`` means, without a chain back to it."""
    if isinstance(error, VaultError):
        return type(error)(error.what, cause=error.cause, fix=error.fix)
    # keyring calls a Keychain that denies locked; its cause has the status.
    kind = _kind(error.__cause__) or _kind(error) or VaultBroken
    what, fix = _WHAT[kind]
    return kind(what, cause=_cause(kind, error), fix=fix)


def in_one_line(what: str, error: VaultError) -> str:
    """Return one line: the consequence for the walk, and why; a command that helps, if there is one."""
    line = ": ".join(part for part in (what, error.what, error.cause) if part)
    helps = isinstance(error, VaultLocked) and isinstance(error.fix, Advice)
    return Advice(line, "; ", error.fix or "") if helps else line


def _hang(doing: str, seconds: float, *, before: bool) -> VaultBroken:
    earlier = "an earlier call" if before else doing
    return VaultBroken(
        "the keyring does not answer",
        cause=f"{earlier} did not end within {seconds:g} s",
        fix="look for a prompt that waits for you, or name another back end in [vault]",
    )


def _kind(error: BaseException | None) -> type[VaultError] | None:
    """Map a back end's exception to a subclass of VaultError, ``None`` if it is not known."""
    if error is None:
        return None
    for look_up in (_by_class, _by_dbus_name, _by_number):
        kind = look_up(error)
        if kind is not None:
            return kind
    return None


def _by_class(error: BaseException) -> type[VaultError] | None:
    name = type(error).__name__
    # keyring wraps a dismissed unlock prompt of a missing collection into InitError's text.
    if name == "InitError" and "dismissed" in str(error):
        return VaultLocked
    # A back end that was named, but cannot work here, says so only when it is used.
    if type(error) is RuntimeError and "initialize" in str(error):
        return VaultAbsent
    return _BY_CLASS.get(name)


def _by_dbus_name(error: BaseException) -> type[VaultError] | None:
    name = getattr(error, "name", None)
    return _BY_DBUS_NAME.get(name) if isinstance(name, str) else None


def _by_number(error: BaseException) -> type[VaultError] | None:
    windows: Any = getattr(error, "winerror", None)
    if windows is not None:
        return _BY_WINERROR.get(windows)
    if isinstance(error, OSError):
        return _BY_ERRNO.get(error.errno or 0)
    first = error.args[0] if error.args else None
    return _BY_KEYCHAIN_STATUS.get(first) if isinstance(first, int) else None


def _cause(kind: type[VaultError], error: BaseException) -> str | None:
    """Return why it failed, if the error says more than its kind does."""
    if kind is VaultLocked:
        return "nobody answered the prompt to unlock it" if "dismissed" in str(error) else None
    if kind is VaultDenied and isinstance(error, OSError):
        return None
    return _message(error)


def _message(error: BaseException) -> str:
    """Return the error's own message if its library is known never to quote a value.

    Long words are hidden even there: `scrub` does not know the parts of a value.
    """
    family = type(error).__module__.partition(".")[0]
    text = ""
    said = getattr(error, "strerror", None)  # the system's own text
    if isinstance(said, str) and (isinstance(error, OSError) or hasattr(error, "winerror")):
        text = said.lower()
    elif family in {"keyring", "secretstorage", "jeepney"}:
        body = getattr(error, "data", None)  # of a D-Bus error: what its sender says
        first = body[0] if isinstance(body, tuple) and body else str(error)
        text = first if isinstance(first, str) else ""
    clean = _CONTROL.sub(" ", _LONG_WORD.sub(HIDDEN, scrub(text))).strip()[:_LONGEST_MESSAGE]
    return clean or f"its library raises {type(error).__name__}"


# Constant: the service identifies an item. Windows keeps an old secret under a compound name if
# the user name of a service changes.
USERNAME = "rolehop"
TRIAL = "rolehop/doctor"
"""The item of each trial of the keyring: the next one, or `uninstall`, deletes what a killed one left."""

_SESSION = Pattern(r"rolehop/([0-9a-f]{64})")
_DELETE_ATTEMPTS = 3
_MOST = 20  # items of one portion

_FIRST = 4
"""Items of the first one, before it is known how long they take: others give up after 45 s at most."""

_SECONDS = 1.0
"""How long a portion should take, also with a slow keyring: others give up after 5 s."""

_JUST_NOW = 0.5
"""Seconds; longer ago, asking again costs little beside what was done meanwhile."""


class Storage:
    """Texts in one back end.

    Every method raises the subclass of ``VaultError`` that says what is wrong.
    """

    def __init__(self, chosen: Chosen, deadline: Deadline) -> None:
        self.chosen = chosen
        self._deadline = deadline
        self._plain = _Plain(chosen)
        self._answered_at: float | None = None

    @property
    def hung(self) -> bool:
        """True if a call did not end in time: what it was to write may still be written."""
        return self._deadline.hung

    def get(self, service: str) -> str | None:
        """Return the text, ``None`` if there is none.

        Raises:
            IncompleteItem: only a part of it is there; it may be overwritten.
        """

        def read() -> str | chunks.IncompleteItem | None:
            try:
                return chunks.get(self._plain, service)
            except chunks.IncompleteItem as half:
                return half

        found = self._call("reading from the keyring", read)
        debug(__name__, "read %s: %s", service, "nothing there" if found is None else "found")
        if isinstance(found, chunks.IncompleteItem):
            raise found
        return found

    def wake(self, service: str) -> None:
        """Read ``service`` if the keyring has not answered just now: it may have locked itself.

        To be called before others have to wait: then it asks to be unlocked while nobody does.
        """
        if self._answered_at is None or time.monotonic() - self._answered_at > _JUST_NOW:
            with suppress(chunks.IncompleteItem):
                self.get(service)

    def put(self, service: str, text: str, seconds: int | None = None) -> None:
        """Store ``text``; ``seconds`` is its lifetime, for back ends that expire items."""
        self._call(
            "writing to the keyring",
            lambda: chunks.put(self._plain, service, text, self.chosen.limit, seconds),
        )
        debug(__name__, "wrote %s", service)

    def get_all(self, services: Sequence[str]) -> dict[str, str]:
        """Return the texts that are there, by service; what is incomplete is not among them."""
        many = getattr(self.chosen.keyring, "get_passwords", None)
        if many is not None and self.chosen.limit is None:
            return self._call_in_steps(
                "reading from the keyring", lambda on_step: many(services, USERNAME, on_step)
            )
        found: dict[str, str] = {}
        for service in services:
            with suppress(chunks.IncompleteItem):
                text = self.get(service)
                if text is not None:
                    found[service] = text
        return found

    def put_all(self, texts: Mapping[str, tuple[str, int]]) -> dict[str, VaultError]:
        """Store texts, by service, each with its lifetime in seconds.

        Return why some were not stored. After an error that says more than that there is no room,
        no more are tried.

        Raises:
            VaultError: the keyring ended or hung in between. Each may be stored, or not.
        """
        many = getattr(self.chosen.keyring, "set_passwords", None)
        if many is None or self.chosen.limit is not None:
            return self._put_one_by_one(texts)
        plain = {service: text for service, (text, _) in texts.items()}

        def write(on_step: Callable[[], None]) -> dict[str, VaultError]:
            failed = many(plain, USERNAME, on_step)
            return {service: as_vault_error(error) for service, error in failed.items()}

        not_stored = self._call_in_steps("writing to the keyring", write)
        debug(__name__, "wrote %d of %d items", len(plain) - len(not_stored), len(plain))
        return not_stored

    def _put_one_by_one(self, texts: Mapping[str, tuple[str, int]]) -> dict[str, VaultError]:
        failed: dict[str, VaultError] = {}
        last: VaultError | None = None
        for service, (text, seconds) in texts.items():
            if last is None or isinstance(last, VaultFull):
                try:
                    self.put(service, text, seconds)
                    continue
                except VaultError as error:
                    last = error
            failed[service] = last
        return failed

    def delete(self, service: str) -> bool:
        """Delete the text; return ``False`` if there was none."""
        there = self._call(
            "deleting from the keyring",
            lambda: chunks.delete(self._plain, service, self.chosen.limit),
        )
        debug(__name__, "deleted %s", service if there else f"nothing under {service}")
        return there

    def session_keys(self) -> tuple[str, ...] | None:
        """Return the hop keys of all sessions that are stored; ``None``: the back end lists nothing."""
        search = getattr(self.chosen.keyring, "services_of", None)
        if search is None:
            return None
        services: list[str] = self._call("searching the keyring", lambda: search(USERNAME))
        return tuple(sorted(found[1] for found in map(_SESSION.fullmatch, services) if found))

    def _call(self, doing: str, function: Callable[[], T]) -> T:
        return self._call_in_steps(doing, lambda _: function())

    def _call_in_steps(self, doing: str, function: Callable[[Callable[[], None]], T]) -> T:
        try:
            answer = self._deadline.call_in_steps(doing, function)
        except VaultLocked as error:
            error.fix = self.chosen.unlock or error.fix
            raise
        self._answered_at = time.monotonic()
        return answer


class BackendHandle:
    """Chooses the back end once, for everybody who shares it; safe between threads."""

    def __init__(
        self,
        choose: Callable[[], Chosen],
        say: Callable[[str], None],
        *,
        prepare: Callable[[], None] = lambda: None,
        quick_seconds: float = QUICK_SECONDS,
        person_seconds: float = PERSON_SECONDS,
    ) -> None:
        self._choose = choose
        self._prepare = prepare
        self._say = say
        self._seconds = (quick_seconds, person_seconds)
        self._guard = threading.Lock()
        self._storage: Storage | None = None
        self._failure: VaultError | None = None

    @property
    def in_use(self) -> str | None:
        """The back end that was chosen and has not failed, ``None``: none is in use."""
        with self._guard:
            return None if self._failure or not self._storage else self._storage.chosen.name

    @property
    def is_unreadable(self) -> bool:
        """True if it failed and may still hold something: it is locked, broken or denied."""
        with self._guard:
            return self._failure is not None and not isinstance(self._failure, VaultAbsent)

    def open(self) -> Storage:
        """Return the storage of the back end in use.

        Raises:
            VaultError: there is no back end, or it failed before in this process.
        """
        with self._guard:
            if self._failure is not None:
                raise as_vault_error(self._failure)
            if self._storage is None:
                self._storage = self._first()
            return self._storage

    def use(self, call: Callable[[Storage], T]) -> T:
        """Return the result of ``call``; an error takes the back end out of use.

        Raises:
            VaultError: as `open`, or the call failed.
        """
        storage = self.open()
        try:
            return call(storage)
        except VaultError as error:
            self.failed(error)
            raise

    def failed(self, error: VaultError) -> None:
        """Stop using the back end, unless it is only full: a full one still reads and deletes."""
        with self._guard:
            if not isinstance(error, VaultFull) and self._failure is None:
                self._failure = error

    def _first(self) -> Storage:
        quick, person = self._seconds
        self._prepare()
        try:
            chosen = Deadline(quick).call("looking for a keyring", self._choose)
        except VaultError as error:
            self._failure = error
            raise
        debug(__name__, "the keyring is %s", chosen.name)
        if chosen.warning is not None:
            self._say(chosen.warning)
        return Storage(chosen, Deadline(person if chosen.asks_person else quick))


class _Plain:
    """The back end's own calls; they run in the deadline's thread."""

    def __init__(self, chosen: Chosen) -> None:
        self._keyring = chosen.keyring
        self._deletes_first = chosen.deletes_first

    def get(self, service: str) -> str | None:
        try:
            # Some back ends return an empty value for "not there".
            return self._keyring.get_password(service, USERNAME) or None
        except UnicodeDecodeError:  # its text holds the bytes
            raise chunks.IncompleteItem("it is not text") from None
        except Exception as error:
            if type(error).__name__ == "HalfWritten":  # of a back end that is seldom loaded
                raise chunks.IncompleteItem(str(error)) from None
            raise

    def put(self, service: str, text: str, seconds: int | None) -> None:
        if self._deletes_first:
            self.delete(service)
        until = getattr(self._keyring, "set_password_until", None)
        if until is not None and seconds is not None:
            until(service, USERNAME, text, seconds)
        else:
            self._keyring.set_password(service, USERNAME, text)

    def delete(self, service: str) -> bool:
        delete_items = getattr(self._keyring, "delete_items", None)
        if delete_items is not None:
            return bool(delete_items(service, USERNAME))
        from keyring.errors import PasswordDeleteError

        for _ in range(_DELETE_ATTEMPTS):
            try:
                self._keyring.delete_password(service, USERNAME)
            except PasswordDeleteError:
                # The only error there is for "not there", and for "could not". An item that is
                # there now may have been stored by another process in between.
                if not chunks.is_there(self, service):
                    return False
            else:
                return True
        raise VaultBroken("the keyring did not delete an item")


def portions(whole: Sequence[T]) -> Iterator[Sequence[T]]:
    """Cut work that is done under a lock, so that others get their turn in between.

    Yields parts of ``whole``, smaller ones if what is done with them takes long.
    """
    start, size = 0, _FIRST
    while start < len(whole):
        begun = time.monotonic()
        yield whole[start : start + size]
        start += size
        took = time.monotonic() - begun
        size = min(_MOST, max(1, int(size * _SECONDS / max(took, 0.001))))


class Once:
    """Says each line once, however many threads and hops run into it."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._guard = threading.Lock()
        self._said: set[str] = set()

    def say(self, line: str, about: str | None = None) -> None:
        """Show ``line``, unless it, or another one ``about`` the same, was shown before."""
        with self._guard:
            if (about or line) in self._said:
                return
            self._said.add(about or line)
        self._say(line)
