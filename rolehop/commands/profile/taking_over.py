"""Which profiles of the user's own rolehop may take over: those whose users get the same afterwards."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.aws_files import AwsFile, FileChange, read_aws_file, text_of
from rolehop.awsconfig import (
    AwsConfig,
    ChainBase,
    CredentialKind,
    credential_kind_of,
    parse_aws_config,
    region_of,
    resolve_profile,
)
from rolehop.awsconfig.parse import SECRET_KEYS
from rolehop.awsconfig.taken_over import KEYS
from rolehop.base.errors import (
    ConfigError,
    RolehopError,
    SourceError,
    UsageError,
    VaultAbsent,
    VaultError,
)
from rolehop.base.text import may_hold_secret
from rolehop.commands.keys.from_profile import (
    TEMPORARY,
    NoUserKeys,
    ProfileKeys,
    check_free,
    keyring_name,
    keys_of,
    prove,
    sources_reading,
)
from rolehop.config.keys_source import with_keys_source
from rolehop.sources.process import chain_of_profile

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import ChainConfig, SourceConfig


class Stays(Exception):
    """A profile of the user's own that is not taken over; the text says why."""


def keys_to_move(app: App, profile: str) -> tuple[ProfileKeys, ...]:
    """Return the keys of a profile that is taken over, which work; empty: it has none.

    They get the name of each source of the config that reads them there, else the profile's own.

    Raises:
        Stays: they cannot be moved into the keyring.
    """
    section = app.aws_config.profiles.get(profile, {})
    if not (KEYS | SECRET_KEYS) & section.keys():
        return ()
    if not KEYS & section.keys():
        raise Stays(TEMPORARY)
    try:
        names = sources_reading(app, profile) or [keyring_name(profile)]
        found = [keys_of(app, profile, each) for each in names]
        app.vault.keys.check_lasting(until_reboot=False)
        for each in found:
            check_free(app, each)
        prove(app, found[0])
    except NoUserKeys as error:
        raise Stays(str(error)) from None
    except VaultAbsent as error:
        raise Stays(f"{error.what}; ways out: rolehop guide server-keyring") from None
    except (SourceError, UsageError, VaultError) as error:
        raise Stays(": ".join(filter(None, (error.what, error.cause)))) from None
    return tuple(found)


def sources_rewritten(app: App, profiles: Iterable[str]) -> list[FileChange]:
    """Return the change of each config file in which sources that read profiles keep keys themselves.

    Raises:
        Stays: a source is not written so that it can be changed, or its file is not the user's.
    """
    files: dict[str, AwsFile] = {}
    texts: dict[str, str] = {}
    for profile in profiles:
        region = region_of(app.aws_config, profile)
        for source in sources_reading(app, profile):
            path = _file_of(app, source, region)
            if path not in files:
                files[path] = _own_file(app, path)
                texts[path] = files[path].text
            texts[path] = with_keys_source(texts[path], source, region) or texts[path]
    return [FileChange(file, texts[path], ()) for path, file in files.items()]


def _file_of(app: App, source: str, region: str | None) -> str:
    """Return the config file in which a source can be changed."""
    for path in app.config.files:
        if with_keys_source(text_of(Path(path)), source, region) is not None:
            return path
    raise Stays(f"source '{source}' reads its keys; write type = \"keys\" there, and no profile")


def _own_file(app: App, path: str) -> AwsFile:
    try:
        return read_aws_file(Path(path), app.home)
    except ConfigError as error:
        raise Stays(": ".join(filter(None, (error.what, error.cause)))) from None


def check_command(app: App, profile: str) -> None:
    """Check that the command of a profile may stay in its file, as a comment.

    Raises:
        Stays: there may be a secret in it.
    """
    for sections in (app.aws_config.config_profiles, app.aws_config.credentials_sections):
        command = sections.get(profile, {}).get("credential_process")
        if isinstance(command, str) and may_hold_secret(command):
            raise Stays("its credential_process may hold a secret, which a comment would keep")


def check_users(app: App, profile: str, taken: Collection[str]) -> None:
    """Check that the other profiles that start from ``profile`` get what they got.

    ``taken`` are those that rolehop answers for afterwards.

    Raises:
        Stays: one would get something else.
    """
    aws = app.aws_config
    if credential_kind_of(aws, profile) is not CredentialKind.KEYS:
        return
    for name, section in aws.profiles.items():
        uses = section.get("source_profile") == profile and "role_arn" in section
        if not uses or name in taken:
            continue
        if "role_arn" in aws.profiles[profile]:
            raise Stays(f"AWS profile '{name}' uses its keys, and would get its role")
        if "mfa_serial" in section:
            raise Stays(f"AWS profile '{name}', which stays, asks for MFA codes with its keys")


def source_in_the_way(
    app: App, chain: ChainConfig, after: AwsConfig, rewritten: Collection[str]
) -> str | None:
    """Return the ``profile`` source through which a chain would come back to itself.

    ``after`` is what the AWS files say when profiles have been taken over, and ``rewritten`` are
    sources that read none then.
    """
    seen, name = list[str](), chain.name
    while (source := _profile_source(app, name)) is not None:
        if source.name in rewritten:
            return None
        seen.append(name)
        behind = _chain_behind(str(source.settings["profile"]), after)
        if behind is None or behind in seen:
            return None if behind is None else source.name
        name = behind
    return None


def keys_missing(app: App, chain: ChainConfig, moved: Collection[str]) -> str | None:
    """Return why a chain would find no keys: those of its source are neither stored nor ``moved``."""
    from rolehop.sources import SOURCE_TYPES

    source = _source_of(app, chain)
    if source is None or not SOURCE_TYPES[source.type].keeps_keys or source.name in moved:
        return None
    try:
        stored = app.vault.keys.get(source.name)
    except VaultError as error:
        return error.what
    return None if stored else f"the keyring has no keys for source '{source.name}' of its chain"


def _source_of(app: App, chain: ChainConfig) -> SourceConfig | None:
    from rolehop.plan.resolve import source_name_of

    return app.config.sources.get(source_name_of(app.config, chain) or "")


def _profile_source(app: App, chain: str) -> SourceConfig | None:
    """Return the source that a chain starts from, if that is an AWS profile."""
    from rolehop.sources import SOURCE_TYPES

    if chain not in app.config.chains:
        return None
    source = _source_of(app, app.config.chains[chain])
    return source if source is not None and SOURCE_TYPES[source.type].names_profile else None


def _chain_behind(profile: str, aws: AwsConfig) -> str | None:
    """Return the chain that rolehop would be asked for by a profile, or by the one it starts from."""
    try:
        path = resolve_profile(aws, profile)
    except RolehopError:
        return None
    return chain_of_profile(path.base_profile, aws) if path.base is ChainBase.PROFILE else None


def parsed_with(app: App, new: Mapping[str, str]) -> AwsConfig:
    """Return what botocore reads with the ``new`` texts of AWS files, by path."""
    config, credentials = app.aws_files
    texts = [new.get(str(path), text_of(path)) for path in (config, credentials)]
    return parse_aws_config(*texts, config_file=str(config), credentials_file=str(credentials))
