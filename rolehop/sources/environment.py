"""The AWS_… variables of the environment, read as botocore reads them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SignInExpired, SourceError, SourceWithdrawn
from rolehop.base.json_fields import instant
from rolehop.config.schema import Table
from rolehop.plan.model import Stamp
from rolehop.sources.mfa import MFA_KEYS, diagnose_mfa_command
from rolehop.sources.source_type import Diagnosis, SourceType, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source

TABLE = Table("sources.NAME (environment)", "the AWS_… variables", MFA_KEYS)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the access key ID; a fault of the variables becomes the stamp's problem."""
    del source
    try:
        found = read(context.environ, context.now())
    except SignInExpired as error:  # sessions that were made with it may be good
        access_key_id = context.environ["AWS_ACCESS_KEY_ID"]
        return Stamp(access_key_id, long_lived=False, problem=one_line(error))
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    return Stamp(found.access_key_id, long_lived=found.long_lived)


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source."""
    del source
    return _Environment(context)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return what the variables hold, with only the end of the access key ID."""
    looked_for = "the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN"
    try:
        found = read(context.environ, context.now())
    except SourceError as error:
        return [Diagnosis(looked_for, one_line(error), good=False)]
    kind = "IAM user keys" if found.long_lived else "a session"
    found_keys = Diagnosis(looked_for, f"{kind} …{found.access_key_id[-4:]}", good=True)
    if found.long_lived:
        return [found_keys, *diagnose_mfa_command(source, context)]
    return [found_keys, _diagnose_expiry(context.environ, found.expires_at)]


def _diagnose_expiry(environ: Mapping[str, str], expires_at: datetime | None) -> Diagnosis:
    looked_for = "the variable AWS_CREDENTIAL_EXPIRATION"
    if expires_at is not None:
        return Diagnosis(looked_for, f"until {expires_at:%Y-%m-%dT%H:%M:%SZ}", good=True)
    value = environ.get("AWS_CREDENTIAL_EXPIRATION")
    return Diagnosis(looked_for, "not a time with a time zone" if value else "not set")


@dataclass(frozen=True, slots=True)
class _Environment:
    context: SourceContext

    def load(self) -> Credentials:
        """Return the credentials in the variables.

        Raises:
            SourceError: there are none, they are incomplete or expired, or rolehop put them there.
        """
        return read(self.context.environ, self.context.now())


def read(environ: Mapping[str, str], now: datetime) -> Credentials:
    """Return the credentials in ``environ``; an empty variable counts as not set.

    Raises:
        SourceError: there are none, they are incomplete or expired, or rolehop put them there.
    """
    _refuse_own_session(environ)
    access_key_id = environ.get("AWS_ACCESS_KEY_ID")
    secret = environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key_id:
        raise SourceWithdrawn(
            "there are no credentials in the environment",
            cause="AWS_ACCESS_KEY_ID is not set",
            fix="export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or choose another source",
        )
    if not secret:
        raise SourceError(
            "the credentials in the environment are not complete",
            cause="AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not",
            fix="export AWS_SECRET_ACCESS_KEY too",
        )
    # botocore reads the legacy variable first, so that is the token other programs would use.
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    # Keys without a token do not expire: the variable is then left over from an earlier session.
    expires_at = _expiration(environ) if token else None
    if expires_at is not None and expires_at <= now:
        raise SignInExpired(
            "the session in the environment has expired",
            cause=f"AWS_CREDENTIAL_EXPIRATION is {expires_at:%Y-%m-%dT%H:%M:%SZ}",
            fix="sign in again where these variables come from",
        )
    return Credentials(access_key_id, Secret(secret), Secret(token) if token else None, expires_at)


def _refuse_own_session(environ: Mapping[str, str]) -> None:
    """Refuse a session that an earlier ``rolehop assume`` exported: it is not a source."""
    chain = environ.get("ROLEHOP_CHAIN")
    if chain and environ.get("AWS_SESSION_TOKEN"):
        raise SourceError(
            f"the credentials in the environment are rolehop's own session of chain '{chain}'",
            cause="a chain must not start from what another chain handed out",
            fix='eval "$(rolehop leave)" and export your own keys again, or continue the other chain'
            " with from = …; rolehop keys add stores keys for good",
        )


def _expiration(environ: Mapping[str, str]) -> datetime | None:
    """Return when the session expires (UTC), or ``None`` if it is unreadable or has no time zone."""
    try:
        return instant(environ.get("AWS_CREDENTIAL_EXPIRATION", ""), "the expiration")
    except ValueError:
        return None


TYPE = SourceType(
    TABLE,
    stamp,
    build,
    diagnose,
    loads_locally=lambda source, context: True,
    reads_variables=True,
)
