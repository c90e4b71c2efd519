"""The files whose keys programs prefer to an endpoint: beside it, they would act as somebody else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.awsconfig import files_with_credentials
from rolehop.base.errors import RolehopError
from rolehop.base.files import expand_home, read_regular

if TYPE_CHECKING:
    from rolehop.app.context import App

CONFIG_VARIABLE = "AWS_CONFIG_FILE"
_CREDENTIALS_VARIABLE = "AWS_SHARED_CREDENTIALS_FILE"
_PROFILE = "default"
_KEY = "aws_access_key_id"

_BOTO_VARIABLE = "BOTO_CONFIG"
_BOTO_FILES = ("/etc/boto.cfg", "~/.boto")
_LARGEST_BOTO = 1 << 20  # bytes


def rival_files(app: App) -> dict[str, str]:
    """Return the files with keys that programs prefer to an endpoint, by the variable that names them.

    AWS files with credentials of the profile ``default``, and the file of the first boto, which
    gsutil writes, too.
    """
    return {**dict(_rivals(app)), **_boto_file(app)}


def preferred(variable: str) -> str:
    """Return what a program takes from the file of `rival_files` that ``variable`` names."""
    if variable == _BOTO_VARIABLE:
        return "boto3 prefers its keys"
    return "SDKs prefer its profile 'default'"


def _boto_file(app: App) -> dict[str, str]:
    """Return the file whose keys botocore's ``boto-config`` provider takes, by its variable."""
    named = app.variables.get(_BOTO_VARIABLE)
    for name in _BOTO_FILES if named is None else (named,):
        path = expand_home(name, app.home)
        with suppress(OSError, ValueError):  # a program that cannot read it either gets no keys
            if _has_boto_keys(read_regular(path, _LARGEST_BOTO).decode("utf-8", "replace")):
                return {_BOTO_VARIABLE: str(path)}
    return {}


def _has_boto_keys(text: str) -> bool:
    if _KEY not in text.lower():
        return False
    from configparser import Error, RawConfigParser

    parser = RawConfigParser(default_section="")
    with suppress(Error):  # botocore fails aloud
        parser.read_string(text)
        return parser.has_option("Credentials", _KEY)
    return False


def _rivals(app: App) -> Iterator[tuple[str, str]]:
    with suppress(RolehopError):  # a file that cannot be read gives SDKs nothing either
        aws = app.aws_config
        in_config, in_credentials = files_with_credentials(aws, _PROFILE)
        if in_config:
            yield CONFIG_VARIABLE, aws.config_file
        if in_credentials:
            yield _CREDENTIALS_VARIABLE, aws.credentials_file


def files_of_keys(app: App) -> dict[str, str]:
    """Return both AWS files, by the variable that names them: where ``--only`` has a program look for nothing.

    And the file of the first boto, if there are keys in it.
    """
    config, credentials = map(str, app.aws_files)
    return {CONFIG_VARIABLE: config, _CREDENTIALS_VARIABLE: credentials, **_boto_file(app)}


def profiles_with_keys(app: App) -> list[str]:
    """Return the profiles, ``default`` aside, that the credentials file has keys of.

    polars and a few others take the first ones in it, whatever the profile.
    """
    with suppress(RolehopError):
        sections = app.aws_config.credentials_sections
        return [name for name in sections if name != _PROFILE and _KEY in sections[name]]
    return []
