"""The command line: parse, delegate, print. A command is imported when it is called."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass

import click

from rolehop import __version__
from rolehop.cli.options import COMMON_OPTIONS, Command
from rolehop.words import nearest


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it lives, and its line in ``rolehop --help``."""

    module: str
    summary: str
    section: str


_WALK, _LOOK, _KEEP = "Walk", "Look", "Set up"

# The whole command line at a glance. The summary is the command's own first help line (a test
# compares them), kept here so that --help imports no command.
COMMANDS: dict[str, Entry] = {
    "assume": Entry("assume", "Walk a chain and hand its session to this shell.", _WALK),
    "leave": Entry("leave", "Undo what assume did to this shell.", _WALK),
    "export": Entry("export", "Walk a chain and print its session in a format.", _WALK),
    "exec": Entry("exec", "Run a command with a chain's session.", _WALK),
    "credential-process": Entry(
        "credential_process", "Answer an AWS SDK with a chain's session.", _WALK
    ),
    "refresh": Entry("refresh", "Walk chains anew and keep their sessions.", _WALK),
    "list": Entry("list", "List the chains that are configured.", _LOOK),
    "show": Entry("show", "Show one chain in full.", _LOOK),
    "plan": Entry("plan", "Show what walking a chain would do, without a call.", _LOOK),
    "status": Entry("status", "Show the sessions that are held and how long they last.", _LOOK),
    "whoami": Entry("whoami", "Ask AWS who a chain, or this shell, is.", _LOOK),
    "logout": Entry("logout", "Forget sessions that are held.", _KEEP),
    "config": Entry("config", "Write, check and explain the config file.", _KEEP),
    "keys": Entry("keys", "Keep IAM user keys in the keyring.", _KEEP),
    "init": Entry("init", "Print the text that makes a shell change with assume.", _KEEP),
    "completion": Entry("completion", "Print the completion script for a shell.", _KEEP),
    "demo": Entry("demo", "Walk three hops on this machine, without AWS.", _KEEP),
}


class Root(click.Group):
    """Finds commands by the table and lists them in its sections."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return one command."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        found: click.Command = importlib.import_module(f"rolehop.cli.{entry.module}").command
        return found

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command where there is none of that name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = nearest(args[0], COMMANDS, n=1)
            meant = f" Did you mean '{near[0]}'?" if near else ""
            raise click.UsageError(f"No such command '{args[0]}'.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one block of commands per section."""
        for section in (_WALK, _LOOK, _KEEP):
            rows: Sequence[tuple[str, str]] = [
                (name, entry.summary)
                for name, entry in COMMANDS.items()
                if entry.section == section
            ]
            with formatter.section(section):
                formatter.write_dl(rows)


@click.command(
    cls=Root,
    params=COMMON_OPTIONS(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 88},
    epilog="rolehop COMMAND --help tells more, with examples.",
)
@click.version_option(__version__, prog_name="rolehop", message="%(prog)s %(version)s")
def root() -> None:
    """Name a chain of AWS roles once, walk it with one command."""


__all__ = ["COMMANDS", "Command", "root"]
