"""Everything outside that sources may use, passed to them by `app.context`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.errors import SourceError
from rolehop.base.startup import Pattern
from rolehop.walk.ports import OnCall, ignore_call

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.aws.net.loopback_pages import OneShotPage
    from rolehop.aws.sts import StsClient
    from rolehop.awsconfig.parse import AwsConfig
    from rolehop.config.model import SourceConfig
    from rolehop.vault.index import SignInEnd
    from rolehop.walk.ports import Locks


class KeyStore(Protocol):
    """IAM user keys in the vault, by source name."""

    def get(self, name: str) -> Credentials | None:
        """Return the keys stored for source ``name``, or ``None`` if there are none.

        Raises:
            VaultError: the keyring cannot be read.
        """
        ...

    def access_key_id(self, name: str) -> str | None:
        """Return the access key ID: a plan reads it from the index, a walk from the keyring."""
        ...


Document = Mapping[str, str | Secret]
"""The stored part of a sign-in; secrets keep their type."""


class TokenStore(Protocol):
    """Sign-ins in the vault: tokens, client secrets, passphrases, by a name that the source makes.

    A name consists of letters, digits, ``.``, ``_``, ``-`` and ``/``. Without a keyring a document
    lives as long as this process, and one line says so.
    """

    def get(self, name: str) -> Document | None:
        """Return the document under ``name``, or ``None`` if there is none.

        A document stored by `begin` has a member ``generation``.

        Raises:
            VaultError: the keyring cannot be read, or the item is damaged.
        """
        ...

    def put(self, name: str, document: Document) -> None:
        """Replace the document under ``name``, e.g. after a token was refreshed."""
        ...

    def begin(self, name: str, document: Document) -> str:
        """Store the ``document`` of a new sign-in and return its new, random generation.

        Sessions cached under the previous sign-in belong to another stamp from now on.
        """
        ...

    def remove(self, name: str) -> bool:
        """Forget the document and its generation; ``False`` if there was neither.

        Raises:
            VaultError: the keyring failed.
        """
        ...

    def generation(self, name: str) -> str | None:
        """Return the generation, for a stamp: a plan reads the index, a walk the keyring."""
        ...

    def end(self, name: str) -> SignInEnd | None:
        """Return what is known of the end of the sign-in, without a call; ``None``: nothing."""
        ...

    def note_ended(self, name: str, *, ended: bool) -> None:
        """Note whether AWS says that the sign-in has ended, or takes it."""
        ...


class Prompter(Protocol):
    """The person at the terminal, and their browser."""

    @property
    def can_ask(self) -> bool:
        """True if a question may be asked: there is a terminal, and no ``--no-prompt``."""
        ...

    def say(self, line: str) -> None:
        """Show one line immediately, on the terminal device or else on stderr."""
        ...

    def show(self, *lines: str) -> bool:
        """Show lines on the terminal device alone, never in a log; ``False`` if there is none."""
        ...

    def ask(
        self, question: str, *, needed: str, hidden: bool = False, yes_or_no: bool = False
    ) -> str:
        """Return one line of input; ``needed`` names it in the error, e.g. "a passphrase".

        ``hidden``: it is a secret. ``yes_or_no``: it says whether to go on.

        Raises:
            NoTerminal: nobody can be asked.
        """
        ...

    def choose(self, question: str, options: Sequence[str]) -> int:
        """Return the index of the chosen option; a single option is chosen without asking.

        Raises:
            NoTerminal: nobody can be asked.
        """
        ...

    @property
    def has_browser(self) -> bool:
        """True if a browser can be opened that reaches this machine's loopback address."""
        ...

    def open_browser(self, page: OneShotPage) -> bool:
        """Open ``page`` in a browser; ``False`` if none could be opened here."""
        ...


class _NoTokens:
    """Stores nothing; used when there is no vault."""

    def get(self, name: str) -> Document | None:
        del name
        return None

    def put(self, name: str, document: Document) -> None:
        del name, document

    def begin(self, name: str, document: Document) -> str:
        del name, document
        return "not stored"

    def remove(self, name: str) -> bool:
        del name
        return False

    def generation(self, name: str) -> str | None:
        del name
        return None

    def end(self, name: str) -> None:
        del name

    def note_ended(self, name: str, *, ended: bool) -> None:
        del name, ended


class ChoiceStore(Protocol):
    """What was chosen last from each list."""

    def last(self, of: str) -> str | None:
        """Return the name of what was chosen last from the list ``of``, if that is known."""
        ...

    def note(self, of: str, choice: str) -> None:
        """Remember the name of what was chosen."""
        ...


class _NoChoices:
    """Remembers nothing."""

    def last(self, of: str) -> None:
        del of

    def note(self, of: str, choice: str) -> None:
        del of, choice


class _NoLocks:
    """Locks nothing; used when no other process takes part."""

    def hold(self, name: str) -> AbstractContextManager[None]:
        del name
        return nullcontext()

    def waiting_for_person(self, what: str = "") -> AbstractContextManager[None]:
        del what
        return nullcontext()


def _unchanged(path: Path) -> Path:
    return path


def _ignore_line(line: str) -> None:
    del line


def _ignore_names(said: Mapping[str, str]) -> None:
    del said


def _do_nothing() -> None:
    """Used when no record is written."""


def _no_chain(name: str) -> SourceConfig | None:
    del name
    return None


@dataclass(frozen=True, slots=True, repr=False)
class SourceContext:
    """Everything outside that sources may use."""

    environ: Mapping[str, str]
    """The variables as rolehop found them; AWS_PROFILE and AWS_REGION as before its own assume."""

    aws: AwsConfig
    aws_files: tuple[Path, Path]
    """Paths of the AWS config and credentials files."""

    keys: KeyStore
    now: Callable[[], datetime]
    person: Prompter
    home: Path = field(default_factory=Path.home)
    """The person's home folder."""

    source_of_chain: Callable[[str], SourceConfig | None] = field(default=_no_chain)
    """Returns the source that a configured chain starts from, or ``None`` for any other name. It
    finds a process that leads back to rolehop before anything runs."""

    tokens: TokenStore = field(default_factory=_NoTokens)
    choices: Callable[[], ChoiceStore] = field(default=_NoChoices)
    """Returns what was chosen last; nothing is read before somebody is asked."""

    locks: Locks = field(default_factory=_NoLocks)
    """Locks between processes: hold one while a token is refreshed or a person signs in."""

    sts: Callable[[str], StsClient] | None = None
    """Returns the walk's own STS client for a region; see `sources.aws_clients.sts_client`."""

    sleep: Callable[[float], object] = time.sleep
    note: Callable[[str], None] = field(default=_ignore_line)
    """Writes one line to stderr unless ``-q``: warnings, and the stderr of programs we run."""

    on_call: OnCall = field(default=ignore_call)
    """Is told each call to AWS after it has ended."""

    on_names: Callable[[Mapping[str, str]], None] = field(default=_ignore_names)
    """Is told what AWS calls accounts, by ID, whenever an answer has that."""

    quiet: bool = False
    """True with ``-q``: nobody sees what ``note`` writes."""

    watched: Callable[[Path], Path] = field(default=_unchanged)
    """Records that the answer depends on the file at a path, and returns the path. A stamp must
    pass each file that it reads through here, or the hot path would hand out a stale session."""

    watched_here: Callable[[str], None] = field(default=_ignore_line)
    """Records that the answer depends on what is, or is not, at a relative path."""

    beyond_record: Callable[[], None] = field(default=_do_nothing)
    """Marks the answer as uncacheable for the hot path: it depends on something that a record
    cannot hold, e.g. the contents of a PKCS#11 token, or must not hold, e.g. a secret."""

    programs: dict[str, str | None] = field(default_factory=dict)
    """The file of each program that a stamp has looked up, by the name in its command; ``None``:
    there was none. It is what is started, also if ``PATH`` has another one by then."""

    default_region: str | None = None
    """The region of ``[defaults]``."""

    def secret_variable(self, name: str) -> str | None:
        """Return a variable whose value is a secret and must not be written to a record."""
        self.beyond_record()
        return self.environ.get(name)


class SourceChanged(Exception):
    """The source's state is no longer that of its stamp, e.g. because somebody just signed in.

    The caller must plan again, because the keys of all sessions depend on the stamp.
    """


def choose(
    context: SourceContext, question: str, options: Sequence[str], of: str, names: Sequence[str]
) -> int:
    """Return the index of the option that the person chooses; a single one is not asked for.

    Args:
        context: has the person, and what was chosen last.
        question: what is asked.
        options: what is shown, a line each.
        of: names the list, for the next time.
        names: what is remembered of each option; no secret.

    Raises:
        NoTerminal: nobody can be asked.
    """
    if len(options) == 1:
        return 0
    choices = context.choices()
    last = choices.last(of)
    order = sorted(range(len(options)), key=lambda number: names[number] != last)
    chosen = order[context.person.choose(question, [options[number] for number in order])]
    choices.note(of, names[chosen])
    return chosen


_IDENTITY = Pattern(r"[A-Za-z0-9_+=,.@-]{2,64}")  # SourceIdentity (STS API reference, AssumeRole)


@dataclass(frozen=True, slots=True)
class FederatedIdentity:
    """What the config, variables and a local token or certificate say, unverified; no secrets.

    ``None``, or a missing key, means that the value is not known.
    """

    role: str | None = None
    """Its ARN, or ``ACCOUNT:role/NAME``."""

    provider: str | None = None
    """ARN of a SAML provider."""

    issuer: str | None = None
    """Of a web identity token: host and path, the prefix of AWS's condition keys for it."""

    session_name: str | None = None

    keys: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Condition keys and their values; an empty tuple means that the key is certainly absent."""

    claims: Mapping[str, str | None] = field(default_factory=dict)
    """Every claim of the token in hand; ``None``: its value is no text."""

    tags: Mapping[str, str] | None = None
    """All the session tags of the call."""

    transitive: tuple[str, ...] = ()

    source_identity: str | None = None
    """``None`` if it is not set, provided that ``tags`` are known."""

    unread: str | None = None
    """Name of a claim that STS may read, but whose form rolehop does not know."""


def with_certificate(identity: FederatedIdentity, file: Path) -> FederatedIdentity:
    """Return ``identity`` with the tags and source identity of the certificate in a PEM file.

    IAM Roles Anywhere makes session tags of the certificate's attributes, and the source identity
    of its subject's common name (Roles Anywhere user guide, "The trust model"). A certificate that
    cannot be read adds nothing.
    """
    try:
        from rolehop.aws import x509

        leaf = x509.certificates(file)[0]
    except (ModuleNotFoundError, SourceError):
        return identity
    tags = x509.attributes(leaf)
    common = tags.get("x509Subject/CN", ())
    return replace(
        identity,
        keys={f"aws:PrincipalTag/{name}": values for name, values in tags.items()},
        source_identity=next(filter(_IDENTITY.fullmatch, common), None),
    )
