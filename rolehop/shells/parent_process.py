"""Find the shell that is asking: the parent process, if that is a known shell."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from rolehop.shells.registry import for_process_name


def parent_shell() -> str | None:
    """Return the name of the parent process's shell; ``None``: it is no known shell."""
    return for_process_name(_process_name(os.getppid()))


def _process_name(pid: int, platform: str = sys.platform) -> str:
    """Return the name of a process; empty: it cannot be told."""
    if platform == "linux":
        try:
            # The kernel cuts a name after 15 bytes, in the middle of a character perhaps.
            return Path(f"/proc/{pid}/comm").read_text("utf-8", "replace").strip()
        except OSError:
            return ""
    if platform == "win32":
        return ""
    import subprocess  # systems without /proc

    try:
        done = subprocess.run(
            ["/bin/ps", "-o", "comm=", "-p", str(pid)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=2,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return Path(done.stdout.strip()).name
