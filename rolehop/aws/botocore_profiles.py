"""Ask botocore for the credentials of an AWS profile that needs a sign-in.

The profile is chosen explicitly, so the AWS_… credential variables play no part. Its role is
ignored, since rolehop walks that itself. botocore reads endpoints and proxies from the process's
own environment. rolehop writes nothing here; botocore renews a session of ``aws login`` in the AWS CLI's
own cache.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore import exceptions as boto
from botocore.config import Config
from botocore.credentials import CredentialResolver
from botocore.exceptions import BotoCoreError, ClientError, ConfigParseError
from botocore.parsers import ResponseParserError
from botocore.session import Session
from botocore.utils import generate_login_cache_key, get_login_token_cache_directory

from rolehop.aws.endpoint import own_data
from rolehop.aws.net.addresses import host_of, warn_if_exposed
from rolehop.aws.net.connection_errors import FailureKind, classify_failure
from rolehop.aws.net.transport import CALL_SECONDS, check_ca_bundle
from rolehop.aws.net.unlogged import unlogged
from rolehop.awsconfig import CredentialKind
from rolehop.base.advice import Advice, Argument, install_extra
from rolehop.base.credentials import Credentials, Secret, scrub
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import (
    HopRefused,
    RolehopError,
    ServiceError,
    SignInExpired,
    SourceError,
    SourceWithdrawn,
)
from rolehop.base.file_access import distrust_of_folder
from rolehop.base.files import Untrusted, read_deciding
from rolehop.base.text import clean
from rolehop.base.threads import call_within
from rolehop.base.time_limit import seconds_left
from rolehop.base.waits import Wait

_LONGEST_SIGN_IN = 1_000_000  # bytes
_SIGN_IN_NEEDED = (boto.LoginRefreshRequired, boto.LoginTokenLoadError)
_NETWORK = (boto.ConnectionError, boto.HTTPClientError)

_THROTTLING = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}
)


@dataclass(frozen=True, slots=True)
class ProfileErrors:
    """The errors for one AWS profile whose credentials were asked for."""

    name: str
    """The profile."""

    kind: CredentialKind

    @property
    def sign_in(self) -> str:
        """The command that signs in again."""
        return Advice("aws login --profile ", Argument(self.name))

    def no_credentials(self) -> SourceError:
        """Return the error for a profile from which botocore got nothing."""
        return self.failed(f"its {self.kind.value} gave nothing", "check it in the AWS config file")

    def expired(self, at: datetime | None) -> SourceError:
        """Return the error for credentials that expired ``at`` (UTC, ``None`` if not known)."""
        when = f" at {at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
        return SignInExpired(
            f"the credentials of AWS profile '{self.name}' have expired",
            cause=f"they came from its {self.kind.value}, and ended{when or ' a while ago'}",
            fix="renew them there, and check this machine's clock",
        )

    def too_slow(self, seconds: float) -> ServiceError:
        """Return the error for a service that gave no credentials within ``seconds``."""
        return ServiceError(
            f"cannot get credentials for AWS profile '{self.name}': the network failed",
            cause=f"there was no complete answer within {seconds:.3g} s",
            fix="check this machine's network and AWS_ENDPOINT_URL…, then try again",
        )

    def unexpected_answer(self, host: str) -> ServiceError:
        """Return the error for an answer of ``host`` that botocore cannot read."""
        return ServiceError(
            f"cannot get credentials for AWS profile '{self.name}': {host} answered with something"
            " unexpected",
            fix="check AWS_ENDPOINT_URL…, and that no proxy or sign-in page stands between",
        )

    def failed(self, cause: str, fix: str) -> SourceError:
        """Return the error for a profile without credentials, with its ``cause`` and ``fix``."""
        return SourceError(
            f"there are no credentials for AWS profile '{self.name}'", cause=cause, fix=fix
        )


def error_from_botocore(error: Exception, profile: ProfileErrors) -> RolehopError:
    """Return the error for one of botocore's own exceptions."""
    if isinstance(error, boto.ClientError):
        return _refusal(error, profile)
    if isinstance(error, _NETWORK):
        return _network(error, profile)
    if isinstance(error, boto.LoginInsufficientPermissions):
        return profile.failed("the signed-in user may not renew the sign-in", profile.sign_in)
    if isinstance(error, boto.MissingDependencyException):
        return profile.failed(
            "botocore cannot read a session of aws login without the AWS Common Runtime",
            install_extra("aws-login"),
        )
    if isinstance(error, boto.ConfigParseError):
        return profile.failed("botocore cannot read the AWS config file", "correct the file")
    if isinstance(error, _SIGN_IN_NEEDED):
        absent = isinstance(error, boto.LoginTokenLoadError)
        kind = SourceWithdrawn if absent else SignInExpired
        return kind(
            f"AWS profile '{profile.name}' needs a sign-in",
            cause=f"its {profile.kind.value} sign-in "
            + ("does not exist" if absent else "has expired or was ended"),
            fix=profile.sign_in,
        )
    return profile.failed(_plain_text(error), "correct the profile in the AWS config file")


def error_from_unreadable(
    error: Exception, profile: ProfileErrors, called: str | None
) -> RolehopError:
    """Return the error for an exception that botocore lets through.

    A file that it reads is broken, or the answer of ``called``, the last host it called, if any.

    Nothing of the exception's own text is repeated except the name of a file.
    """
    if isinstance(error, RuntimeError) and not isinstance(error, RecursionError):
        # The only one of botocore's here: "…the refreshed credentials are still expired".
        return profile.expired(None)
    if isinstance(error, OSError):
        return profile.failed(
            f"{error.filename or 'a file'}: {(error.strerror or 'cannot be read').lower()}",
            "check web_identity_token_file of the profile"
            if profile.kind is CredentialKind.WEB_IDENTITY
            else "check the file",
        )
    if called is not None:
        return profile.unexpected_answer(called)
    if profile.kind is CredentialKind.LOGIN:
        return profile.failed("the saved sign-in is broken", profile.sign_in)
    return profile.failed(f"its {profile.kind.value} gave something unreadable", "check it")


def _refusal(error: boto.ClientError, profile: ProfileErrors) -> RolehopError:
    """Return the error for a service that refused to exchange the sign-in, or failed at it."""
    response = error.response
    code = clean(str(response.get("Error", {}).get("Code", "unknown")))
    message = scrub(clean(str(response.get("Error", {}).get("Message", ""))))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    cause = f"{code}: {message}" if message else code
    if code in _THROTTLING or status >= 500:
        found = ServiceError(
            f"AWS gave no credentials for profile '{profile.name}'",
            cause=cause,
            fix="try again in a minute",
        )
        found.throttled = code in _THROTTLING
        return found
    fix = "check the role's trust policy, and that the token is a fresh one"
    what = f"AWS refused credentials for profile '{profile.name}'"
    if code == "ExpiredTokenException":
        return SourceError(what, cause=cause, fix="get a new token: this one is too old")
    return HopRefused(what, code=code, cause=cause, fix=fix)


def _network(error: Exception, profile: ProfileErrors) -> ServiceError:
    kind = classify_failure(error).kind
    cause = kind.value.format(connect=5, read=15)
    return ServiceError(
        f"cannot get credentials for AWS profile '{profile.name}': the network failed",
        cause=cause,
        fix="check HTTPS_PROXY and NO_PROXY"
        if kind in (FailureKind.PROXY, FailureKind.PROXY_REFUSED, FailureKind.PROXY_SIGN_IN)
        else "check this machine's network and AWS_ENDPOINT_URL…, then try again",
    )


def _plain_text(error: Exception) -> str:
    """Return botocore's own sentence the way rolehop's errors are written."""
    text = scrub(clean(str(error))).rstrip(".")
    return text[:1].lower() + text[1:]


# botocore's other providers: what they return is not the profile's own sign-in.
_OTHER_PROVIDERS = (
    "assume-role",
    "custom-process",
    "shared-credentials-file",
    "config-file",
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
    section: Mapping[str, object]
    """What the files said of it when the walk was planned; secrets are in a type of their own."""

    services: Mapping[str, object]
    """What they said of the endpoints that it names."""

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
        SourceError: the profile gives nothing, needs a sign-in, or was changed since the plan.
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
            return call_within(seconds, lambda: _resolved(request, called, errors))
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


def _resolved(request: ProfileRequest, called: list[str], errors: ProfileErrors) -> Credentials:
    with unlogged():
        return _credentials(_load(request, called), errors, request.now)


def _load(request: ProfileRequest, called: list[str]) -> Any:
    """Return botocore's own credentials object, or ``None``.

    The URL of every request that it sends is added to ``called``.
    """
    session = Session(profile=request.profile)
    session.register_component("data_loader", own_data())
    session.register("before-send", lambda request, **_: called.append(request.url))
    session.set_config_variable("config_file", str(request.config_file))
    session.set_config_variable("credentials_file", str(request.credentials_file))
    _check_unchanged(session.full_config, request)
    session.set_config_variable("region", request.region)
    bundle = session.get_config_variable("ca_bundle")
    if bundle:
        check_ca_bundle(bundle)
    if request.kind is CredentialKind.LOGIN:
        _check_login_cache(session, request.profile)
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


def _check_unchanged(full: Mapping[str, Any], request: ProfileRequest) -> None:
    """Compare what botocore has read, and goes by, with what the walk was planned with.

    A question to a person may have been open for minutes in between.

    Raises:
        SourceError: it is something else, perhaps another principal.
    """
    found, planned = full["profiles"].get(request.profile, {}), request.section
    plain = {key for key, value in planned.items() if not isinstance(value, Secret)}
    same = found.keys() == planned.keys() and all(found[key] == planned[key] for key in plain)
    if not same or full.get("services", {}).get(found.get("services"), {}) != request.services:
        raise SourceError(
            f"AWS profile '{request.profile}' was changed while it was used",
            cause="its section is not the one that the walk was planned with",
            fix="run it again",
        )


def _check_login_cache(session: Session, profile: str) -> None:
    """Refuse a session of ``aws login`` that others could have put there, or could replace.

    If they cannot, neither can they before botocore reads it, or writes a renewed one.

    Raises:
        SourceError: they can.
        OSError: it is there and cannot be read.
    """
    folder = Path(get_login_token_cache_directory())
    path = folder / f"{generate_login_cache_key(session.get_scoped_config()['login_session'])}.json"
    try:
        _check_folder(folder)
        read_deciding(path, _LONGEST_SIGN_IN)
    except Untrusted as error:
        raise SourceError(
            f"the sign-in that aws login keeps for AWS profile '{profile}' is not followed",
            cause=f"{error.filename}: {error.strerror}",
            fix=error.fix,
        ) from None
    except (FileNotFoundError, NotADirectoryError):
        return  # botocore says so


def _check_folder(folder: Path) -> None:
    distrust = distrust_of_folder(folder)
    if distrust is not None:
        raise Untrusted(folder, distrust)


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
