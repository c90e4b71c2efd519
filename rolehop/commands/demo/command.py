"""``rolehop demo``: three hops through an AWS that runs on this machine."""

from __future__ import annotations

import sys

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command


@click.command(cls=Command, epilog="\nrolehop demo\n")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Walk three hops on this machine, without AWS.

    Starts moto's STS and IAM on 127.0.0.1, and makes three accounts. Then it walks three hops with
    the commands that you would type. It reads and changes nothing of yours, and removes everything it made
    when it ends. Needs the extra demo, which rolehop guide getting-started adds.
    """
    from rolehop.commands.demo.world import require_moto

    require_moto()
    from rolehop.commands.demo.tour import show

    terminal = CommandContext.of(ctx).terminal
    show(lambda: terminal.console(sys.stdout))
