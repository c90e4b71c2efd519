"""``rolehop completion``: the script that completes rolehop's commands and chains in a shell."""

from __future__ import annotations

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.commands.shell.scripts import completion_script
from rolehop.hotpath.command_table import COMPLETION_SHELLS


@click.command(
    cls=Command,
    epilog="""
rolehop completion bash > ~/.local/share/bash-completion/completions/rolehop
rolehop completion zsh  > ~/.zfunc/_rolehop            # a folder of $fpath
rolehop completion fish > ~/.config/fish/completions/rolehop.fish
""",
)
@click.argument("shell", type=click.Choice(COMPLETION_SHELLS))
@click.pass_context
def command(ctx: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    Completes commands, options, chains, sources, AWS profiles, and the command after `exec CHAIN
    --`. Reads the config and the AWS files only: no keyring, no network.
    """
    CommandContext.of(ctx).terminal.write_output(completion_script(shell))
