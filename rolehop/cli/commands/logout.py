"""``rolehop logout``: forget sessions that are held."""

from __future__ import annotations

import click

from rolehop.app.context import App
from rolehop.app.held_sessions import held
from rolehop.app.planning import plan_chain
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.errors import UsageError, VaultAbsent
from rolehop.text import pluralize
from rolehop.vault.index import Index


@click.command(
    cls=Command,
    epilog="""
rolehop logout prod-admin     # its last hop, and whatever hangs below it
rolehop logout --all          # every session; IAM user keys stay
""",
)
@click.argument("chain", required=False, shell_complete=chain_names)
@click.option("--all", "everything", is_flag=True, help="Forget every session.")
@click.pass_context
def command(ctx: click.Context, chain: str | None, everything: bool) -> None:
    """Forget stored sessions.

    They are deleted from the keyring. AWS knows nothing of it: a copy somebody took lives until
    it expires.
    """
    cli = CommandContext.of(ctx)
    if everything == (chain is not None):
        raise UsageError("name one chain, or say --all", fix="rolehop logout --help")
    index = held(cli.app)
    keys = list(index.sessions) if chain is None else keys_below(cli.app, index, chain)
    gone = cli.app.vault.forget(keys) if keys else ()
    cli.terminal.note(f"{pluralize(len(gone), 'session')} forgotten")
    left = {
        index.sessions[key].backend for key in keys if key not in gone and key in index.sessions
    }
    if left:
        raise VaultAbsent(
            "some sessions were not forgotten",
            cause=f"they rest in {', '.join(sorted(left))}, which is not in use here",
            fix="run it where that keyring is in use; each ends by itself at its time",
        )


def keys_below(app: App, index: Index, chain: str) -> list[str]:
    """Return the hop keys of the chain's last session and of all that hang below it.

    Sessions of the same chain and hop under other keys, from before its config was edited, are
    among them.
    """
    plan = plan_chain(app, chain)
    last = {plan.key} | {
        entry.key
        for entry in index.sessions.values()
        if chain in entry.chains and entry.hop == len(plan.hops)
    }
    return sorted({below for key in last for below in index.below(key)})
