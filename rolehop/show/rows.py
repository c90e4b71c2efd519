"""Rows of the tables of chains, sessions and the history: plain values, without secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from rolehop.advice import Advice
from rolehop.durations import read_moment
from rolehop.plan.model import CachedSession, HopStep, Step
from rolehop.startup.dataclass import dataclass

_HISTORY_TEXTS = (
    "action",
    "chain",
    "role",
    "source",
    "session_name",
    "request_id",
    "expires_at",
    "reason",
)


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One chain of ``rolehop list``."""

    name: str
    description: str
    source: str | None
    """Name of the source it starts from, also if it continues another chain."""
    continues: str | None
    fleet: str | None
    labels: Mapping[str, str]
    roles: tuple[str, ...]
    """ARNs of all roles from the source on, in the order they are walked."""
    cached: CachedSession | None
    """The last hop's session, unless it has ended."""

    account: str = ""
    """Of the last role; empty if the chain uses its source's own session, and no fleet names it."""
    color: str | None = None
    assigned: str | None = None
    """The role of Identity Center in ``account``, if a fleet lists it and the chain ends with it."""


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session of ``rolehop status``."""

    key: str
    chains: tuple[str, ...]
    hop: int
    """From 1; 0 is the source's own session or its MFA session."""
    role: str | None
    arn: str
    expires_at: datetime
    """By AWS's clock."""

    local_expires_at: datetime
    """The same by this machine's clock."""

    parent: str | None
    """Hop key of the session that signed, if that one is stored too."""
    backend: str
    kind: str
    """``source``, ``token`` or ``hop``."""
    source: str
    keyring: str
    """What people call the back end."""

    session_name: str
    """What the hop asked for, as are those below; empty for other steps and if it is not known."""
    policy_arns: tuple[str, ...]
    has_policy: bool
    source_identity: str
    tags: tuple[tuple[str, str], ...]
    planned: bool = True
    """A chain would take it now, without flags."""

    @property
    def read_only(self) -> bool:
        """True if ReadOnlyAccess is its only session policy."""
        only = [each.partition("::")[2] for each in self.policy_arns]
        return only == ["aws:policy/ReadOnlyAccess"] and not self.has_policy


@dataclass(frozen=True, slots=True)
class SignInRow:
    """One sign-in of ``rolehop status``."""

    sources: tuple[str, ...]
    """Those that start from it."""
    kind: str
    """Their type."""

    ends_at: datetime | None
    """By this machine's clock; ``None``: it is not known."""
    renews: bool
    """It is renewed without a person."""

    by_cli: bool = False
    """The AWS CLI made it."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """What is in a keyring that is locked, so that nothing of it can be used now."""

    backend: str
    keyring: str
    """What people call the back end."""
    sessions: int
    sign_ins: int
    unlock: str | None = None
    """How a person unlocks it from here; ``None``: in the desktop session."""


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """How the last `credential-process` of a chain failed."""

    chain: str
    at: datetime
    exit_code: int
    """0: it gave an answer that may be too long for its reader."""
    what: str
    cause: str
    fix: Advice


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One line of ``rolehop keys list``."""

    name: str
    access_key_id: str
    backend: str
    keyring: str
    """What people call the back end."""
    added_at: datetime


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One AWS profile of ``rolehop profile list``, whose credential_process is rolehop."""

    profile: str
    chain: str
    file: str
    installed: bool
    """It is in the block that rolehop writes."""
    line: str
    """The value of its credential_process."""
    problem: str | None
    """Why no SDK gets an answer through the line."""
    rewrite: str | None
    """The line that would be written now, if that is another one."""
    config_file: str | None = None
    """What the line gives to ``--config``."""

    @property
    def prefix(self) -> str | None:
        """What `profile install` wrote before the chain's name; ``None``: this name is not from it."""
        if self.installed and self.profile.endswith(self.chain):
            return self.profile.removesuffix(self.chain)
        return None


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One line of the history."""

    number: int
    at: datetime
    """Aware, in UTC."""

    event: str
    """``call``, ``handover``, or ``repair`` if the file with the end of the history was lost."""

    outcome: str
    """``ok``, AWS's error code, or ``failed``."""

    texts: Mapping[str, str]
    """The other fields that are known: action, chain, role, source …"""

    hop: int | None


def history_rows(
    entries: Iterable[tuple[int, Mapping[str, object]]], wanted: Callable[[str], bool]
) -> list[HistoryRow]:
    """Return the lines as rows, if their chain is ``wanted`` (an empty name: none)."""
    rows = (_history_row(number, entry) for number, entry in entries)
    return [each for each in rows if each is not None and wanted(each.texts.get("chain", ""))]


def _history_row(number: int, entry: Mapping[str, object]) -> HistoryRow | None:
    """Return a line as a row; ``None`` if it makes no sense."""
    try:
        at = read_moment(entry.get("at"))
    except ValueError:
        return None
    texts = {name: value for name in _HISTORY_TEXTS if isinstance(value := entry.get(name), str)}
    hop = entry.get("hop")
    event, outcome = str(entry.get("event", "")), str(entry.get("outcome", ""))
    return HistoryRow(number, at, event, outcome, texts, hop if type(hop) is int else None)


def step_label(step: Step, hops: int) -> str:
    """Return e.g. ``hop 2 of 3  333333333333:role/Admin``, for a plan of ``hops`` hops."""
    if isinstance(step, HopStep):
        role = step.hop.role
        return f"hop {step.number} of {hops}  {role.account}:role{role.path}{role.name}"
    return f"source '{step.source}'"


@dataclass(frozen=True, slots=True)
class ServedChainRow:
    """One chain of a server; times by this machine's clock."""

    chain: str
    next_renewal: datetime | None
    """``None``: it goes on now, or nothing is renewed before a client asks."""
    expires_at: datetime | None
    """``None``: there is no session."""
    problem: str | None


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
