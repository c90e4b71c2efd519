"""``rolehop console``: open the AWS console with a chain's session."""

from __future__ import annotations

import click

from rolehop.app.console import (
    LINK_MINUTES,
    ConsoleLogin,
    open_console,
    sign_in_to_console,
    window_of,
)
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.cli.param_types import Duration
from rolehop.cli.walk_command import chain_or_pick
from rolehop.config.model import BROWSERS
from rolehop.errors import UsageError

_SHORTEST, _LONGEST = 900, 43_200
"""Seconds that the console may stay signed in (IAM user guide, SessionDuration)."""


@click.command(
    cls=Command,
    epilog="""
rolehop console prod-admin
rolehop console prod-admin --service s3 --region eu-west-1
rolehop console prod-admin --destination '/cloudwatch/home#logsV2:log-groups'
rolehop console prod-admin --print        # over SSH: open the link elsewhere
rolehop console --list                    # the services that --service knows
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@click.option("--service", metavar="NAME", help="Open this service's console (see --list).")
@click.option(
    "--destination", metavar="PATH", help="Open this path, or this whole address, of the console."
)
@click.option(
    "--session-duration",
    type=Duration(),
    metavar="D",
    help="How long the console stays signed in, 15m to 12h: only for one hop from IAM user keys."
    "  [default: as long as the session]",
)
@click.option(
    "--browser",
    type=click.Choice(BROWSERS),
    help="Open this browser.  [default: [console] in the config, else the system's]",
)
@click.option("--container", is_flag=True, help="Open a Firefox container named as the chain.")
@click.option("--print", "printed", is_flag=True, help="Print the link instead: it is a secret.")
@click.option("--list", "listed", is_flag=True, help="List the services that --service knows.")
@walk_options
@click.pass_context
def command(
    ctx: click.Context,
    chain: str | None,
    service: str | None,
    destination: str | None,
    session_duration: int | None,
    browser: str | None,
    container: bool,
    printed: bool,
    listed: bool,
) -> None:
    """Open the AWS console with a chain's session.

    The browser gets the sign-in through a page of this machine that is given once, so that no
    process's arguments and no history hold it. The console stays signed in as long as the session
    lasts.
    """
    cli = CommandContext.of(ctx)
    if listed:
        _list(cli)
        return
    options = walk_options_from(ctx)
    wanted = _destination(service, destination)
    _check_duration(session_duration)
    name = chain_or_pick(cli, chain, "console CHAIN")
    window = window_of(cli.app, name, browser=browser, container=container)
    login = sign_in_to_console(
        cli.app, name, options, cli.progress(), destination=wanted, seconds=session_duration
    )
    if printed:
        _print(cli, login)
        return
    at = open_console(cli.app, login, options, window)
    cli.terminal.note(f"{login.chain}: the browser took the sign-in at {at.astimezone():%H:%M:%S}")


def _destination(service: str | None, destination: str | None) -> str:
    from rolehop.console.services import service_path

    if service is not None and destination is not None:
        raise UsageError("--service and --destination name two places", fix="leave one of them out")
    return destination if destination is not None else service_path(service) if service else "/"


def _check_duration(seconds: int | None) -> None:
    if seconds is not None and not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError("--session-duration is out of range", fix="15m to 12h, as AWS allows")


def _print(cli: CommandContext, login: ConsoleLogin) -> None:
    cli.terminal.note(
        f"this link is a secret: whoever opens it within {LINK_MINUTES} minutes is signed in"
    )
    cli.terminal.write_output(f"{login.revealed_link}\n")


def _list(cli: CommandContext) -> None:
    from rolehop.console.services import SERVICES

    width = max(map(len, SERVICES))
    lines = (f"{name:{width}}  {path}" for name, path in sorted(SERVICES.items()))
    cli.terminal.write_output("\n".join(lines) + "\n")
