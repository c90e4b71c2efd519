"""``rolehop keys``: IAM user keys in the keyring."""

from __future__ import annotations

import json
import re
import sys

import click

from rolehop.app.lost_index import without_broken_config
from rolehop.base.advice import Advice
from rolehop.base.credentials import Credentials
from rolehop.base.errors import ConfigError, UsageError
from rolehop.cli.completers import key_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Group, format_option
from rolehop.commands.keys.access_keys import (
    add_keys,
    check_key_id,
    check_keyring,
    key_rows,
    remove_keys,
    rotate_keys,
    shown,
    unreadable_keys,
    user_keys,
)

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@+-]*")
_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

_NEITHER = (
    "give what aws iam create-access-key prints, or two lines: the access key ID, then the secret"
)


@click.group(cls=Group, epilog="\nrolehop keys add alice\nrolehop keys list\n")
def command() -> None:
    """Store IAM user keys in the keyring.

    A source of type "keys" starts from them. Only rotate calls AWS, and add for keys of a profile.
    """


@command.command(
    epilog="""
rolehop keys add alice                                   # asks, without echo
aws iam create-access-key | rolehop keys add alice --stdin
rolehop keys add alice --from-env --replace
rolehop keys add alice --from-profile default
rolehop keys add --all-profiles
"""
)
@click.argument("name", required=False, shell_complete=key_names)
@click.option("--stdin", "from_stdin", is_flag=True, help="Read JSON or two lines from stdin.")
@click.option("--from-env", is_flag=True, help="Take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
@click.option(
    "--from-profile",
    metavar="PROFILE",
    help="Take those of an AWS profile, and offer to remove them from its file.",
)
@click.option("--all-profiles", is_flag=True, help="The same for every AWS profile with keys.")
@click.option("--replace", is_flag=True, help="Replace the keys stored under this name.")
@click.option(
    "--until-reboot", is_flag=True, help="Accept a keyring that forgets when the machine restarts."
)
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Remove them from the file unasked.")
@click.pass_context
def add(
    ctx: click.Context,
    name: str | None,
    from_stdin: bool,
    from_env: bool,
    from_profile: str | None,
    all_profiles: bool,
    replace: bool,
    until_reboot: bool,
    confirmed: bool,
) -> None:
    """Store a user's keys under the name of their source.

    Asks for the secret without echo. Or reads --stdin (the output of aws iam create-access-key,
    {"AccessKeyId", "SecretAccessKey"}, or two lines), --from-env, or an AWS profile: those are tried
    first, and stay in their file until you say yes. It never takes a secret from the command line,
    where other users could see it.
    """
    cli = CommandContext.of(ctx)
    profiles = all_profiles or from_profile is not None
    ways = {
        "--stdin": from_stdin,
        "--from-env": from_env,
        "--from-profile": from_profile is not None,
        "--all-profiles": all_profiles,
    }
    _check(name, [way for way, is_given in ways.items() if is_given])
    if all_profiles and (name is not None or replace):
        what = "--replace" if name is None else "NAME"
        raise UsageError(f"--all-profiles takes no {what}", fix="rolehop keys add --help")
    if confirmed and not profiles:
        raise UsageError("--yes goes with --from-profile and --all-profiles", fix="leave it out")
    if name is None and not profiles:
        raise UsageError("it needs the name of a source", fix="rolehop keys add NAME")
    check_keyring(cli.app, until_reboot=until_reboot)
    if name is None or profiles:
        from rolehop.commands.keys.run import AddOptions, add_from_profiles

        options = AddOptions(replace, until_reboot, confirmed)
        add_from_profiles(cli, from_profile, name, options)
        return
    credentials = _read(cli, from_stdin=from_stdin, from_env=from_env)
    used = add_keys(cli.app, name, credentials, replace=replace, until_reboot=until_reboot)
    cli.terminal.note(f"stored under '{name}': {shown(credentials.access_key_id)}")
    if not used:
        cli.terminal.note(f'to use it, add to the config: [sources.{name}]  type = "keys"')


def _check(name: str | None, ways: list[str]) -> None:
    if name is not None and not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot be the name of a source", fix="letters, digits, _.@+-")
    if len(ways) > 1:
        raise UsageError(f"{' and '.join(ways)} exclude each other", fix="choose one")


def _read(cli: CommandContext, *, from_stdin: bool, from_env: bool) -> Credentials:
    if from_stdin:
        return parse_keys(sys.stdin.read())
    if from_env:
        environ = cli.environ
        key_id, secret = (environ.get(each, "") for each in _VARIABLES)
        unset = [each for each in _VARIABLES if not environ.get(each)]
        if unset:
            verb = "are" if len(unset) > 1 else "is"
            raise unreadable_keys(f"{' and '.join(unset)} {verb} not set")
        token = environ.get("AWS_SESSION_TOKEN") or environ.get("AWS_SECURITY_TOKEN")
        return user_keys(key_id, secret, token)
    key_id = cli.app.person.ask("Access key ID: ", needed="an access key ID")
    check_key_id(key_id)  # before anybody looks for its secret
    secret = cli.app.person.ask("Secret access key: ", needed="a secret access key", hidden=True)
    return user_keys(key_id, secret, None)


def parse_keys(text: str) -> Credentials:
    """Read keys from JSON or from two lines, the key ID first.

    Raises:
        UsageError: the text is neither; the error never quotes it.
    """
    if not text.lstrip().startswith("{"):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        if len(lines) != 2:
            raise unreadable_keys(_NEITHER)
        return user_keys(lines[0], lines[1], None)
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        raise unreadable_keys("it looks like JSON but is not valid") from None
    keys = document.get("AccessKey", document)
    if not isinstance(keys, dict):
        raise unreadable_keys("AccessKey is not an object")
    values = [keys.get(key) for key in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    if not isinstance(values[0], str) or not isinstance(values[1], str):
        raise unreadable_keys("AccessKeyId and SecretAccessKey must be text")
    return user_keys(values[0], values[1], values[2])


@command.command("list", epilog="\nrolehop keys list\n")
@format_option("table", "json", default="table")
@click.pass_context
def list_keys(ctx: click.Context, style: str) -> None:
    """List the names under which keys are stored, without their secrets."""
    cli = CommandContext.of(ctx)
    app = cli.app
    try:
        rows = key_rows(app)
    except ConfigError:  # it is rarely read, so it is not read first
        app = without_broken_config(app)
        rows = key_rows(app)
    if style == "json":
        from rolehop.commands.keys.view import keys_document

        cli.write_json(keys_document(rows))
    elif rows:
        from rolehop.commands.keys.view import keys_view

        cli.write_view(keys_view(rows))
    elif app.config_problem is not None and app.index.lost:
        cli.terminal.note("only the config says which keys to look for in the keyring")
    else:
        cli.terminal.note("no keys are stored: rolehop keys add NAME")


@command.command(
    epilog="""
rolehop keys remove alice
rolehop keys remove alice --yes               # without asking, for scripts
"""
)
@click.argument("name", shell_complete=key_names)
@click.option("--yes", "-y", "confirmed", is_flag=True, help="Do not ask.")
@click.pass_context
def remove(ctx: click.Context, name: str, confirmed: bool) -> None:
    """Delete the keys stored under NAME from the keyring; AWS still knows them.

    Asks first: nobody can show their secret again. Says which key it was, and the command that ends
    it at AWS.
    """
    cli = CommandContext.of(ctx)
    ends_it = remove_keys(without_broken_config(cli.app), name, confirmed=confirmed)
    cli.terminal.note(f"removed: '{name}'")
    if ends_it is not None:
        cli.terminal.note(Advice("the key is still valid at AWS; to end it: ", ends_it))


@command.command(
    epilog="""
rolehop keys rotate alice
rolehop keys rotate alice --finish AKIAIOSFODNN7EXAMPLE  # after an interruption
"""
)
@click.argument("name", shell_complete=key_names)
@click.option("--finish", metavar="KEY_ID", help="Only delete this other key of the same user.")
@click.option("--mfa-stdin", is_flag=True, help="Read the MFA code from stdin.")
@click.pass_context
def rotate(ctx: click.Context, name: str, finish: str | None, mfa_stdin: bool) -> None:
    """Replace the access key stored under NAME with a new one.

    Creates a key, waits until it works, stores it, then deactivates and deletes the old one. The
    user must be allowed to make these calls on itself. If the source has mfa_serial, they are made
    with MFA. Whatever interrupts it, a working key stays stored, and it says which keys remain at
    AWS.
    """
    rotate_keys(CommandContext.of(ctx).app, name, finish, mfa_stdin=mfa_stdin)
