"""``rolehop whoami``: ask AWS who a chain, or this shell, is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import click

from rolehop.app.account_names import KnownNames
from rolehop.app.caller import Identity, identify_chain, identify_shell
from rolehop.base.durations import rfc3339, show_end
from rolehop.base.text import clean
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option, walk_options, walk_options_from
from rolehop.terminal.layout import View, account_role, chain_name, facts

if TYPE_CHECKING:
    from rolehop.terminal.json_text import Document


@click.command(
    cls=Command,
    epilog="""
rolehop whoami                # the credentials in this shell
rolehop whoami prod-admin     # walks the chain if necessary
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@format_option("table", "json", default="table")
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str | None, style: str) -> None:
    """Ask AWS who a chain, or this shell, is.

    Calls GetCallerIdentity with these credentials, which also shows that AWS accepts them.
    """
    cli, options = CommandContext.of(ctx), walk_options_from(ctx)
    identity = (
        identify_shell(cli.app, options)
        if chain is None
        else identify_chain(cli.app, chain, options, cli.progress())
    )
    _print(cli, identity, style)


def _print(cli: CommandContext, identity: Identity, style: str) -> None:
    chain, credentials = identity.chain, identity.credentials
    caller = (identity.caller.arn, identity.caller.account, identity.caller.user_id)
    if style == "json":
        cli.write_json(whoami_document(chain, *caller, credentials.expires_at, identity.narrowed))
        return

    view = whoami_view(
        chain,
        identity.color,
        caller,
        credentials.expires_at,
        cli.app.now() + credentials.clock_offset,
        KnownNames(cli.app),
        long_lived=credentials.long_lived,
        narrowed=identity.narrowed,
        verbose=cli.terminal.verbose,
    )
    cli.terminal.write_view(view, {})


def whoami_view(
    chain: str | None,
    color: str | None,
    caller: tuple[str, str, str],
    expires_at: datetime | None,
    now: datetime,
    names: Mapping[str, str],
    *,
    long_lived: bool,
    narrowed: str,
    verbose: bool,
) -> View:
    """Show who credentials are; ``caller`` is ARN, account and user ID as AWS returns them."""
    arn, account, user_id = map(clean, caller)
    name = arn.rpartition(":")[2].split("/")
    role = name[1] if name[0] == "assumed-role" and len(name) > 1 else ""
    left = show_end(expires_at, now, long_lived=long_lived)
    return [
        facts(
            ("chain", chain_name(chain, color) if chain else "-"),
            ("account", account_role(account, names=names, verbose=True)),
            *((("role", role),) if role else ()),
            ("arn", arn),
            *((("user id", user_id),) if verbose else ()),
            *((("scope", narrowed),) if narrowed else ()),
            ("lasts", f"{left} (until {rfc3339(expires_at)})" if verbose and expires_at else left),
        )
    ]


def whoami_document(
    chain: str | None,
    arn: str,
    account: str,
    user_id: str,
    expires_at: datetime | None,
    narrowed: str,
) -> Document:
    """Return ``rolehop.whoami/1``; ``chain`` is ``None`` for credentials rolehop did not give."""
    return {
        "schema": "rolehop.whoami/1",
        "chain": chain,
        "arn": arn,
        "account": account,
        "user_id": user_id,
        "expires_at": rfc3339(expires_at),
        "narrowed": narrowed or None,
    }
