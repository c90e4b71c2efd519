"""Whose program is at the other end of a connection over loopback."""

from __future__ import annotations

from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# 127.0.0.1 as the tables have it, on machines of either byte order. A program that uses IPv6
# sockets for everything has it behind a prefix.
_LOOPBACK = ("0100007F", "7F000001")
_PREFIXES = ("", "0000000000000000FFFF0000", "00000000000000000000FFFF")


def is_connection_of(user: int, client_port: int, server_port: int) -> bool | None:
    """True if a program of ``user``, a user ID, connected from ``client_port`` to ``server_port``.

    ``None``: this system does not tell. Linux does (proc_pid_net(5), "tcp": local address, remote
    address, state, …, user).
    """
    rows = [row for table in _TABLES for row in _rows(table)]
    if not rows:
        return None
    local, remote = _ends(client_port), _ends(server_port)
    return any(
        fields[1] in local and fields[2] in remote and fields[7] == str(user) for fields in rows
    )


def _rows(table: Path) -> list[list[str]]:
    try:
        return [row.split() for row in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []


def _ends(port: int) -> set[str]:
    return {f"{prefix}{address}:{port:04X}" for prefix in _PREFIXES for address in _LOOPBACK}
