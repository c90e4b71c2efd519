"""IAM user keys out of the AWS files into the keyring, and back.

At all times they are in one of the two, so that no end of the process loses them:

    try -> store -> read back -> take them out of the file
    put them into the file -> (uninstall:) remove them from the keyring
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import FileChange, changed, read_aws_file, text_of, write_changes
from rolehop.awsconfig import AwsConfig, region_of
from rolehop.awsconfig.parse import SECRET_KEYS, profile_of
from rolehop.awsconfig.taken_over import (
    KEYS,
    Unchangeable,
    has_section,
    lines_with,
    settings_in,
    take_over,
    taken_profiles,
)
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import partition_of_region
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError, UsageError, VaultBroken
from rolehop.commands.keys.access_keys import key_id_problem, secret_problem
from rolehop.config.regions import regions_in_order
from rolehop.config.value_types import NAME_PATTERN, slug
from rolehop.walk.ports import CallerIdentity, StsRefusal

if TYPE_CHECKING:
    from rolehop.app.context import App

TEMPORARY = "they are the keys of a session, and sessions end"


@dataclass(frozen=True, slots=True)
class ProfileKeys:
    """The keys of an AWS profile, and the name that they have in the keyring, or get."""

    profile: str
    name: str
    credentials: Credentials


class NoUserKeys(ValueError):
    """An AWS profile without IAM user keys that could be moved; the text says why."""


def profiles_with_keys(aws: AwsConfig) -> list[str]:
    """Return the AWS profiles that have keys in a file, whole or not, whose ever they are."""
    return [name for name, section in aws.profiles.items() if KEYS & section.keys()]


def keys_of(app: App, profile: str, name: str | None = None) -> ProfileKeys:
    """Return the IAM user keys of an AWS profile; ``name`` is the one that the user chose for them.

    Raises:
        NoUserKeys: it has none, or none that rolehop could keep.
        SourceError: there is no such profile.
        ConfigError: an AWS file cannot be read.
    """
    profile_of(app.aws_config, profile)
    try:
        found = [_settings(text_of(path), profile, is_config=each) for each, path in _files(app)]
    except Unchangeable as error:
        raise NoUserKeys(str(error)) from None
    if any(SECRET_KEYS - KEYS & each.keys() for each in found):
        raise NoUserKeys(TEMPORARY)
    pairs = {tuple(each.get(key) for key in sorted(KEYS)) for each in found if KEYS & each.keys()}
    if not pairs:
        moved = [each.name for each in moved_keys(app) if each.profile == profile]
        raise NoUserKeys(
            f"they were moved to the keyring, as '{moved[0]}'"
            if moved
            else "it has no keys in a file"
        )
    if len(pairs) > 1:
        raise NoUserKeys("the two AWS files have different keys for it")
    ((key_id, secret),) = pairs
    if not key_id or not secret:
        raise NoUserKeys("it has half a pair of keys")
    problem = key_id_problem(key_id) or secret_problem(secret)
    if problem is not None:
        raise NoUserKeys(problem)
    return ProfileKeys(profile, name or keyring_name(profile), Credentials(key_id, Secret(secret)))


def _settings(text: str, profile: str, *, is_config: bool) -> dict[str, str]:
    if not has_section(text, profile, is_config=is_config):
        return {}
    return settings_in(text, profile, is_config=is_config)


def _files(app: App) -> Iterator[tuple[bool, Path]]:
    """Give whether it is the config file, and the path, of each AWS file."""
    return ((number == 0, path) for number, path in enumerate(app.aws_files))


def keyring_name(profile: str) -> str:
    """Return the name that the keys of an AWS profile get in the keyring, as an import has it."""
    return profile if NAME_PATTERN.fullmatch(profile) else slug(profile)


def sources_reading(app: App, profile: str) -> list[str]:
    """Return the ``profile`` sources of the config that are the keys of an AWS profile."""
    section = app.aws_config.profiles.get(profile, {})
    if "role_arn" in section or not KEYS & section.keys():
        return []
    sources = app.config.sources.values()
    return [e.name for e in sources if e.type == "profile" and e.settings["profile"] == profile]


def is_chain(app: App, profile: str) -> bool:
    """True if a chain has the name of an AWS profile, so that rolehop can take its place."""
    return profile in app.config.chains


def may_be_chain(app: App, profile: str) -> bool:
    """True if a chain has the name of an AWS profile, or can have it."""
    return bool(NAME_PATTERN.fullmatch(profile)) or is_chain(app, profile)


def prove(app: App, keys: ProfileKeys) -> CallerIdentity:
    """Ask AWS whose keys these are.

    Raises:
        SourceError: AWS refuses them.
        ServiceError: the network or AWS failed.
    """
    region = region_of(app.aws_config, keys.profile)
    regions = regions_in_order(app.shell_before, profile=region)
    within = regions.within(partition_of_region(region) if region else None)
    try:
        return app.sts_clients.get(within, keys.profile).caller(keys.credentials)
    except StsRefusal as refusal:
        raise SourceError(
            f"AWS refuses the keys of AWS profile '{keys.profile}', and they stay where they are",
            cause=f"{refusal.code}: {refusal.message}",
            fix="if they are no longer in use, delete them from the file",
        ) from None


def check_free(app: App, keys: ProfileKeys) -> None:
    """Check that no other keys are stored under the name.

    Raises:
        UsageError: there are.
        VaultError: the keyring failed.
    """
    stored = app.vault.keys.get(keys.name)
    if stored not in (None, keys.credentials):
        raise UsageError(
            f"other keys are stored under '{keys.name}'",
            fix=Advice(
                "rolehop keys add ANOTHER_NAME --from-profile ",
                Argument(keys.profile),
                ", or add --replace",
            ),
        )


def store(
    app: App, keys: ProfileKeys, *, replace: bool = False, until_reboot: bool = False
) -> None:
    """Store keys, with ``replace`` in the place of others, and read them back.

    Raises:
        UsageError: there are others under the name.
        VaultError: the keyring failed, or does not give back what it was given.
    """
    if app.vault.keys.get(keys.name) != keys.credentials:
        app.vault.keys.add(keys.name, keys.credentials, replace=replace, until_reboot=until_reboot)
    check_stored(app, (keys,))


def check_replaceable(app: App, keys: ProfileKeys) -> None:
    """Check that the keyring does not have the only copy of another profile's keys under the name.

    Raises:
        UsageError: it has.
    """
    if app.vault.keys.get(keys.name) in (None, keys.credentials):
        return
    for each in moved_keys(app):
        if each.name == keys.name:
            raise UsageError(
                f"'{keys.name}' has the only copy of the keys of AWS profile '{each.profile}'",
                cause=f"they were moved out of {each.path}",
                fix=Advice("rolehop keys add ANOTHER_NAME --from-profile ", Argument(keys.profile)),
            )


def check_stored(app: App, keys: Iterable[ProfileKeys]) -> None:
    """Check that the keyring has each of these keys.

    Raises:
        VaultError: it has not.
    """
    for each in keys:
        if app.vault.keys.get(each.name) != each.credentials:
            raise VaultBroken(
                f"the keyring does not have the keys of AWS profile '{each.profile}'",
                cause="they were changed or removed in the meantime",
                fix="they are still in the file; run it again",
            )


def without_keys(app: App, moved: Sequence[ProfileKeys]) -> list[FileChange]:
    """Return the change of each AWS file that takes these keys out of it.

    Raises:
        Unchangeable: a file could not be put back byte for byte.
        ConfigError: a file cannot be changed.
    """
    found = (_change_without(app, path, moved, is_config=each) for each, path in _files(app))
    return [change for change in found if change is not None]


def _change_without(
    app: App, path: Path, moved: Sequence[ProfileKeys], *, is_config: bool
) -> FileChange | None:
    there = [
        each
        for each in moved
        if KEYS & _settings(text_of(path), each.profile, is_config=is_config).keys()
    ]
    if not there:
        return None
    file = read_aws_file(path, app.home)
    text = file.text
    for each in there:
        text = take_over(text, each.profile, {}, each.name, is_config=is_config)
    return changed(file, text, [each.profile for each in there], is_config=is_config)


def write_without(app: App, changes: Sequence[FileChange], moved: Sequence[ProfileKeys]) -> None:
    """Write the files without the keys, if the keyring still has them.

    Raises:
        VaultError: it has not.
        ConfigError: a file cannot be written, or has changed since it was read.
    """
    write_changes(app, changes, before=lambda: check_stored(app, moved))


def still_there(app: App, moved: Sequence[ProfileKeys]) -> list[str]:
    """Return the places in the AWS files where one of these secrets stands all the same."""
    pairs = [each.credentials for each in moved]
    return [f"{path}:{n}" for _, path in _files(app) for n in lines_with(text_of(path), pairs)]


@dataclass(frozen=True, slots=True)
class MovedKeys:
    """Keys that an AWS file had, and the keyring has."""

    profile: str
    name: str
    path: Path


def moved_keys(app: App) -> list[MovedKeys]:
    """Return the keys that were moved out of the AWS files, as these say.

    Raises:
        ConfigError: a file cannot be read.
    """
    return [
        MovedKeys(each.name, each.keys, path)
        for is_config, path in _files(app)
        for each in taken_profiles(text_of(path), is_config=is_config)
        if each.keys is not None
    ]


def stored_pairs(app: App, moved: Iterable[MovedKeys]) -> dict[str, Credentials]:
    """Return the keys that the keyring has of those that were ``moved``, by their names there.

    Raises:
        VaultError: the keyring failed.
    """
    names = dict.fromkeys(each.name for each in moved)
    found = ((name, app.vault.keys.get(name)) for name in names)
    return {name: pair for name, pair in found if pair is not None}
