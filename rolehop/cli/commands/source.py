"""``rolehop source``: the places where chains start."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from rolehop.app.walking import person_for, source_context_for
from rolehop.cli.completers import source_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.errors import ConfigError, RolehopError, SourceError, UsageError
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.ports import Caller
    from rolehop.show.sources import SourceRow, Tested
    from rolehop.sources.context import SourceContext
    from rolehop.sources.source_type import LoginSupport

_LONGEST_STDIN = 1_000_000  # characters


@click.group(cls=Group)
def command() -> None:
    """List, test and sign in to sources."""


@command.command("list", epilog="\nrolehop source list\nrolehop source list --format json\n")
@format_option("table", "json", default="table")
@click.pass_context
def list_(ctx: click.Context, style: str) -> None:
    """List the configured sources. No AWS call is made."""
    from rolehop.show.sources import sources_document, sources_view

    cli = CommandContext.of(ctx)
    rows = [_row(cli, source) for source in cli.app.config.sources.values()]
    if style == "json":
        _print_json(cli, sources_document(rows))
    elif rows:
        cli.terminal.write_view(sources_view(rows))
    else:
        cli.terminal.note("no sources are configured (rolehop config init)")


@command.command(epilog="\nrolehop source test corp\n")
@click.argument("name", shell_complete=source_names)
@click.option("--no-prompt", is_flag=True, help="Never ask; fail where a sign-in is needed.")
@format_option("table", "json", default="table")
@click.pass_context
def test(ctx: click.Context, name: str, no_prompt: bool, style: str) -> None:
    """Test one source: load it, and ask AWS who it is.

    Says what was looked for and where, the identity that was reached, when its session ends, and
    how long the next hop's session can be.
    """
    from rolehop.show.sources import tested_document, tested_view

    cli = CommandContext.of(ctx)
    source = _source(cli, name)
    tested, error = _tested(cli, source, no_prompt=no_prompt)
    if style == "json":
        _print_json(cli, tested_document(tested))
    else:
        cli.terminal.write_view(tested_view(tested, cli.app.now()))
    if error is not None:
        raise error


@command.command(
    epilog="""
rolehop source login corp
rolehop source login corp --no-browser     # over SSH: a code for a browser elsewhere
saml-tool | rolehop source login idp --stdin
"""
)
@click.argument("name", shell_complete=source_names)
@click.option("--no-browser", is_flag=True, help="Open no browser here.")
@click.option("--stdin", "from_stdin", is_flag=True, help="Read the sign-in from standard input.")
@format_option("text", "json", default="text")
@click.pass_context
def login(ctx: click.Context, name: str, no_browser: bool, from_stdin: bool, style: str) -> None:
    """Sign in to a source and store the sign-in in the keyring.

    Identity Center and OpenID Connect issuers are signed in to with a browser; a SAML assertion is
    taken from --stdin.
    """
    from rolehop.credentials import Secret
    from rolehop.sources.source_type import Login

    cli = CommandContext.of(ctx)
    source = _source(cli, name)
    way = _sign_in(source)
    text = None
    if from_stdin:
        _refuse_unused(source, way)
        text = Secret(sys.stdin.read(_LONGEST_STDIN).strip())
    said = way.login(source, cli.app.source_context, Login(browser=not no_browser, text=text))
    _say_sign_in(cli, source, said, style, signed_in=True)


@command.command(epilog="\nrolehop source logout corp\n")
@click.argument("name", shell_complete=source_names)
@format_option("text", "json", default="text")
@click.pass_context
def logout(ctx: click.Context, name: str, style: str) -> None:
    """Forget a source's sign-in, and end it at the provider if that can be reached.

    Sessions that were got with it last until they end; rolehop logout --all forgets them here.
    """
    cli = CommandContext.of(ctx)
    source = _source(cli, name)
    way = _sign_in(source)
    said = way.logout_message(source, way.logout(source, cli.app.source_context))
    _say_sign_in(cli, source, said, style, signed_in=False)


def _say_sign_in(
    cli: CommandContext, source: SourceConfig, said: str, style: str, *, signed_in: bool
) -> None:
    from rolehop.show.sources import sign_in_document

    if style == "json":
        _print_json(cli, sign_in_document(source.name, source.type, said, signed_in=signed_in))
    else:
        cli.terminal.note(said)


def _source(cli: CommandContext, name: str) -> SourceConfig:
    from rolehop.text import nearest

    found = cli.app.config.sources.get(name)
    if found is not None:
        return found
    near = nearest(name, cli.app.config.sources)
    raise ConfigError(
        f"no source is called '{name}'",
        cause=f"the nearest: {', '.join(near)}" if near else "the config has none that is near",
        fix="rolehop source list",
    )


def _sign_in(source: SourceConfig) -> LoginSupport:
    from rolehop.sources import login_support

    way = login_support(source)
    if way is None:
        raise UsageError(
            f"nobody signs in to source '{source.name}'",
            cause=f"a source of type {source.type} is used as it is",
            fix=f"rolehop source test {source.name}",
        )
    return way


def _refuse_unused(source: SourceConfig, way: LoginSupport) -> None:
    """Refuse ``--stdin`` where what it gives would be thrown away."""
    if way.takes_text is not None and way.takes_text(source):
        return
    raise UsageError(
        f"source '{source.name}' takes nothing from --stdin",
        cause="it gives an assertion to a saml source without assertion_… keys, or the passphrase "
        "of the key to a roles-anywhere source without passphrase_command",
        fix=f"rolehop source login {source.name}",
    )


def _row(cli: CommandContext, source: SourceConfig) -> SourceRow:
    """Say what is known of a source without a call."""
    from rolehop.show.sources import SourceRow
    from rolehop.sources import diagnose, expand, first_problem, first_warning, stamp_of

    warning = None
    try:
        base, _, _ = expand(source, cli.app.aws_config)
        stamp = stamp_of(base, cli.app.source_context)
        found = diagnose(base, cli.app.source_context)
        problem, warning = stamp.problem or first_problem(found), first_warning(found)
        state = "ready" if stamp.value is not None else "unknown"
    except RolehopError as error:
        state, problem = "unknown", error.what
    chains = tuple(
        each.name for each in cli.app.config.chains.values() if each.source == source.name
    )
    state = "not ready" if problem else state
    return SourceRow(source.name, source.type, source.description, state, problem, warning, chains)


def _tested(
    cli: CommandContext, source: SourceConfig, *, no_prompt: bool
) -> tuple[Tested, RolehopError | None]:
    """Load the source and ask who it is; a failure comes with what was found on the way."""
    from rolehop.show.sources import Tested
    from rolehop.sources import expand
    from rolehop.sources.loading import load_source

    person = person_for(cli.app, WalkOptions(no_prompt=no_prompt))
    context = source_context_for(cli.app, person)
    findings: Sequence[tuple[str, str, bool | None]] = ()
    try:
        base, roles, _ = expand(source, cli.app.aws_config)
        before = _roles_before(source, base, [role.role for role in roles])
        findings = [*before, *_found(context, base)]
        credentials, stamp = load_source(base, context)
        findings = [*before, *_found(context, base)]  # a sign-in may have changed what is there
        caller = _caller(cli, source, credentials)
    except RolehopError as error:
        return Tested(source.name, source.type, tuple(findings), error=error.what), error
    from rolehop.arn import is_same_principal

    tested = Tested(
        source.name,
        source.type,
        tuple(findings),
        caller.arn,
        caller.account,
        credentials.expires_at,
        long_lived=credentials.long_lived,
        made_a_session=stamp.may_be_keys,
        mfa="mfa_serial" in base.settings,
        hops_of_profile=len(roles),
    )
    if source.principal is not None and not is_same_principal(source.principal, caller.arn):
        return tested, SourceError(
            f"source '{source.name}' is {caller.arn}",
            cause=f"the config says it must be {source.principal}",
            fix="sign in as the right one, or correct 'principal'",
        )
    return tested, None


def _roles_before(
    source: SourceConfig, base: SourceConfig, roles: Sequence[str]
) -> list[tuple[str, str, bool | None]]:
    """Say which roles a profile puts before the chain's own hops, and what is proved instead."""
    if not roles:
        return []
    taken = f"takes {', then '.join(roles)}; proved is what these start from ({base.type})"
    return [(f"AWS profile '{source.settings['profile']}'", taken, None)]


def _found(context: SourceContext, source: SourceConfig) -> list[tuple[str, str, bool | None]]:
    from rolehop.sources import diagnose

    return [(each.looked_for, each.found, each.good) for each in diagnose(source, context)]


def _caller(cli: CommandContext, source: SourceConfig, credentials: Credentials) -> Caller:
    from rolehop.awsconfig import current_profile
    from rolehop.cli.commands.whoami import ask

    named = source.settings.get("profile")
    # As in a walk, the profile that was named rules the call, not the one at the end of its path.
    profile = named if isinstance(named, str) else current_profile(cli.app.shell_before)
    sts = cli.app.sts_clients.get(_region(cli, source, profile), profile)
    return ask(sts, credentials, f"the credentials of source '{source.name}'")


def _region(cli: CommandContext, source: SourceConfig, profile: str | None) -> str:
    """Return where a walk from the source would call STS."""
    from rolehop.arn import partition_of
    from rolehop.awsconfig import region_of
    from rolehop.config.regions import regions_in_order

    known = source.principal or source.settings.get("role")
    regions = regions_in_order(
        cli.app.shell_before,
        defaults=cli.app.config.defaults.region,
        source=source.region,
        profile=region_of(cli.app.aws_config, profile),
    )
    return regions.within(partition_of(str(known or "")) or regions.decided_partition())


def _print_json(cli: CommandContext, document: object) -> None:
    import json

    cli.terminal.write_output(json.dumps(document, indent=2) + "\n")
