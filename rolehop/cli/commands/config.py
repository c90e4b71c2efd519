"""``rolehop config``: write, check and explain the config file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.advice import Advice, Argument, ShellCommand
from rolehop.app.config_files import (
    check_config,
    config_reference,
    new_config_file,
    own_config_file,
    write_first_config,
)
from rolehop.cli.config_import import import_
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.errors import ConfigError, NoTerminal
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.config.starter import Answers
    from rolehop.config.value_types import Check

_NO_REGION = "as your other AWS tools"


@click.group(cls=Group)
def command() -> None:
    """Write, check and explain the config file."""


@command.command(epilog="\nrolehop config init\nrolehop config init --config ./rolehop.toml\n")
@click.pass_context
def init(ctx: click.Context) -> None:
    """Write a first config.

    Asks a few questions on a terminal; without one, writes a commented example. An existing file
    is never overwritten.
    """
    cli = CommandContext.of(ctx)
    path = new_config_file(cli.app)
    try:
        answers = _ask_answers(cli)
    except NoTerminal:
        answers = None
    write_first_config(path, answers)
    cli.terminal.note(f"written: {path}")
    cli.terminal.note(
        Advice("next: rolehop plan ", Argument(answers.chain))
        if answers
        else "next: uncomment what you need in it, then run: rolehop config check"
    )


def _ask_answers(cli: CommandContext) -> Answers:
    """Ask for the first chain; an empty answer takes the value in brackets.

    Raises:
        NoTerminal: nobody can be asked.
    """
    from rolehop.config import sts_limits, value_types
    from rolehop.config.starter import SOURCE_TYPES, Answers

    kinds = value_types.choice(*SOURCE_TYPES)
    source_type = _ask(
        cli, f"Where do you start from ({', '.join(SOURCE_TYPES)})", kinds, "profile"
    )
    profile = None
    if source_type == "profile":
        profile = _ask(cli, "Which AWS profile", value_types.TEXT, "default")
    role = _ask(cli, "Which role do you want (its ARN)", sts_limits.ROLE)
    name = role.rpartition("/")[2]
    chain = _ask(cli, "What should the chain be called", value_types.NAME, name)
    # No region is written unless the user chooses one: variables and the AWS profile name one too.
    region = _ask(cli, "In which region", value_types.REGION, _NO_REGION)
    chosen = None if region == _NO_REGION else region
    return Answers(source_type, chain, role, chosen, profile)


def _ask(cli: CommandContext, question: str, check: Check, default: str = "") -> str:
    """Ask until the answer passes ``check``; an empty answer takes ``default``.

    Raises:
        NoTerminal: nobody can be asked.
    """
    shown = f" [{default}]" if default else ""
    while True:
        answer = cli.app.person.ask(f"{question}?{shown} ", needed="an answer") or default
        try:
            if answer != _NO_REGION:
                check.run(answer)
        except ValueError as error:
            cli.app.person.say(str(error))
        else:
            return answer


command.add_command(import_, "import")


@command.command(
    epilog="\nrolehop config check\nrolehop config check --config team.toml --format json\n"
)
@format_option("text", "json", default="text")
@click.pass_context
def check(ctx: click.Context, style: str) -> None:
    """Check the config and list everything that is wrong with it (exit 3)."""
    cli = CommandContext.of(ctx)
    if style == "json":
        _check_as_json(ctx, cli)
        return
    found = check_config(cli.app)
    if not found.files:
        cli.terminal.note("there is no config yet: rolehop config init")
        return
    for each in found.suspicious:
        cli.terminal.note(Advice(ShellCommand(each.place), f": {each.said}"))
    cli.terminal.write_output(
        f"well-formed: {pluralize(found.chains, 'chain')},"
        f" {pluralize(found.sources, 'source')}\n" + "".join(f"  {file}\n" for file in found.files)
    )


def _check_as_json(ctx: click.Context, cli: CommandContext) -> None:
    from rolehop.show.json_documents import config_document

    try:
        found = check_config(cli.app)
    except ConfigError as error:
        cli.write_json(config_document((), 0, 0, error.complaints, what=error.what))
        ctx.exit(error.exit_code)
    cli.write_json(
        config_document(found.files, found.chains, found.sources, (), suspicious=found.suspicious)
    )


@command.command(epilog="\nrolehop config path\n")
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print where the config file is, or would be."""
    cli = CommandContext.of(ctx)
    cli.terminal.write_output(f"{own_config_file(cli.app)}\n")


@command.command(epilog="\nrolehop config reference\n")
@click.pass_context
def reference(ctx: click.Context) -> None:
    """Print every key of every table with its type, limit and default."""
    CommandContext.of(ctx).terminal.write_output(config_reference())
