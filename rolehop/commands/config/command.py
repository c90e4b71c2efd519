"""``rolehop config``: write, check and explain the config file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from rolehop.app.config_files import first_step, own_config_file, with_same_config
from rolehop.base.advice import Advice, Argument, ShellCommand, Whole
from rolehop.base.errors import ConfigError, NoTerminal
from rolehop.base.text import pluralize
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, Group, format_option
from rolehop.commands.config.init.options import PLAIN_TYPES, InitFlags

if TYPE_CHECKING:
    from pathlib import Path

    from rolehop.app.context import App
    from rolehop.base.errors import ConfigProblem
    from rolehop.commands.config.importing.found_files import ConfigImport, FoundFiles
    from rolehop.commands.config.init.conversation import FirstConfig
    from rolehop.commands.config.init.drafts import Draft
    from rolehop.terminal.json_text import Document


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
    """Write a first config, or add to yours.

    On a terminal it looks for what is there: AWS profiles, Identity Center, keys, other tools. It
    asks where you start and which roles you go to, shows the plan, tries it and writes it. With
    options it asks nothing. With neither it writes a commented example. It changes nothing that is
    in the config already.
    """
    from rolehop.commands.config.init.writing import write_example

    cli, given = CommandContext.of(ctx), InitFlags(**flags)
    path = own_config_file(cli.app)
    if given.any_given:
        from rolehop.commands.config.init.writing import write_flags

        path, added = write_flags(cli.app, path, given)
        _show_written(cli, path, added)
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
        cli.terminal.note(f"written: {_shown(write_example(path))}")
        check = with_same_config(cli.app, "config check")
        cli.terminal.note(Advice("next: uncomment what you need in it, then run: ", check))


def _held_conversation(cli: CommandContext, path: Path) -> FirstConfig:
    from rolehop.commands.config.init.conversation import first_config
    from rolehop.commands.config.init.interviewer import TerminalInterviewer

    person = TerminalInterviewer(
        cli.terminal, cli.app.person, cli.environ, cli.quote_argument, cli.app.now
    )
    return first_config(cli.app, path, person)


def _shown(path: Path) -> str:
    """Return a path as people write it."""
    from rolehop.app.host import home_folder
    from rolehop.terminal.layout import at_home

    return at_home(str(path), str(home_folder()))


def _show_written(cli: CommandContext, path: Path, draft: Draft) -> None:
    count = f" ({pluralize(len(draft.names), 'chain')})" if len(draft.names) > 1 else ""
    cli.terminal.note(f"written: {_shown(path)}{count}")
    for each in _next_steps(cli, draft):
        cli.terminal.note(each)


def _next_steps(cli: CommandContext, draft: Draft) -> Iterator[str]:
    from rolehop.commands.config.init.writing import next_commands, shell_line

    yield from next_commands(cli.app, draft)
    missing = shell_line(cli.app)
    if missing is not None:
        file, line = missing
        yield Advice(
            "for rolehop assume to change this shell, add to ",
            f"{file}: ",
            ShellCommand(line),
        )


@click.command(
    cls=Command,
    epilog="""
rolehop config import                          # looks for all, and says what it found
rolehop config import aws-vault
rolehop config import ~/old/config --yes
rolehop config import --show                   # the text alone; writes nothing
""",
)
@click.argument("tool", required=False, metavar="[FROM]")
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask.")
@click.option("--show", is_flag=True, help="Print what would be added; ask and write nothing.")
@click.pass_context
def import_(ctx: click.Context, tool: str | None, confirmed: bool, show: bool) -> None:
    """Add chains from the files of other tools.

    FROM is a file, aws-config, aws-vault, granted, awsume, aws-sso-cli, aws-runas, saml2aws, leapp,
    okta-awscli, gimme-aws-creds, aws-azure-login, aws-google-auth, aws-signing-helper, steampipe or
    aws-extend-switch-roles. Says what would become of what, and what cannot be taken over, then asks; without a
    terminal it only says so. It never copies keys: for each there is a line that moves it.
    """
    from rolehop.commands.config.importing.found_files import (
        confirm_import,
        files_of,
        plan_import,
        write_import,
    )
    from rolehop.commands.config.importing.view import (
        beside_lines,
        found_lines,
        show_advice,
        summary,
    )

    cli = CommandContext.of(ctx)
    found = files_of(cli.app, tool)
    planned = plan_import(cli.app, found)
    for line in found_lines(found):
        cli.terminal.note(line)
    if found.broken and not found.seen:
        raise ConfigError(
            "nothing was imported",
            cause="no file that is there could be read",
            fix="correct what is named above, or name the file to import",
        )
    if found.seen:
        cli.terminal.note(summary(found, planned))
    for line in beside_lines(planned.added, whole=show or cli.terminal.verbose):
        cli.terminal.note(line)
    if show:
        cli.terminal.write_long(planned.new_text)
        return
    if not planned.names:
        return
    cli.terminal.note(show_advice(cli.app, tool))
    try:
        if not confirmed:
            confirm_import(cli.app, planned)
    except NoTerminal:
        cli.terminal.note("nothing was written: add --yes to write it")
        return
    write_import(cli.app, planned)
    cli.terminal.note(f"written: {pluralize(len(planned.names), 'chain')}, {planned.path}")
    for advice in _next_after_import(cli.app, planned, found):
        cli.terminal.note(advice)


def _next_after_import(app: App, planned: ConfigImport, found: FoundFiles) -> Iterator[Advice]:
    from rolehop.commands.config.importing.found_files import keys_lines

    yield from keys_lines(app, planned.keys)
    if found.aws.profiles and not found.elsewhere:
        install = with_same_config(app, "profile install --take-over")
        yield Advice("for aws and every SDK: ", install)
    yield Advice("next: ", with_same_config(app, "plan ", Argument(planned.names[0])))


@click.group(cls=Group, epilog="\nrolehop config init\nrolehop config check\n")
def command() -> None:
    """Write, check and explain the config file."""


command.add_command(init)

command.add_command(import_, "import")


@command.command(
    epilog="\nrolehop config check\nrolehop config check --config team.toml --format json\n"
)
@format_option("text", "json", default="text")
@click.pass_context
def check(ctx: click.Context, style: str) -> None:
    """Check the config and list everything that is wrong with it (exit 3)."""
    from rolehop.commands.config.check import check_config

    cli = CommandContext.of(ctx)
    if style == "json":
        _check_as_json(ctx, cli)
        return
    found = check_config(cli.app)
    if not found.files:
        cli.terminal.note(Advice("there is no config yet: ", first_step(cli.app)))
        return
    for each in found.suspicious:
        cli.terminal.note(Advice(Whole(each.place), f": {each.said}"))
    cli.terminal.write_output(
        f"well-formed: {pluralize(found.chains, 'chain')},"
        f" {pluralize(found.sources, 'source')}\n" + "".join(f"  {file}\n" for file in found.files)
    )


def _check_as_json(ctx: click.Context, cli: CommandContext) -> None:
    from rolehop.commands.config.check import check_config

    try:
        found = check_config(cli.app)
    except ConfigError as error:
        cli.write_json(_check_document((), 0, 0, error.complaints, what=error.what))
        ctx.exit(error.exit_code)
    cli.write_json(
        _check_document(found.files, found.chains, found.sources, (), suspicious=found.suspicious)
    )


def _check_document(
    files: Sequence[str],
    chains: int,
    sources: int,
    problems: Sequence[ConfigProblem],
    *,
    suspicious: Sequence[ConfigProblem] = (),
    what: str | None = None,
) -> Document:
    """Return ``rolehop.config/1``; ``what``: why the config is broken, ``None``: it is well-formed."""
    listed, doubted = (
        [
            {
                "file": each.file,
                "line": each.line,
                "column": each.column,
                "key": each.key or None,
                "text": each.text,
            }
            for each in group
        ]
        for group in (problems, suspicious)
    )
    if what is not None and not listed:
        listed = [{"file": None, "line": None, "column": None, "key": None, "text": what}]
    return {
        "schema": "rolehop.config/1",
        "well_formed": what is None,
        "files": list(files),
        "chains": chains,
        "sources": sources,
        "problems": listed,
        "suspicious": doubted,
    }


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
    from rolehop.commands.config.check import config_reference

    CommandContext.of(ctx).terminal.write_output(config_reference())
