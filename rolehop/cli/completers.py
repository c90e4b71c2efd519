"""Complete arguments and options (click's ``shell_complete=``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.cli.context import CommandContext
from rolehop.hotpath.command_table import COMMANDS

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def chain_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete names of chains and AWS profiles."""
    from rolehop.hotpath.command_table import CHAIN

    return names_of(ctx, CHAIN, incomplete)


def patterns(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete what selects chains: their names, fleets and labels."""
    from rolehop.hotpath.command_table import PATTERN

    return names_of(ctx, PATTERN, incomplete)


def names_of(ctx: click.Context, kind: str, incomplete: str) -> list[CompletionItem]:
    """Complete names of a kind from the config; none if the config is broken."""
    from click.shell_completion import CompletionItem

    from rolehop.app.completion_names import load_names
    from rolehop.hotpath.completion import offered

    names = load_names(CommandContext.of(ctx).app)
    return [
        CompletionItem(name, help=description or None)
        for name, description in offered(kind, names).items()
        if name.startswith(incomplete)
    ]


def key_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete sources of type ``keys``."""
    from rolehop.hotpath.command_table import KEYS

    return names_of(ctx, KEYS, incomplete)


def source_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete sources."""
    from rolehop.hotpath.command_table import SOURCE

    return names_of(ctx, SOURCE, incomplete)


def fleet_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete fleets."""
    from rolehop.hotpath.command_table import FLEET

    return names_of(ctx, FLEET, incomplete)


def subcommands(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete the subcommands of the command that is named before."""
    from click.shell_completion import CompletionItem

    above = COMMANDS.get(ctx.params.get("command") or "")
    return [
        CompletionItem(name, help=row.summary)
        for name, row in (above.commands if above else {}).items()
        if name.startswith(incomplete)
    ]


def topics(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete the topics of the guide."""
    from click.shell_completion import CompletionItem

    from rolehop.guide import topic_names, topic_summary

    return [
        CompletionItem(name, help=topic_summary(name))
        for name in topic_names()
        if name.startswith(incomplete)
    ]


def dialect_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the shells that statements can be written for."""
    from rolehop.handover.shells.registry import SHELLS

    return [name for name in SHELLS if name.startswith(incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave file names to the shell."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]
