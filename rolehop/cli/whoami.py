"""``rolehop whoami``: ask AWS who a chain, or this shell, is."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from rolehop.cli.options import Command, format_option, walk_options, walk_told
from rolehop.cli.walking import ask_for_reason, chain_names, watcher
from rolehop.cli.wiring import App, WalkOptions
from rolehop.errors import SourceError

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
        name, caller, expires_at = _this_shell(app, walk_told(ctx))
    else:
        name, caller, expires_at = _chain(app, chain, walk_told(ctx))
    _print(app, style, name, caller, expires_at)


def _chain(app: App, chain: str, options: WalkOptions) -> tuple[str, Caller, datetime | None]:
    ask_for_reason(app, chain, options)
    plan, session = app.walk(chain, options, watcher(app))
    sts = app.clients.sts(plan.region, plan.aws_profile)
    return chain, ask(sts, session.credentials, f"chain '{chain}'"), session.expires_at


def _this_shell(app: App, options: WalkOptions) -> tuple[str | None, Caller, datetime | None]:
    from rolehop.sources.environment import read

    # A session of rolehop's own is no source for a chain, but it is who this shell is.
    environ = {name: value for name, value in app.variables.items() if name != "ROLEHOP_CHAIN"}
    credentials = read(environ, app.now())
    sts = app.sts_of_shell(options)
    caller = ask(sts, credentials, "the credentials in this shell")
    return app.environ.get("ROLEHOP_CHAIN"), caller, credentials.expires_at


def ask(sts: Sts, credentials: Credentials, whose: str) -> Caller:
    """Call GetCallerIdentity.

    Raises:
        SourceError: AWS does not accept the credentials.
    """
    from rolehop.ports import StsRefusal
    from rolehop.refusals import explain_refusal

    try:
        return sts.caller(credentials)
    except StsRefusal as refusal:
        told = explain_refusal(refusal)
        raise SourceError(f"AWS does not accept {whose}", cause=told.cause, fix=told.fix) from None


def _print(
    app: App, style: str, chain: str | None, caller: Caller, expires_at: datetime | None
) -> None:
    from rolehop.show.documents import as_json, whoami_document
    from rolehop.show.views import whoami_view

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
            verbose=app.terminal.verbose,
        )
    )
