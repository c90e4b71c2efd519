"""Ask botocore for the credentials of an AWS profile that needs a sign-in.

The profile is chosen explicitly, so the AWS_… credential variables play no part. Its role is
ignored, since rolehop walks that itself. botocore reads endpoints and proxies from the process's
own environment. rolehop writes nothing here; botocore renews an Identity Center sign-in in the AWS
CLI's own token cache.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError, ClientError, ConfigParseError
from botocore.session import Session

from rolehop.aws.botocore_errors import (
    ProfileErrors,
    error_from_botocore,
    error_from_broken_file,
)
from rolehop.awsconfig import CredentialKind
from rolehop.credentials import Credentials, Secret
from rolehop.startup.dataclass import dataclass

# botocore's other providers: what they return is not the profile's own sign-in.
_OTHER_PROVIDERS = (
    "assume-role",
    "custom-process",
    "ec2-credentials-file",
    "boto-config",
    "container-role",
    "iam-role",
)


@dataclass(frozen=True, slots=True, repr=False)
class ProfileRequest:
    """Which profile to resolve, and how."""

    profile: str
    kind: CredentialKind
    config_file: Path
    credentials_file: Path
    region: str
    """The region in which a web identity token is exchanged."""

    now: datetime


def resolve_credentials(request: ProfileRequest) -> Credentials:
    """Return the profile's own credentials; its role is ignored.

    Uses the network and reads the AWS CLI's token caches.

    Raises:
        SourceError: the profile gives nothing, or needs a sign-in.
        HopRefused: AWS refused the credentials.
        ServiceError: the network or AWS failed, after retries.
    """
    errors = ProfileErrors(request.profile, request.kind)
    try:
        return _credentials(_load(request), errors, request.now)
    except ConfigParseError as error:
        # `from None`: its text quotes a line of the file.
        raise error_from_botocore(error, errors) from None
    except (BotoCoreError, ClientError) as error:
        raise error_from_botocore(error, errors) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        # botocore lets these through if a token file or a cached sign-in is broken. `from None`:
        # they may quote it.
        raise error_from_broken_file(error, errors) from None


def _load(request: ProfileRequest) -> Any:
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
    for other in _OTHER_PROVIDERS:
        resolver.remove(other)
    return resolver.load_credentials()


def _credentials(found: Any, errors: ProfileErrors, now: datetime) -> Credentials:
    """Convert botocore's credentials object; reading it is what makes botocore call AWS."""
    if found is None:
        raise errors.no_credentials()
    frozen = found.get_frozen_credentials()
    # It has no public name; the AWS CLI's export-credentials reads the same attribute.
    expires_at: datetime | None = getattr(found, "_expiry_time", None)
    parts = (frozen.access_key, frozen.secret_key)
    if not all(isinstance(part, str) and part for part in parts):
        raise ValueError("half of the key is missing")
    if not (frozen.token is None or isinstance(frozen.token, str)):
        raise ValueError("the token is not text")
    if expires_at is not None:
        expires_at = expires_at.astimezone(UTC).replace(microsecond=0)
        if expires_at <= now:
            raise errors.expired(expires_at)
    token = Secret(frozen.token) if frozen.token else None
    return Credentials(frozen.access_key, Secret(frozen.secret_key), token, expires_at)
