"""Asks botocore for the credentials of an AWS profile that needs a sign-in or a program.

The profile is chosen explicitly, so the AWS_… credential variables play no part; its role is left
aside, since rolehop walks that itself. botocore reads endpoints, proxies, container and instance
metadata variables from the process's own environment. Nothing is written by us; botocore renews an
Identity Center sign-in in the AWS CLI's own token cache.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.config import Config
from botocore.credentials import CredentialResolver, ProcessProvider
from botocore.exceptions import BotoCoreError, ClientError, ConfigParseError
from botocore.session import Session

from rolehop.aws.profile_errors import Asked, told_of_aws, told_of_machine
from rolehop.awsconfig import Base, Holds
from rolehop.credentials import Credentials, Secret, scrub
from rolehop.errors import SourceError
from rolehop.values import dataclass
from rolehop.words import clean

# Providers that would answer with something that is not the profile's own.
_OTHERS = ("assume-role", "ec2-credentials-file", "boto-config")
_MACHINE = {Base.INSTANCE: "iam-role", Base.CONTAINER: "container-role"}
_STDERR_SHOWN = 400  # characters


class Finished(Protocol):
    """A subprocess that has ended."""

    @property
    def returncode(self) -> int: ...  # noqa: D102

    @property
    def stdout(self) -> bytes: ...  # noqa: D102

    @property
    def stderr(self) -> bytes: ...  # noqa: D102


class Run(Protocol):
    """Runs a program to its end with exactly the given environment."""

    def __call__(self, arguments: list[str], environ: Mapping[str, str]) -> Finished: ...  # noqa: D102


@dataclass(frozen=True, slots=True, repr=False)
class Request:
    """What is asked of botocore."""

    profile: str
    base: Base
    holds: Holds
    config_file: Path
    credentials_file: Path
    region: str
    """Where a web identity token is exchanged."""

    environ: Mapping[str, str]
    """For the profile's process; nothing else reads it."""

    run: Run
    now: datetime


def resolve(request: Request) -> Credentials:
    """Return the credentials that the profile stands for, its role left aside.

    Touches the network, runs the profile's process, reads the AWS CLI's token caches.

    Raises:
        SourceError: the profile gives nothing, or wants a sign-in.
        ServiceError: the network or AWS failed, after retries.
    """
    asked = Asked(request.profile, request.base, request.holds)
    try:
        return _credentials(_load(request), asked, request.now)
    except ConfigParseError as error:
        # `from None`: its text quotes a line of the file.
        raise told_of_aws(error, asked) from None
    except (BotoCoreError, ClientError) as error:
        raise told_of_aws(error, asked) from error
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RuntimeError) as error:
        # botocore lets these through where a token file, a cached sign-in or the output of a
        # process is not what it should be. `from None`: they may carry that very text.
        raise told_of_machine(error, asked) from None


def _load(request: Request) -> Any:
    """Return botocore's own credentials object, or ``None``."""
    resolver = _resolver(request)
    provider = _MACHINE.get(request.base)
    if provider is not None:
        return resolver.get_provider(provider).load()
    for other in _OTHERS:
        resolver.remove(other)
    if request.holds is not Holds.NOTHING:
        # What the profile names must answer; the machine's role is somebody else.
        for other in _MACHINE.values():
            resolver.remove(other)
    return resolver.load_credentials()


def _resolver(request: Request) -> CredentialResolver:
    """Return botocore's chain of providers for the profile, the process run by our own hands."""
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
    process = ProcessProvider(
        profile_name=request.profile,
        load_config=lambda: session.full_config,
        popen=_Runner(request),
    )
    resolver.remove(ProcessProvider.METHOD)
    resolver.insert_before("config-file", process)
    return resolver


class _Runner:
    """Stands in for ``Popen``: botocore passes no environment, and runs a process twice.

    The second run comes where the credentials last less than 15 minutes; the first answer is given
    again, since a process may ask a person for a code.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._ran: Finished | None = None

    def __call__(self, arguments: list[str], **_: object) -> _Runner:
        if self._ran is None:
            self._ran = self._run(arguments)
        return self

    @property
    def returncode(self) -> int:
        return self._ran.returncode if self._ran else 0

    def communicate(self) -> tuple[bytes, bytes]:
        """Return what the process wrote to stdout and stderr."""
        return (self._ran.stdout, self._ran.stderr) if self._ran else (b"", b"")

    def _run(self, arguments: list[str]) -> Finished:
        what = f"the credential_process of AWS profile '{self._request.profile}'"
        if not arguments:
            raise SourceError(f"{what} is empty", fix="name a command in the AWS config file")
        # Of the command only the program is shown: its arguments may be secret.
        program = clean(arguments[0])
        try:
            ran = self._request.run(arguments, self._request.environ)
        except OSError as error:
            raise SourceError(
                f"{what} cannot be started",
                cause=f"{program}: {(error.strerror or 'it is no program').lower()}",
                fix="write the program's whole path: no shell expands ~ or $VAR there",
            ) from None
        if ran.returncode != 0:
            said = scrub(clean(ran.stderr.decode("utf-8", "replace")))[-_STDERR_SHOWN:]
            raise SourceError(
                f"{what} failed",
                cause=said or f"{program} ended with code {ran.returncode} and said nothing",
                fix=f"run it by hand: its command is in the AWS profile '{self._request.profile}'",
            )
        return ran


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
