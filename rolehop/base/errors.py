"""Every error a user may meet, and the code rolehop leaves with.

RolehopError              1   an unexpected error
├─ UsageError             2   the command line makes no sense
├─ ConfigError            3   the config cannot be followed
├─ SourceError            4   the source gives no credentials, or needs a sign-in
│  ├─ SignInExpired       4   there was a sign-in, and it has expired
│  └─ SourceWithdrawn     4   the source is somebody else, signed out, or has lost its access
├─ HopRefused             5   AWS refused a hop, or the source's credentials
├─ ServiceError           6   the network or AWS failed, after retries
├─ VaultError             7   the keyring cannot do what is asked
│  ├─ VaultAbsent         7   there is no back end on this machine
│  ├─ VaultLocked         7   it is there but locked
│  ├─ VaultDenied         7   it is there but this process may not use it
│  ├─ VaultBroken         7   it is there but fails, or never answers
│  └─ VaultFull           7   it is there but has no space left
├─ NoTerminal             8   a question must be asked and there is no terminal
└─ Declined             130   a question whether to go on was not answered with yes

Each is shown in three short lines: what happened (``what``), its ``cause`` if known, and what to do
next (``fix``). The exit code says which side failed: the user's (2, 3), AWS's (5, 6), this
machine's (4, 7, 8). 130 is also the shell's own code for Ctrl-C.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from rolehop.base.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Iterator

CAUSE_LABEL, FIX_LABEL = "  cause  ", "  try    "


class RolehopError(Exception):
    """Base of all errors that are shown to the user.

    Attributes:
        what: what happened, lower case, no full stop.
        cause: why, if known.
        fix: what to do next: a command, or a sentence.
        chain: name of the chain that was walked, if there is one.
        hop: number of the hop, from 1, if there is one.
    """

    exit_code: ClassVar[int] = 1

    suspects: tuple[str, ...] = ()
    """Questions to ask if the cause is not known."""

    quotes_program = False
    """The cause repeats what a program wrote, which nothing may store: a secret may be in it."""

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

    def __str__(self) -> str:
        """Return what happened, the cause and what to do next, a line each.

        Programs may log it, so live secrets are scrubbed, as on the command line.
        """
        from rolehop.base.credentials import scrub

        cause = None if self.quotes_program else self.cause
        parts = self.parts(cause and cause.replace("\n", "\n    "))
        return scrub("\n".join(label + text for label, text in parts))

    def parts(self, cause: str | None) -> list[tuple[str, str]]:
        """Return what is shown below each other, a label and a text each; ``cause`` as it is shown."""
        parts = [("", self.what)]
        if cause:
            parts.append((CAUSE_LABEL, cause))
        parts += [("    - ", each) for each in self.suspects]
        if self.fix:
            parts.append((FIX_LABEL, self.fix))
        return parts


@contextmanager
def error_context(chain: str) -> Iterator[None]:
    """Set the chain of every error raised in here that has none."""
    try:
        yield
    except RolehopError as error:
        error.chain = error.chain or chain
        raise


class UsageError(RolehopError):
    """The command line makes no sense."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One thing wrong in a config file.

    ``line`` is 1-based, ``None`` if the file as a whole is wrong; ``column``, too, is known of what
    is no TOML. ``key`` is the dotted path of the key, e.g. ``chains.prod.hops[0].role``, or an empty
    string.
    """

    file: str
    line: int | None
    key: str
    text: str
    column: int | None = None

    @property
    def place(self) -> str:
        """The file, and its line and column if they are known."""
        known = (each for each in (self.line, self.column) if each is not None)
        return ":".join((self.file, *map(str, known)))

    @property
    def said(self) -> str:
        """The key, if there is one, and what is wrong."""
        return f"{self.key}: {self.text}" if self.key else self.text

    def __str__(self) -> str:
        """Return ``file:line: key: text``, without the parts that are not known."""
        return ": ".join(part for part in (self.place, self.said) if part)


class ConfigError(RolehopError):
    """The config cannot be followed.

    ``complaints`` has everything that is wrong in the files, not only the first problem; without
    another ``cause`` they are the cause, a line each.
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
        listed = "\n".join(map(str, complaints)) or None
        super().__init__(what, cause=cause or listed, fix=fix, chain=chain, hop=hop)
        self.complaints = complaints


class SourceError(RolehopError):
    """The source gives nothing, is not on this machine, or needs a sign-in."""

    exit_code = 4


class SignInExpired(SourceError):
    """The source's sign-in, token or own session has expired; its hops' sessions may be good."""


class SourceWithdrawn(SourceError):
    """The source is another principal, signed out, or no longer entitled: nothing old is handed out."""


class HopRefused(RolehopError):
    """AWS refused one hop, or the source's credentials or role; then ``hop`` is ``None``.

    ``code`` is the error code that the service answered with, e.g. AccessDenied, and ``message``
    its words, from outside. ``suspects``: questions to ask if the words do not say why.
    ``brief``: the cause in one line, for a terminal.
    """

    exit_code = 5

    def __init__(
        self,
        what: str,
        *,
        code: str,
        message: str = "",
        cause: str | None = None,
        fix: str | None = None,
        suspects: tuple[str, ...] = (),
        brief: str | None = None,
        chain: str | None = None,
        hop: int | None = None,
    ) -> None:
        super().__init__(what, cause=cause, fix=fix, chain=chain, hop=hop)
        self.code = code
        self.message = message
        self.suspects = suspects
        self.brief = brief


class ServiceError(RolehopError):
    """The network or AWS failed, after retries.

    ``sent_nothing``: the connection failed before a byte of the request was sent. ``throttled``: AWS
    asks for fewer calls.
    """

    exit_code = 6
    sent_nothing = False
    throttled = False


class VaultError(RolehopError):
    """The keyring cannot do what is asked."""

    exit_code = 7


class VaultAbsent(VaultError):
    """There is no usable keyring back end on this machine."""


class VaultLocked(VaultError):
    """The keyring is there but locked."""


class VaultDenied(VaultError):
    """The keyring is there but this process may not use it."""


class VaultBroken(VaultError):
    """The keyring is there but fails, or does not answer in time."""


class VaultFull(VaultError):
    """The keyring is there but has no space left."""


class NoTerminal(RolehopError):
    """A code, passphrase or confirmation is needed and there is no terminal to ask on."""

    exit_code = 8


class Declined(RolehopError):
    """A question whether to go on was not answered with yes."""

    exit_code = 130


def copied(error: RolehopError) -> RolehopError:
    """Return the same error without the frames of the walk that it came from."""
    copied = type(error).__new__(type(error), *error.args)
    vars(copied).update(vars(error))
    return copied
