"""``rolehop guide``: the manual, topic by topic."""

from __future__ import annotations

import sys

import click

from rolehop.base.errors import UsageError
from rolehop.base.text import clean, meant, nearest
from rolehop.cli.completers import topics
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.guide import topic_names, topic_summary, topic_text


@click.command(cls=Command, epilog="\nrolehop guide\nrolehop guide getting-started\n")
@click.argument("topic", required=False, shell_complete=topics)
@click.pass_context
def command(ctx: click.Context, topic: str | None) -> None:
    """Show the manual: its topics, or one of them.

    On a terminal it fits the width, and your PAGER (less) shows a long topic. In a pipe it is the
    Markdown text itself.
    """
    cli = CommandContext.of(ctx)
    if topic is None:
        from rolehop.terminal.layout import facts

        view = [facts(*((name, topic_summary(name)) for name in topic_names()))]
        cli.terminal.write_view(view, {})
        return
    names = topic_names()
    if topic not in names:
        near = [each for each in names if topic and topic in each] or nearest(topic, names)
        raise UsageError(
            f"the guide has no topic '{clean(topic)}'",
            fix=f"{meant(near[:3])}rolehop guide",
        )
    if not sys.stdout.isatty() and not cli.terminal.colors(sys.stdout):
        cli.terminal.write_output(topic_text(topic), encoding="utf-8")
        return
    from rolehop.terminal.document import show_document

    show_document(cli.terminal, topic_text(topic), cli.environ)
