"""What the last refused walk leaves behind: the hop, what it asked and what STS said; no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

from rolehop.app.context import App
from rolehop.errors import HopRefused, UsageError
from rolehop.plan.walk_options import WalkOptions
from rolehop.startup.dataclass import dataclass

FILE = "refused.json"
_SCHEMA = 1


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


@contextmanager
def record_refusals(app: App, chain: str, options: WalkOptions) -> Iterator[None]:
    """Keep what is refused in here; a walk that comes through ends what is kept of its chain."""
    try:
        yield
    except HopRefused as error:
        if error.hop is not None:
            _note(app, chain, error.hop, error.code, options)
        raise
    last = _read(app)
    if last is not None and last.chain == chain:
        with suppress(OSError):
            (app.state_folder / FILE).unlink(missing_ok=True)


def last_refused(app: App) -> LastRefused:
    """Return what was refused last.

    Raises:
        UsageError: nothing was, as far as is known, or it is over.
    """
    last = _read(app)
    if last is None:
        raise UsageError(
            "no refused hop is known",
            cause="nothing was refused here, or the chain was walked since",
            fix="name a chain: rolehop explain CHAIN",
        )
    return last


def refused_so(app: App, chain: str, options: WalkOptions) -> LastRefused | None:
    """Return what was refused last, where it was ``chain`` with these flags."""
    last = _read(app)
    same = last is not None and last.chain == chain and _asked(last.options) == _asked(options)
    return last if same else None


def _note(app: App, chain: str, hop: int, code: str, options: WalkOptions) -> None:
    """Keep a refusal; not kept is no harm."""
    from rolehop.files import write_beside

    told = {
        "schema": _SCHEMA,
        "chain": chain,
        "hop": hop,
        "code": code,
        "at": app.now().isoformat(timespec="seconds"),
        "asked": _asked(options),
    }
    with suppress(OSError):
        write_beside(app.state_folder / FILE, json.dumps(told) + "\n")


def _asked(options: WalkOptions) -> dict[str, object]:
    """Return the flags that the hop's call depended on."""
    return {"region": options.region, **options.hop_values}


def _read(app: App) -> LastRefused | None:
    """Return what is kept; ``None``: nothing, or nothing that makes sense."""
    try:
        told = json.loads((app.state_folder / FILE).read_text(encoding="utf-8"))
        if told["schema"] != _SCHEMA or told["asked"].keys() != _asked(WalkOptions()).keys():
            return None
        asked = told["asked"]
        chain, hop, code = str(told["chain"]), int(told["hop"]), str(told["code"])
        options = WalkOptions().with_hop_values(asked)
        return LastRefused(chain, hop, code, datetime.fromisoformat(told["at"]), options)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
