"""What ``profile install`` and ``profile remove`` say and ask about profiles of the user's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.errors import ConfigError
from rolehop.base.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.aws_files import FileChange
    from rolehop.app.context import App
    from rolehop.base.credentials import Credentials
    from rolehop.cli.context import CommandContext
    from rolehop.commands.keys.from_profile import MovedKeys
    from rolehop.commands.profile.changes import InstallPlan


def take_over_command(names: Sequence[str]) -> Advice:
    """Return the command that takes over profiles of the user's own, by the names of their chains."""
    listed = [part for name in names for part in (" ", Argument(name))]
    return Advice("rolehop profile install --take-over", *listed)


def say_what_stays(cli: CommandContext, plan: InstallPlan) -> None:
    """Say which profiles of the user's own stay as they are.

    Raises:
        ConfigError: all of them do, and nothing else is to be written.
    """
    if plan.own:
        _say_own(cli, plan)
    for name, why in plan.stays.items():
        cli.terminal.note(f"left out: AWS profile '{name}': {why}")
    if plan.stays and not plan.changes:
        raise ConfigError(
            "no profile was written",
            cause="none of those that are there can be taken over",
            fix="rolehop profile install --help",
        )


def _say_own(cli: CommandContext, plan: InstallPlan) -> None:
    one = len(plan.own) == 1
    which = f"{pluralize(len(plan.own), 'profile')} of your own {'has' if one else 'have'}"
    what = f"{which} the name of a chain, and {'stays' if one else 'stay'}: {', '.join(plan.own)}"
    if not plan.changes:
        raise ConfigError(what, fix=take_over_command(plan.chains))
    cli.terminal.note(what)
    cli.terminal.note(take_over_command(plan.chains))


def say_what_moves(cli: CommandContext, plan: InstallPlan) -> None:
    """Say which keys go into the keyring."""
    if not plan.keys:
        return
    from rolehop.commands.keys.access_keys import shown

    for each in plan.keys:
        key_id = shown(each.credentials.access_key_id)
        cli.terminal.note(f"to move to the keyring: {key_id} of '{each.profile}', as '{each.name}'")


def keys_behind(
    app: App, patterns: Sequence[str], changes: Sequence[FileChange]
) -> list[MovedKeys]:
    """Return the keys that were moved out of the profiles that ``changes`` remove, or that match.

    Raises:
        ConfigError: a file cannot be read.
    """
    from fnmatch import fnmatchcase

    from rolehop.commands.keys.from_profile import moved_keys

    removed = {name for each in changes for name in each.profiles}
    return [
        each
        for each in moved_keys(app)
        if each.profile in removed
        or not patterns
        or any(fnmatchcase(each.profile, pattern) for pattern in patterns)
    ]


def pairs_to_put_back(
    cli: CommandContext, moved: Sequence[MovedKeys], wanted: bool | None
) -> Mapping[str, Credentials]:
    """Return the keys that go back into their file, by their names in the keyring.

    Args:
        cli: the command line.
        moved: those that could.
        wanted: whether they are to; ``None``: the person is asked.
    """
    from rolehop.app.ports import ask_yes_or_no, is_yes

    if not moved:
        return {}
    listed = ", ".join(dict.fromkeys(each.name for each in moved))
    files = " and ".join(dict.fromkeys(str(each.path) for each in moved))
    if wanted is None:
        question = f"Write the keys of {listed} into {files} again, as plain text?"
        wanted = is_yes(ask_yes_or_no(cli.app.person, question))
    if not wanted:
        cli.terminal.note(f"the keys of {listed} stay in the keyring, and out of {files}")
        return {}
    from rolehop.commands.keys.from_profile import stored_pairs

    pairs = stored_pairs(cli.app, moved)
    for each in moved:
        if each.name not in pairs:
            cli.terminal.note(f"the keyring no longer has the keys of {each.name}")
    return pairs
