"""``rolehop console``: open the AWS console with a chain's session."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.base.errors import UsageError
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, walk_options, walk_options_from
from rolehop.cli.param_types import Duration
from rolehop.config.model import BROWSERS

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.commands.console.login import ConsoleLogin

_SHORTEST, _LONGEST = 900, 43_200
"""Seconds that the console may stay signed in (IAM user guide, SessionDuration)."""


@click.command(
    cls=Command,
    epilog="""
rolehop console prod-admin
rolehop console prod-admin --service s3 --region eu-west-1
rolehop console prod-admin --destination '/cloudwatch/home#logsV2:log-groups'
rolehop console prod-admin --logout-first  # the browser has another console open
rolehop console prod-admin --switch-role   # for longer than an hour: the console renews it
rolehop console prod-admin --print         # over SSH: open the link elsewhere
rolehop console prod-admin --qr            # the link for the camera of a telephone
rolehop console --list                     # the services that --service knows
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
    help="How long the console stays signed in, 15m to 12h. Only for one hop from IAM user keys."
    "  [default: as long as the session]",
)
@click.option(
    "--logout-first",
    is_flag=True,
    help="First sign out of the console that the browser has open. AWS does not document how.",
)
@click.option(
    "--switch-role",
    is_flag=True,
    help="Sign in as the source's user, and let the console switch to the role of the one hop. The"
    " console renews it by itself. With IAM user keys the browser signs in.",
)
@click.option(
    "--portal/--no-portal",
    default=None,
    help="Open through Identity Center's access portal.  [default: for chains without hops]",
)
@click.option(
    "--browser",
    type=click.Choice(BROWSERS),
    help="Open this browser.  [default: [console] in the config, else the system's]",
)
@click.option("--container", is_flag=True, help="Open a Firefox container named as the chain.")
@click.option("--print", "printed", is_flag=True, help="Print the link instead: it is a secret.")
@click.option("--qr", is_flag=True, help="Show the link as a QR code instead: it is a secret.")
@click.option("--list", "listed", is_flag=True, help="List the services that --service knows.")
@walk_options
@click.pass_context
def command(
    ctx: click.Context,
    chain: str | None,
    service: str | None,
    destination: str | None,
    session_duration: int | None,
    logout_first: bool,
    switch_role: bool,
    portal: bool | None,
    browser: str | None,
    container: bool,
    printed: bool,
    qr: bool,
    listed: bool,
) -> None:
    """Open the AWS console with a chain's session.

    The browser gets the sign-in through a page of this machine, which works once. So neither its
    history nor the arguments of a program hold it. The console stays signed in as long as the session lasts.
    """
    cli = CommandContext.of(ctx)
    if listed:
        _list(cli)
        return
    from rolehop.cli.walk_command import chain_or_pick
    from rolehop.commands.console.login import ConsoleRequest
    from rolehop.commands.console.opening import open_console, window_of
    from rolehop.commands.console.sign_in import sign_in_to_console

    options = walk_options_from(ctx)
    _check_duration(session_duration)
    place = _destination(service, destination)
    name = chain_or_pick(cli, chain, "console CHAIN")
    window = window_of(cli.app, name, browser=browser, container=container)
    request = ConsoleRequest(
        place,
        session_duration,
        switch_role,
        portal,
        logout_first,
        in_browser=not (printed or qr),
        window=window,
    )
    if qr:
        _check_qr()
    login = sign_in_to_console(cli.app, name, options, cli.progress(), request)
    if printed or qr:
        _show(cli, login, printed=printed, qr=qr)
        return
    at = open_console(cli.app, login, options, window)
    _note_opened(cli, login, at)


def _destination(service: str | None, destination: str | None) -> str:
    from rolehop.commands.console.login import service_path

    if service is not None and destination is not None:
        raise UsageError("--service and --destination name two places", fix="leave one of them out")
    if service is not None:
        return service_path(service)
    return "/" if destination is None else destination


def _check_duration(seconds: int | None) -> None:
    if seconds is not None and not _SHORTEST <= seconds <= _LONGEST:
        raise UsageError("--session-duration is out of range", fix="15m to 12h, as AWS allows")


def _check_qr() -> None:
    """Refuse a QR code that cannot be drawn before AWS is asked for a sign-in."""
    from rolehop.commands.console.qr_code import qr_code

    qr_code("https://aws.amazon.com")


def _note_opened(cli: CommandContext, login: ConsoleLogin, at: datetime) -> None:
    until = login.expires_at
    cli.terminal.note(
        f"{login.chain}: the browser took the sign-in at {at.astimezone():%H:%M:%S}"
        + ("" if until is None else f"; the console is signed in until {until.astimezone():%H:%M}")
    )
    if login.switch_link is not None:
        cli.terminal.note(f"if the console does not ask to switch roles: {login.switch_link}")


def _show(cli: CommandContext, login: ConsoleLogin, *, printed: bool, qr: bool) -> None:
    if login.sign_out_url is not None:
        cli.terminal.note(f"before it, sign out at {login.sign_out_url}")
    if login.is_secret:
        from rolehop.commands.console.login import LINK_MINUTES

        cli.terminal.note(
            f"this link is a secret: whoever opens it within {LINK_MINUTES} minutes is signed in"
        )
    if qr:
        from rolehop.commands.console.qr_code import qr_code

        cli.terminal.write_code(qr_code(login.revealed_link))
    if printed:
        cli.terminal.write_output(f"{login.revealed_link}\n")


def _list(cli: CommandContext) -> None:
    from rolehop.commands.console.login import SERVICES

    width = max(map(len, SERVICES))
    lines = (f"{name:{width}}  {path}" for name, path in sorted(SERVICES.items()))
    cli.terminal.write_output("\n".join(lines) + "\n")
