"""What the last refused walk leaves behind: chain, hop and code, nothing secret."""

from __future__ import annotations

import contextlib
import json

from rolehop.cli.wiring import App
from rolehop.errors import HopRefused, UsageProblem
from rolehop.values import dataclass

FILE = "refused.json"


@dataclass(frozen=True, slots=True)
class LastRefused:
    """The hop that AWS refused last on this machine."""

    chain: str
    hop: int
    code: str


def note_refused(app: App, error: HopRefused) -> None:
    """Keep what was refused; not kept is no harm."""
    from rolehop.files import make_private_folder, write_beside

    if error.chain is None or error.hop is None:
        return
    told = {"chain": error.chain, "hop": error.hop, "code": error.code}
    with contextlib.suppress(OSError):
        make_private_folder(app.state_folder)
        write_beside(app.state_folder / FILE, json.dumps(told) + "\n")


def last_refused(app: App) -> LastRefused:
    """Return what was refused last.

    Raises:
        UsageProblem: nothing was, as far as is known.
    """
    try:
        told = json.loads((app.state_folder / FILE).read_text(encoding="utf-8"))
        return LastRefused(str(told["chain"]), int(told["hop"]), str(told["code"]))
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageProblem(
            "no refused hop is known", fix="name a chain: rolehop explain CHAIN"
        ) from None
