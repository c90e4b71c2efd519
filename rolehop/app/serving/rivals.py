"""What AWS SDKs take before they ask an endpoint: the credentials of the AWS profile ``default``."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from rolehop.awsconfig import files_with_credentials
from rolehop.errors import RolehopError

if TYPE_CHECKING:
    from rolehop.app.context import App

CONFIG_VARIABLE = "AWS_CONFIG_FILE"

_PROFILE = "default"


def rival_files(app: App) -> dict[str, str]:
    """Return the AWS files with credentials of the profile ``default``, by the variable that names them.

    With them a program that gets the endpoint alone would act as somebody else.
    """
    return dict(_rivals(app))


def _rivals(app: App) -> Iterator[tuple[str, str]]:
    with suppress(RolehopError):  # a file that cannot be read gives SDKs nothing either
        aws = app.aws_config
        in_config, in_credentials = files_with_credentials(aws, _PROFILE)
        if in_config:
            yield CONFIG_VARIABLE, aws.config_file
        if in_credentials:
            yield "AWS_SHARED_CREDENTIALS_FILE", aws.credentials_file
