"""Says in plain words why botocore got no credentials out of a profile, and what to do."""

from __future__ import annotations

from datetime import datetime

from botocore import exceptions as boto

from rolehop.awsconfig import Holds
from rolehop.credentials import scrub
from rolehop.errors import HopRefused, RolehopError, ServiceError, SourceError
from rolehop.net.connection_errors import FaultKind, classify_failure
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

_SIGN_IN_WANTED = (
    boto.SSOError,
    boto.TokenRetrievalError,
    boto.NoAuthTokenError,
    boto.LoginRefreshRequired,
    boto.LoginTokenLoadError,
)
_NEVER_SIGNED_IN = (boto.SSOTokenLoadError, boto.LoginTokenLoadError)
_NETWORK = (boto.ConnectionError, boto.HTTPClientError)
_THROTTLING = frozenset(
    {"Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded"}
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose credentials were asked for, as far as messages need it."""

    profile: str
    holds: Holds

    @property
    def sign_in(self) -> str:
        """What to type to sign in anew."""
        command = "aws login" if self.holds is Holds.LOGIN else "aws sso login"
        name = self.profile if self.profile.isidentifier() else repr(self.profile)
        return f"{command} --profile {name}"

    def gave_nothing(self) -> SourceError:
        """Return the error for no answer at all."""
        return self.failed(
            f"its {self.holds.value} gave nothing", "check it in the AWS config file"
        )

    def expired(self, at: datetime | None) -> SourceError:
        """Return the error for credentials that are past their end, where it is known: ``at``."""
        when = f" at {at:%Y-%m-%dT%H:%M:%SZ}" if at else ""
        return SourceError(
            f"the credentials of AWS profile '{self.profile}' have expired",
            cause=f"its {self.holds.value} gave credentials that ended{when}",
            fix="renew them there, and check this machine's clock",
        )

    @property
    def _no_credentials(self) -> str:
        return f"there are no credentials for AWS profile '{self.profile}'"

    def failed(self, cause: str, fix: str) -> SourceError:
        """Return the error for a profile that gave nothing for the reason ``cause``."""
        return SourceError(self._no_credentials, cause=cause, fix=fix)


def told_of_aws(error: Exception, asked: Asked) -> RolehopError:
    """Return the error that tells an exception of botocore's own."""
    if isinstance(error, boto.ClientError):
        return _refusal(error, asked)
    if isinstance(error, _NETWORK):
        return _network(error, asked)
    if isinstance(error, boto.LoginInsufficientPermissions):
        return asked.failed("the signed-in user may not renew the sign-in", asked.sign_in)
    if isinstance(error, boto.MissingDependencyException):
        return asked.failed(
            "botocore cannot read a session of aws login without the AWS Common Runtime",
            'pip install "rolehop[aws-login]"',
        )
    if isinstance(error, boto.ConfigParseError):
        return asked.failed("botocore cannot read the AWS config file", "correct the file")
    if isinstance(error, _SIGN_IN_WANTED):
        absent = isinstance(error, _NEVER_SIGNED_IN)
        return SourceError(
            f"AWS profile '{asked.profile}' needs a sign-in",
            cause=f"its {asked.holds.value} sign-in "
            + ("is not there" if absent else "has expired or was ended"),
            fix=asked.sign_in,
        )
    return asked.failed(_words(error), "correct the profile in the AWS config file")


def told_of_machine(error: Exception, asked: Asked) -> RolehopError:
    """Return the error for what botocore did not expect: a file that is broken.

    Nothing of the exception's own text is repeated but the name of a file.
    """
    if isinstance(error, RuntimeError):
        # botocore's only one here: "…the refreshed credentials are still expired".
        return asked.expired(None)
    if isinstance(error, OSError):
        return asked.failed(
            f"{error.filename or 'a file'}: {(error.strerror or 'cannot be read').lower()}",
            "check web_identity_token_file of the profile"
            if asked.holds is Holds.WEB_IDENTITY
            else "check the file",
        )
    if asked.holds in (Holds.SSO, Holds.LOGIN):
        return asked.failed("the saved sign-in is broken", asked.sign_in)
    return asked.failed(f"its {asked.holds.value} gave something unreadable", "check it")


def _refusal(error: boto.ClientError, asked: Asked) -> RolehopError:
    """Tell a refusal of the service that exchanges the sign-in from a fault of it."""
    answer = error.response
    code = clean(str(answer.get("Error", {}).get("Code", "unknown")))
    said = scrub(clean(str(answer.get("Error", {}).get("Message", ""))))
    status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    cause = f"{code}: {said}" if said else code
    if code in _THROTTLING or status >= 500:
        return ServiceError(
            f"AWS gave no credentials for profile '{asked.profile}'",
            cause=cause,
            fix="try again in a minute",
        )
    if asked.holds is Holds.SSO:
        fix = "check sso_account_id and sso_role_name of the profile: are you assigned this role"
    else:
        fix = "check the role's trust policy, and that the token is a fresh one"
    what = f"AWS refused credentials for profile '{asked.profile}'"
    if code == "ExpiredTokenException":
        return SourceError(what, cause=cause, fix="get a new token: this one is too old")
    return HopRefused(what, code=code, cause=cause, fix=fix)


def _network(error: Exception, asked: Asked) -> ServiceError:
    kind = classify_failure(error).kind
    cause = kind.value.format(connect=5, read=15)
    return ServiceError(
        f"cannot get credentials for AWS profile '{asked.profile}': the network failed",
        cause=cause,
        fix="check HTTPS_PROXY and NO_PROXY"
        if kind in (FaultKind.PROXY, FaultKind.PROXY_REFUSED, FaultKind.PROXY_SIGN_IN)
        else "check this machine's network and AWS_ENDPOINT_URL…, then try again",
    )


def _words(error: Exception) -> str:
    """Return botocore's own sentence in the house's manner."""
    text = scrub(clean(str(error))).rstrip(".")
    return text[:1].lower() + text[1:]
