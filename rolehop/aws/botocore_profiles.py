"""Ask botocore for the credentials of an AWS profile that needs a sign-in.

The profile is chosen explicitly, so the AWS_… credential variables play no part. Its role is
ignored, since rolehop walks that itself. botocore reads endpoints and proxies from the process's
own environment. rolehop writes nothing here; botocore renews a session of ``aws login`` in the AWS CLI's
own cache.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError, ClientError, ConfigParseError
from botocore.parsers import ResponseParserError
from botocore.session import Session

from rolehop.aws.botocore_errors import (
    ProfileErrors,
    error_from_botocore,
    error_from_unreadable,
)
from rolehop.awsconfig import CredentialKind
from rolehop.credentials import Credentials, Secret
from rolehop.daemon_threads import call_within
from rolehop.net.addresses import host_of, warn_if_exposed
from rolehop.net.transport import CALL_SECONDS, check_ca_bundle
from rolehop.startup.dataclass import dataclass
from rolehop.startup.waits import Wait
from rolehop.time_limit import seconds_left

# botocore's other providers: what they return is not the profile's own sign-in.
_OTHER_PROVIDERS = (
    "assume-role",
    "custom-process",
    "ec2-credentials-file",
    "boto-config",
    "container-role",
    "iam-role",
)

# What botocore lets through if one of its files is broken, or an answer makes no sense.
_BROKEN = (
    ArithmeticError,
    AttributeError,
    LookupError,
    OSError,
    ResponseParserError,
    RuntimeError,
    TypeError,
    ValueError,
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
    endpoint_urls: tuple[str, ...] = ()
    """What overrides the endpoints that botocore calls."""

    notify: Callable[[str], None] = lambda line: None
    """Shows one line to the user."""


def resolve_credentials(request: ProfileRequest) -> Credentials:
    """Return the profile's own credentials; its role is ignored.

    Uses the network and reads the AWS CLI's token caches.

    Raises:
        SourceError: the profile gives nothing, or needs a sign-in.
        HopRefused: AWS refused the credentials.
        ServiceError: the network or AWS failed, after retries.
        ConfigError: the CA bundle of the profile cannot be read.
    """
    errors = ProfileErrors(request.profile, request.kind)
    for url in request.endpoint_urls:
        warn_if_exposed(url, request.notify)
    seconds = seconds_left(CALL_SECONDS)
    called: list[str] = []
    try:
        # botocore limits each read, not the whole.
        with Wait(f"waiting for the credentials of AWS profile '{request.profile}'"):
            return call_within(
                seconds, lambda: _credentials(_load(request, called), errors, request.now)
            )
    except TimeoutError:
        raise errors.too_slow(seconds) from None
    except ConfigParseError as error:
        # `from None`: its text quotes a line of the file.
        raise error_from_botocore(error, errors) from None
    except (BotoCoreError, ClientError) as error:
        raise error_from_botocore(error, errors) from error
    except _BROKEN as error:
        # `from None`: it may quote a token file, a cached sign-in or an answer.
        host = host_of(called[-1]) if called else None
        raise error_from_unreadable(error, errors, host) from None


def _load(request: ProfileRequest, called: list[str]) -> Any:
    """Return botocore's own credentials object, or ``None``.

    The URL of every request that it sends is added to ``called``.
    """
    session = Session(profile=request.profile)
    session.register("before-send", lambda request, **_: called.append(request.url))
    session.set_config_variable("config_file", str(request.config_file))
    session.set_config_variable("credentials_file", str(request.credentials_file))
    session.set_config_variable("region", request.region)
    bundle = session.get_config_variable("ca_bundle")
    if bundle:
        check_ca_bundle(bundle)
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
