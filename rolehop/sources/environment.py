"""The AWS_… variables of the environment, read as botocore reads them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rolehop.config.schema import Table
from rolehop.credentials import Credentials, Secret
from rolehop.errors import SourceError
from rolehop.plan import Stamp
from rolehop.sources.shared.mfa import MFA_KEYS, mfa_command_found
from rolehop.sources.source_type import Finding, SourceType, problem_of
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext

TABLE = Table("sources.NAME (environment)", "the AWS_… variables", MFA_KEYS)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return the access key ID; what is wrong with the variables is the stamp's problem."""
    del source
    try:
        found = read(inputs.environ, inputs.now())
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=problem_of(error))
    return Stamp(found.access_key_id, long_lived=found.long_lived)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source."""
    del source
    return _Environment(inputs)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say what the variables hold; of a key ID just its end."""
    looked_for = "the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN"
    try:
        found = read(inputs.environ, inputs.now())
    except SourceError as error:
        return [Finding(looked_for, problem_of(error), good=False)]
    kind = "IAM user keys" if found.long_lived else "a session"
    held = Finding(looked_for, f"{kind} …{found.access_key_id[-4:]}", good=True)
    if found.long_lived:
        return [held, *mfa_command_found(source, inputs)]
    return [held, _end_found(inputs.environ, found.expires_at)]


def _end_found(environ: Mapping[str, str], ends: datetime | None) -> Finding:
    looked_for = "the variable AWS_CREDENTIAL_EXPIRATION"
    if ends is not None:
        return Finding(looked_for, f"until {ends:%Y-%m-%dT%H:%M:%SZ}", good=True)
    there = environ.get("AWS_CREDENTIAL_EXPIRATION")
    return Finding(looked_for, "no time with a zone" if there else "not set")


@dataclass(frozen=True, slots=True)
class _Environment:
    inputs: SourceContext

    def load(self) -> Credentials:
        """Return what the variables say.

        Raises:
            SourceError: they say nothing, half of it, something expired, or rolehop's own session.
        """
        return read(self.inputs.environ, self.inputs.now())


def read(environ: Mapping[str, str], now: datetime) -> Credentials:
    """Return the credentials in ``environ``; an empty variable is one that is not set.

    Raises:
        SourceError: there are none, they are incomplete or expired, or rolehop put them there.
    """
    _refuse_own_session(environ)
    access_key_id = environ.get("AWS_ACCESS_KEY_ID")
    secret = environ.get("AWS_SECRET_ACCESS_KEY")
    if not access_key_id:
        raise SourceError(
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
    # botocore reads the legacy variable first, so that is what other programs would use.
    token = environ.get("AWS_SECURITY_TOKEN") or environ.get("AWS_SESSION_TOKEN")
    # Keys without a token do not end: the variable then is left over from an earlier session.
    expires_at = _expiration(environ) if token else None
    if expires_at is not None and expires_at <= now:
        raise SourceError(
            f"the session in the environment expired at {expires_at:%Y-%m-%dT%H:%M:%SZ}",
            cause="AWS_CREDENTIAL_EXPIRATION says so",
            fix="sign in again where these variables come from",
        )
    return Credentials(access_key_id, Secret(secret), Secret(token) if token else None, expires_at)


def _refuse_own_session(environ: Mapping[str, str]) -> None:
    """Refuse a session that an earlier ``rolehop assume`` exported: it is no source."""
    chain = environ.get("ROLEHOP_CHAIN")
    if chain and environ.get("AWS_SESSION_TOKEN"):
        raise SourceError(
            f"the credentials in the environment are rolehop's own session of chain '{chain}'",
            cause="a chain must not start from what another chain handed out",
            fix='eval "$(rolehop leave)" and export your own keys again, or let the chain continue'
            " the other by from = …; 'rolehop keys add' keeps keys for good",
        )


def _expiration(environ: Mapping[str, str]) -> datetime | None:
    """Return when the session ends (UTC); what cannot be read, or has no zone, is not said."""
    try:
        said = datetime.fromisoformat(environ.get("AWS_CREDENTIAL_EXPIRATION", ""))
    except ValueError:
        return None
    return said.astimezone(UTC).replace(microsecond=0) if said.tzinfo else None


TYPE = SourceType(TABLE, stamp, build, findings)
