"""``rolehop source``: list, test and sign in to sources."""

from __future__ import annotations

import sys

import click

from rolehop.base.advice import Advice
from rolehop.base.credentials import Secret
from rolehop.base.errors import NoTerminal, UsageError
from rolehop.base.text import clean
from rolehop.cli.completers import source_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.commands.source.sources import (
    SignInChange,
    sign_in,
    sign_out,
    source_rows,
    sources_with_sign_in,
    verify_source,
)
from rolehop.commands.source.view import (
    sign_in_document,
    sources_document,
    sources_view,
    tested_document,
    tested_view,
)

_LONGEST_STDIN = 1_000_000  # characters


@click.group(cls=Group, epilog="\nrolehop source list\nrolehop source login corp\n")
def command() -> None:
    """List, test and sign in to sources."""


@command.command("list", epilog="\nrolehop source list\nrolehop source list --format json\n")
@format_option("table", "json", default="table")
@click.pass_context
def list_(ctx: click.Context, style: str) -> None:
    """List the configured sources. No AWS call is made.

    Makes no AWS call.
    """
    cli = CommandContext.of(ctx)
    rows = source_rows(cli.app)
    if style == "json":
        cli.write_json(sources_document(rows))
    elif rows:
        cli.write_view(sources_view(rows))
    else:
        from rolehop.app.config_files import first_step

        cli.terminal.note(Advice("no source is configured yet: ", first_step(cli.app)))


@command.command(epilog="\nrolehop source test corp\n")
@click.argument("name", shell_complete=source_names)
@click.option("--no-prompt", is_flag=True, help="Never ask; fail if a sign-in is needed.")
@format_option("table", "json", default="table")
@click.pass_context
def test(ctx: click.Context, name: str, no_prompt: bool, style: str) -> None:
    """Test one source: load it, and ask AWS who it is.

    Shows what it looked for, and where. Then who AWS says that is, how long the session lasts, and how
    long that of the next hop can.
    """
    cli = CommandContext.of(ctx)
    tested, error = verify_source(cli.app, name, no_prompt=no_prompt)
    if style == "json":
        cli.write_json(tested_document(tested))
    else:
        from rolehop.app.account_names import KnownNames
        from rolehop.app.host import home_folder

        app = cli.app
        view = tested_view(tested, app.now(), KnownNames(app), str(home_folder()))
        cli.terminal.write_view(view, {})
    if error is not None:
        raise error


@command.command(
    epilog="""
rolehop source login corp
rolehop source login corp --no-browser     # over SSH: a code for a browser elsewhere
rolehop source login corp --force          # before a long job, though you are signed in
saml-tool | rolehop source login idp --stdin
"""
)
@click.argument("name", required=False, shell_complete=source_names)
@click.option("--no-browser", is_flag=True, help="Open no browser here.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the sign-in from stdin.")
@click.option("--force", is_flag=True, help="End the sign-in that is there first.")
@format_option("text", "json", default="text")
@click.pass_context
def login(
    ctx: click.Context,
    name: str | None,
    no_browser: bool,
    from_stdin: bool,
    force: bool,
    style: str,
) -> None:
    """Sign in to a source and store the sign-in in the keyring.

    Identity Center and OpenID Connect issuers use a browser; a SAML assertion comes from --stdin.
    Without a NAME you pick one that has a sign-in. With --force the new one lasts its full time,
    also where you are signed in already.
    """
    cli = CommandContext.of(ctx)
    read_stdin = _read_stdin if from_stdin else None
    change = sign_in(
        cli.app, name or _picked(cli), browser=not no_browser, anew=force, read_stdin=read_stdin
    )
    _print_change(cli, change, style, signed_in=True)


def _picked(cli: CommandContext) -> str:
    """Return the source that is picked on the terminal, or the only one."""
    from rolehop.app.ports import Choice
    from rolehop.cli.walk_command import pick

    sources = sources_with_sign_in(cli.app)
    if len(sources) == 1:
        return sources[0].name
    choices = [Choice(each.name, clean(each.description), each.type, "") for each in sources]
    try:
        return pick(cli, choices, "source")
    except NoTerminal:
        fix = "rolehop source login NAME; rolehop source list shows the sources"
        raise UsageError("no source is named", fix=fix) from None


@command.command(epilog="\nrolehop source logout corp\n")
@click.argument("name", shell_complete=source_names)
@format_option("text", "json", default="text")
@click.pass_context
def logout(ctx: click.Context, name: str, style: str) -> None:
    """Forget a source's sign-in, and end it at the provider if that can be reached.

    Sessions made with it stay valid until they expire; rolehop logout --all forgets them here.
    """
    cli = CommandContext.of(ctx)
    _print_change(cli, sign_out(cli.app, name), style, signed_in=False)


def _read_stdin() -> Secret:
    return Secret(sys.stdin.read(_LONGEST_STDIN).strip())


def _print_change(
    cli: CommandContext, change: SignInChange, style: str, *, signed_in: bool
) -> None:
    if style == "json":
        name, kind = change.source.name, change.source.type
        cli.write_json(sign_in_document(name, kind, change.message, signed_in=signed_in))
    else:
        cli.terminal.note(change.message)
