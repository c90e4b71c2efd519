"""``rolehop profile``: chains as AWS profiles, for every AWS SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app.aws_files import write_changes
from rolehop.base.advice import Advice
from rolehop.base.text import pluralize
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.cli.param_types import Region
from rolehop.commands.profile.changes import (
    ProfileOptions,
    confirm_changes,
    install_changes,
    removal_changes,
)
from rolehop.commands.profile.installed import profile_rows, reinstall_commands, this_installation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.app.aws_files import FileChange

# "AWS CLI output format" of the AWS CLI user guide.
_OUTPUTS = ("json", "yaml", "yaml-stream", "text", "table", "off")


@click.group(cls=Group, epilog="\nrolehop profile install prod-admin\nrolehop profile list\n")
def command() -> None:
    """Let AWS SDKs use chains as AWS profiles.

    The profiles are in a block of their own at the end of ~/.aws/config (or AWS_CONFIG_FILE).
    Nothing else in the file changes. Each has a credential_process line, and no keys.
    """


@command.command(
    epilog="""
rolehop profile install prod-admin
rolehop profile install 'spokes/*' --prefix rh- --region eu-west-1 --yes
rolehop profile install                       # every chain
aws sts get-caller-identity --profile prod-admin
"""
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@click.option("--prefix", default="", metavar="TEXT", help="Begin the profiles' names with this.")
@click.option(
    "--region",
    type=Region(),
    metavar="REGION",
    help="Region of the profiles.  [default: what each has, else its chain's]",
)
@click.option(
    "--output",
    type=click.Choice(_OUTPUTS),
    metavar="FORMAT",
    help="What the AWS CLI prints: json, yaml, yaml-stream, text, table or off.",
)
@click.option(
    "--credentials-file",
    is_flag=True,
    help="Also write them into ~/.aws/credentials, for restic, Java v1 and Perl.",
)
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask.")
@click.pass_context
def install(
    ctx: click.Context,
    pattern: tuple[str, ...],
    prefix: str,
    region: str | None,
    output: str | None,
    credentials_file: bool,
    confirmed: bool,
) -> None:
    """Write an AWS profile for each chain that matches.

    Shows what changes and asks first. Keeps the old file beside the new one, as a new
    config.rolehop-backup, and never replaces a profile of your own. Without a PATTERN: every chain.
    Leaves out those that ask for a confirmation or a reason: no SDK can ask. Run it again after an
    update, or a move to another place.
    """
    cli = CommandContext.of(ctx)
    options = ProfileOptions(prefix, region, output, credentials_file)
    changes = install_changes(cli.app, pattern, options, this_installation())
    _carry_out(cli, changes, "write", confirmed=confirmed)


@command.command(
    epilog="""
rolehop profile remove prod-admin
rolehop profile remove 'spokes/*' --yes
rolehop profile remove                        # all that rolehop installed
"""
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, pattern: tuple[str, ...], confirmed: bool) -> None:
    """Remove the AWS profiles that rolehop installed.

    PATTERN is a name of a profile or of a chain, with * and ?. Shows what changes and asks first.
    With the last profile the block goes, and the file is as it was before the first. A profile with
    a line that rolehop did not write stays.
    """
    cli = CommandContext.of(ctx)
    _carry_out(cli, removal_changes(cli.app, pattern), "remove", confirmed=confirmed)


def _carry_out(
    cli: CommandContext, changes: Sequence[FileChange], verb: str, *, confirmed: bool
) -> None:
    if not changes:
        cli.terminal.note("nothing to change")
        return
    for each in changes:
        count = pluralize(len(each.profiles), "profile")
        cli.terminal.note(f"to {verb}: {count}, {each.file.path}")
    cli.terminal.write_long("".join(each.diff for each in changes))
    if not confirmed:
        confirm_changes(cli.app, changes, verb)
    write_changes(cli.app, changes)
    for each in changes:
        done = "written" if verb == "write" else "removed"
        count = pluralize(len(each.profiles), "profile")
        cli.terminal.note(f"{done}: {count}, {each.file.path}")


@command.command("list", epilog="\nrolehop profile list\nrolehop profile list --format json\n")
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@format_option("table", "json", default="table")
@click.pass_context
def list_profiles(ctx: click.Context, pattern: tuple[str, ...], style: str) -> None:
    """List the AWS profiles that run rolehop.

    A line whose Python, launcher or rolehop is gone is broken: rolehop profile install rewrites it.
    One that you wrote by hand is shown as it could be.
    """
    cli = CommandContext.of(ctx)
    rows = profile_rows(cli.app, pattern, this_installation())
    if style == "json":
        from rolehop.commands.profile.view import profiles_document

        cli.write_json(profiles_document(rows))
        return
    if not rows:
        none = "no AWS profile runs rolehop: rolehop profile install"
        other = "no AWS profile that runs rolehop matches: rolehop profile list"
        cli.terminal.note(other if pattern else none)
        return
    from rolehop.commands.profile.view import profiles_view

    cli.write_view(profiles_view(rows))
    for each in reinstall_commands(rows):
        cli.terminal.note(Advice("to rewrite: ", each))
