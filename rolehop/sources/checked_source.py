"""The last check of what a source gives, before it signs a call, is stored or handed out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from rolehop.base.credentials import Credentials
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import SourceError
from rolehop.config.sts_limits import MAX_TOKEN_DURATION
from rolehop.walk.ports import Source

# No session of AWS lasts longer; the hour is for an AWS clock that is not known.
_LONGEST = timedelta(seconds=MAX_TOKEN_DURATION) + timedelta(hours=1)


@dataclass(frozen=True, slots=True, repr=False)
class CheckedSource:
    """A source of any type, whose answers are checked; implements ``ports.Source``."""

    source: Source
    name: str
    now: Callable[[], datetime]

    def load(self) -> Credentials | None:
        """Return what the source gives, if it is whole and its expiry is one that AWS can set.

        Raises:
            SourceError: it is not, or as the source itself.
        """
        found = self.source.load()
        problem = None if found is None else _problem(found, self.now())
        if problem is not None:
            raise SourceError(
                f"source '{self.name}' gave no credentials that can be used",
                cause=problem,
                fix="check what provides them, and this machine's clock",
            )
        return found


def _problem(found: Credentials, now: datetime) -> str | None:
    if not found.access_key_id.strip() or not found.secret_access_key:
        return "the access key ID or the secret access key is empty"
    if found.session_token is not None and not found.session_token:
        return "the session token is empty"
    ends = found.expires_at
    by_aws = now + found.clock_offset
    if ends is None or by_aws < ends <= by_aws + _LONGEST:
        return None
    shown = f"{ends:%Y-%m-%dT%H:%M:%SZ}"
    if ends <= by_aws:
        return f"they expired at {shown}"
    return f"they end at {shown}, and no session of AWS lasts longer than 36 h"
