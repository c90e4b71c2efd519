"""Remove the state folder while nobody else can store anything that it names."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.fastpath.record import seal_path
from rolehop.files import entries_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rolehop.app.context import App
    from rolehop.vault.index import Index


def is_stored(index: Index) -> bool:
    """True if the index names something that is in a keyring."""
    return bool(index.sessions or index.orphans or index.sign_ins or index.keys)


def remove_state(app: App, folder: Path) -> bool:
    """Remove the state folder; return ``False`` if another rolehop has stored something by now.

    Whoever waits for the index makes the folder anew.

    Raises:
        OSError: it cannot be removed; `rolehop.vault.index_file.IndexLocked`: another process
            keeps the index locked.
    """
    return _remove_unless(app, folder, lambda: is_stored(app.index_store.load()))


def remove_if_only_looked_at(app: App) -> None:
    """Remove a state folder that has no more in it than looking for a lost index makes."""
    index = app.index_store.path
    made = {index.name, Path(seal_path(str(index))).name, "index.lock"}

    def has_more() -> bool:
        there = {each.name for each in entries_of(app.state_folder)}
        return is_stored(app.index_store.load()) or not there <= made

    with suppress(OSError):
        _remove_unless(app, app.state_folder, has_more)


def _remove_unless(app: App, folder: Path, is_needed: Callable[[], bool]) -> bool:
    """Remove ``folder`` while the index is locked, unless it is needed; return whether it is gone."""
    with app.index_store.held():
        if is_needed():
            return False
        if sys.platform != "win32":
            shutil.rmtree(folder)
    if sys.platform == "win32":  # there, a lock file that is open cannot be removed
        shutil.rmtree(folder)
    return True
