"""``rolehop uninstall``: remove what rolehop has stored and changed on this machine."""

from __future__ import annotations

import click

from rolehop.app.config_files import own_config_file
from rolehop.app.lost_index import without_broken_config
from rolehop.base.errors import UsageError
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.commands.uninstall.removal import (
    Consent,
    confirm_removal,
    find_holdings,
    holding_lines,
    left_lines,
    remove_all,
)


@click.command(
    cls=Command,
    epilog="""
rolehop uninstall               # lists what is there, then asks
rolehop uninstall --yes         # IAM user keys stay
rolehop uninstall --yes --keys
""",
)
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask; IAM user keys stay.")
@click.option(
    "--keys",
    is_flag=True,
    help="With --yes: remove the stored IAM user keys, too; moved ones go back.",
)
@click.pass_context
def command(ctx: click.Context, confirmed: bool, keys: bool) -> None:
    """Remove what this program stored and changed on this machine.

    Removes its AWS profiles and the line in your shell's start-up file, sessions and sign-ins in the
    keyring, and the state folder with the history. Puts back what it took over in the AWS files. Asks
    about IAM user keys apart: those that came out of these files go back there. Your config stays,
    and so does the program: pipx or pip removes it.
    """
    cli = CommandContext.of(ctx)
    if keys and not confirmed:
        raise UsageError("--keys goes with --yes", fix="rolehop uninstall --yes --keys")
    app = without_broken_config(cli.app)
    found = find_holdings(app)
    lines = [f"{label:15}{text}\n" for label, text in holding_lines(found)]
    if not lines:
        left = app.vault.forget_trial()
        cli.terminal.note(f"nothing {'else ' if left else ''}is stored here")
    else:
        cli.terminal.write_output("".join(lines))
        consent = Consent(keys, keys) if confirmed else confirm_removal(app, found)
        for each in remove_all(app, found, consent):
            cli.terminal.note(each)
    for each in left_lines(found, own_config_file(app)):
        cli.terminal.note(each)
