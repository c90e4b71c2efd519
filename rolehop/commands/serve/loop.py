"""Listen on a port or a Unix socket, and serve all connections in one thread."""

from __future__ import annotations

import errno
import math
import os
import selectors
import socket
import stat
import sys
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import UsageError
from rolehop.commands.serve.connection import Connection, IncomingRequest, Response

ADDRESS = "127.0.0.1"
"""Not ``localhost``, which some SDKs look up as ::1 first, nor ::1, which others refuse."""

CONTAINER_ADDRESS = "169.254.170.2"
"""Which SDKs in containers ask (Amazon ECS, "Task IAM role"); a forwarder has it, not this machine."""

FORWARDED_PORT = 51679
"""Where ECS's own agent answers for that address: for forwarders that cannot reach a socket, and of a
forwarder within a container."""

_BACKLOG = 4096
_ACCEPTS_CONNECTIONS = getattr(socket, "SO_ACCEPTCONN", 30)
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


_FIRST_PASSED = 3


def passed_port(
    environ: Mapping[str, str], port: int, hop_limit: int | None = None
) -> ListeningSocket | None:
    """Return the port on which systemd listens for this process; ``None``: it does not.

    It goes on to when this process ends, however that is: nobody else gets the port in between
    (sd_listen_fds(3)). ``port`` is the one that is wanted; 0: any.

    Raises:
        UsageError: it is another socket than that of a port of 127.0.0.1.
    """
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return None
    with suppress(OSError):
        server = socket.socket(fileno=_FIRST_PASSED)
        if environ.get("LISTEN_FDS") == "1" and _is_listening_on(server, port):
            server.set_inheritable(False)
            if hop_limit is not None:
                server.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop_limit)
            port = server.getsockname()[1]
            return ListeningSocket(server, hosts_of_port(port), port)
        server.close()
    raise UsageError(
        f"systemd listens on something else than {ADDRESS}:{port or 'PORT'}",
        fix="print both units with the same options: --unit systemd, --unit systemd-socket",
    )


def _is_listening_on(server: socket.socket, port: int) -> bool:
    if (server.family, server.type) != (socket.AF_INET, socket.SOCK_STREAM):
        return False
    address, found = server.getsockname()
    listens = server.getsockopt(socket.SOL_SOCKET, _ACCEPTS_CONNECTIONS) == 1
    return listens and address == ADDRESS and port in (0, found)


def address_of(port: int) -> str:
    """Return the address of a server on ``port``, without a path."""
    return f"http://{ADDRESS}:{port}"


def hosts_of_port(port: int) -> frozenset[str]:
    """Return the hosts that requests to a port may name.

    Clients on AWS's common runtime (CRT) leave out the port. A page under a name of its own cannot:
    its browser says that name.
    """
    return frozenset({ADDRESS, "localhost", f"{ADDRESS}:{port}", f"localhost:{port}"})


def open_to_containers(listener: ListeningSocket) -> ListeningSocket:
    """Return it for requests of containers, too, which a forwarder passes on as they are."""
    more = {CONTAINER_ADDRESS, f"{CONTAINER_ADDRESS}:80", *hosts_of_port(FORWARDED_PORT)}
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


MOST_CONNECTIONS = 4096
_OTHER_FILES = 64
_MOST_ON_WINDOWS = 448  # of the 512 that select() takes there
_FREED_AFTER = 60.0
"""Seconds that a connection with the token was idle before it makes room for another one."""

_LEAST_SWEEP_SECONDS = 0.02
"""Between two looks at every connection: few wait for long, and then for a time of their own."""

_NO_FILES_SECONDS = 0.05
_ACCEPTS = 16  # in one go


def raise_file_limit() -> None:
    """Let this process, which does nothing but serve, open as many files as `MOST_CONNECTIONS` need."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = MOST_CONNECTIONS + _OTHER_FILES
        if hard != resource.RLIM_INFINITY:
            wanted = min(wanted, hard)
        if soft != resource.RLIM_INFINITY and soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _connections_that_fit() -> int:
    try:
        import resource
    except ImportError:
        return min(MOST_CONNECTIONS, _MOST_ON_WINDOWS)
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == resource.RLIM_INFINITY:
        return MOST_CONNECTIONS
    return max(min(MOST_CONNECTIONS, soft - _OTHER_FILES), 1)


class Answer(Protocol):
    """Answers requests."""

    def __call__(
        self, request: IncomingRequest, hosts: Collection[str], *, final: bool
    ) -> Response | None:
        """Return the answer; ``None``: it is known in a moment; never if ``final``."""
        ...


class Loop:
    """A context manager; only `wake` may be called from another thread."""

    def __init__(
        self,
        listeners: Collection[ListeningSocket],
        answer: Answer,
        tick: Callable[[], float | None],
    ) -> None:
        """``tick`` starts what is due, and returns for how many seconds nothing else is.

        ``None`` ends the loop.
        """
        self._most_connections = _connections_that_fit()
        self._answer = partial(answer, final=False)
        self._answer_finally = partial(answer, final=True)
        self._tick = tick
        self._selector = selectors.DefaultSelector()
        self._connections: dict[socket.socket, Connection] = {}
        self._events: dict[socket.socket, int] = {}
        self._next_sweep = math.inf
        self._is_stopped = False
        self._waker, self._woken = socket.socketpair()
        for each in (self._waker, self._woken):
            each.setblocking(False)
        self._selector.register(self._woken, selectors.EVENT_READ, self._answer_held)
        for listener in listeners:
            self._listen(listener)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in list(self._connections):
            self._close(each)
        self._selector.close()
        self._waker.close()
        self._woken.close()

    def wake(self) -> None:
        """Answer held requests, and call ``tick`` again; any thread may call this."""
        with suppress(OSError):  # it is being woken already, or is over
            self._waker.send(b"\0")

    def stop(self) -> None:
        """End `run`."""
        self._is_stopped = True

    def when_readable(self, file: int, act: Callable[[], object]) -> None:
        """Call ``act`` when the file descriptor can be read."""
        self._selector.register(file, selectors.EVENT_READ, act)

    def run(self) -> None:
        """Serve until `stop` is called."""
        while not self._is_stopped:
            seconds = self._tick()
            if seconds is None:
                return
            if self._connections:
                seconds = min(seconds, max(0.0, self._next_sweep - time.monotonic()))
            for key, events in self._selector.select(seconds):
                if not isinstance(key.data, Connection):
                    key.data()
                elif key.fileobj in self._connections:  # else it was closed a moment ago
                    self._serve(key.fileobj, key.data, events)
            if self._connections and time.monotonic() >= self._next_sweep:
                self._sweep()

    # ---- connections

    def _listen(self, listener: ListeningSocket) -> None:
        def accept() -> None:
            for _ in range(_ACCEPTS):
                try:
                    client, _ = listener.socket.accept()
                except OSError as error:  # nobody else is there, or has gone
                    self._make_room(error)
                    return
                self._open(client, listener.hosts)

        listener.socket.setblocking(False)
        self._selector.register(listener.socket, selectors.EVENT_READ, accept)

    def _open(self, client: socket.socket, hosts: Collection[str]) -> None:
        connection = Connection(client, hosts)
        self._next_sweep = min(self._next_sweep, connection.deadline)
        while len(self._connections) >= self._most_connections and self._make_one_free():
            pass
        if len(self._connections) >= self._most_connections:
            # One more, until its client has read this or the next one comes.
            connection.refuse(429)
            connection.send()
        if connection.is_over:
            connection.close()
            return
        with suppress(OSError):
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._connections[client] = connection
        self._events[client] = selectors.EVENT_READ
        self._selector.register(client, selectors.EVENT_READ, connection)

    def _make_room(self, error: OSError) -> None:
        """Let no client wait for ever if this process may open no more files."""
        if error.errno in (errno.EMFILE, errno.ENFILE) and not self._make_one_free():
            time.sleep(_NO_FILES_SECONDS)

    def _serve(self, client: socket.socket, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_WRITE:
            connection.send()
            if not connection.wants_to_write and not connection.is_over:
                connection.advance(self._answer)  # what had to wait until there was room
        if events & selectors.EVENT_READ and not connection.is_over:
            connection.read(self._answer)
        self._go_on(client, connection)

    def _go_on(self, client: socket.socket, connection: Connection) -> None:
        """Wait for what the connection can do next, or close it."""
        if connection.is_over:
            self._close(client)
            return
        self._next_sweep = min(self._next_sweep, connection.deadline)
        events = (selectors.EVENT_READ if connection.wants_to_read else 0) | (
            selectors.EVENT_WRITE if connection.wants_to_write else 0
        )
        if events == self._events[client]:
            return
        if not self._events[client]:
            self._selector.register(client, events, connection)
        elif events:
            self._selector.modify(client, events, connection)
        else:
            self._selector.unregister(client)
        self._events[client] = events

    def _close(self, client: socket.socket) -> None:
        connection = self._connections.pop(client)
        if self._events.pop(client):
            self._selector.unregister(client)
        connection.close()

    def _make_one_free(self) -> bool:
        """End the oldest connection without the token, else one that was idle for long, if there is one.

        So nobody who has the token is kept out by connections of those who have not: a client
        sends its request as soon as it is connected. One that has shown it is cut only after a time
        in which every client expects that.
        """
        for client, each in self._connections.items():
            if not each.has_token:
                each.refuse(429)
                each.send()
                self._close(client)
                return True
        since = time.monotonic() - _FREED_AFTER
        idle = [
            found
            for found in self._connections.items()
            if found[1].is_idle and found[1].idle_since < since
        ]
        if idle:
            self._close(min(idle, key=lambda found: found[1].idle_since)[0])
        return bool(idle)

    def _answer_held(self) -> None:
        with suppress(OSError):
            self._woken.recv(4096)
        for client, connection in list(self._connections.items()):
            if connection.held is not None:
                connection.advance(self._answer)
                self._go_on(client, connection)

    def _sweep(self) -> None:
        """End what took too long: answer a held request as it is, close any other connection."""
        now = time.monotonic()
        self._next_sweep = math.inf
        for client, connection in list(self._connections.items()):
            if connection.deadline > now:
                self._next_sweep = min(self._next_sweep, connection.deadline)
            elif connection.held is None:
                self._close(client)
            else:
                connection.advance(self._answer_finally)
                self._go_on(client, connection)
        self._next_sweep = max(self._next_sweep, now + _LEAST_SWEEP_SECONDS)
