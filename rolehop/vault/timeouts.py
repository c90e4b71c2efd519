"""One call of the keyring library: in its own thread, within a deadline, its errors translated.

A back end may hang forever (an unseen prompt, a dead bus), and raises whatever its libraries
raise. The thread is a daemon, so that a hung call never keeps the program from ending.
"""

from __future__ import annotations

import errno
import re
import threading
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from rolehop.advice import Advice
from rolehop.credentials import HIDDEN, scrub
from rolehop.errors import (
    VaultAbsent,
    VaultBroken,
    VaultDenied,
    VaultError,
    VaultFull,
    VaultLocked,
)
from rolehop.startup.waits import Wait
from rolehop.time_limit import comes_within

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
# Security framework: interaction not allowed (SSH), authorisation failed, unsigned program.
_BY_KEYCHAIN_STATUS: dict[int, type[VaultError]] = {
    -25308: VaultLocked,
    -25293: VaultDenied,
    -67030: VaultDenied,
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
    kind = _kind(error) or _kind(error.__cause__) or VaultBroken
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
    if isinstance(error, OSError) and error.strerror:
        text = error.strerror.lower()
    elif family in {"keyring", "secretstorage", "jeepney"}:
        body = getattr(error, "data", None)  # of a D-Bus error: what its sender says
        first = body[0] if isinstance(body, tuple) and body else str(error)
        text = first if isinstance(first, str) else ""
    clean = _CONTROL.sub(" ", _LONG_WORD.sub(HIDDEN, scrub(text))).strip()[:_LONGEST_MESSAGE]
    return clean or f"its library raises {type(error).__name__}"
