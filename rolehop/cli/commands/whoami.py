"""``rolehop whoami``: ask AWS who a chain, or this shell, is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app.context import App
from rolehop.cli.completers import chain_names
from rolehop.cli.options import Command, format_option, walk_options, walk_told
from rolehop.cli.walk_command import ask_for_reason, watcher
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
    app = App.of(ctx)
    if chain is None:
        name, caller, credentials = _this_shell(app, walk_told(ctx))
    else:
        name, caller, credentials = _chain(app, chain, walk_told(ctx))
    _print(app, style, name, caller, credentials)


def _chain(app: App, chain: str, options: WalkOptions) -> tuple[str, Caller, Credentials]:
    with error_context(chain):
        ask_for_reason(app, chain, options)
        plan, session = app.walk(chain, options, watcher(app))
        sts = app.clients.sts(plan.region, plan.aws_profile)
        caller = ask(sts, session.credentials, f"the credentials of chain '{chain}'")
    return chain, caller, session.credentials


def _this_shell(app: App, options: WalkOptions) -> tuple[str | None, Caller, Credentials]:
    from rolehop.sources.environment import read

    # A session of rolehop's own is no source for a chain, but it is who this shell is.
    environ = {name: value for name, value in app.variables.items() if name != "ROLEHOP_CHAIN"}
    credentials = read(environ, app.now())
    sts = app.sts_of_shell(options)
    caller = ask(sts, credentials, "the credentials in this shell")
    return app.environ.get("ROLEHOP_CHAIN"), caller, credentials


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
    app: App, style: str, chain: str | None, caller: Caller, credentials: Credentials
) -> None:
    from rolehop.show.json_documents import as_json, whoami_document
    from rolehop.show.tables import whoami_view

    expires_at = credentials.expires_at
    if style == "json":
        document = whoami_document(chain, caller.arn, caller.account, caller.user_id, expires_at)
        app.terminal.product(as_json(document) + "\n")
        return
    found = app.config.chains.get(chain or "")
    told = (caller.arn, caller.account, caller.user_id)
    app.terminal.view(
        whoami_view(
            chain,
            found.color if found else None,
            told,
            expires_at,
            app.now(),
            long_lived=credentials.long_lived,
            verbose=app.terminal.verbose,
        )
    )
