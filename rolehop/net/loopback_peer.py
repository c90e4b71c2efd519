"""Whose program is at the other end of a connection over loopback."""

from __future__ import annotations

from pathlib import Path

_HOST = "127.0.0.1"
_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# _HOST as the tables have it, on machines of either byte order. A program that uses IPv6
# sockets for everything has it behind a prefix.
_LOOPBACK = ("0100007F", "7F000001")
_PREFIXES = ("", "0000000000000000FFFF0000", "00000000000000000000FFFF")


_ESTABLISHED = "01"

GONE = -1
"""In place of a user ID: the client has closed the connection, so whose it was is not known."""


def user_of_connection(client: tuple[str, int], server_port: int) -> int | None:
    """Return the user ID of whoever connected from ``client`` to ``server_port`` at 127.0.0.1.

    ``client`` is its address and port. Only 127.0.0.1 is looked for: the port alone may be anybody's
    at 127.0.0.2, which is this machine as well. `GONE` for another address.

    ``None``: not known, on other systems than Linux (proc_pid_net(5), "tcp": local address, remote
    address, state, …, user), and if the program is on the other side of a virtual machine. `GONE`:
    the table has user 0 for a connection that its program has closed, or no longer has it.
    """
    address, port = client
    if address != _HOST:
        return GONE
    theirs, ours = _ends(port), _ends(server_port)
    rows = [row for table in _TABLES for row in _rows(table)]
    for row in rows:
        if row[1] in theirs and row[2] in ours:
            return int(row[7]) if row[3] == _ESTABLISHED else GONE
    is_open = any(row[1] in ours and row[2] in theirs and row[3] == _ESTABLISHED for row in rows)
    return None if is_open or not rows else GONE


def _rows(table: Path) -> list[list[str]]:
    try:
        return [row.split() for row in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []


def _ends(port: int) -> set[str]:
    return {f"{prefix}{address}:{port:04X}" for prefix in _PREFIXES for address in _LOOPBACK}
