"""Give a file that was written beside its place its name, if nothing else has it."""

from __future__ import annotations

from pathlib import Path


def put_new(beside: Path, path: Path) -> None:
    """Rename ``beside`` to ``path``: of several processes that do so at once, one succeeds.

    Raises:
        FileExistsError: something is at ``path``, be it a link that leads nowhere.
        OSError: it cannot be renamed.
    """
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        path.open("xb").close()
        beside.replace(path)
    else:
        beside.unlink()
