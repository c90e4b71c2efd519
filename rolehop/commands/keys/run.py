"""``rolehop keys add --from-profile`` at the terminal: tried, stored, then out of the file after a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.awsconfig.taken_over import Unchangeable
from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import NoTerminal, SourceError, UsageError, VaultAbsent
from rolehop.base.text import pluralize
from rolehop.commands.keys.access_keys import check_keyring, shown
from rolehop.commands.keys.from_profile import (
    NoUserKeys,
    ProfileKeys,
    check_free,
    check_replaceable,
    is_chain,
    keyring_name,
    keys_of,
    may_be_chain,
    profiles_with_keys,
    prove,
    sources_reading,
    still_there,
    store,
    without_keys,
    write_without,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.app.aws_files import FileChange
    from rolehop.cli.context import CommandContext


@dataclass(frozen=True, slots=True)
class AddOptions:
    """The options of ``keys add`` that count for keys of AWS profiles."""

    replace: bool = False
    until_reboot: bool = False
    confirmed: bool = False
    """Remove them from the file without asking."""


def add_from_profiles(
    cli: CommandContext, profile: str | None, name: str | None, options: AddOptions
) -> None:
    """Store the keys of an AWS profile under ``name``, or those of all, and offer to move them.

    Raises:
        UsageError: there are none, or others under the name.
        SourceError: there is no such profile, or AWS refuses the keys of the only one.
        VaultError: the keyring failed.
        NoTerminal: they are stored, and nobody can be asked whether they may leave the file.
        ConfigError: an AWS file cannot be changed.
    """
    found = [_of_one(cli, profile, name, options)] if profile is not None else _of_all(cli)
    for each in found:
        store(cli.app, each, replace=options.replace, until_reboot=options.until_reboot)
        cli.terminal.note(f"stored under '{each.name}': {shown(each.credentials.access_key_id)}")
    _offer_removal(cli, found, confirmed=options.confirmed)


def _of_one(
    cli: CommandContext, profile: str, name: str | None, options: AddOptions
) -> ProfileKeys:
    try:
        found = keys_of(cli.app, profile, name)
    except NoUserKeys as error:
        raise UsageError(
            f"AWS profile '{profile}' has no IAM user keys that could be stored",
            cause=str(error),
            fix="rolehop keys add --help",
        ) from None
    check = check_replaceable if options.replace else check_free
    check(cli.app, found)
    _prove(cli, found)
    return found


def _of_all(cli: CommandContext) -> list[ProfileKeys]:
    """Return the keys of all AWS profiles that work; say why others are left out."""
    names = profiles_with_keys(cli.app.aws_config)
    found: list[ProfileKeys] = []
    for profile in sorted(names, key=lambda name: keyring_name(name) != name):
        found += _one_of_all(cli, profile, found)
    if not found:
        raise UsageError(
            "no keys were stored",
            cause="none of them could be" if names else "no AWS profile has keys in a file",
            fix="rolehop keys add NAME",
        )
    return found


def _one_of_all(
    cli: CommandContext, profile: str, found: Sequence[ProfileKeys]
) -> list[ProfileKeys]:
    """Return the keys of one AWS profile, if they work and none of those ``found`` has their name."""
    try:
        keys = keys_of(cli.app, profile)
        check_free(cli.app, keys)
        _check_own_name(keys, found)
        _prove(cli, keys)
    except NoUserKeys as error:
        cli.terminal.note(f"left out: AWS profile '{profile}': {error}")
    except (UsageError, SourceError) as error:
        cli.terminal.note(f"left out: AWS profile '{profile}': {error.cause or error.what}")
    else:
        return [keys]
    return []


def _check_own_name(keys: ProfileKeys, found: Sequence[ProfileKeys]) -> None:
    for each in found:
        if each.name == keys.name and each.credentials != keys.credentials:
            raise NoUserKeys(f"those of '{each.profile}' get its name in the keyring, {each.name}")


def _prove(cli: CommandContext, keys: ProfileKeys) -> None:
    caller = prove(cli.app, keys)
    cli.terminal.note(f"the keys of AWS profile '{keys.profile}' work: {caller.arn}")


def _offer_removal(cli: CommandContext, stored: Sequence[ProfileKeys], *, confirmed: bool) -> None:
    """Ask whether the keys may leave their files, and take them out."""
    try:
        check_keyring(cli.app, until_reboot=False)
    except VaultAbsent as error:
        cli.terminal.note(f"they stay in the file, too: {error.cause}")
        return
    moved = [each for each in stored if _can_leave(cli, each)]
    changes = without_keys(cli.app, moved)
    if not changes:
        return
    cli.terminal.write_long("".join(each.diff for each in changes))
    cli.terminal.note(_what_follows(cli, moved))
    if confirmed or _may_leave(cli, changes, len(moved)):
        _remove(cli, changes, moved)


def _may_leave(cli: CommandContext, changes: Sequence[FileChange], count: int) -> bool:
    from rolehop.app.ports import ask_yes_or_no, is_yes

    files = " and ".join(str(each.file.path) for each in changes)
    try:
        answer = ask_yes_or_no(
            cli.app.person, f"Remove {pluralize(count, 'pair')} of keys from {files}?"
        )
    except NoTerminal as error:
        error.what = f"the keys are stored, and still in {files}, too"
        error.fix = "run it in a terminal, or add --yes"
        raise
    if not is_yes(answer):
        cli.terminal.note(f"the keys are still in {files}, too")
    return is_yes(answer)


def _can_leave(cli: CommandContext, keys: ProfileKeys) -> bool:
    why = None
    try:
        without_keys(cli.app, [keys])
    except Unchangeable as error:
        why = str(error)
    if not may_be_chain(cli.app, keys.profile):
        why = "no chain can have its name, so programs would be without them; rename the profile"
    readers = sources_reading(cli.app, keys.profile)
    if readers:
        why = f"source '{readers[0]}' reads them there; write type = \"keys\" in it, and no profile"
    if why is not None:
        cli.terminal.note(f"the keys of AWS profile '{keys.profile}' stay in the file, too: {why}")
    return why is None


def _what_follows(cli: CommandContext, moved: Sequence[ProfileKeys]) -> Advice:
    """Say what those who use the profiles lose, and how they get it again."""
    names = [each.profile for each in moved]
    before = (
        "" if all(is_chain(cli.app, each) for each in names) else "rolehop config import, then "
    )
    listed = [part for name in names for part in (" ", Argument(name))]
    return Advice(
        f"without their keys, programs can use {pluralize(len(names), 'AWS profile')} again after: ",
        before,
        "rolehop profile install --take-over",
        *listed,
    )


def _remove(
    cli: CommandContext, changes: Sequence[FileChange], moved: Sequence[ProfileKeys]
) -> None:
    write_without(cli.app, changes, moved)
    left = still_there(cli.app, moved)
    if left:
        cli.terminal.note(f"removed, but the same secret is still in {', '.join(left)}")
        return
    names = ", ".join(each.name for each in moved)
    files = " and ".join(str(each.file.path) for each in changes)
    cli.terminal.note(f"moved to the keyring: {names}, out of {files}")
