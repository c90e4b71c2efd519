"""Put a real server under load: 10,000 requests over 64 connections, slow senders, a minute idle.

    python -m tests.commands.serve [--requests N] [--connections N] [--idle SECONDS]
    python -m tests.commands.serve --clients FOLDER [--imds]

Prints what it measured, and exits 1 if a limit was passed (Linux). With ``--clients``, programs
ask it while its sessions last three seconds: s5cmd, rclone, restic, litestream (Go SDK version 2),
and pyarrow of a ``python``, those that are in the folder or on ``PATH``.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

from tests.commands.serve.clients import poll
from tests.commands.serve.load import Load, load
from tests.commands.serve.server import TOKEN, URI, Server, serving
from tests.support.world import temporary_world

MOST_MILLISECONDS, MOST_MEGABYTES = 25.0, 60.0
MOST_IDLE_MEGABYTES, MOST_IDLE_SECONDS_A_MINUTE = 45.0, 0.01
SLOW_SENDERS = 100


def main() -> int:
    """Measure, and return 1 if a limit was passed."""
    asked = _arguments()
    if asked.clients is not None:
        return _with_clients(asked.clients, imds=asked.imds)
    wrong: list[str] = []
    with temporary_world() as world, serving(world, "admin") as server:
        server.get()  # from then on it serves
        time.sleep(1)  # until that connection is closed
        before = _open_files(server)
        wrong += _under_load(server, asked.requests, asked.connections)
        wrong += _with_slow_senders(server)
        time.sleep(7)  # until the slow ones are closed
        wrong += _differs("open files", before, _open_files(server))
        wrong += _idle(server, asked.idle)
    for each in wrong:
        _say(f"WRONG: {each}")
    return 1 if wrong else 0


def _with_clients(folder: str, *, imds: bool) -> int:
    wrong = []
    for line, problem in poll(folder, imds=imds):
        _say(line)
        wrong += [problem] if problem else []
    for each in wrong:
        _say(f"WRONG: {each}")
    return 1 if wrong else 0


def _under_load(server: Server, requests: int, connections: int) -> Iterator[str]:
    block = server.blocks[0]
    for token in (block[TOKEN], "wrong"):
        found = load(block[URI], token, requests, connections)
        status = 200 if token != "wrong" else 401
        yield from _differs("answers", {status: requests}, found.statuses)
        yield from _differs("different bodies", 1, len(found.bodies))
        yield from _report(found, f"{requests:,} requests over {connections} connections: {status}")
    megabytes = _megabytes(server)
    _say(f"memory: {megabytes:.1f} MB")
    if megabytes > MOST_MEGABYTES:
        yield f"{megabytes:.1f} MB"


def _with_slow_senders(server: Server) -> Iterator[str]:
    """While others send a byte a second, or nothing, requests are answered."""
    address = urlsplit(server.blocks[0][URI])
    with ExitStack() as stack:
        slow = [
            stack.enter_context(
                socket.create_connection((address.hostname or "", address.port or 0))
            )
            for _ in range(SLOW_SENDERS)
        ]
        for each in slow[::2]:
            each.sendall(b"GET /chains/adm")
        found = load(server.blocks[0][URI], server.blocks[0][TOKEN], 1000, 16)
        yield from _differs("answers beside slow senders", {200: 1000}, found.statuses)
        yield from _report(found, f"1,000 requests beside {SLOW_SENDERS} slow senders")


def _idle(server: Server, seconds: float) -> Iterator[str]:
    begun = _cpu_seconds(server)
    time.sleep(seconds)
    used, megabytes = round(_cpu_seconds(server) - begun, 2), _megabytes(server)
    _say(f"idle for {seconds:g} s: {used:.2f} s of CPU, {megabytes:.1f} MB")
    if used > MOST_IDLE_SECONDS_A_MINUTE * max(1.0, seconds / 60):
        yield f"{used:.2f} s of CPU while idle"
    if megabytes > MOST_IDLE_MEGABYTES:
        yield f"{megabytes:.1f} MB while idle"


def _report(found: Load, name: str) -> Iterator[str]:
    middle, late, latest = (1000 * found.percentile(share) for share in (0.5, 0.99, 0.99999))
    _say(f"{name}: p50 {middle:.1f} ms, p99 {late:.1f} ms, longest {latest:.1f} ms")
    if late > MOST_MILLISECONDS:
        yield f"p99 {late:.1f} ms"


def _differs(name: str, wanted: object, found: object) -> Iterator[str]:
    if wanted != found:
        yield f"{name}: {found}, not {wanted}"


def _process(server: Server) -> Path:
    return Path("/proc", str(server.process.pid))


def _open_files(server: Server) -> int:
    return len(list((_process(server) / "fd").iterdir()))


def _megabytes(server: Server) -> float:
    text = (_process(server) / "status").read_text()
    return int(text.partition("VmRSS:")[2].split()[0]) / 1024


def _cpu_seconds(server: Server) -> float:
    fields = (_process(server) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--clients", metavar="FOLDER")
    parser.add_argument("--imds", action="store_true")
    parser.add_argument("--idle", type=float, default=60.0)
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
