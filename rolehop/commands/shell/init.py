"""``rolehop init``: the text for a shell's start-up file."""

from __future__ import annotations

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.commands.shell.scripts import init_script, install_init_script
from rolehop.hotpath.command_table import INIT_SHELLS


@click.command(
    cls=Command,
    epilog="""
eval "$(rolehop init bash)"                   # ~/.bashrc; zsh likewise, in ~/.zshrc
rolehop init fish | source                    # ~/.config/fish/config.fish
rolehop init powershell | Out-String | Invoke-Expression     # $PROFILE
execx($(rolehop init xonsh))                  # ~/.xonshrc
eval (rolehop init elvish | slurp)            # ~/.config/elvish/rc.elv
eval "`rolehop init tcsh`"                    # ~/.tcshrc
rolehop init zsh --install                    # a file to read instead: no process at start-up
""",
)
@click.argument("shell", type=click.Choice(INIT_SHELLS))
@click.option(
    "--install", is_flag=True, help="Keep it as a file, and show the line that reads the file."
)
@click.pass_context
def command(ctx: click.Context, shell: str, install: bool) -> None:
    """Print the shell set-up that lets assume change your shell.

    With it in the start-up file, `rolehop assume X`, `rolehop leave` and `rolehop refresh` change
    the shell itself. Every other command runs as before. It starts no process. The colours of
    chains in the prompt are those that the config has when this runs.

    \b
    Prompt and completion, where the shell's language allows:
      bash, zsh    rolehop_segment, rolehop_text, kept up to date; completion;
                   ROLEHOP_AUTO_REFRESH=1 refreshes what has less than 5 min left
      fish         rolehop_prompt, a function; completion; ROLEHOP_AUTO_REFRESH
      powershell   rolehop_prompt, a function; completion; quote '--' after exec
      xonsh        the prompt field {rolehop}
      elvish, nu   rolehop-prompt, a function
      tcsh         neither; the command must come before any option
    nu evaluates no text: use --install. cmd has no functions: type the line
    that `rolehop assume CHAIN --shell cmd` shows there.
    """  # noqa: D301 - click wants the character itself
    cli = CommandContext.of(ctx)
    installed = install_init_script(cli.app, shell) if install else None
    if installed is None:
        cli.terminal.write_output(init_script(cli.app, shell))
        return
    cli.terminal.note(
        f"stored as {installed.path}; this line reads it, in {installed.startup_file}:"
    )
    cli.terminal.write_output(installed.source_line + "\n")
