"""What an access-denied text of AWS says.

The forms are those of the IAM user guide, "Troubleshoot access denied error messages": for each
type of policy "because no … policy allows the … action" and "with an explicit deny in a …", the
latter sometimes with the ARN of the policy. AWS names one policy even if several refuse, and often
none.
"""

from __future__ import annotations

from rolehop.arn import account_of
from rolehop.startup.dataclass import dataclass

# The lanes of `explain`; "resource" and "endpoint" are no lane of an AssumeRole call.
LANES = {
    "identity-based policy": "permissions",
    "permissions boundary": "boundary",
    "session policy": "session",
    "service control policy": "scp",
    "resource control policy": "rcp",
    "role trust policy": "trust",
    "resource-based policy": "resource",
    "VPC endpoint policy": "endpoint",
}
# With a token the caller has no ARN yet (STS API reference, AssumeRoleWithWebIdentity and …SAML).
TOKEN_ACTIONS = frozenset({"sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"})


@dataclass(frozen=True, slots=True)
class AccessDenied:
    """What an access-denied text says."""

    caller: str | None
    """ARN of the user or session that called, or what AWS calls it, e.g. ``anonymous``; ``None``:
    the text names none."""

    action: str
    """E.g. ``sts:AssumeRole``."""

    resource: str | None = None
    """Usually an ARN; ``None``: the text names none."""

    policy: str | None = None
    """The type of policy in AWS's words, a key of ``LANES``; ``None``: the text names none."""

    explicit: bool = False
    """A Deny matched; ``False``: no Allow did, or it is not known."""

    policy_arn: str | None = None
    """Of the policy that denies; ``None``: the text names none."""

    unclear: bool = False
    """AWS names three causes: the resource does not exist in this Region, no policy of its own
    allows the call, or one denies it."""

    other: str | None = None
    """AWS's reason in its words if it is none of `LANES`, e.g. "because public policies are blocked
    by …"; ``None``: the text has none."""

    @property
    def reason(self) -> str | None:
        """Why it was refused, in brief and in AWS's words; ``None``: the text does not say."""
        if self.other is not None:
            return self.other
        if self.unclear:
            return "because of its own policy, or because it is not in this Region"
        if self.explicit:
            return "with an explicit deny" + (f" in the {self.policy}" if self.policy else "")
        return f"because no {self.policy} allows {self.action}" if self.policy else None

    @property
    def lane(self) -> str | None:
        """The lane of ``explain``; for an AssumeRole call the trust policy is the resource's."""
        lane = LANES.get(self.policy or "")
        return "trust" if lane == "resource" and self.action.startswith("sts:") else lane

    def who(self, longest: int | None = None) -> str:
        """Return the caller in words; ``longest``: see `name_of`."""
        if self.caller is not None:
            return name_of(self.caller, longest)
        return "the token's holder" if self.action in TOKEN_ACTIONS else "the caller"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The first access-denied error in a longer text."""

    denied: AccessDenied

    words: str
    """AWS's own sentence, without what the program that showed it put around and into it."""

    code: str | None = None
    """The error code, if the text has one, e.g. ``AccessDenied``."""

    others: int = 0
    """The number of other access-denied errors after it."""


def name_of(arn: str, longest: int | None = None) -> str:
    """Shorten a caller's ARN to what a policy names: its role or user, and the account.

    Of a name that is longer than ``longest`` characters the middle is left out.
    """
    kind, _, rest = arn.rpartition(":")[2].partition("/")
    account = account_of(arn) or "?"
    if kind == "assumed-role":
        kind, rest = "role", rest.partition("/")[0]
    if longest is not None and len(rest) > longest:
        rest = f"{rest[: longest // 2]}…{rest[1 - (longest + 1) // 2 :]}"
    return f"{kind} {rest} of {account}" if rest else arn
