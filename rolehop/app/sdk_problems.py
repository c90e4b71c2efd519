"""What `credential-process` said when it last failed, for each chain: most SDKs hide its stderr.

Each chain has a file of its own, so two processes cannot overwrite each other's. It holds the lines
of the error, which have no secret in them. Walking the chain deletes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rolehop.base.advice import Advice, Argument, one_line, posix_argument
from rolehop.base.credentials import scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.durations import CLOCK_TOLERANCE, read_moment
from rolehop.base.errors import ConfigError, HopRefused, RolehopError, SourceError
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.vault.notes import NoteFile, NoteFolder, notes_in, number_in, text_in

if TYPE_CHECKING:
    from rolehop.app.context import App

_RETENTION = timedelta(days=7)
_OF_CHAIN = Pattern(r"^(AWS refused hop [0-9]+) of \S+, (.+) in [0-9]{12}$")
_LONGEST_LINE = 1_000  # characters
_MOST_PARTS = 50  # of a piece of advice
_MOST = 200  # files; a fleet may have more chains, but nobody reads on


@dataclass(frozen=True, slots=True)
class SdkProblem:
    """How one `credential-process` failed, or what was wrong with its answer."""

    chain: str
    at: datetime
    """Aware, in UTC."""

    exit_code: int
    """0: the answer was given, and may be too long for its reader."""

    what: str
    cause: str
    fix: Advice
    """Empty if there is none."""

    @property
    def what_of_any(self) -> str:
        """What happened without what only this chain of a fleet is or ends in."""
        return _OF_CHAIN.sub(r"\1, \2", self.what)


def as_problem(
    chain: str, error: RolehopError, at: datetime, exit_code: int | None = None
) -> SdkProblem:
    """Return ``error`` as it is kept; ``exit_code`` replaces the error's own."""
    cause = error.cause or ""
    if isinstance(error, ConfigError) and error.complaints:
        first, more = str(error.complaints[0]), len(error.complaints) - 1
        cause = first + (f" (and {more} more)" if more else "")
    if isinstance(error, HopRefused):
        cause = error.brief or cause
    if isinstance(error, SourceError) and error.quotes_program:
        cause = "what it wrote to stderr is not stored"
    what, cause = _line(error.what), _line(cause)
    fix = error.fix if isinstance(error.fix, Advice) else Advice(clean(error.fix or ""))
    code = error.exit_code if exit_code is None else exit_code
    return SdkProblem(chain, at, code, what, cause, Advice(*map(_part, fix.parts[:_MOST_PARTS])))


def note_problem(state_folder: Path, problem: SdkProblem) -> None:
    """Keep ``problem`` instead of the last one of its chain; failing to is harmless."""
    if len(problem.chain) > _LONGEST_LINE:
        return  # no chain is called so
    fields = {
        "chain": problem.chain,
        "at": problem.at.isoformat(timespec="seconds"),
        "exit_code": problem.exit_code,
        "what": problem.what,
        "cause": problem.cause,
        "fix": [
            {"argument": each} if isinstance(each, Argument) else each for each in problem.fix.parts
        ],
    }
    with suppress(OSError):
        problem_notes(state_folder).store(_name(problem.chain), fields, problem.at)


def sdk_problems(state_folder: Path, now: datetime) -> list[SdkProblem]:
    """Return what is kept and not older than a week, the latest first."""
    try:
        notes = sorted(notes_in(problem_notes(state_folder).path), key=_written_at, reverse=True)
    except OSError:
        return []
    found = [each.read(_problem) for each in notes[:_MOST]]
    recent = [each for each in found if each is not None and _is_recent(each, now)]
    return sorted(recent, key=lambda each: each.at, reverse=True)


def _is_recent(problem: SdkProblem, now: datetime) -> bool:
    """True for a week; a time to come is none of now: the clock was set back since."""
    return -CLOCK_TOLERANCE <= now - problem.at < _RETENTION


def forget_problem(state_folder: Path, chain: str) -> None:
    """Delete what is kept of ``chain``, which was walked; failing to is harmless."""
    notes = problem_notes(state_folder)
    with suppress(OSError):
        notes.file(_name(chain)).delete()
        notes.path.rmdir()  # the last one: then nobody looks in here


def problem_notes(state_folder: Path) -> NoteFolder:
    """Return the folder of what is kept."""
    return NoteFolder(state_folder / "sdk", _RETENTION, lasting=False)


def _name(chain: str) -> str:
    return digest_of(chain)[:32]


def _written_at(note: NoteFile) -> float:
    try:
        return note.path.lstat().st_mtime
    except OSError:  # another process may have deleted it just now
        return 0


def _line(text: str) -> str:
    return scrub(one_line(text, posix_argument))[:_LONGEST_LINE]


def _part(text: str) -> str:
    found = scrub(text)[:_LONGEST_LINE]
    return Argument(found) if isinstance(text, Argument) else found


def _problem(note: dict[str, Any]) -> SdkProblem:
    chain, what, cause = (text_in(note, each, _LONGEST_LINE) for each in ("chain", "what", "cause"))
    at, code = read_moment(note["at"]), number_in(note, "exit_code", 255)
    return SdkProblem(chain, at, code, what, cause, _advice(note["fix"]))


def _advice(stored: object) -> Advice:
    """Return the advice whose arguments are quoted only for the shell that is shown it."""
    if not isinstance(stored, list) or len(stored) > _MOST_PARTS:
        raise ValueError("no list of parts")
    parts = (
        Argument(text_in(each, "argument", _LONGEST_LINE))
        if isinstance(each, dict)
        else text_in({"text": each}, "text", _LONGEST_LINE)
        for each in stored
    )
    return Advice(*parts)


_UNKNOWN_LASTS = timedelta(hours=1)


def sdk_failures(app: App) -> list[SdkProblem]:
    """Return how chains failed for SDKs in the last week, the latest first.

    A name that neither the config nor an AWS profile has, such as a typo, is left out after an hour:
    what still asks for it, from an AWS config elsewhere, asks again.
    """
    now = app.now()
    return [
        each
        for each in sdk_problems(app.state_folder, now)
        if now - each.at < _UNKNOWN_LASTS or _may_be_asked_for(app, each.chain)
    ]


def alike_problems(problems: Iterable[SdkProblem]) -> list[list[SdkProblem]]:
    """Return problems in groups: chains of a fleet may all fail for one reason."""
    groups: dict[tuple[object, ...], list[SdkProblem]] = {}
    for each in problems:
        groups.setdefault((each.what_of_any, each.cause, each.exit_code), []).append(each)
    return list(groups.values())


def _may_be_asked_for(app: App, name: str) -> bool:
    """True if the config or an AWS profile has a chain's name, or it is not known what they have."""
    from rolehop.app.planning import is_chain

    try:
        if app.config_problem is not None or is_chain(app, name):
            return True
        return name.partition("/")[0] in app.config.listed_fleets or name in _chains_of_lines(app)
    except ConfigError:
        return True


def _chains_of_lines(app: App) -> set[str]:
    """Return the chains for which a profile of the AWS files runs `credential-process`."""
    from rolehop.awsconfig.own_profiles import own_line

    aws = app.aws_config
    sections = [*aws.config_profiles.values(), *aws.credentials_sections.values()]
    values = (each.get("credential_process") for each in sections)
    lines = (own_line(each) for each in values if isinstance(each, str))
    return {each.chain for each in lines if each is not None}
