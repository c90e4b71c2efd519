"""The targets of a run as values: what would be done, and what became of each."""

from __future__ import annotations

from datetime import datetime
from enum import Enum

from rolehop.startup.dataclass import dataclass
from rolehop.text import clean


class ResultClass(Enum):
    """How a command ended for one target, or why it never began."""

    OK = "ok"
    FAILED = "command failed"
    REFUSED = "refused"
    """By AWS, or by rolehop before it asked AWS."""
    NO_SIGN_IN = "no sign-in"
    """The source gives no credentials, or somebody has to be asked."""
    THROTTLED = "throttled"
    NETWORK = "network"
    TIMED_OUT = "timed out"
    NOT_RUN = "not run"


@dataclass(frozen=True, slots=True)
class TargetProblem:
    """Why a target is not ok, as an error says it; scrubbed."""

    what: str
    cause: str | None = None
    fix: str | None = None
    hop: int | None = None
    brief: str | None = None
    """The cause in a few words, if there are any."""

    @property
    def in_one_line(self) -> str:
        """What happened, and the cause."""
        return clean(": ".join(part for part in (self.what, self.brief or self.cause) if part))


@dataclass(frozen=True, slots=True)
class TargetRow:
    """One target, and what became of it."""

    name: str
    """The chain, and the region if the run is for several."""
    chain: str
    result: ResultClass
    account: str | None = None
    account_name: str | None = None
    role: str | None = None
    """The name of the last hop's role."""
    region: str | None = None
    """Of the command; ``None``: none is chosen."""
    exit_code: int | None = None
    """As shells say it: 128 + N after signal N; ``None``: the command was not run to its end."""
    seconds: float | None = None
    """How long the command ran; ``None``: it did not."""
    problem: TargetProblem | None = None
    ended_at: datetime | None = None
    """When it was done (aware, UTC); ``None``: it was not run."""


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One target, and what the run would do for it."""

    chain: str
    account: str | None
    role: str | None
    region: str | None
    cached: bool
    problem: str | None
    """What is certain to fail."""
    argv: tuple[str, ...]
    """The command with its placeholders filled, as far as they are known without a call."""
