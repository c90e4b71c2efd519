"""The file ``.rolehop``, which names the chain of its folder and of those below: find it, read it, ask.

It may come with somebody's repository. So it is followed only once a person has said so, who was
shown the roles that it leads to; another content or other roles are asked about again. What a person
said is sealed: without a keyring it is asked each time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolehop.base.advice import Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import ConfigError, Declined, UsageError
from rolehop.base.files import read_trusted_plain
from rolehop.base.text import clean
from rolehop.vault.notes import NoteFile, Seal

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.vault.seals import Seals


def chain_of_folder(app: App, *, attended: bool, typed: str) -> str | None:
    """Return the chain that a file .rolehop names for the working folder, if there is one.

    The file is followed after a question, once for each content of it and each way of the chain.
    ``attended``: there is a terminal; without one it is not followed. ``typed`` is the command that
    takes the name instead, e.g. ``assume CHAIN``.

    Raises:
        ConfigError: the file must not be followed, or names no chain.
        UsageError: there is no terminal.
        Declined: the answer was not yes.
    """
    from rolehop.app.planning import Planning

    found = _folder_chain(app)
    if found is None:
        return None
    name = found.chain
    if name not in app.config.chains and name not in app.aws_config.profiles:
        raise ConfigError(
            f"{clean(str(found.path))} names '{clean(name)}', and no chain is called so",
            fix="correct the file; for the chains: rolehop list",
        )
    if not attended:
        from rolehop.app.config_files import with_same_config

        before, _, after = typed.partition("CHAIN")
        raise UsageError(
            "no chain is named",
            cause=f"{clean(str(found.path))} names '{clean(name)}', which counts only in a terminal",
            fix=with_same_config(app, before, Argument(name), after),
        )
    resolved = Planning(app).resolve(name)
    way = (resolved.source.name, *(str(role) for role, _ in resolved.hops))
    approvals = approvals_file(app.state_folder, app.vault.seals)
    if not is_confirmed(approvals, found, way):
        _confirm_folder(app, found)
        with contextlib.suppress(OSError):  # then it is asked again
            remember_confirmed(approvals, found, way)
    return name


def _folder_chain(app: App) -> FolderChain | None:

    try:
        path = find_folder_file(Path.cwd(), Path(os.path.realpath(app.home)))
    except FileNotFoundError:  # the working folder is gone
        return None
    if path is None:
        return None
    try:
        return read_folder_chain(path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise ConfigError(
            f"{clean(str(path))} is not followed",
            cause=reason,
            fix="name a chain, or correct the file",
        ) from None


def _confirm_folder(app: App, found: FolderChain) -> None:
    from rolehop.app.planning import Planning
    from rolehop.app.ports import ask_yes_or_no, is_yes

    goal = Planning(app).goal(found.chain)
    question = f"{found.path} names chain '{found.chain}': {goal}. Use it here?"
    if not is_yes(ask_yes_or_no(app.person, clean(question))):
        raise Declined(f"chain '{found.chain}' was not confirmed, so nothing was done")


NAME = ".rolehop"
_LONGEST = 1_000  # bytes
_MOST = 500  # folders that are remembered


@dataclass(frozen=True, slots=True)
class FolderChain:
    """A file that names the chain of its folder and of those below."""

    path: Path
    chain: str

    def digest(self, roles: Iterable[str]) -> str:
        """Return what is remembered of its content, and of the roles that the chain walks to."""
        return sha256_hex("\n".join((self.chain, *roles)).encode())


def find_folder_file(folder: Path, home: Path) -> Path | None:
    """Return the nearest file from ``folder`` up to ``home``; outside of it, only that in ``folder``."""
    files = (each / NAME for each in _upward(folder, home))
    return next((each for each in files if os.path.lexists(each)), None)


def _upward(folder: Path, home: Path) -> Iterator[Path]:
    yield folder
    if home in folder.parents:
        for above in folder.parents:
            yield above
            if above == home:
                return


def read_folder_chain(path: Path) -> FolderChain:
    """Read the file.

    Raises:
        OSError: it is not to be followed; its ``strerror`` says why.
        ValueError: it is not one line with a name.
    """
    unlike = _unlike_a_file(path.lstat())
    if unlike is not None:
        raise OSError(errno.EINVAL, unlike)
    data, distrust = read_trusted_plain(path, _LONGEST)
    if distrust is not None:
        raise OSError(errno.EPERM, str(distrust))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    lines = text.splitlines()
    if len(lines) != 1 or not lines[0].strip() or not lines[0].isprintable():
        raise ValueError("it must be one line, the name of a chain, and nothing else")
    return FolderChain(path, lines[0].strip())


def _unlike_a_file(found: os.stat_result) -> str | None:
    if stat.S_ISLNK(found.st_mode):
        return "it is a symbolic link"
    if stat.S_ISDIR(found.st_mode):
        return "it is a folder"
    if not stat.S_ISREG(found.st_mode):
        return "it is not a plain file"
    return "it has a second name (a hard link)" if found.st_nlink > 1 else None


def is_confirmed(approvals: NoteFile, found: FolderChain, roles: Iterable[str]) -> bool:
    """True if a person said that this file, with this content and these roles, may be followed."""
    return _confirmed(approvals).get(str(found.path)) == found.digest(roles)


def remember_confirmed(approvals: NoteFile, found: FolderChain, roles: Iterable[str]) -> None:
    """Remember that a person said so.

    An earlier file may be put back: what it says, a person has said.

    Raises:
        OSError: it cannot be written.
    """
    known = _confirmed(approvals)
    known.pop(str(found.path), None)
    kept = list(known.items())[-_MOST + 1 :]
    approvals.store({"folders": dict([*kept, (str(found.path), found.digest(roles))])})


def approvals_file(state_folder: Path, seals: Seals) -> NoteFile:
    """Return the file of what a person has said of all folders."""
    return NoteFile(state_folder / "folders.json", seal=Seal(seals, "folders", ""))


def _confirmed(approvals: NoteFile) -> dict[str, str]:
    def read(note: dict[str, Any]) -> dict[str, str]:
        return {str(path): str(digest) for path, digest in note["folders"].items()}

    return approvals.read(read) or {}
