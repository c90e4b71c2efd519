"""Add a chain to a server that runs, or drop one: what is said over its private socket, and done there.

The terminal that adds a chain asks for what it asks for, and walks it. The server gets the proof,
sealed under the key of the keyring: a program of this user that has an endpoint and nothing else
makes none. It looks itself whether that is what the chain asks for by the config of now, and whether
the chain leads there from here, too. The session it takes from the keyring: no secret is said, as
whoever listens may be another program that waits for one.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

from rolehop.app.context import App
from rolehop.app.guard import ask, given_elsewhere
from rolehop.app.planning import Planning
from rolehop.app.ports import Nobody
from rolehop.app.selecting import NamedChains
from rolehop.app.walking import session_of_chain
from rolehop.base.dataclass import replace
from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.text import clean
from rolehop.base.time_limit import time_limit, unattended
from rolehop.commands.serve.keeper import StartedChain, already_started
from rolehop.commands.serve.presence import PATIENCE, asked
from rolehop.commands.serve.running import SERVE, NotedServer, ServerRow, noted_servers
from rolehop.plan.walk_options import read_options
from rolehop.vault.notes import NotSealed, Seal, as_note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from rolehop.plan.walk_options import WalkOptions


class ServesChains(Protocol):
    """What a server can be told to change."""

    @property
    def is_instance(self) -> bool:
        """True if it is a metadata service, of one chain."""
        ...

    @property
    def is_of_command(self) -> bool:
        """True if it belongs to a command, which gets nothing else."""
        ...

    @property
    def changing(self) -> AbstractContextManager[object]:
        """Lets one request at a time look at what is served, and change it."""
        ...

    def options_of(self, chain: str) -> WalkOptions | None:
        """Return the flags with which a chain is served; ``None``: it is not."""
        ...

    def add(self, chain: StartedChain) -> None:
        """Serve one more chain."""
        ...

    def drop(self, chain: str) -> None:
        """Serve a chain no longer."""
        ...


_SEALED_AS = "request"
_DONE = "done"


def server_to_change(app: App, port: int) -> NotedServer:
    """Return the server of this user on ``port``; 0: the only one that runs.

    Raises:
        UsageError: there is none, or there are several, or it cannot be told anything.
    """
    servers = [each for each in noted_servers(app) if each.row.command == SERVE]
    found = [each for each in servers if not port or each.row.address.endswith(f":{port}")]
    if not found:
        where = f" on port {port}" if port else ""
        raise UsageError(f"no server runs{where}", fix="start one: rolehop serve CHAIN")
    if len(found) > 1:
        ports = ", ".join(each.row.address.rpartition(":")[2] for each in found)
        raise UsageError("several servers run", cause=f"on ports {ports}", fix="name one: --port N")
    return found[0]


def add_to(app: App, server: NotedServer, started: StartedChain) -> None:
    """Have ``server`` serve a chain that was walked here.

    Raises:
        RolehopError: it does not.
    """
    options, proof = started.options, started.proof
    given = {**options.hop_values, "region": options.region, "min_ttl": options.min_ttl}
    request = {
        "add": started.name,
        "key": _key(app, started.name, options),
        "options": given,
        "confirmed": sorted(proof.confirmed),
        "reason": proof.reason,
    }
    _tell(app, server, request)


def drop_from(app: App, server: NotedServer, chains: Sequence[str]) -> None:
    """Have ``server`` serve these chains no longer; they are named as for every command.

    Raises:
        UsageError: it does not serve one of them, or no other one.
        RolehopError: it does not answer.
    """
    served, dropped = [each.chain for each in server.row.chains], dict[str, None]()
    for typed in chains:
        named = NamedChains(app, [typed])
        found = [each for each in served if each in named]
        if not found:
            raise UsageError(f"{typed} is not served", cause=_serves(server.row))
        dropped |= dict.fromkeys(found)
    if len(dropped) == len(served):
        raise UsageError("nothing would be served any more", fix="rolehop serve --stop")
    _tell(app, server, {"drop": list(dropped)})


def _serves(row: ServerRow) -> str:
    return f"process {row.process} serves {', '.join(each.chain for each in row.chains)}"


def _tell(app: App, server: NotedServer, request: Mapping[str, object]) -> None:
    try:
        name = server.note.stem
        text = Seal(app.vault.seals, _SEALED_AS, name).added_to(as_note(request))
        reply = asked(app.state_folder, name, text.encode())
    except OSError as error:
        raise RolehopError(
            "the server cannot be told",
            cause=error.strerror or str(error),
            fix="start another one: rolehop serve CHAIN",
        ) from None
    text = clean(reply.decode(errors="replace"))
    if text != _DONE:
        raise RolehopError("the server refused", cause=text or "it did not say why")


def obey(app: App, server: ServesChains, name: str, request: bytes) -> str:
    """Do what a process of this user asks for, in the server; return what it is told.

    ``name`` is that of the server's note: what is sealed for one server, no other one obeys.
    """
    try:
        _obey(app, server, name, request)
    except RolehopError as error:
        return clean(": ".join(part for part in (error.what, error.cause) if part))
    except NotSealed as error:
        return clean(f"nothing proves that rolehop asks for this: {error}")
    except (ValueError, TypeError, KeyError, RecursionError):
        return "this is no request of rolehop's"
    return _DONE


def _obey(app: App, server: ServesChains, name: str, request: bytes) -> None:
    if server.is_of_command:
        raise UsageError("this server belongs to a command", cause="which gets nothing else")
    nobody = Nobody("a server asks nobody")
    now = App(app.variables, app.home, config_file=app.config_file, person=nobody)
    with closing(now), unattended(), time_limit(PATIENCE):
        asked_for = Seal(now.vault.seals, _SEALED_AS, name).read(request)
        if "drop" in asked_for:
            with server.changing:
                for each in list(asked_for["drop"]):
                    server.drop(str(each))
        else:
            _add(now, server, asked_for)


def _add(now: App, server: ServesChains, given: Mapping[str, Any]) -> None:
    if server.is_instance:
        raise UsageError("an EC2 instance has one role", cause="it is a metadata service")
    started = _started(now, str(given["add"]), given)
    with server.changing:
        served = server.options_of(started.name)
        if served is not None and _limits(served) != _limits(started.options):
            flags = ", ".join(served.hop_flags) or "no flag"
            raise UsageError(
                f"{started.name} is served with {flags}",
                cause="what its programs may do changes only after rolehop serve --drop",
            )
        server.add(started)


def _limits(options: WalkOptions) -> dict[str, object]:
    return replace(options, reason=None).hop_values


def _started(now: App, name: str, given: Mapping[str, Any]) -> StartedChain:
    proof = given_elsewhere(given["confirmed"], _text(given["reason"]))
    options, proof = ask(now, name, read_options(given["options"]), proof)
    if _key(now, name, options) != given["key"]:
        raise UsageError(
            f"{name} would lead elsewhere from here",
            cause="the server has another config, other variables or another working folder",
        )
    plan, session = session_of_chain(now, name, options, proof)
    resolved, region = Planning(now).resolve(name, options), plan.export_region
    return already_started(now, plan.chain, session, options, proof, resolved, region=region)


def _key(app: App, name: str, options: WalkOptions) -> str:
    """Return what tells where a chain leads, and from whom, as far as that is known without a call."""
    return Planning(app).plan(name, options, app.source_callers).key


def _text(value: object) -> str | None:
    return None if value is None else str(value)
