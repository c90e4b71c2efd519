"""Asks botocore for the credentials of an AWS profile that needs a sign-in.

The profile is chosen explicitly, so the AWS_… credential variables play no part; its role is left
aside, since rolehop walks that itself. botocore reads endpoints and proxies from the process's own
environment. Nothing is written by us; botocore renews an Identity Center sign-in in the AWS CLI's
own token cache.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError, ClientError, ConfigParseError
from botocore.session import Session

from rolehop.aws.botocore_errors import Asked, told_of_aws, told_of_machine
from rolehop.awsconfig import Holds
from rolehop.credentials import Credentials, Secret
from rolehop.startup.dataclass import dataclass

# Providers that would answer with something that is not the profile's own sign-in.
_OTHERS = (
    "assume-role",
    "custom-process",
    "ec2-credentials-file",
    "boto-config",
    "container-role",
    "iam-role",
)


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What is asked of botocore."""

    profile: str
    holds: Holds
    config_file: Path
    credentials_file: Path
    region: str
    """Where a web identity token is exchanged."""

    now: datetime


def resolve(request: Request) -> Credentials:
    """Return the credentials that the profile stands for, its role left aside.

    Touches the network, reads the AWS CLI's token caches.

    Raises:
        SourceError: the profile gives nothing, or wants a sign-in.
        HopRefused: AWS refused the credentials.
        ServiceError: the network or AWS failed, after retries.
    """
    asked = Asked(request.profile, request.holds)
    try:
        return _credentials(_load(request), asked, request.now)
    except ConfigParseError as error:
        # `from None`: its text quotes a line of the file.
        raise told_of_aws(error, asked) from None
    except (BotoCoreError, ClientError) as error:
        raise told_of_aws(error, asked) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        # botocore lets these through where a token file or a cached sign-in is not what it
        # should be. `from None`: they may carry that very text.
        raise told_of_machine(error, asked) from None


def _load(request: Request) -> Any:
    """Return botocore's own credentials object, or ``None``."""
    session = Session(profile=request.profile)
    session.set_config_variable("config_file", str(request.config_file))
    session.set_config_variable("credentials_file", str(request.credentials_file))
    session.set_config_variable("region", request.region)
    session.set_default_client_config(
        Config(
            connect_timeout=5,  # seconds
            read_timeout=15,
            retries={"mode": "standard", "total_max_attempts": 3},
        )
    )
    resolver: CredentialResolver = session.get_component("credential_provider")
    for other in _OTHERS:
        resolver.remove(other)
    return resolver.load_credentials()


def _credentials(found: Any, asked: Asked, now: datetime) -> Credentials:
    """Turn botocore's object into ours; the first look at it is what makes it call AWS."""
    if found is None:
        raise asked.gave_nothing()
    frozen = found.get_frozen_credentials()
    # No public name for it; the AWS CLI's export-credentials reads the same one.
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    parts = (frozen.access_key, frozen.secret_key)
    if not all(isinstance(part, str) and part for part in parts):
        raise ValueError("half a key")
    if not (frozen.token is None or isinstance(frozen.token, str)):
        raise ValueError("the token is no text")
    if expires_at is not None:
        expires_at = expires_at.astimezone(UTC).replace(microsecond=0)
        if expires_at <= now:
            raise asked.expired(expires_at)
    token = Secret(frozen.token) if frozen.token else None
    return Credentials(frozen.access_key, Secret(frozen.secret_key), token, expires_at)
