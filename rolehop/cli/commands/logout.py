"""``rolehop logout``: forget stored sessions."""

from __future__ import annotations

import click

from rolehop.app.stored_sessions import forget_sessions
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.errors import UsageError, VaultAbsent
from rolehop.text import clean, pluralize


@click.command(
    cls=Command,
    epilog="""
rolehop logout prod-admin     # its last hop, and the sessions made with it
rolehop logout 'spokes/*' label:env=prod
rolehop logout --all          # every session; IAM user keys stay
""",
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@click.option("--all", "everything", is_flag=True, help="Forget every session.")
@click.pass_context
def command(ctx: click.Context, pattern: tuple[str, ...], everything: bool) -> None:
    """Forget stored sessions.

    They are deleted from the keyring. AWS does not learn of it: a copy that somebody made stays
    valid until it expires.
    """
    cli = CommandContext.of(ctx)
    if everything == bool(pattern):
        raise UsageError("name chains, or give --all", fix="rolehop logout --help")
    forgotten = forget_sessions(cli.app, None if everything else pattern)
    if forgotten.count or not forgotten.other_backends:
        cli.terminal.note(_said(pattern, forgotten.count))
    if forgotten.other_backends:
        raise VaultAbsent(
            "some sessions were not forgotten",
            cause=f"they are stored in {', '.join(sorted(forgotten.other_backends))},"
            " which is not in use here",
            fix="run it where that keyring is in use; each session expires by itself",
        )


def _said(patterns: tuple[str, ...], count: int) -> str:
    if count:
        return f"{pluralize(count, 'session')} forgotten"
    of = f" of {', '.join(map(repr, map(clean, patterns)))}" if patterns else ""
    return f"no session{of} is stored"
