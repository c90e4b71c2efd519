"""Turn botocore's exceptions about an AWS profile into errors with a cause and a fix."""

from __future__ import annotations

from datetime import datetime

from botocore import exceptions as boto

from rolehop.advice import Advice, Argument, install_extra
from rolehop.awsconfig import CredentialKind
from rolehop.credentials import scrub
from rolehop.errors import (
    HopRefused,
    RolehopError,
    ServiceError,
    SignInExpired,
    SourceError,
    SourceWithdrawn,
)
from rolehop.net.connection_errors import FailureKind, classify_failure
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

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
