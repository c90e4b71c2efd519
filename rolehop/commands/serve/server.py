"""A server of chains: it listens, notes itself for `status`, and runs until it is stopped.

If it cannot listen, it says who does on its port.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rolehop.base.credentials import Secret
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.file_access import way_problem
from rolehop.base.files import is_there
from rolehop.base.text import clean
from rolehop.base.waits import forget_caller
from rolehop.commands.serve.companion import (
    WatchedProcess,
    collect_garbage_as_usual,
    fork_companion,
    hide_memory,
)
from rolehop.commands.serve.containers import (
    docker_server,
    listens_on_socket,
    recipe,
    socket_for_containers,
)
from rolehop.commands.serve.control import obey
from rolehop.commands.serve.keeper import (
    ChainKeeper,
    ChainNews,
    RenewalProblem,
    Reporter,
    ServedChains,
    StartedChain,
)
from rolehop.commands.serve.loop import (
    FORWARDED_PORT,
    ListeningSocket,
    Loop,
    PortInUse,
    address_of,
    listen_on_port,
    listen_on_socket,
    open_to_containers,
    passed_port,
    raise_file_limit,
)
from rolehop.commands.serve.rival_files import (
    CONFIG_VARIABLE,
    files_of_keys,
    preferred,
    profiles_with_keys,
    rival_files,
)
from rolehop.commands.serve.rules import HOP_LIMIT, MetadataService, Rules, metadata_of, path_of
from rolehop.commands.serve.running import (
    SERVE,
    ServedChainRow,
    ServerNote,
    ServerRow,
    as_note,
    running_servers,
)
from rolehop.commands.serve.stop_signals import EndInTime, StopSignals
from rolehop.commands.serve.token_file import (
    TokenFile,
    check_token_path,
    usual_token_path,
)
from rolehop.handover.environment import served
from rolehop.handover.formats import endpoint_changes, metadata_changes, token_check

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.handover.environment import Change
    from rolehop.plan.walk_options import WalkOptions

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


_TOKEN_BYTES = 32

_LOOK_SECONDS = 0.5
"""Between two looks whether a process has ended, if the system does not tell."""


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server is reached, and when it ends."""

    port: int = 0
    """0: any that is free."""
    socket: Path | None = None
    token_file: Path | None = None
    """``None``: the usual one, if there is a place for it in memory."""
    idle_seconds: float | None = None
    command: str = SERVE
    for_containers: bool = False
    """Whether a forwarder may pass on what containers ask for; see `.containers`."""
    imds: bool = False
    """Whether it is an instance's metadata service, too, of the first chain."""


class Server:
    """A context manager; it listens from the moment it is made, and serves in `run`.

    Attributes:
        address: ``http://127.0.0.1:PORT``.
        token_path: the file that holds the token; ``None``: there is none.
        metadata: where SDKs find an instance's metadata service; ``None``: there is none.
        changing: held by whoever looks at what is served and changes it, while it runs.
    """

    def __init__(self, app: App, settings: ServerSettings, reporter: Reporter) -> None:
        """Listen.

        Raises:
            UsageError: a port or a path cannot be had.
        """
        self._app = app
        self._settings = settings
        self.changing = threading.Lock()
        self._news = ChainNews(reporter)
        self._started: dict[str, StartedChain] = {}
        self._begun = app.now()
        self._token = Secret(secrets.token_urlsafe(_TOKEN_BYTES))
        self._note: ServerNote | None = None
        self._loop: Loop | None = None
        self._chains = ServedChains(
            app.now,
            idle_seconds=settings.idle_seconds,
            on_idle=self._stop,
            on_news=self.note,
        )
        running_servers(app)  # removes what a killed one left at the same places
        if settings.for_containers:
            settings = self._settings = _for_containers(app, settings)
        with ExitStack() as stack:
            self._signals = stack.enter_context(StopSignals())
            stack.callback(self._forget)  # last: what it notes is removed by others until then
            self._listeners = [_listen(app, settings)]
            stack.callback(self._listeners[0].close)
            if settings.socket is not None:
                _check_folder(settings.socket, app.home)
                self._listeners.append(listen_on_socket(settings.socket))
                stack.callback(self._listeners[1].close)
            if settings.for_containers:
                self._listeners = list(map(open_to_containers, self._listeners))
            self._token_file = _token_file(app.environ, settings.token_file, self._token)
            if self._token_file is not None:
                stack.callback(self._token_file.remove)
            self._stack = stack.pop_all()
        self.address = address_of(self._listeners[0].port)
        self.metadata = metadata_of(self.address) if settings.imds else None
        self.token_path = None if self._token_file is None else self._token_file.path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def add(self, chain: StartedChain) -> None:
        """Serve one more chain; any thread that has ``changing``, or is alone, may call this."""
        self._started = {**self._started, chain.name: chain}
        self._news.begin(chain.name, chain.session.arn)
        keeper = ChainKeeper(
            chain.name,
            chain.session,
            chain.walk_again,
            now=self._app.now,
            on_change=self._on_change,
        )
        self._chains.add(keeper)

    def uri(self, chain: str) -> str:
        """Return where SDKs get the session of ``chain``."""
        return self.address + path_of(chain)

    def docker_recipe(self, name: str) -> str:
        """Return one of the `RECIPES` for the chains that were added; the token is not in it."""
        first, *others = self._started.values()
        names = [first.name, *(each.name for each in others)]
        row, environ = self._row(self._chains), self._app.environ
        where = row.address, row.socket, row.token_file
        return recipe(name, docker_server(environ, names, first.region, *where))

    def changes(self, chain: str) -> tuple[Change, ...]:
        """Return what changes in the environment of a program that uses ``chain``."""
        return self._changes(chain, self._started[chain].region)

    def changes_of_command(self, chain: str, *, only: bool = False) -> tuple[Change, ...]:
        """Return the same for a command that gets ``chain`` and nothing else.

        Files with keys that SDKs prefer (`rival_files`) are hidden from it; with ``only``, both AWS
        files are, whatever is in them.
        """
        app, started = self._app, self._started[chain]
        hidden = files_of_keys(app) if only else rival_files(app)
        region = started.region or (started.sts_region if CONFIG_VARIABLE in hidden else None)
        if not only:
            for variable, file in hidden.items():
                app.note(f"the command does not see {file}: {preferred(variable)}")
            _note_other_keys(app, hidden.values(), "--only hides the file")
        return (
            *served(
                chain=chain, region=region, before=app.variables, flags=started.options.shell_flags
            ),
            *self._changes(chain, region),
            *((name, os.devnull) for name in hidden),
        )

    def note_other_keys(self) -> None:
        """Say whose keys a program of this shell could take that looks at no profile."""
        fix = f"to keep it from that, AWS_SHARED_CREDENTIALS_FILE={os.devnull}"
        _note_other_keys(self._app, (), fix)

    def _changes(self, chain: str, region: str | None) -> tuple[Change, ...]:
        file = None if self.token_path is None else str(self.token_path)
        before = self._app.variables
        changes = endpoint_changes(self.uri(chain), self._token, file, region, before)
        return changes if self.metadata is None else (*changes, *metadata_changes(self.metadata))

    def write_token(self) -> None:
        """Write the token for programs.

        `note` comes first: what a killed server left is removed by its note.

        Raises:
            UsageError: it cannot be written.
        """
        if self._token_file is not None:
            self._token_file.store()

    def leave_to_command(self) -> None:
        """Let another process serve for as long as this one, or what takes its place, lives.

        Here the server is over.

        Raises:
            RolehopError: there can be no other process.
        """
        self.write_token()
        client = WatchedProcess()
        files = [each.socket.fileno() for each in self._listeners]
        if client.file is not None:
            files.append(client.file)

        def serve() -> None:
            with self, self.ended_in_time():
                self.run(client)

        try:
            fork_companion(serve, files)
        except OSError as error:  # the user has too many processes
            raise RolehopError("no server can be started", cause=error.strerror) from None
        self._stack.pop_all()  # what is removed at the end is the other's
        for each in self._listeners:
            each.socket.close()
        client.close()

    def ended_in_time(self) -> EndInTime:
        """Return a context manager for whatever a process does that is this server and no more."""
        return EndInTime(self._give_up, self._wake)

    def run(self, client: WatchedProcess | None = None) -> None:
        """Serve until the process ``client`` has ended; ``None``: until a signal, or too long idle."""
        forget_caller()
        collect_garbage_as_usual()
        raise_file_limit()
        self._app.close()
        with self._new_loop(client) as loop:
            self._loop = loop
            if client is not None and client.file is not None:
                loop.when_readable(client.file, loop.stop)
            loop.run()

    @contextmanager
    def running_beside(self) -> Iterator[None]:
        """Serve in a thread of this process, which does other things, until the context is left.

        Raises:
            UsageError: the token cannot be written.
        """
        self.write_token()
        with self._new_loop(None) as loop:
            self._loop = loop
            thread = threading.Thread(target=loop.run, daemon=True)
            thread.start()
            try:
                yield
            finally:
                loop.stop()
                loop.wake()
                thread.join()

    def _new_loop(self, client: WatchedProcess | None) -> Loop:
        hide_memory()
        self.note()
        metadata = None
        if self._settings.imds:
            metadata = MetadataService(next(iter(self._started)), self._chains)
        rules = Rules(token_check(self._token), self._chains, os.getpid(), metadata)
        loop = Loop(self._listeners, rules.answer, self._tick_of(client))
        note = self._own_note()
        if note.presence.socket is not None:
            loop.when_readable(note.presence.socket.fileno(), lambda: note.answer(self._obey))
        return loop

    def note(self) -> None:
        """Write down for `status` what this process serves, and what has to be removed after it."""
        self._own_note().store(as_note(self._row(self._chains), self._token_file))

    def _obey(self, request: bytes) -> str:
        reply = obey(self._app, self, self._own_note().name, request)
        self._chains.look_again()  # which notes it
        self._wake()
        return reply

    @property
    def is_instance(self) -> bool:
        """True if it is a metadata service, of one chain."""
        return self._settings.imds

    @property
    def is_of_command(self) -> bool:
        """True if it belongs to a command, which gets nothing else."""
        return self._settings.command != SERVE

    def options_of(self, chain: str) -> WalkOptions | None:
        """Return the flags with which a chain is served; ``None``: it is not."""
        return self._started[chain].options if chain in self._chains else None

    def drop(self, chain: str) -> None:
        """Serve a chain no longer; by whom, as for `add`."""
        self._chains.drop(chain)

    def _own_note(self) -> ServerNote:
        if self._note is None:
            self._note = ServerNote(self._app.state_folder)
        return self._note

    def _forget(self) -> None:
        if self._note is not None:
            self._note.remove()

    def _tick_of(self, client: WatchedProcess | None) -> Callable[[], float | None]:
        """Return what a loop calls between requests: ``None`` ends it."""
        tick, signals = self._chains.tick, self._signals
        if client is None or client.file is not None:
            return lambda: None if signals.was_received else tick()
        return lambda: (
            None if signals.was_received or client.has_ended() else min(tick(), _LOOK_SECONDS)
        )

    def _stop(self) -> None:
        if self._loop is not None:
            self._loop.stop()

    def _wake(self) -> None:
        if self._loop is not None:
            self._loop.wake()

    def _give_up(self) -> None:
        """Remove what others could take for a server, in a thread of its own: the process ends at once."""
        if self._token_file is not None:
            self._token_file.remove()
        for each in self._listeners:
            each.close()
        self._forget()

    def _on_change(self, keeper: ChainKeeper, problem: RenewalProblem | None) -> None:
        self._chains.look_again()
        self._wake()
        # Last: a terminal that Ctrl-S has stopped takes no line.
        if problem is None:
            self._news.renewed(keeper.chain, keeper.arn)
        else:
            self._news.failed(keeper.chain, problem)

    def _row(self, chains: ServedChains) -> ServerRow:
        socket = self._settings.socket
        return ServerRow(
            process=os.getpid(),
            started_at=self._begun,
            command=self._settings.command,
            address=self.address,
            socket=None if socket is None else str(socket.absolute()),
            requests=chains.requests,
            clients=tuple(each.name for each in chains.clients.values()),
            chains=tuple(
                ServedChainRow(
                    each.chain,
                    each.next_walk,
                    each.expires_at,
                    None if each.problem is None else each.problem.text,
                    each.arn,
                )
                for each in chains.keepers.values()
            ),
            for_containers=self._settings.for_containers,
            token_file=None if self.token_path is None else str(self.token_path),
        )


def _note_other_keys(app: App, hidden: Collection[str], fix: str) -> None:
    """Say whose keys a program could take that looks at no profile, unless it does not see the file."""
    file, profiles = str(app.aws_files[1]), profiles_with_keys(app)
    if profiles and file not in hidden:
        names = clean(", ".join(profiles[:3]) + (" …" if len(profiles) > 3 else ""))
        app.note_once("keys", f"{file} has keys of {names}; polars takes the first ones: {fix}")


def _for_containers(app: App, settings: ServerSettings) -> ServerSettings:
    """Return where to listen so that a forwarder can reach it."""
    if listens_on_socket():
        socket = socket_for_containers(app, settings.socket, settings.token_file)
        return replace(settings, socket=socket)
    return replace(settings, port=settings.port or FORWARDED_PORT)


def _listen(app: App, settings: ServerSettings) -> ListeningSocket:
    port, hop_limit = settings.port, HOP_LIMIT if settings.imds else None
    # What is passed to exec is its command's.
    passed = passed_port(app.variables, port, hop_limit) if settings.command == SERVE else None
    if passed is not None:
        return passed
    try:
        return listen_on_port(port, hop_limit)
    except PortInUse:
        raise UsageError(
            f"port {port} is in use",
            cause=who_listens(app, port),
            fix="name another port, or none for any that is free",
        ) from None


def _check_folder(socket: Path, home: Path) -> None:
    """Refuse a folder where others could put a socket of theirs in the place of ours.

    Raises:
        UsageError: they could.
    """
    problem = way_problem(socket.parent, home)
    if problem is not None:
        raise UsageError(
            f"{socket} would not be safe",
            cause=problem,
            fix="name a path in a folder that only you can write",
        )


def _token_file(environ: Mapping[str, str], named: Path | None, token: Secret) -> TokenFile | None:
    """Return the file to be written; ``None``: there is no place for it.

    Raises:
        UsageError: something is at the path ``named``, or it is on a disk.
    """
    if named is not None:
        check_token_path(named, environ)
        if is_there(named):
            raise UsageError(f"{named} is there already", fix="name a file that is not there")
    path = named or usual_token_path(environ)
    return None if path is None else TokenFile(path, token)
