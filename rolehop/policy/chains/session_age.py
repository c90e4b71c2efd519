"""What is known of a session's age, its MFA and its role, though not their exact values."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from rolehop.policy.chains.model import CallerState

_LONGEST_ROLE_SESSION = timedelta(hours=12)  # STS API reference, AssumeRole
_CODE_SECONDS = 60  # a code that goes with the call itself was checked just now


def ranges_of(held: CallerState, now: datetime) -> dict[str, tuple[str, str]]:
    """Return keys that the calls of ``held`` have, with their smallest and largest values.

    A cached session may be as old as one can get. Only temporary credentials have an issue time, and
    only MFA has an age (IAM user guide, "AWS global condition context keys").
    """
    found = {}
    oldest = _oldest(held)
    if oldest is not None:
        found["aws:TokenIssueTime"] = as_time(now - oldest), as_time(now)
    if held.mfa and held.mfa_by_call:
        found["aws:MultiFactorAuthAge"] = "0", str(_CODE_SECONDS)
    elif held.mfa and held.token_seconds is not None:
        found["aws:MultiFactorAuthAge"] = "0", str(held.token_seconds)
    return found


def patterns_of(held: CallerState) -> dict[str, str]:
    """Return keys that the calls of ``held`` have, with what their values are like."""
    return {} if held.role_pattern is None else {"aws:PrincipalArn": held.role_pattern}


def present_in(held: CallerState) -> tuple[str, ...]:
    """Return keys that the calls of ``held`` have, whatever their values."""
    temporary = ("aws:MultiFactorAuthPresent",) if _oldest(held) is not None else ()
    return (*temporary, "aws:MultiFactorAuthAge") if held.mfa else temporary


def _oldest(held: CallerState) -> timedelta | None:
    """Return how old these credentials can be; ``None``: not known, or IAM user keys."""
    if held.caller.is_session:
        return _LONGEST_ROLE_SESSION
    return None if held.token_seconds is None else timedelta(seconds=held.token_seconds)


@lru_cache(maxsize=16)  # thousands of calls are judged as of one moment
def as_time(moment: datetime) -> str:
    """Return a time as condition keys have it."""
    return f"{moment.isoformat()[:19]}Z"  # strftime takes five times as long
