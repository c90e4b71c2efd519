"""``rolehop whoami``: ask AWS who a chain, or this shell, is."""

from __future__ import annotations

import click

from rolehop.app.caller import Identity, identify_chain, identify_shell
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option, walk_options, walk_options_from


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
        from rolehop.show.json_documents import whoami_document

        cli.write_json(whoami_document(chain, *caller, credentials.expires_at))
        return
    from rolehop.show.tables import whoami_view

    view = whoami_view(
        chain,
        identity.color,
        caller,
        credentials.expires_at,
        cli.app.now() + credentials.clock_offset,
        long_lived=credentials.long_lived,
        verbose=cli.terminal.verbose,
    )
    cli.write_view(view)
