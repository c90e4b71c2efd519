"""GetScopedCredentials of the demo's AWS, which moto lacks: a session of moto's, narrowed.

As the STS model of 2026-11-19 has it: three policies at most, never longer than the session before.
moto judges no permissions here, so the policies are counted and not enforced.
"""

from __future__ import annotations

import copy
import json
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from rolehop.base.dataclass import dataclass, field
from rolehop.base.startup import Pattern

ACTION = "GetScopedCredentials"
MOST_POLICIES = 3
MOST_BYTES = 4096
_SIGNER = Pattern(r"Credential=([A-Z0-9]+)/")
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class _Refused(Exception):
    """STS's code and words."""


@dataclass(slots=True)
class ScopeCalls:
    """Answers the calls; ``accounts`` are those of moto that have roles."""

    accounts: tuple[str, ...]
    _policies: dict[str, int] = field(default_factory=dict)
    """How many policies narrowed a session, by its access key ID."""

    def answer(self, form: Mapping[str, str], authorization: str, token: str) -> tuple[int, str]:
        """Return status and XML for a call that ``authorization`` signed, with that session token."""
        try:
            return 200, self._narrowed(form, authorization, token)
        except _Refused as refused:
            code, words = refused.args
            error = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(words)}</Message>"
            return (
                400,
                f'<ErrorResponse xmlns="{_NAMESPACE}"><Error>{error}</Error></ErrorResponse>',
            )

    def _narrowed(self, form: Mapping[str, str], authorization: str, token: str) -> str:
        signer = _SIGNER.search(authorization)
        role = None if signer is None else self._role(signer[1])
        if role is None or not token:
            raise _Refused("InvalidSubjectCredentials", "it is no session of a role")
        policies = self._policies.get(role.access_key_id, 0) + _checked(form)
        if policies > MOST_POLICIES:
            raise _Refused("AccessDenied", f"the session has {MOST_POLICIES} scoped policies")
        left = int((role.expiration.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())
        seconds = int(form.get("DurationSeconds") or left)
        if seconds > left:
            raise _Refused("InsufficientSessionLifetime", f"{left} seconds are left")
        narrow = self._copied(role, seconds)
        self._policies[narrow.access_key_id] = policies
        return _xml(narrow, policies, len(form.get("Policy", "")))

    def _role(self, access_key_id: str) -> Any:
        """Return moto's session with that key."""
        from moto.sts.models import sts_backends

        backends = (sts_backends[account]["aws"] for account in self.accounts)
        found = (each.get_assumed_role_from_access_key(access_key_id) for each in backends)
        return next((each for each in found if each is not None), None)

    def _copied(self, role: Any, seconds: int) -> Any:
        from moto.iam.models import iam_backends
        from moto.sts.models import sts_backends

        narrow, key = copy.copy(role), iam_backends[role.account_id]["aws"].create_temp_access_key()
        key.role_arn = role.role_arn
        narrow.access_key, narrow.access_key_id = key, key.access_key_id
        narrow.secret_access_key = key.secret_access_key
        narrow.session_token = secrets.token_urlsafe(240)
        narrow.expiration = role.expiration.replace(tzinfo=None)
        end = datetime.now(UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
        narrow.expiration = min(narrow.expiration, end)
        sts_backends[role.account_id]["aws"].assumed_roles.append(narrow)
        return narrow


def _checked(form: Mapping[str, str]) -> int:
    """Return how many policies a call adds."""
    policy = form.get("Policy")
    if policy is None and "DurationSeconds" not in form:
        raise _Refused("ValidationError", "one of Policy and DurationSeconds is required")
    if policy is None:
        return 0
    try:
        if "Statement" not in json.loads(policy):
            raise ValueError
    except (ValueError, TypeError):
        raise _Refused("MalformedPolicyDocument", "Syntax errors in policy.") from None
    if len(policy) > MOST_BYTES:
        raise _Refused("PackedPolicyTooLarge", f"{len(policy)} bytes of {MOST_BYTES}")
    return 1


def _xml(session: Any, policies: int, size: int) -> str:
    return (
        f'<{ACTION}Response xmlns="{_NAMESPACE}"><{ACTION}Result><Credentials>'
        f"<AccessKeyId>{session.access_key_id}</AccessKeyId>"
        f"<SecretAccessKey>{session.secret_access_key}</SecretAccessKey>"
        f"<SessionToken>{session.session_token}</SessionToken>"
        f"<Expiration>{session.expiration:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>"
        f"<SessionInfo><ScopedSessionId>{session.access_key_id}</ScopedSessionId>"
        f"<Arn>{session.arn}</Arn></SessionInfo><ScopedPoliciesCount>{policies}"
        f"</ScopedPoliciesCount><SessionTokenSize>{320 + size}</SessionTokenSize>"
        f"</{ACTION}Result></{ACTION}Response>"
    )
