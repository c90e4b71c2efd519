"""The last refusal: its hop, its flags, STS's error code and words; no secret."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from rolehop.credentials import scrub
from rolehop.durations import read_moment
from rolehop.errors import HopRefused, UsageError
from rolehop.plan.walk_options import WalkOptions, read_options
from rolehop.startup.dataclass import dataclass
from rolehop.state.json_file import UNUSABLE, as_checked, load_checked, number_in, text_in

FILE = "refused.json"
_SCHEMA = 1
_MEMBERS = ("schema", "chain", "hop", "code", "message", "at", "asked")
_LONGEST_MESSAGE = 8_000  # characters


@dataclass(frozen=True, slots=True)
class LastRefused:
    """The hop that AWS refused last on this machine."""

    chain: str
    hop: int
    code: str
    at: datetime
    """Aware, in UTC."""

    options: WalkOptions
    """The flags that it was walked with."""

    message: str = ""
    """AWS's words, as they came: make them visible before they are shown."""


@contextmanager
def record_refusals(
    state_folder: Path, chain: str, options: WalkOptions, now: Callable[[], datetime]
) -> Iterator[None]:
    """Store a refusal that is raised in here; a successful walk deletes that of its chain."""
    try:
        yield
    except HopRefused as error:
        if error.hop is not None:
            words = scrub(error.message)[:_LONGEST_MESSAGE]
            refused = LastRefused(chain, error.hop, error.code, now(), options, words)
            _store(state_folder, refused)
        raise
    last = _read(state_folder)
    if last is not None and last.chain == chain:
        with suppress(OSError):
            (state_folder / FILE).unlink(missing_ok=True)


def last_refused(state_folder: Path) -> LastRefused:
    """Return the last refusal.

    Raises:
        UsageError: none is known, or its chain was walked since.
    """
    last = _read(state_folder)
    if last is None:
        raise UsageError(
            "no refused hop is known",
            cause="nothing was refused here, or the chain was walked since",
            fix="name a chain: rolehop explain CHAIN",
        )
    return last


def refused_with(state_folder: Path, chain: str, options: WalkOptions) -> LastRefused | None:
    """Return the last refusal if it was of ``chain`` with the same flags."""
    last = _read(state_folder)
    same = (
        last is not None and last.chain == chain and _flags_of(last.options) == _flags_of(options)
    )
    return last if same else None


def _store(state_folder: Path, refused: LastRefused) -> None:
    """Store a refusal; failing to is harmless."""
    from rolehop.files import write_beside

    document = {
        "schema": _SCHEMA,
        "chain": refused.chain,
        "hop": refused.hop,
        "code": refused.code,
        "message": refused.message,
        "at": refused.at.isoformat(timespec="seconds"),
        "asked": _flags_of(refused.options),
    }
    with suppress(OSError):
        write_beside(state_folder / FILE, as_checked(document))


def forget_refusal(state_folder: Path) -> None:
    """Delete the note of the last refusal: a reason or a session policy may be in it.

    Raises:
        OSError: it cannot be deleted.
    """
    with suppress(NotADirectoryError):  # there is no state folder
        (state_folder / FILE).unlink(missing_ok=True)


def _flags_of(options: WalkOptions) -> dict[str, object]:
    """Return the flags that the hop's call depended on."""
    return {"region": options.region, **options.hop_values}


def _read(state_folder: Path) -> LastRefused | None:
    """Return the stored refusal; ``None`` if there is none that can be read."""
    try:
        stored = load_checked(state_folder / FILE, _MEMBERS)
        if stored["schema"] != _SCHEMA or stored["asked"].keys() != _flags_of(WalkOptions()).keys():
            return None
        chain, code = text_in(stored, "chain"), text_in(stored, "code")
        message = text_in({"message": "", **stored}, "message")
        hop, at = number_in(stored, "hop"), read_moment(stored["at"])
        return LastRefused(chain, hop, code, at, read_options(stored["asked"]), message)
    except (OSError, *UNUSABLE):
        return None
