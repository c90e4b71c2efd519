"""Who listens on a port of this machine."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.serving.running import running_servers
from rolehop.text import clean

if TYPE_CHECKING:
    from rolehop.app.context import App

_PROC = Path("/proc")
_LISTEN = "0A"


def who_listens(app: App, port: int) -> str:
    """Return who listens on ``port``, in words."""
    for server in running_servers(app):
        if server.address.endswith(f":{port}"):
            chains = ", ".join(each.chain for each in server.chains)
            return f"rolehop {server.command}, process {server.process}, serves {chains} there"
    found = _process(port)
    return "another program has it" if found is None else f"{found[1]}, process {found[0]}, has it"


def _process(port: int) -> tuple[int, str] | None:
    """Return a process of this user that listens on ``port``, and its name; on Linux only."""
    inodes = {f"socket:[{each}]" for each in _inodes(port)}
    with suppress(OSError):
        for process in _PROC.iterdir() if inodes else ():
            if process.name.isdecimal() and _has_one_of(process, inodes):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace")
                return int(process.name), clean(name)
    return None


def _inodes(port: int) -> set[str]:
    """Return the sockets that listen on ``port`` (proc_pid_net(5), "tcp")."""
    found = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for row in (_PROC / "net" / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = row.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    found.add(fields[9])
    return found


def _has_one_of(process: Path, links: set[str]) -> bool:
    with suppress(OSError):  # another user's, or it has ended
        return any(str(each.readlink()) in links for each in (process / "fd").iterdir())
    return False
