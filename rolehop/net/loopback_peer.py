"""Whose program is at the other end of a connection over loopback."""

from __future__ import annotations

from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
# 127.0.0.1 as the tables have it, on machines of either byte order. A program that uses IPv6
# sockets for everything has it behind a prefix.
_LOOPBACK = ("0100007F", "7F000001")
_PREFIXES = ("", "0000000000000000FFFF0000", "00000000000000000000FFFF")


def user_of_connection(client_port: int, server_port: int) -> int | None:
    """Return the user ID of whoever connected from ``client_port`` to ``server_port``.

    ``None``: not known, on other systems than Linux (proc_pid_net(5), "tcp": local address, remote
    address, state, …, user), and if the program is on the other side of a virtual machine.
    """
    local, remote = _ends(client_port), _ends(server_port)
    for table in _TABLES:
        for fields in _rows(table):
            if fields[1] in local and fields[2] in remote:
                return int(fields[7])
    return None


def _rows(table: Path) -> list[list[str]]:
    try:
        return [row.split() for row in table.read_text(encoding="ascii").splitlines()[1:]]
    except OSError:
        return []


def _ends(port: int) -> set[str]:
    return {f"{prefix}{address}:{port:04X}" for prefix in _PREFIXES for address in _LOOPBACK}
