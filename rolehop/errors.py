"""Every error a user may meet, and the code rolehop leaves with.

RolehopError              1   something rolehop did not foresee
├─ UsageProblem           2   the command line asks for something that makes no sense
├─ ConfigError            3   the file says something that cannot be followed
├─ SourceError            4   the source is here but gives nothing, or wants a sign-in
├─ HopRefused             5   AWS said no to one hop, or to what the source shows
├─ ServiceError           6   the network or AWS failed, after retries
├─ VaultError             7   the keyring cannot do what is asked
│  ├─ VaultAbsent         7   there is no back end on this machine
│  ├─ VaultLocked         7   it is there and locked
│  ├─ VaultDenied         7   it is there and this process may not use it
│  ├─ VaultBroken         7   it is there and fails, or never answers
│  └─ VaultFull           7   it is there and has no room left
├─ NoTerminal             8   a question must be asked and there is nobody to ask
└─ Declined             130   somebody was asked whether to go on, and did not say yes

Three short lines tell each: what happened (``what``), its ``cause`` where it is known, and what
to do next (``fix``). An error says whose side failed: yours (2, 3), theirs (5, 6), this
machine's (4, 7, 8). 130 is also the shell's own code for Ctrl-C.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator


class RolehopError(Exception):
    """Base of all errors that are the user's to read.

    Attributes:
        what: what happened, lower case, no full stop.
        cause: why, where it is known.
        fix: what to do next: a command, or a sentence.
        chain: name of the chain that was walked, where there is one.
        hop: number of the hop, from 1, where there is one.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        what: str,
        *,
        cause: str | None = None,
        fix: str | None = None,
        chain: str | None = None,
        hop: int | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.cause = cause
        self.fix = fix
        self.chain = chain
        self.hop = hop


@contextmanager
def error_context(chain: str) -> Iterator[None]:
    """Let every error in here say which chain it is about, where it does not say so itself."""
    try:
        yield
    except RolehopError as error:
        error.chain = error.chain or chain
        raise


class UsageError(RolehopError):
    """The command line asks for something that makes no sense."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong in a config file.

    ``line`` is 1-based, ``None`` where the whole file is meant. ``key`` is the dotted path of
    the key, e.g. ``chains.prod.hops[0].role``, or an empty string.
    """

    file: str
    line: int | None
    key: str
    text: str

    def __str__(self) -> str:
        """Return ``file:line: key: text``, leaving out what is not known."""
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        return ": ".join(part for part in (place, self.key, self.text) if part)


class ConfigError(RolehopError):
    """The file says something that cannot be followed.

    ``complaints`` holds all that was found in the files, not only the first.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        complaints: tuple[ConfigProblem, ...] = (),
        cause: str | None = None,
        fix: str | None = None,
        chain: str | None = None,
        hop: int | None = None,
    ) -> None:
        super().__init__(what, cause=cause, fix=fix, chain=chain, hop=hop)
        self.complaints = complaints


class SourceError(RolehopError):
    """The source is here and gives nothing, is not here at all, or wants a sign-in."""

    exit_code = 4


class HopRefused(RolehopError):
    """AWS refused one hop, or the source's credentials or role; then ``hop`` is ``None``.

    ``code`` is the error code that the service answered with, e.g. AccessDenied.
    """

    exit_code = 5

    def __init__(
        self,
        what: str,
        *,
        code: str,
        cause: str | None = None,
        fix: str | None = None,
        chain: str | None = None,
        hop: int | None = None,
    ) -> None:
        super().__init__(what, cause=cause, fix=fix, chain=chain, hop=hop)
        self.code = code


class ServiceError(RolehopError):
    """The network or AWS failed, after retries."""

    exit_code = 6


class VaultError(RolehopError):
    """The keyring cannot do what is asked."""

    exit_code = 7


class VaultAbsent(VaultError):
    """There is no usable keyring back end on this machine."""


class VaultLocked(VaultError):
    """The keyring is there and locked."""


class VaultDenied(VaultError):
    """The keyring is there and this process may not use it."""


class VaultBroken(VaultError):
    """The keyring is there and fails, or does not answer within its deadline."""


class VaultFull(VaultError):
    """The keyring is there and has no room left."""


class NoTerminal(RolehopError):
    """A code, passphrase or confirmation is needed and there is no terminal to ask on."""

    exit_code = 8


class Declined(RolehopError):
    """Somebody was asked whether to go on, and did not say yes."""

    exit_code = 130
