"""``rolehop logout``: forget stored sessions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app.lost_index import without_broken_config
from rolehop.base.advice import Advice, ShellCommand
from rolehop.base.errors import ConfigError, NoTerminal, UsageError, VaultAbsent
from rolehop.base.text import clean, pluralize
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.commands.serve.running import SERVE, running_servers
from rolehop.commands.serve.view import server_text
from rolehop.commands.sessions.stored import forget_sessions

MOST_UNASKED = 10
"""Sessions that a pattern forgets without a question: more may be more than was thought of."""

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.commands.serve.running import ServerRow
    from rolehop.commands.sessions.stored import Forgotten


@click.command(
    cls=Command,
    epilog="""
rolehop logout prod-admin     # its last hop, and the sessions made with it
rolehop logout 'spokes/*' label:env=prod
rolehop logout tag:env=prod 'account:4*' --yes
rolehop logout --all          # every session; sign-ins and IAM user keys stay
""",
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@click.option("--all", "everything", is_flag=True, help="Forget every session.")
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask.")
@click.pass_context
def command(
    ctx: click.Context, pattern: tuple[str, ...], everything: bool, confirmed: bool
) -> None:
    """Forget stored sessions.

    Deletes them from the keyring. AWS does not learn of it: a copy that somebody made stays valid
    until it expires. A server (rolehop serve) goes on; a note names it. Asks first where a PATTERN
    means more than ten sessions; --all never asks.
    """
    cli = CommandContext.of(ctx)
    if everything == bool(pattern):
        raise UsageError("name chains, or give --all", fix="rolehop logout --help")
    app = without_broken_config(cli.app)
    wanted = None if everything else pattern
    forgotten = forget_sessions(app, wanted, lambda count: _confirm(app, count, confirmed))
    if forgotten.count or not forgotten.other_backends:
        cli.terminal.note(_said(pattern, forgotten.count))
    if everything and forgotten.sign_ins:
        cli.terminal.note(_sign_ins_stay(forgotten.sign_ins))
    for each in running_servers(app, pattern):
        # Its sessions are in its memory.
        cli.terminal.note(f"{server_text(each)} {_how_it_ends(each)}")
    if forgotten.other_backends:
        raise VaultAbsent(
            "some sessions were not forgotten",
            cause=f"another keyring than the one in use has them: {', '.join(forgotten.left())}",
            fix=_where_they_are(forgotten),
        )
    if forgotten.may_be_more:
        raise ConfigError(
            "there may be sessions that were not forgotten",
            cause="the list of them was lost, and the config that says which to look for is broken",
            fix="correct the config, and repeat the command; each session expires by itself",
        )


def _confirm(app: App, count: int, confirmed: bool) -> None:
    """Ask whether so many sessions may be forgotten, if they are many.

    Raises:
        NoTerminal: nobody can be asked.
        Declined: the answer is not yes.
    """
    from rolehop.app.ports import ask_yes_or_no, declined, is_yes

    if confirmed or count <= MOST_UNASKED:
        return
    try:
        answer = ask_yes_or_no(app.person, f"Forget {pluralize(count, 'session')}?")
    except NoTerminal as error:
        error.cause = f"{pluralize(count, 'session')} would be forgotten"
        error.fix = "run it in a terminal, or add --yes"
        raise
    if not is_yes(answer):
        raise declined("no session was forgotten", answer, "answer y to forget them")


def _where_they_are(forgotten: Forgotten) -> Advice:
    """Return how the keyrings are reached that still have sessions."""
    first = next(iter(sorted(forgotten.other_backends)))
    return Advice(
        "name it once, by setting ",
        ShellCommand(f"PYTHON_KEYRING_BACKEND={first}"),
        " (or backend under [vault]), and repeat the command; each session expires by itself",
    )


def _how_it_ends(server: ServerRow) -> str:
    if server.command == SERVE:
        return "goes on: rolehop serve --stop ends it"
    return "goes on until its command ends"


def _sign_ins_stay(count: int) -> str:
    """Say that what gets new sessions without a person is still there."""
    which = "1 sign-in stays" if count == 1 else f"{count} sign-ins stay"
    return f"{which}: rolehop status shows whose, rolehop source logout NAME ends one"


def _said(patterns: tuple[str, ...], count: int) -> str:
    if count:
        return f"{pluralize(count, 'session')} forgotten"
    of = f" of {', '.join(map(repr, map(clean, patterns)))}" if patterns else ""
    return f"no session{of} is stored"
