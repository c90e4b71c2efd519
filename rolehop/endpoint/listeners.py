"""Where the endpoint listens: a port of the loopback address, or a Unix socket."""

from __future__ import annotations

import errno
import os
import socket
import stat
import sys
from contextlib import suppress
from pathlib import Path

from rolehop.errors import UsageError
from rolehop.startup.dataclass import dataclass, replace

ADDRESS = "127.0.0.1"
"""Not ``localhost``, which some SDKs look up as ::1 first, nor ::1, which others refuse."""

CONTAINER_ADDRESS = "169.254.170.2"
"""Which SDKs in containers ask (Amazon ECS, "Task IAM role"); a forwarder has it, not this machine."""

_BACKLOG = 1024
_HTTP_PORT = 80
_UNIX_HOSTS = frozenset({"localhost", ADDRESS})


@dataclass(frozen=True, slots=True)
class ListeningSocket:
    """A socket that listens, and the hosts that requests to it may name."""

    socket: socket.socket
    hosts: frozenset[str]
    port: int = 0
    """0 for a Unix socket."""
    file: tuple[Path, os.stat_result] | None = None
    """Of a Unix socket: its path, and what is there."""

    def close(self) -> None:
        """Listen no longer; a Unix socket is removed, unless another one is in its place."""
        self.socket.close()
        if self.file is not None:
            path, made = self.file
            with suppress(OSError):
                if os.path.samestat(made, path.lstat()):
                    path.unlink()


class PortInUse(Exception):
    """Something else listens on the port."""


def listen_on_port(port: int, hop_limit: int | None = None) -> ListeningSocket:
    """Listen on a port of 127.0.0.1; 0: any that is free.

    ``hop_limit`` is that of the packets that are sent; ``None``: the system's.

    Raises:
        PortInUse: it is taken.
        UsageError: it cannot be had.
    """
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        _claim(server)
        if hop_limit is not None:  # accepted sockets have it, too
            server.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit)
        server.bind((ADDRESS, port))
        server.listen(_BACKLOG)
    except OSError as error:
        server.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUse from None
        raise UsageError(
            f"rolehop cannot listen on {ADDRESS}:{port}",
            cause=error.strerror,
            fix="name another with --port, or none for any that is free",
        ) from None
    port = server.getsockname()[1]
    return ListeningSocket(server, hosts_of_port(port), port)


def address_of(port: int) -> str:
    """Return the address of a server on ``port``, without a path."""
    return f"http://{ADDRESS}:{port}"


def hosts_of_port(port: int) -> frozenset[str]:
    """Return the hosts that requests to a port may name: that of HTTP is left out by clients."""
    hosts = {f"{ADDRESS}:{port}", f"localhost:{port}"}
    return frozenset(hosts | {ADDRESS, "localhost"} if port == _HTTP_PORT else hosts)


def open_to_containers(listener: ListeningSocket) -> ListeningSocket:
    """Return it for requests of containers, too, which a forwarder passes on as they are."""
    more = {CONTAINER_ADDRESS, f"{CONTAINER_ADDRESS}:80"}
    return replace(listener, hosts=listener.hosts | more)


def _claim(server: socket.socket) -> None:
    """Let no other program share the port, and take it over from connections that have ended."""
    if sys.platform == "win32":  # pragma: no cover - there SO_REUSEADDR means sharing
        server.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def listen_on_socket(path: Path) -> ListeningSocket:
    """Listen on a Unix socket that only this user can connect to.

    Raises:
        UsageError: something else is at the path, or it cannot be created.
    """
    if not hasattr(socket, "AF_UNIX"):
        raise UsageError("this system's Python has no Unix sockets", fix="leave out --socket")
    remove_left_socket(path)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)  # from the first moment on
    try:
        server.bind(str(path))
        server.listen(_BACKLOG)
        made = path.lstat()
    except OSError as error:
        server.close()
        raise UsageError(
            f"rolehop cannot listen on {path}",
            cause=error.strerror or str(error),
            fix="name a path of at most 100 bytes in a folder of your own",
        ) from None
    finally:
        os.umask(before)
    return ListeningSocket(server, _UNIX_HOSTS, file=(path, made))


def remove_left_socket(path: Path) -> None:
    """Remove a socket on which nobody listens any more; nothing may be there.

    Raises:
        UsageError: somebody does, or it is no socket.
    """
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise UsageError(f"{path} is there and no socket", fix="name another path")
    except OSError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1)
        try:
            client.connect(str(path))
        except ConnectionRefusedError:
            with suppress(OSError):
                path.unlink()
            return
        except OSError as error:
            raise UsageError(f"{path} cannot be used", cause=error.strerror) from None
    raise UsageError(
        f"{path} is in use", cause="a program listens on it", fix="rolehop serve --stop"
    )
