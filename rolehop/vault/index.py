"""The index of stored sessions and keys, without secrets: a hint that may be lost at any time.

The keyring library cannot list its items, so this index does. No session is handed out on its
word; plans, `status`, `logout` and sweeping use it. Pure values; `index_file` reads and writes
the file.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from rolehop.base.credentials import Session
from rolehop.base.dataclass import dataclass, field, replace
from rolehop.base.durations import end_by_new_clock
from rolehop.plan.model import (
    CachedSession,
    CachedState,
    Hop,
    ScopeStep,
    SourceStep,
    Step,
    TokenStep,
)

SCHEMA = 1
FINDING_LASTS = timedelta(days=7)

WINDOW_SECONDS = 30
"""Time step of a TOTP code (RFC 6238), the only one that AWS's virtual devices use."""

_MOST_MFA_WINDOWS = 20


@dataclass(frozen=True, slots=True)
class Entry:
    """One stored session."""

    key: str
    """Hop key."""

    chains: tuple[str, ...]
    """Chains that use it, in the order of their walks."""

    step: str
    """``source``, ``token``, ``hop`` or ``scope``."""

    hop: int
    """From 1; 0 for a source's or a token step's session. A scope has the number after the last hop's."""

    role: str
    """ARN of the role of a hop, and of that which a scope narrows; empty for the other steps."""

    arn: str
    account: str
    source: str
    """Name of the source the chain begins with; empty if not known."""

    issued_at: datetime
    expires_at: datetime
    """By AWS's clock."""

    parent: str | None
    """Hop key of the step before."""

    backend: str
    """``module.Class`` of the keyring that holds it."""

    local_expires_at: datetime
    """``expires_at`` as this machine's clock will show it."""

    session_name: str = ""
    """What the hop asked for, as are those below: they tell sessions of one role apart."""

    policy_arns: tuple[str, ...] = ()
    has_policy: bool = False
    """It has a session policy of its own."""

    source_identity: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    narrowed: str = ""
    """What a scope made of it: ``read-only`` or ``scoped``; empty: no scope did."""


@dataclass(frozen=True, slots=True)
class SignInEnd:
    """When a stored sign-in ends."""

    ends_at: datetime | None
    """By this machine's clock; ``None``: it does not say."""

    renews: bool
    """It has a refresh token, with which it is renewed without a person."""

    backend: str
    """``module.Class`` of the keyring that holds it."""

    ended: bool = False
    """AWS said that it has ended, before its time."""

    def is_over(self, now: datetime) -> bool:
        """True if only a person can sign in again, as far as that is known."""
        return self.ended or (not self.renews and self.ends_at is not None and self.ends_at <= now)


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """The IAM user key of one ``keys`` source."""

    access_key_id: str
    backend: str
    added_at: datetime


@dataclass(frozen=True, slots=True)
class LearnedCeiling:
    """A role's MaxSessionDuration, learned from a refusal of STS."""

    max_seconds: int
    at: datetime


@dataclass(frozen=True, slots=True)
class UsedMfaCode:
    """The last MFA code sent for one device."""

    window: int
    """Number of the 30 s window since the epoch."""

    digest: str
    """HMAC-SHA-256 of serial and code under the key of `Seals`, in hex; empty without a keyring."""


@dataclass(frozen=True, slots=True)
class OrphanedSession:
    """A stored session without an entry of its own, waiting to be removed."""

    key: str
    backend: str


@dataclass(frozen=True, slots=True)
class Index:
    """The whole index; every change returns a new one."""

    sessions: Mapping[str, Entry] = field(default_factory=dict)
    """By hop key."""

    keys: Mapping[str, KeyEntry] = field(default_factory=dict)
    """By source name."""

    findings: Mapping[str, LearnedCeiling] = field(default_factory=dict)
    """By role ARN."""

    mfa: Mapping[str, UsedMfaCode] = field(default_factory=dict)
    """By the device's serial."""

    sign_ins: Mapping[str, str] = field(default_factory=dict)
    """By sign-in name: the generation, a new random word for each sign-in."""

    sign_in_ends: Mapping[str, SignInEnd] = field(default_factory=dict)
    """By sign-in name, for `status`."""

    orphans: frozenset[OrphanedSession] = frozenset()

    lost: bool = False
    """The file was missing or unusable, and the keyring has not been searched since: it may hold
    more than is noted here. A new, empty index looks the same."""

    damaged: bool = False
    """It is lost because the file was unusable, so it is not merely new: sessions were noted."""

    def known(self) -> CachedState:
        """Return the part that a plan may use."""
        return CachedState(
            sessions=_Lifetimes(self.sessions),
            max_durations={role: finding.max_seconds for role, finding in self.findings.items()},
        )

    def below(self, key: str) -> tuple[str, ...]:
        """Return ``key`` and every session that hangs below it, parents first."""
        found = [key]
        for parent in found:  # grows while it is walked
            found += [
                each.key
                for each in self.sessions.values()
                if each.parent == parent and each.key not in found
            ]
        return tuple(found)

    def expired(self, now: datetime, backend: str) -> tuple[str, ...]:
        """Return the keys of sessions in ``backend`` that have ended at ``now``."""
        return tuple(
            key
            for key, entry in self.sessions.items()
            if entry.backend == backend and entry.local_expires_at <= now
        )

    def orphans_in(self, backend: str) -> tuple[str, ...]:
        """Return the keys of orphaned sessions in ``backend``."""
        return tuple(sorted(orphan.key for orphan in self.orphans if orphan.backend == backend))

    def with_session(self, entry: Entry) -> Index:
        """Add ``entry``; chains noted before stay, and a copy in another back end is remembered."""
        old = self.sessions.get(entry.key)
        orphans = self.orphans - {OrphanedSession(entry.key, entry.backend)}
        if old is not None:
            entry = replace(entry, chains=tuple(dict.fromkeys((*old.chains, *entry.chains))))
            if old.backend != entry.backend:
                orphans |= {OrphanedSession(old.key, old.backend)}
        return replace(self, sessions={**self.sessions, entry.key: entry}, orphans=orphans)

    def without(self, keys: Iterable[str], backend: str) -> Index:
        """Remove the sessions and orphans under ``keys`` that ``backend`` holds."""
        gone = frozenset(keys)
        return replace(
            self,
            sessions={
                key: entry
                for key, entry in self.sessions.items()
                if key not in gone or entry.backend != backend
            },
            orphans=frozenset(
                orphan
                for orphan in self.orphans
                if orphan.key not in gone or orphan.backend != backend
            ),
        )

    def as_before(self, keys: Collection[str], before: Index, backend: str) -> Index:
        """Put back what ``before`` says of ``keys``: their write to ``backend`` failed."""
        index = self.without(keys, backend)
        for key in keys:
            if key in before.sessions:
                index = index.with_session(before.sessions[key])
        orphans = {orphan for orphan in before.orphans if orphan.key in keys}
        return replace(index, orphans=index.orphans | orphans)

    def with_key(self, name: str, entry: KeyEntry) -> Index:
        """Add the IAM user key of source ``name``."""
        return replace(self, keys={**self.keys, name: entry})

    def without_key(self, name: str) -> Index:
        """Remove the IAM user key of source ``name``."""
        return replace(
            self, keys={each: entry for each, entry in self.keys.items() if each != name}
        )

    def with_sign_in(self, name: str, generation: str) -> Index:
        """Note a new sign-in; sessions got before it belong to another generation."""
        ends = self.sign_in_ends
        if self.sign_ins.get(name) != generation:
            ends = {each: end for each, end in ends.items() if each != name}
        return replace(self, sign_ins={**self.sign_ins, name: generation}, sign_in_ends=ends)

    def with_sign_in_end(self, name: str, end: SignInEnd) -> Index:
        """Note when the sign-in called ``name`` ends."""
        return replace(self, sign_in_ends={**self.sign_in_ends, name: end})

    def without_sign_in(self, name: str) -> Index:
        """Remove the sign-in called ``name``."""
        return replace(
            self,
            sign_ins={each: at for each, at in self.sign_ins.items() if each != name},
            sign_in_ends={each: end for each, end in self.sign_in_ends.items() if each != name},
        )

    def with_finding(self, role: str, max_seconds: int, at: datetime) -> Index:
        """Remember that STS grants ``role`` (an ARN) no more than ``max_seconds``."""
        return replace(self, findings={**self.findings, role: LearnedCeiling(max_seconds, at)})

    def with_spent(self, serial: str, window: int, digest: str) -> Index:
        """Remember that a code of device ``serial`` was sent."""
        return replace(self, mfa={**self.mfa, serial: UsedMfaCode(window, digest)})

    def without_digests(self) -> Index:
        """Forget which codes were sent; when they were stays known."""
        return replace(
            self, mfa={of: UsedMfaCode(each.window, "") for of, each in self.mfa.items()}
        )

    def without_spent(self, serial: str) -> Index:
        """Forget that a code of device ``serial`` was sent."""
        return replace(self, mfa={key: each for key, each in self.mfa.items() if key != serial})

    def pruned(self, now: datetime) -> Index:
        """Leave out findings older than seven days and codes that can no longer be repeated."""
        if not self.findings and not self.mfa:
            return self
        window = int(now.timestamp()) // WINDOW_SECONDS
        return replace(
            self,
            findings={
                role: each for role, each in self.findings.items() if now - each.at < FINDING_LASTS
            },
            mfa={
                serial: each
                for serial, each in self.mfa.items()
                if window - each.window <= _MOST_MFA_WINDOWS
            },
        )


def by_new_clock(sessions: Mapping[str, Entry], shift: timedelta) -> dict[str, Entry]:
    """Return entries with their ends by a clock that was set by ``shift`` since they were noted."""

    def by_it(each: Entry) -> Entry:
        end = end_by_new_clock(each.local_expires_at, each.expires_at, shift)
        return each if end == each.local_expires_at else replace(each, local_expires_at=end)

    return {key: by_it(each) for key, each in sessions.items()}


class _Lifetimes(Mapping[str, CachedSession]):
    """The sessions as a plan sees them: it looks up those of one chain, of thousands."""

    __slots__ = ("_entries",)

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries

    def __getitem__(self, key: str) -> CachedSession:
        entry = self._entries[key]
        return CachedSession(entry.issued_at, entry.expires_at, entry.local_expires_at)

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


class SessionToStore(NamedTuple):
    """A session to be stored."""

    step: Step
    session: Session
    chains: tuple[str, ...]
    """The chains that were walked over it."""


def make_entry(
    step: Step,
    session: Session,
    chain: str,
    backend: str,
    parent: Entry | None,
    now: datetime,
) -> Entry:
    """Return the entry of ``session``, which ``step`` got while walking ``chain``, to be noted ``now``."""
    kind, hop, role, narrowed = "hop", 0, "", ""
    asked: Hop | None = None
    source = parent.source if parent is not None else ""
    if isinstance(step, SourceStep):
        kind, source = "source", step.source
    elif isinstance(step, TokenStep):
        kind, source = "token", step.source
    elif isinstance(step, ScopeStep):
        kind, hop, source = "scope", step.number, step.source
        role, narrowed = str(step.role or ""), step.scope.narrowed
    else:
        hop, role, asked = step.number, str(step.hop.role), step.hop
    entry = Entry(
        key=step.key,
        chains=(chain,),
        step=kind,
        hop=hop,
        role=role,
        arn=session.arn,
        account=session.account,
        source=source,
        issued_at=session.issued_at,
        expires_at=session.expires_at,
        parent=step.parent,
        backend=backend,
        local_expires_at=session.ends_at(now),
        narrowed=narrowed,
    )
    if asked is None:
        return entry
    return replace(
        entry,
        session_name=asked.session_name,
        policy_arns=asked.policy_arns,
        has_policy=asked.policy is not None,
        source_identity=asked.source_identity or "",
        tags=asked.tags,
    )
