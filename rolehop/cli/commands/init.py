"""``rolehop init``: the text for a shell's start-up file."""

from __future__ import annotations

from pathlib import Path

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.command_table import COMPLETION_SHELLS
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.shells.registry import INIT_SHELLS, dialect


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
    """Print the start-up text that lets assume change the shell itself.

    With it in the start-up file, `rolehop assume X`, `rolehop leave` and `rolehop refresh` change
    the shell they are typed in; every other command runs as before. It starts no process. The
    colours of chains in the prompt are those that the config has when this runs.

    \b
    Prompt and completion, where the shell's language allows:
      bash, zsh    rolehop_segment, rolehop_text, kept up to date; completion;
                   ROLEHOP_AUTO_REFRESH=1 refreshes what has less than 5 min left
      fish         rolehop_prompt, a function; completion; ROLEHOP_AUTO_REFRESH
      powershell   rolehop_prompt, a function; completion; quote '--' after exec
      xonsh        the prompt field {rolehop}
      elvish, nu   rolehop-prompt, a function
      tcsh         neither; the command must come before any option
    nu evaluates no text: use --install. cmd has no functions: see assume --help.
    """  # noqa: D301 - click wants the character itself
    cli = CommandContext.of(ctx)
    text = init_text(cli, shell)
    script = dialect(shell).init
    if script is None or not install:
        cli.terminal.write_output(text)
        return
    path = _write_script(f"init{script.extension}", text)
    cli.terminal.note(f"kept as {path}; this line reads it, in {script.startup_file}:")
    cli.terminal.write_output(script.source_line.format(dialect(shell).quote(str(path))) + "\n")


def init_text(cli: CommandContext, shell: str) -> str:
    """Return the text for ``shell``; an empty one for a shell that has none."""
    script = dialect(shell).init
    return script.text(_colors(cli), _completion(shell)) if script else ""


def _colors(cli: CommandContext) -> dict[str, str]:
    """Return each chain that has a colour; none if the config is broken: a shell still starts."""
    try:
        chains = cli.app.config.chains
    except RolehopError:
        cli.terminal.note(
            "the config cannot be read, so prompts have no colours: rolehop config check"
        )
        return {}
    return {name: chain.color for name, chain in chains.items() if chain.color}


def _completion(shell: str) -> str | None:
    if shell not in COMPLETION_SHELLS:
        return None
    from rolehop.cli.commands.completion import script

    return script(shell)


def _write_script(name: str, text: str) -> Path:
    """Write the text as a file of the user's data folder; return its path.

    Raises:
        ConfigError: it cannot be written.
        UsageError: the folder's name has a line end, which a start-up file cannot quote.
    """
    import platformdirs

    from rolehop.files import write_beside

    folder = Path(platformdirs.user_data_dir("rolehop", appauthor=False))
    path = folder / name
    if not str(path).isprintable():
        raise UsageError("the data folder's name is not printable", fix="set XDG_DATA_HOME")
    try:
        write_beside(path, text)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written", cause=error.strerror) from None
    return path
