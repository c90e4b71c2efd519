"""``rolehop whoami``: ask AWS who a chain, or this shell, is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app.planning import sts_of_shell
from rolehop.app.walking import ask_reason, walk_chain
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option, walk_options, walk_options_from
from rolehop.errors import error_context
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from rolehop.credentials import Credentials
    from rolehop.ports import Caller, Sts


@click.command(
    cls=Command,
    epilog="""
rolehop whoami                # the credentials in this shell
rolehop whoami prod-admin     # walks the chain if need be
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@format_option("table", "json", default="table")
@walk_options
@click.pass_context
def command(ctx: click.Context, chain: str | None, style: str) -> None:
    """Ask AWS who a chain, or this shell, is.

    Calls GetCallerIdentity with the credentials in hand, which also proves that AWS accepts them.
    """
    cli = CommandContext.of(ctx)
    if chain is None:
        name, caller, credentials = _this_shell(cli, walk_options_from(ctx))
    else:
        name, caller, credentials = _chain(cli, chain, walk_options_from(ctx))
    _print(cli, style, name, caller, credentials)


def _chain(
    cli: CommandContext, chain: str, options: WalkOptions
) -> tuple[str, Caller, Credentials]:
    with error_context(chain):
        options = ask_reason(cli.app, chain, options)
        plan, session = walk_chain(cli.app, chain, options, cli.progress())
        sts = cli.app.sts_clients.get(plan.region, plan.aws_profile)
        caller = ask(sts, session.credentials, f"the credentials of chain '{chain}'")
    return chain, caller, session.credentials


def _this_shell(
    cli: CommandContext, options: WalkOptions
) -> tuple[str | None, Caller, Credentials]:
    from rolehop.sources.environment import read

    # A session of rolehop's own is no source for a chain, but it is who this shell is.
    environ = {name: value for name, value in cli.environ.items() if name != "ROLEHOP_CHAIN"}
    credentials = read(environ, cli.app.now())
    sts = sts_of_shell(cli.app, options)
    caller = ask(sts, credentials, "the credentials in this shell")
    return cli.environ.get("ROLEHOP_CHAIN"), caller, credentials


def ask(sts: Sts, credentials: Credentials, whose: str) -> Caller:
    """Call GetCallerIdentity.

    Raises:
        SourceError: the credentials have expired.
        HopRefused: AWS does not accept them.
    """
    from rolehop.ports import StsRefusal
    from rolehop.sts_errors import refused_caller

    try:
        return sts.caller(credentials)
    except StsRefusal as refusal:
        raise refused_caller(refusal, whose) from None


def _print(
    cli: CommandContext, style: str, chain: str | None, caller: Caller, credentials: Credentials
) -> None:
    from rolehop.show.json_documents import as_json, whoami_document
    from rolehop.show.tables import whoami_view

    expires_at = credentials.expires_at
    if style == "json":
        document = whoami_document(chain, caller.arn, caller.account, caller.user_id, expires_at)
        cli.terminal.write_output(as_json(document) + "\n")
        return
    found = cli.app.config.chains.get(chain or "")
    told = (caller.arn, caller.account, caller.user_id)
    cli.terminal.write_view(
        whoami_view(
            chain,
            found.color if found else None,
            told,
            expires_at,
            cli.app.now(),
            long_lived=credentials.long_lived,
            verbose=cli.terminal.verbose,
        )
    )
