"""The servers that run, as ``status`` shows them and in its document."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from rolehop.base.arn import account_of
from rolehop.base.durations import rfc3339, show_left, show_span
from rolehop.base.text import pluralize
from rolehop.commands.serve.running import ServedChainRow, ServerRow
from rolehop.terminal.json_text import Document
from rolehop.terminal.layout import Branch, StyledText, View, few_names, line, short_role


def servers_view(rows: Iterable[ServerRow], now: datetime, in_use: str | None) -> View:
    """Show each server, and its chains below it.

    ``in_use``: the endpoint that the programs of this shell ask; ``None``: they ask none.
    """
    return [_server(each, now, in_use) for each in rows]


def is_served(rows: Iterable[ServerRow], uri: str) -> bool:
    """True if one of the servers has an endpoint at ``uri``."""
    return any(_is_at(uri, server, each) for server in rows for each in server.chains)


def _is_at(uri: str | None, server: ServerRow, chain: ServedChainRow) -> bool:
    """True if a chain is served at ``uri``."""
    if uri is None or not uri.startswith(server.address):
        return False
    from rolehop.commands.serve.rules import path_of

    return uri == server.address + path_of(chain.chain)


def server_text(server: ServerRow) -> str:
    """Return a server in words: what it serves, not more than a few chains, and its process."""
    names = few_names([each.chain for each in server.chains], verbose=False)
    return f"the server of {names} (process {server.process})"


def _server(server: ServerRow, now: datetime, in_use: str | None) -> Branch:
    ago = show_span(max(0, int((now - server.started_at).total_seconds())))
    head = line(
        StyledText(f"{server.command} server ", "dim"),
        StyledText(str(server.process), "bold"),
        f"  {server.address}  since {ago}",
        *((f"  {server.socket}",) if server.socket else ()),
    )
    asked = f"{pluralize(server.requests, 'request')}"
    clients = f"{asked} from {', '.join(server.clients)}" if server.clients else "no request yet"
    below = [
        Branch((line(*_served_chain(each, now, used=_is_at(in_use, server, each))),), ())
        for each in server.chains
    ]
    return Branch((head, line(StyledText(clients, "dim"))), below)


def _served_chain(each: ServedChainRow, now: datetime, *, used: bool) -> Sequence[str | StyledText]:
    left = StyledText("no session", "red")
    if each.expires_at is not None:
        left = StyledText(show_left(each.expires_at, now), "green")
    who = StyledText(f"  {short_role(each.arn)}", "dim")
    words = [StyledText(each.chain, "bold"), who, "  ", left]
    if each.next_renewal is not None:
        seconds = max(0, int((each.next_renewal - now).total_seconds()))
        words.append(StyledText(f"  renewed in {show_span(seconds)}", "dim"))
    if used:
        words.append("  used by this shell")
    return [*words, *((f"  {each.problem}",) if each.problem else ())]


def servers_document(rows: Iterable[ServerRow], in_use: str | None) -> list[Document]:
    """Return ``servers`` of ``rolehop.status/1``; ``in_use`` as for `servers_view`."""
    return [
        {
            "pid": each.process,
            "command": each.command,
            "started_at": rfc3339(each.started_at),
            "address": each.address,
            "socket": each.socket,
            "requests": each.requests,
            "clients": list(each.clients),
            "chains": [
                {
                    "chain": served.chain,
                    "arn": served.arn,
                    "account": account_of(served.arn),
                    "expires_at": rfc3339(served.expires_at),
                    "next_renewal": rfc3339(served.next_renewal),
                    "problem": served.problem,
                    "in_use": _is_at(in_use, each, served),
                }
                for served in each.chains
            ],
        }
        for each in rows
    ]
