"""``rolehop config init``: a first config, by questions, by options, or as an example to edit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from rolehop.advice import Advice, ShellCommand
from rolehop.app.config_files import with_same_config
from rolehop.app.first_config.init_flags import PLAIN_TYPES, InitFlags
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command
from rolehop.text import pluralize

if TYPE_CHECKING:
    from pathlib import Path

    from rolehop.app.first_config.conversation import FirstConfig
    from rolehop.app.first_config.drafts import Draft


@click.command(
    cls=Command,
    epilog="""
rolehop config init                            # looks, asks, tries, writes
rolehop config init --profile work --role 222222222222:role/Hub
rolehop config init --sso-start-url https://corp.awsapps.com/start --sso-region eu-west-1 \\
    --sso-account 111111111111 --sso-role Developer
""",
)
@click.option("--profile", metavar="NAME", help="Start from an AWS profile.")
@click.option(
    "--source", type=click.Choice(PLAIN_TYPES), help="Start from what needs no more than its name."
)
@click.option("--sso-start-url", metavar="URL", help="Start from this Identity Center.")
@click.option("--sso-region", metavar="REGION", help="The region of the Identity Center itself.")
@click.option("--sso-account", metavar="ID", help="The account that it signs in to.")
@click.option("--sso-role", metavar="NAME", help="The role (permission set) there.")
@click.option(
    "--role", multiple=True, metavar="ARN", help="A role to assume from there; repeat it for more."
)
@click.option("--external-id", metavar="TEXT", help="What the last role's trust policy asks for.")
@click.option("--mfa-serial", metavar="ARN", help='The MFA device of IAM user keys, or "auto".')
@click.option("--name", metavar="CHAIN", help="What the chain is called.  [default: the last role]")
@click.option(
    "--region", metavar="REGION", help="Where STS is called, and what AWS_REGION becomes."
)
@click.pass_context
def init(ctx: click.Context, /, **flags: Any) -> None:
    """Write a first config.

    On a terminal it looks for what is there (AWS profiles, Identity Center, keys, other tools),
    asks where you start and which roles you go to, shows the plan, tries it and writes it. With
    options it asks nothing. With neither it writes a commented example. An existing file is never
    overwritten.
    """
    from rolehop.app.first_config.writing import new_config_file, write_example, write_new

    cli, given = CommandContext.of(ctx), InitFlags(**flags)
    path = new_config_file(cli.app)
    if given.any_given:
        from rolehop.app.first_config.flags import draft_of_flags

        draft = draft_of_flags(cli.app, given)
        path = write_new(path, draft.text)
        _show_written(cli, path, draft)
    elif cli.app.person.can_ask:
        try:
            done = _held_conversation(cli, path)
        except KeyboardInterrupt:
            cli.terminal.note("nothing was written")
            raise
        if done.identity is not None:
            cli.terminal.note(f"{done.draft.names[0]} works: you are {done.identity.caller.arn}")
        _show_written(cli, done.path, done.draft)
    else:
        cli.terminal.note(f"written: {write_example(path)}")
        check = with_same_config(cli.app, "config check")
        cli.terminal.note(Advice("next: uncomment what you need in it, then run: ", check))


def _held_conversation(cli: CommandContext, path: Path) -> FirstConfig:
    from rolehop.app.first_config.conversation import first_config
    from rolehop.terminal.interviewer import TerminalInterviewer

    person = TerminalInterviewer(
        cli.terminal, cli.app.person, cli.environ, cli.quote_argument, cli.app.now
    )
    return first_config(cli.app, path, person)


def _show_written(cli: CommandContext, path: Path, draft: Draft) -> None:
    count = f" ({pluralize(len(draft.names), 'chain')})" if len(draft.names) > 1 else ""
    cli.terminal.note(f"written: {path}{count}")
    for each in _next_steps(cli, draft):
        cli.terminal.note(each)


def _next_steps(cli: CommandContext, draft: Draft) -> Iterator[str]:
    from rolehop.app.first_config.finishing import next_commands, shell_line

    yield from next_commands(cli.app, draft)
    missing = shell_line(cli.app)
    if missing is not None:
        file, line = missing
        yield Advice(
            "for rolehop assume to change this shell, add to ",
            f"{file}: ",
            ShellCommand(line),
        )
