"""The servers that run now, and how they are ended.

Each keeps a note of itself, and a lock that dies with it. Either may be gone, or be on a file system
that is read-only, while the server lives: so the process itself is asked before anything is deleted.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolehop.app.selecting import NamedChains
from rolehop.base.dataclass import dataclass
from rolehop.base.durations import read_moment
from rolehop.base.errors import UsageError
from rolehop.base.files import make_private_folder
from rolehop.commands.serve.presence import Presence, asked, present_servers
from rolehop.vault.locks import Contended, locked, name_holder, named_holder, unlock
from rolehop.vault.notes import UNUSABLE, NoteFile, notes_in, number_in, read_note, text_in
from rolehop.vault.notes import as_note as text_of_note

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.commands.serve.token_file import TokenFile


@dataclass(frozen=True, slots=True)
class ServedChainRow:
    """One chain of a server; times by this machine's clock."""

    chain: str
    next_renewal: datetime | None
    """``None``: it goes on now, or nothing is renewed before a client asks."""
    expires_at: datetime | None
    """``None``: there is no session."""
    problem: str | None
    arn: str
    """Whose its sessions are."""


@dataclass(frozen=True, slots=True)
class ServerRow:
    """One server that runs."""

    process: int
    started_at: datetime
    command: str
    """``serve``, ``exec`` or ``shell``."""
    address: str
    """``http://127.0.0.1:PORT``."""
    socket: str | None
    requests: int
    clients: tuple[str, ...]
    """What they call themselves."""
    chains: tuple[ServedChainRow, ...]
    for_containers: bool = False
    token_file: str | None = None


SERVE = "serve"
"""The command whose servers belong to nobody."""

_FOLDER = "servers"
_ANSWER_SECONDS = 1.0
_LONGEST_ANSWER = 4096  # bytes
_LARGEST_PID = (1 << 31) - 1


class ServerNote:
    """This process's own note; it is gone when the process is.

    Attributes:
        presence: what tells it to whoever asks this process; `answer` has to be called then.
    """

    def __init__(self, state_folder: Path) -> None:
        """Take the lock; without one (no state folder, no locks there), no file is written."""
        self.name = name = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._path = state_folder / _FOLDER / f"{name}.json"
        self._content: Mapping[str, object] = {}
        self.presence = Presence(state_folder, name)
        self._lock: int | None = None
        with suppress(OSError, Contended):
            make_private_folder(self._path.parent)
            self._lock = locked(_lock_of(self._path), 0)
            name_holder(self._lock)

    def store(self, content: Mapping[str, object]) -> None:
        """Replace the note; failing to is harmless.

        A folder that somebody has removed, as `uninstall` does, is not made anew where whoever
        looks asks this process.
        """
        self._content = content
        if self._lock is None:
            return
        if self.presence.socket is None or self._path.parent.is_dir():
            with suppress(OSError):
                NoteFile(self._path, lasting=False).store(content)

    def answer(self, obey: Callable[[bytes], str]) -> None:
        """Tell the note to whoever asks for nothing else; ``obey`` does what else is asked for."""
        self.presence.answer(lambda asked: obey(asked) if asked else text_of_note(self._content))

    def remove(self) -> None:
        """Delete the note."""
        self.presence.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)
        if self._lock is not None:
            unlock(self._lock, _lock_of(self._path))
            self._lock = None
            _remove_lock(self._path)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _remove_lock(path: Path) -> None:
    """Delete the lock of a note that nobody holds: Windows left it when it was unlocked."""
    with suppress(OSError):
        _lock_of(path).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class NotedServer:
    """A server that runs, by its note."""

    note: Path
    row: ServerRow

    @property
    def lock(self) -> Path:
        """What it holds as long as it runs."""
        return _lock_of(self.note)


def running_servers(app: App, patterns: Sequence[str] = ()) -> list[ServerRow]:
    """Return a row per server of this user that runs and serves a chain that matches, if given.

    What killed servers left is deleted.
    """
    return [each.row for each in noted_servers(app, patterns)]


def noted_servers(app: App, patterns: Sequence[str] = ()) -> list[NotedServer]:
    """Return the same servers with their notes."""
    named = NamedChains(app, patterns) if patterns else None

    def is_wanted(server: NotedServer) -> bool:
        return named is None or any(each.chain in named for each in server.row.chains)

    found = filter(is_wanted, _noted_servers(app.state_folder))
    return sorted(found, key=lambda each: each.row.started_at)


def _noted_servers(state_folder: Path) -> Iterator[NotedServer]:
    present, folder = present_servers(state_folder), state_folder / _FOLDER
    seen = set()
    for path in _notes(folder):
        if path.stem in present or _lives(path):
            with suppress(OSError, *UNUSABLE):
                yield NotedServer(path, _as_row(NoteFile(path).load()))
                seen.add(path.stem)
    for name in present.keys() - seen:  # its note is gone or damaged, or could not be written
        with suppress(OSError, *UNUSABLE):
            yield NotedServer(
                folder / f"{name}.json", _as_row(read_note(asked(state_folder, name)))
            )


def _notes(folder: Path) -> list[Path]:
    with suppress(OSError):
        return [each.path for each in notes_in(folder)]
    return []


def _lives(note: Path) -> bool:
    """Return whether the server of a note lives, though it is not present in this system's table.

    What one left that has ended is deleted.
    """
    try:
        if _is_held(_lock_of(note)) or _answers(note):
            return True
    except OSError:  # the file system is read-only: what cannot be told apart is not deleted
        return _holder_of(_lock_of(note)) is not None
    _sweep(note)
    return False


def as_note(row: ServerRow, token_file: TokenFile | None) -> dict[str, object]:
    """Return what a server notes about itself; no secret is in it."""
    return {
        "pid": row.process,
        "started_at": row.started_at.isoformat(),
        "command": row.command,
        "address": row.address,
        "socket": row.socket,
        "requests": row.requests,
        "clients": list(row.clients),
        "chains": [
            {
                "chain": each.chain,
                "next_renewal": _text(each.next_renewal),
                "expires_at": _text(each.expires_at),
                "problem": each.problem,
                "arn": each.arn,
            }
            for each in row.chains
        ],
        "for_containers": row.for_containers,
        "token_file": None if token_file is None else [str(token_file.path), token_file.digest],
    }


def _is_held(lock: Path) -> bool:
    """Return whether a process holds the lock of a note.

    Raises:
        OSError: it cannot be tried.
    """
    try:
        file = locked(lock, 0)
    except Contended:
        return True
    unlock(file, lock)
    return False


def _answers(note: Path) -> bool:
    """True if the process of a note says at its address that it is a server: its lock is gone."""
    from http.client import HTTPConnection, HTTPException
    from urllib.parse import urlsplit

    from rolehop.commands.serve.rules import HEALTH, SCHEMA

    with suppress(OSError, HTTPException, *UNUSABLE):
        row = _as_row(NoteFile(note).load())
        with closing(HTTPConnection(urlsplit(row.address).netloc, timeout=_ANSWER_SECONDS)) as one:
            one.request("GET", HEALTH)
            said = json.loads(one.getresponse().read(_LONGEST_ANSWER))
        return bool(said["schema"] == SCHEMA and said["pid"] == row.process)
    return False


def _sweep(path: Path) -> None:
    """Delete what a killed server left: the file of its token, its socket, its note."""
    from rolehop.commands.serve.loop import remove_left_socket
    from rolehop.commands.serve.token_file import remove_token_file

    with suppress(OSError, *UNUSABLE):
        content = NoteFile(path).load()
        if content["token_file"] is not None:
            file, digest = content["token_file"]
            remove_token_file(Path(file), digest)
        if content["socket"] is not None:
            with suppress(UsageError):  # another server is there meanwhile
                remove_left_socket(Path(content["socket"]))
    with suppress(OSError):
        path.unlink()
    _remove_lock(path)


def _as_row(content: Mapping[str, Any]) -> ServerRow:
    """Return the row that `as_note` noted; raises one of `UNUSABLE` if it is none."""
    return ServerRow(
        process=number_in(content, "pid", _LARGEST_PID, smallest=1),  # it may be sent a signal
        started_at=read_moment(content["started_at"]),
        command=text_in(content, "command"),
        address=text_in(content, "address"),
        socket=_text_or_none(content, "socket"),
        requests=number_in(content, "requests"),
        clients=tuple(map(str, content["clients"])),
        chains=tuple(
            ServedChainRow(
                text_in(each, "chain"),
                _moment(each["next_renewal"]),
                _moment(each["expires_at"]),
                _text_or_none(each, "problem"),
                text_in(each, "arn"),
            )
            for each in content["chains"]
        ),
        for_containers=content["for_containers"] is True,
        token_file=_token_file(content["token_file"]),
    )


def _token_file(stored: tuple[str, str] | None) -> str | None:
    if stored is None:
        return None
    path, _ = stored
    return str(path)


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else read_moment(text)


def _text_or_none(content: Mapping[str, Any], name: str) -> str | None:
    return None if content[name] is None else text_in(content, name)


_LOCKS = Path("/proc/locks")
_STOP_SECONDS = 5.0
_PAUSE = 0.02


@dataclass(frozen=True, slots=True)
class StoppedServers:
    """What became of servers that were to end."""

    ended: list[ServerRow]
    slow: list[ServerRow]
    """They did not end in time."""
    elsewhere: list[ServerRow]
    """They are no processes of this machine, or not seen from here: in a container."""
    of_commands: list[ServerRow]
    """Each ends with its command, and was not told to."""


def stop_servers(app: App, patterns: Sequence[str] = ()) -> StoppedServers:
    """End the servers that serve a chain that matches, or all."""
    found = noted_servers(app, patterns)
    meant = [each for each in found if each.row.command == SERVE]
    told = [each for each in meant if _tell_to_end(each)]
    # Without those that ended just now.
    elsewhere = _still(app, [each for each in meant if each not in told])
    until = time.monotonic() + _STOP_SECONDS
    while (left := _still(app, told)) and time.monotonic() < until:
        time.sleep(_PAUSE)
    return StoppedServers(
        ended=[each.row for each in told if each not in left],
        slow=[each.row for each in left],
        elsewhere=[each.row for each in elsewhere],
        of_commands=[each.row for each in found if each.row.command != SERVE],
    )


def _still(app: App, told: Sequence[NotedServer]) -> list[NotedServer]:
    notes = {each.note for each in noted_servers(app)}
    return [each for each in told if each.note in notes]


def _tell_to_end(server: NotedServer) -> bool:
    """Send a server SIGTERM, and SIGCONT if Ctrl-Z has stopped it; false: it is not there."""
    with suppress(OSError), _handle_of(server.row.process) as send:
        if _process_of(server) == server.row.process:
            for name in ("SIGTERM", "SIGCONT"):
                number = getattr(signal, name, None)
                if number is not None:
                    send(number)
            return True
    return False


@contextmanager
def _handle_of(process: int) -> Iterator[Callable[[int], None]]:
    """Yield a function that sends a signal to what has this process ID now, to nothing later."""
    if sys.platform == "linux":
        with suppress(PermissionError, NotImplementedError):  # a sandbox
            handle = os.pidfd_open(process)
            try:
                yield lambda number: signal.pidfd_send_signal(handle, number)
            finally:
                os.close(handle)
            return
    yield lambda number: os.kill(process, number)


def _process_of(server: NotedServer) -> int | None:
    """Return the process that is the server; ``None``: none that this machine knows."""
    present = present_servers(server.note.parent.parent).get(server.note.stem)
    if present is not None:
        return present
    return _holder_of(server.lock) or (server.row.process if _answers(server.note) else None)


def _holder_of(lock: Path) -> int | None:
    """Return the process that holds a lock; ``None``: none that this machine knows.

    What is written in it may be old, and whoever looks at the note of a killed server holds it for
    a moment. So Linux is asked (proc_locks(5)).
    """
    try:
        rows = _LOCKS.read_text(encoding="ascii").splitlines()
    except OSError:
        return named_holder(lock)
    try:
        inode = str(lock.lstat().st_ino)
    except OSError:
        return None
    for row in rows:
        # Number, kind, mode, access, process, device:device:inode …; those that wait begin with ->.
        fields = row.split()
        if fields[1] == "FLOCK" and fields[5].rpartition(":")[2] == inode:
            return int(fields[4])
    return None
