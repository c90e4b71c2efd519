"""``rolehop config``: write, check and explain the config file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group
from rolehop.errors import ConfigError, NoTerminal, UsageError
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.config.starter import Answers


@click.group(cls=Group)
def command() -> None:
    """Write, check and explain the config file."""


@command.command(epilog="\nrolehop config init\nrolehop config init --config ./rolehop.toml\n")
@click.pass_context
def init(ctx: click.Context) -> None:
    """Write a first config.

    Asks a few questions on a terminal; without one, writes a commented example. A file that is
    there is never overwritten.
    """
    from rolehop.config.starter import starter_text
    from rolehop.files import write_beside

    cli = CommandContext.of(ctx)
    path = _own_file(cli)
    if path.exists():
        raise UsageError(
            f"{path} is there already", cause="config init never overwrites", fix="edit it"
        )
    try:
        answers = ask_answers(cli)
    except NoTerminal:
        answers = None
    text = starter_text(answers)
    check_text(text, path)
    try:
        write_beside(path, text)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written",
            cause=(error.strerror or str(error)).lower(),
            fix="make its folder writable, or name another file with --config",
        ) from None
    cli.terminal.note(f"written: {path}")
    cli.terminal.note(
        f"next: rolehop plan {answers.chain}"
        if answers
        else "next: take the # off what you want in it, then: rolehop config check"
    )


def check_text(text: str, path: Path) -> None:
    """Load ``text`` as if it stood in ``path``, so that a config is only written if it works.

    Raises:
        ConfigError: an answer was no good.
    """
    from rolehop.config.loader import load_config
    from rolehop.files import FileText
    from rolehop.sources import SOURCE_TABLES

    load_config(
        [path],
        explicit=True,
        read=lambda each: FileText(str(each), text),
        source_types=SOURCE_TABLES,
    )


def ask_answers(cli: CommandContext) -> Answers:
    """Ask what the first chain is; an empty answer takes what stands in brackets.

    Raises:
        NoTerminal: nobody is there to answer.
    """
    from rolehop.config.starter import SOURCE_TYPES, Answers

    def ask(question: str, default: str = "", allowed: tuple[str, ...] = ()) -> str:
        shown = f" [{default}]" if default else ""
        while True:
            answer = cli.app.person.ask(f"{question}{shown}: ", needed="an answer") or default
            if answer and (not allowed or answer in allowed):
                return answer

    kinds = ", ".join(SOURCE_TYPES)
    source_type = ask(f"Where do you start from ({kinds})?", "profile", SOURCE_TYPES)
    profile = ask("Which AWS profile?", "default") if source_type == "profile" else None
    role = ask("Which role do you want (its ARN)?")
    chain = ask("What shall the chain be called?", role.rpartition("/")[2] or "first")
    # Nothing is written that nobody chose: the variables and the AWS profile name a region too.
    region = cli.app.person.ask("In which region [as your other AWS tools]? ", needed="an answer")
    return Answers(source_type, chain, role, region or None, profile)


@command.command(epilog="\nrolehop config check\nrolehop config check --config team.toml\n")
@click.pass_context
def check(ctx: click.Context) -> None:
    """Check the config and list everything that is wrong with it (exit 3)."""
    cli = CommandContext.of(ctx)
    config = cli.app.config
    read = [name for name in config.files if Path(name).exists()]
    if not read:
        cli.terminal.note("there is no config yet: rolehop config init")
        return
    cli.terminal.write_output(
        f"well-formed: {pluralize(len(config.chains), 'chain')},"
        f" {pluralize(len(config.sources), 'source')}"
        f" ({', '.join(read)})\n"
    )


@command.command(epilog="\nrolehop config path\n")
@click.pass_context
def path(ctx: click.Context) -> None:
    """Print where the config file is, or would be."""
    cli = CommandContext.of(ctx)
    cli.terminal.write_output(f"{_own_file(cli)}\n")


@command.command(epilog="\nrolehop config reference\n")
@click.pass_context
def reference(ctx: click.Context) -> None:
    """Print every key of every table with its type, limit and default."""
    from rolehop.config.reference import render_reference
    from rolehop.sources import SOURCE_TABLES

    CommandContext.of(ctx).terminal.write_output(render_reference(SOURCE_TABLES))


def _own_file(cli: CommandContext) -> Path:
    """Return the user's own config file: the named one, else the last that is read."""
    roots, _ = cli.app.config_roots
    return roots[-1]
