"""What sources may use of the outside, handed to them by the wiring."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rolehop.credentials import Credentials, Secret
from rolehop.errors import NoTerminal
from rolehop.startup.dataclass import dataclass, field

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.aws.sts import StsClient
    from rolehop.awsconfig.model import AwsConfig
    from rolehop.config.model import SourceConfig
    from rolehop.ports import Locks


class KeyStore(Protocol):
    """IAM user keys in the vault, by source name."""

    def get(self, name: str) -> Credentials | None:
        """Return the keys kept for source ``name``, ``None`` where there are none.

        Raises:
            VaultError: the keyring cannot be read.
        """
        ...

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID from the index, without touching the keyring."""
        ...


Document = Mapping[str, str | Secret]
"""What a source keeps of a sign-in; secrets stay in their type."""


class TokenStore(Protocol):
    """Sign-ins in the vault: tokens, client secrets, passphrases, by a name that the source makes.

    A name is letters, digits, ``.``, ``_``, ``-`` and ``/``. Where no keyring is on this machine
    a document lives as long as this process, which is said once.
    """

    def get(self, name: str) -> Document | None:
        """Return the document under ``name``, ``None``: there is none.

        One that `begin` kept has a member ``generation``.

        Raises:
            VaultError: the keyring cannot be read, or what rests there is damaged.
        """
        ...

    def put(self, name: str, document: Document) -> None:
        """Keep ``document`` under ``name`` in the place of what was there: a refreshed token."""
        ...

    def begin(self, name: str, document: Document) -> str:
        """Keep the ``document`` of a sign-in just made and return its new, random generation.

        Whatever was cached since the sign-in before belongs to another stamp from now on.
        """
        ...

    def remove(self, name: str) -> bool:
        """Forget the document and its generation; ``False``: there was neither.

        Raises:
            VaultError: the keyring failed.
        """
        ...

    def generation(self, name: str) -> str | None:
        """Return the generation from the index, without touching the keyring: good for a stamp."""
        ...


class Person(Protocol):
    """Somebody at the terminal, and the browser in front of them."""

    @property
    def can_ask(self) -> bool:
        """Tell whether a question may be asked: there is a terminal, and no ``--no-prompt``."""
        ...

    def say(self, line: str) -> None:
        """Show one line at once, on the terminal device or else on stderr."""
        ...

    def ask(self, question: str, *, needed: str, hidden: bool = False) -> str:
        """Return one line; ``needed`` says in the error what is missing, e.g. "a passphrase".

        Raises:
            NoTerminal: nobody can be asked.
        """
        ...

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return the index of the option that was picked; a single one is picked unasked.

        Raises:
            NoTerminal: nobody can be asked.
        """
        ...

    @property
    def has_browser(self) -> bool:
        """Tell whether a browser can be opened that reaches this machine's loopback address."""
        ...

    def open_browser(self, url: str) -> bool:
        """Open ``url`` in a browser; ``False``: there is none that could be opened here."""
        ...


class _NoTokens:
    """Keeps nothing; stands in where there is no vault."""

    def get(self, name: str) -> Document | None:
        del name
        return None

    def put(self, name: str, document: Document) -> None:
        del name, document

    def begin(self, name: str, document: Document) -> str:
        del name, document
        return "unkept"

    def remove(self, name: str) -> bool:
        del name
        return False

    def generation(self, name: str) -> str | None:
        del name
        return None


class _Nobody:
    """Answers nothing; stands in where there is no terminal."""

    can_ask = False
    has_browser = False

    def say(self, line: str) -> None:
        del line

    def ask(self, question: str, *, needed: str, hidden: bool = False) -> str:
        del question, hidden
        raise NoTerminal(f"{needed} is needed and there is no terminal to ask on")

    def choose(self, question: str, options: Sequence[str]) -> int:
        del options
        raise NoTerminal(f"a choice is needed and there is no terminal: {question}")

    def open_browser(self, url: str) -> bool:
        del url
        return False


class _NoLocks:
    """Locks nothing; stands in where one process is alone."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        del name
        return nullcontext()

    def waiting_for_person(self) -> AbstractContextManager[None]:
        return nullcontext()


def _as_it_is(path: Path) -> Path:
    return path


def _unheard(line: str) -> None:
    """Say nothing; stands in where nobody listens."""
    del line


def _unheeded() -> None:
    """Note nothing; stands in where no record is written."""


def _no_chains(name: str) -> SourceConfig | None:
    """Know of no chain; stands in where there is no config."""
    del name
    return None


@dataclass(frozen=True, slots=True, repr=False)
class SourceContext:
    """The outside, as far as sources may see it."""

    environ: Mapping[str, str]
    """The variables as rolehop found them, AWS_PROFILE and AWS_REGION as before its own assume."""

    aws: AwsConfig
    aws_files: tuple[Path, Path]
    """Where the AWS config and credentials files are."""

    keys: KeyStore
    now: Callable[[], datetime]
    home: Path = field(default_factory=Path.home)
    """The person's home folder."""

    source_of_chain: Callable[[str], SourceConfig | None] = field(default=_no_chains)
    """The source that a configured chain starts from, ``None`` for any other name. Lets a process
    that is rolehop itself be told from a loop before anything runs."""

    tokens: TokenStore = field(default_factory=_NoTokens)
    person: Person = field(default_factory=_Nobody)
    locks: Locks = field(default_factory=_NoLocks)
    """Shared by processes: hold one while a token is refreshed or somebody signs in."""

    sts: Callable[[str], StsClient] | None = None
    """Gives the walk's own STS client for a region, its connection shared; see ``calls.sts_of``."""

    sleep: Callable[[float], object] = time.sleep
    note: Callable[[str], None] = field(default=_unheard)
    """Says one line on stderr, unless ``-q``: what a program that we ask says, and warnings."""

    quiet: bool = False
    """Nobody sees what ``note`` says: ``-q``."""

    watched: Callable[[Path], Path] = field(default=_as_it_is)
    """Notes that what is answered depends on the file at a path, and returns the path. A stamp
    that reads a file passes it through here: else the quick path serves what is outdated."""

    beyond_record: Callable[[], None] = field(default=_unheeded)
    """Notes that what is answered depends on what no record can hold, as what is on a PKCS#11
    token, or may hold, as a secret. The quick path then steps aside."""

    default_region: str | None = None
    """The region of ``[defaults]``."""

    def secret_variable(self, name: str) -> str | None:
        """Return a variable whose value is a secret, and so gets into no record."""
        self.beyond_record()
        return self.environ.get(name)


class SourceChanged(Exception):
    """The source is in another state than its stamp says: somebody has just signed in to it.

    Whoever walks must plan again, since the keys of all sessions hang on the stamp.
    """
