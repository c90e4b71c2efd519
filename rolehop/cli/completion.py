"""``rolehop completion``: the script that completes rolehop's commands and chains in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from rolehop.cli.options import Command
from rolehop.cli.wiring import App

SHELLS = ("bash", "zsh", "fish", "powershell")
VARIABLE = "_ROLEHOP_COMPLETE"


@click.command(
    cls=Command,
    epilog="""
rolehop completion bash > ~/.local/share/bash-completion/completions/rolehop
rolehop completion zsh  > ~/.zfunc/_rolehop            # a folder of $fpath
rolehop completion fish > ~/.config/fish/completions/rolehop.fish
""",
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    Completes commands, options and chains. Reads the config only: no keyring, no network.
    """
    App.of(ctx).terminal.product(script(shell) + "\n")


def script(shell: str) -> str:
    """Return the script for ``shell``, as click makes it."""
    from rolehop.cli import root

    kind = get_completion_class(shell)
    if kind is None:
        raise RuntimeError(f"click knows no completion for {shell}")
    made = kind(root, {}, "rolehop", VARIABLE)
    return made.source_template % made.source_vars()
