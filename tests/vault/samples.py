"""Sessions and steps with obviously false values, and a vault whose notes are recorded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from keyring.backend import KeyringBackend

from rolehop.base.arn import RoleArn
from rolehop.base.credentials import Credentials, Secret, Session
from rolehop.plan.model import Hop, HopStep, SourceStep, TokenStep
from rolehop.vault.backend_selection import Chosen
from rolehop.vault.index_file import IndexStore
from rolehop.vault.serialization import as_item
from rolehop.vault.sessions import KeyringVault

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
ROLE = "arn:aws:iam::222222222222:role/Hub"
RECORD_KEY = "5a" * 32
LONG_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE+/=" * 480  # 12,480 characters


def key_of(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def hop_step(name: str = "hub", *, parent: str = "source", number: int = 1) -> HopStep:
    hop = Hop(role=RoleArn.parse(ROLE), session_name="me", duration_seconds=3600)
    return HopStep(
        key=key_of(name), parent=key_of(parent), number=number, hop=hop, ceiling_seconds=3600
    )


def source_step(name: str = "source", *, stored: bool = True) -> SourceStep:
    return SourceStep(key=key_of(name), source="corp", stored=stored)


def token_step(name: str = "token", *, parent: str = "source") -> TokenStep:
    return TokenStep(
        key=key_of(name),
        parent=key_of(parent),
        source="alice",
        duration_seconds=43_200,
        mfa_serial=None,
    )


def session(
    token: str = "token-of-hub",  # noqa: S107 - made up
    *,
    issued_at: datetime = NOW,
    life: timedelta = timedelta(hours=1),
    secret: str = "secret-of-hub",  # noqa: S107 - made up
) -> Session:
    expires_at = issued_at + life
    return Session(
        credentials=Credentials("ASIAEXAMPLEHUB000", Secret(secret), Secret(token), expires_at),
        arn="arn:aws:sts::222222222222:assumed-role/Hub/me",
        account="222222222222",
        user_id="AROAEXAMPLE:me",
        issued_at=issued_at,
        expires_at=expires_at,
    )


def item(session: Session, key: str) -> str:
    """Return the text of the item with ``session`` under hop key ``key``."""
    return as_item(session, key, RECORD_KEY)


def keys(access_key_id: str = "AKIAEXAMPLE000000", secret: str = "secret-of-alice") -> Credentials:  # noqa: S107 - made up
    return Credentials(access_key_id, Secret(secret))


def chosen(keyring: KeyringBackend, **settings: object) -> Chosen:
    kind = type(keyring)
    given: dict[str, object] = {"limit": getattr(kind, "limit", None), **settings}
    return Chosen(f"{kind.__module__}.{kind.__qualname__}", keyring, **given)  # type: ignore[arg-type]


@dataclass
class World:
    """One vault on one machine; ``again`` is the next process of the same user."""

    folder: Path
    choose: Callable[[], Chosen]
    now: datetime = NOW
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.vault = self.open()

    def open(self) -> KeyringVault:
        def now() -> datetime:
            return self.now

        # The machine's start stands still, as on a clock that nobody sets.
        index = IndexStore(self.folder, now=now, machine_start=lambda now: NOW)
        return KeyringVault(index, self.choose, self.said.append, now=now, quick_seconds=60)

    def again(self) -> KeyringVault:
        self.said.clear()
        self.vault = self.open()
        return self.vault
