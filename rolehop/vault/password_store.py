"""``pass``, the standard Unix password store, as a back end of the keyring library.

For servers and other machines without a desktop: each item is a file that GnuPG encrypts with the key
of the store. Items have the names that the package keyring-pass gives them, which itself keeps only
the first line of an item. What is not there is seen by its file, so that it starts no process.

Not registered as an entry point, so that other programs' choice of back end does not change.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from keyring.backend import KeyringBackend
from keyring.errors import KeyringError, KeyringLocked, PasswordDeleteError

from rolehop.base.file_access import Distrust, distrust_of_file, distrust_of_folder

_PREFIX = "python-keyring"

_SECONDS = 35.0
"""For GnuPG to ask for a passphrase; the vault waits for 40."""

_MOMENT = 1.0  # seconds

# What GnuPG says if nobody gave it the passphrase; with LC_ALL=C it says so in English.
_LOCKED = (
    "inappropriate ioctl",
    "no pinentry",
    "no secret key",
    "operation cancelled",
    "no passphrase",
    "bad passphrase",
    "timeout",
)

# What pass, GnuPG, its passphrase prompt and git need. No credentials for AWS, and no secrets of
# rolehop: pass runs the store's extensions, GnuPG's agent the prompt, git the hooks. For the prompt,
# what GnuPG itself gives its agent (GETINFO std_env_names), besides XDG_SESSION_TYPE.
_PASSED_ON = frozenset(
    [
        *("HOME", "PATH", "USER", "LOGNAME", "SHELL", "TMPDIR", "LD_LIBRARY_PATH"),
        *("LANG", "LANGUAGE", "TERM", "COLORTERM", "TZ"),
        *("GNUPGHOME", "GPG_TTY", "GPG_AGENT_INFO", "PINENTRY_USER_DATA", "INSIDE_EMACS"),
        *(
            "DISPLAY",
            "WAYLAND_DISPLAY",
            "XAUTHORITY",
            "DBUS_SESSION_BUS_ADDRESS",
            "QT_QPA_PLATFORM",
        ),
        *("XMODIFIERS", "GTK_IM_MODULE", "QT_IM_MODULE", "SSH_AUTH_SOCK"),
    ]
)

_PASSED_ON_PREFIXES = ("PASSWORD_STORE_", "LC_", "XDG_", "GIT_")

# What it says of a file that was not written to its end: GnuPG writes it in place.
_DAMAGED = (
    "decrypt_message failed",
    "length invalid",
    "no valid openpgp data",
    "pending bytes",
)


class HalfWritten(KeyringError):
    """GnuPG cannot read a file to its end; the vault knows it by this name."""


class PasswordStore(KeyringBackend):
    """Files of ``pass``, named ``python-keyring/SERVICE/USERNAME``."""

    priority = 1

    def __init__(self, environ: Mapping[str, str]) -> None:
        """Find the program and its store in ``environ``.

        Raises:
            RuntimeError: there is no ``pass``, or no store.
        """
        super().__init__()  # type: ignore[no-untyped-call]  # keyring leaves it open
        program = shutil.which("pass", path=environ.get("PATH"))
        if program is None:
            raise RuntimeError("there is no program pass on PATH")
        self._program = program
        self._store = _store(environ)
        if not (self._store / ".gpg-id").is_file():
            raise RuntimeError(f"{self._store} is no store yet: pass init KEY")
        problem = _problem_of(self._store)
        if problem is not None:
            raise RuntimeError(problem)
        self._environ = {**_passed_on(environ), "LC_ALL": "C"}
        terminal = _terminal()
        if terminal is not None:
            self._environ.setdefault("GPG_TTY", terminal)

    def get_password(self, service: str, username: str) -> str | None:
        """Return the text, ``None`` if there is no such file.

        Raises:
            HalfWritten: it was not written to its end, or another process writes it now.
            KeyringLocked: GnuPG needs a passphrase and did not get it.
            KeyringError: ``pass`` failed, and the text is the last thing that it said; or others could
                have written what it reads.
        """
        if not self._file(service, username).is_file():
            return None
        self._check(service, username)
        try:
            return self._run("show", _name(service, username))
        except KeyringError:
            if self._file(service, username).is_file():
                raise
            return None  # another process removed it

    def set_password(self, service: str, username: str, password: str) -> None:
        """Store ``password``, which is given to ``pass`` by its standard input.

        Raises: as ``get_password``.
        """
        self._check(service, username)
        self._run("insert", "--multiline", "--force", _name(service, username), text=password)

    def delete_password(self, service: str, username: str) -> None:
        """Remove the file.

        Raises:
            PasswordDeleteError: there is none.
            KeyringError: as ``get_password``.
        """
        if not self._file(service, username).is_file():
            raise PasswordDeleteError("no such password")
        try:
            self._run("rm", "--force", _name(service, username))
        except KeyringError:
            if self._file(service, username).is_file():
                raise
            raise PasswordDeleteError("another process removed it") from None

    def services_of(self, username: str) -> list[str]:
        """Return the services that have an item for ``username``."""
        top = self._store / _PREFIX
        return sorted(str(each.parent.relative_to(top)) for each in top.rglob(f"{username}.gpg"))

    def _file(self, service: str, username: str) -> Path:
        return self._store / f"{_name(service, username)}.gpg"

    def _check(self, service: str, username: str) -> None:
        """Raise KeyringError if others could have written an item, or choose who can read it.

        GnuPG encrypts for whom the nearest ``.gpg-id`` above an item names. What is judged here by
        open folders stays as it is until ``pass`` reads it: nobody else can change it.
        """
        item = self._file(service, username)
        above = [each for each in item.parents if each.is_relative_to(self._store)]
        problems = (_problem_of(each) for each in reversed(above) if each.is_dir())
        problem = next(filter(None, problems), None) or _said(item, distrust_of_file(item))
        if problem is not None:
            raise KeyringError(problem)

    def _run(self, *arguments: str, text: str = "") -> str:
        """Run ``pass``; return what it prints."""
        with _starting:
            process = subprocess.Popen(
                [self._program, *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environ,
                encoding="utf-8",
                errors="replace",
                start_new_session=True,
            )
            if arguments[0] == "show":  # what writes does not ask, and had better end
                _reading.add(process)
        with process:
            try:
                out, said = _answer(process, text)
            except subprocess.TimeoutExpired:
                _kill(process)
                raise KeyringLocked("GnuPG waits for its passphrase") from None
            finally:
                _reading.discard(process)
        if process.returncode != 0:
            raise _error(said)
        return out


def _answer(process: subprocess.Popen[str], text: str) -> tuple[str, str]:
    """Return what a program prints.

    Raises:
        subprocess.TimeoutExpired: it has not ended in time. One that had while this process was
            stopped has: what it printed waits in its pipes, where no time is left to look.
    """
    try:
        return process.communicate(text, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return process.communicate(timeout=_MOMENT)


_reading: set[subprocess.Popen[str]] = set()

_starting = threading.Lock()
"""Held until a program that has been started is among them."""


@atexit.register
def _end_reading() -> None:
    """End what still reads: after Ctrl-C its prompt would take what is typed into the shell."""
    _starting.acquire(timeout=_MOMENT)
    for process in tuple(_reading):
        if process.returncode is None:
            _kill(process)


def _store(environ: Mapping[str, str]) -> Path:
    """Return the folder of the store; never one that depends on the current folder.

    Raises:
        RuntimeError: the environment names none.
    """
    named = "PASSWORD_STORE_DIR" if environ.get("PASSWORD_STORE_DIR") else "HOME"
    folder = Path(environ.get(named, ""))
    if not folder.is_absolute():
        shown = f"is {folder}, not an absolute path" if environ.get(named) else "is not set"
        raise RuntimeError(f"there is no store: {named} {shown}")
    return folder if named == "PASSWORD_STORE_DIR" else folder / ".password-store"


def _problem_of(folder: Path) -> str | None:
    """Return how others could change what is in a folder of the store, or for whom it is encrypted."""
    recipients = folder / ".gpg-id"
    found = _said(folder, distrust_of_folder(folder))
    return found or _said(recipients, distrust_of_file(recipients))


def _said(path: Path, distrust: Distrust | None) -> str | None:
    return None if distrust is None else f"{path} is not followed: {distrust}"


def _passed_on(environ: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)
    }


def _kill(process: subprocess.Popen[str]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _name(service: str, username: str) -> str:
    return f"{_PREFIX}/{service}/{username}"


def _error(said: str) -> KeyringError:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    last = lines[-1] if lines else "pass said nothing"
    if any(each in said.lower() for each in _LOCKED):
        return KeyringLocked(last)
    is_damaged = any(each in said.lower() for each in _DAMAGED)
    return (HalfWritten if is_damaged else KeyringError)(last)


def _terminal() -> str | None:
    """Return the terminal of this process, on which GnuPG's agent may ask for the passphrase."""
    for number in range(3):
        with suppress(OSError):
            return os.ttyname(number)
    return None
