"""``rolehop profile``: chains as AWS profiles, for every AWS SDK."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from rolehop.app.aws_files import write_changes
from rolehop.base.advice import Advice
from rolehop.base.errors import UsageError
from rolehop.base.text import pluralize
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.cli.param_types import Region
from rolehop.commands.profile.changes import (
    ProfileOptions,
    confirm_changes,
    plan_installation,
    removal_changes,
    write_installation,
)
from rolehop.commands.profile.installed import profile_rows, reinstall_commands, this_installation
from rolehop.commands.profile.run import (
    keys_behind,
    pairs_to_put_back,
    say_what_moves,
    say_what_stays,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.app.aws_files import FileChange

# "AWS CLI output format" of the AWS CLI user guide.
_OUTPUTS = ("json", "yaml", "yaml-stream", "text", "table", "off")


@click.group(cls=Group, epilog="\nrolehop profile install prod-admin\nrolehop profile list\n")
def command() -> None:
    """Let AWS SDKs use chains as AWS profiles.

    The profiles are in a block of their own at the end of ~/.aws/config (or AWS_CONFIG_FILE).
    Nothing else in the file changes, unless you say --take-over. Each has a credential_process line,
    and no keys.
    """


@command.command(
    epilog="""
rolehop profile install prod-admin
rolehop profile install 'spokes/*' --prefix rh- --region eu-west-1 --yes
rolehop profile install                       # every chain
rolehop profile install --take-over           # also where a profile of your own has the name
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
@click.option(
    "--take-over",
    is_flag=True,
    help="Also replace the credentials of your own profiles of the same names.",
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
    take_over: bool,
    confirmed: bool,
) -> None:
    """Write an AWS profile for each chain that matches.

    Shows what changes and asks first. Keeps the old file beside the new one, without secrets, as a
    new config.rolehop-backup. Without a PATTERN: every chain. Leaves out those that ask for a
    confirmation or a reason: no SDK can ask. Run it again after a move to another place.

    A profile of your own stays as it is. With --take-over, its credential settings become comments,
    its keys move to the keyring, and the chain takes their place; profile remove puts them back.
    """
    cli = CommandContext.of(ctx)
    options = ProfileOptions(prefix, region, output, credentials_file, take_over)
    plan = plan_installation(cli.app, pattern, options, this_installation())
    say_what_stays(cli, plan)
    if not _shown(cli, plan.changes, "write"):
        return
    say_what_moves(cli, plan)
    if not confirmed:
        confirm_changes(cli.app, plan.changes, "write")
    write_installation(cli.app, plan)
    _say_done(cli, plan.changes, "written")


@command.command(
    epilog="""
rolehop profile remove prod-admin
rolehop profile remove 'spokes/*' --yes
rolehop profile remove                        # all that rolehop installed
"""
)
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask; moved keys stay.")
@click.option("--keys", is_flag=True, help="With --yes: write moved keys into their file again.")
@click.pass_context
def remove(ctx: click.Context, pattern: tuple[str, ...], confirmed: bool, keys: bool) -> None:
    """Remove the AWS profiles that rolehop installed.

    PATTERN is a name of a profile or of a chain, with * and ?. Shows what changes and asks first.
    With the last profile the block goes, and the file is as it was before the first. A profile with
    a line that rolehop did not write stays.

    A profile of your own that was taken over gets its settings back, and its keys after asking apart:
    they are plain text then.
    """
    cli = CommandContext.of(ctx)
    if keys and not confirmed:
        raise UsageError("--keys goes with --yes", fix="rolehop profile remove --yes --keys")
    changes = removal_changes(cli.app, pattern)
    moved = keys_behind(cli.app, pattern, changes)
    if changes or not moved:
        if not _shown(cli, changes, "remove"):
            return
        if not confirmed:
            confirm_changes(cli.app, changes, "remove")
    pairs = pairs_to_put_back(cli, moved, keys if confirmed else None)
    changes = removal_changes(cli.app, pattern, pairs) if pairs else changes
    write_changes(cli.app, changes)
    _say_done(cli, changes, "removed")


def _shown(cli: CommandContext, changes: Sequence[FileChange], verb: str) -> bool:
    """Show what changes; ``False`` if that is nothing."""
    if not changes:
        cli.terminal.note("nothing to change")
        return False
    for each in changes:
        cli.terminal.note(f"to {verb}: {_counted(each)}")
    cli.terminal.write_long("".join(each.diff for each in changes))
    return True


def _say_done(cli: CommandContext, changes: Sequence[FileChange], done: str) -> None:
    for each in changes:
        cli.terminal.note(f"{done}: {_counted(each)}")


def _counted(change: FileChange) -> str:
    """Return how many profiles of a file change; in a config these are sources."""
    profiles = len(change.profiles)
    return f"{pluralize(profiles, 'profile') if profiles else 'the config'}, {change.file.path}"


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
