"""What an access-denied text of AWS says, and who can change the policy that it names.

The forms are those of the IAM user guide, "Troubleshoot access denied error messages": for each
type of policy "because no … policy allows the … action" and "with an explicit deny in a …", the
latter sometimes with the ARN of the policy. AWS names one policy even if several refuse, and often
none.
"""

from __future__ import annotations

from rolehop.base.arn import account_of
from rolehop.base.dataclass import dataclass

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
    """What was refused, e.g. ``sts:AssumeRole``."""

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

    called: str | None = None
    """The action that was called, if another one that it needs was refused; ``None``: ``action``."""

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

    @property
    def holder(self) -> str:
        """Whose policies count, in words: the caller, or the permission set that its role is of."""
        name = permission_set_of(self.caller or "")
        return self.who() if name is None else f"permission set {name} in IAM Identity Center"


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
    if kind == "assumed-role":
        kind, rest = "role", rest.partition("/")[0]
    if not rest or kind not in _KINDS:
        return arn
    if longest is not None and len(rest) > longest:
        rest = f"{rest[: longest // 2]}…{rest[1 - (longest + 1) // 2 :]}"
    account = account_of(arn)
    return f"{kind} {rest}" if account is None else f"{kind} {rest} of {account}"


_KINDS = ("role", "user", "federated-user")


def permission_set_of(caller: str) -> str | None:
    """Return the permission set of which a session's role is; ``None``: of none.

    Its policies and boundary are changed there alone (IAM Identity Center user guide, "Referencing
    permission sets in resource policies").
    """
    role = caller.partition(":assumed-role/")[2].partition("/")[0]
    name = role.removeprefix("AWSReservedSSO_")
    return None if name == role else name.rpartition("_")[0] or None


def change_of_policy(denied: AccessDenied, role: str, *, brief: bool = False) -> str:
    """Return who has to change the policy that AWS names, and how.

    ``role``: the resource, in words. ``brief``: as part of a message that names caller and role.
    """
    if denied.caller == "anonymous":
        return UNSIGNED
    if QUARANTINE in (denied.policy_arn or ""):
        return f"keep {(denied.policy_arn or '').rpartition('/')[2]}: {QUARANTINED}"
    kind = "resource's own policy" if denied.lane == "resource" else denied.policy or ""
    if kind == "session policy" and not denied.explicit:
        kind = _session_policy(denied.caller or "")
    who, of_set = denied.who(), permission_set_of(denied.caller or "") is not None
    who = "the caller" if brief and len(who) > _LONG else who
    holder = denied.holder if of_set else who
    named = denied.policy_arn.rpartition("/")[2] if denied.policy_arn else None
    policies = holder if of_set else f"the policies of {holder}"
    text = (_DENIES if denied.explicit else _LACKS)[kind].format(
        who=who,
        holder=holder,
        role="the role" if brief and len(role) > _LONG else role,
        action=denied.action,
        # Its ARN is in AWS's words; the last part tells it from others.
        named="" if named is None else f" {named}",
        policies=policies if named is None else f"policy {named} of {holder}",
        where="" if of_set else ", in its own account",
        caller_account=_account(denied.caller or "") or "the caller's account",
        # The ARNs of some resources, such as those of S3, name none.
        account=_account(denied.resource or "") or "the resource's account",
    )
    if not denied.explicit or brief:
        return text
    text = f"{text}; an Allow elsewhere cannot help"
    return text + without_mfa(denied) if denied.lane == "permissions" else text


def without_mfa(denied: AccessDenied) -> str:
    """Return what an IAM user may do about a Deny of calls without MFA, the commonest one of users."""
    if ":user/" not in (denied.caller or ""):
        return ""
    return ". If it denies calls without MFA, bring MFA: rolehop exec CHAIN -- COMMAND"


def _session_policy(caller: str) -> str:
    """Return who gave a session its session policy, a key of `_LACKS`."""
    if caller.endswith("/CognitoIdentityCredentials"):
        return "Cognito's session policy"
    return "federation's session policy" if ":federated-user/" in caller else "session policy"


def _account(arn: str) -> str | None:
    account = account_of(arn)
    return None if account is None else f"account {account}"


def steps_of_assume_role(denied: AccessDenied) -> tuple[str, ...]:
    """Return what to check if AWS says no reason, the commonest cause first.

    Of a role that does not exist AWS says the same (STS API reference, AssumeRole).
    """
    named = denied.resource or ""
    kind, _, name = named.split(":", 5)[-1].partition("/")
    if kind == "user":
        return (f"name a role: {named} is a user, and nobody can assume a user",)
    if kind == "assumed-role":
        parts = named.split(":")
        own = f"arn:{parts[1]}:iam::{parts[4]}:role/{name.partition('/')[0]}"
        return (f"name the role itself, {own}: {named} is one of its sessions",)
    for path, who in _ONLY_FOR.items():
        if name.startswith(path):
            return (f"leave {name.rpartition('/')[2]} alone: only {who} can assume it",)
    who, holder = denied.who(), denied.holder
    steps = (
        "does the role exist, with this account, path and spelling?",
        f"does its trust policy name {who}, or the whole account?",
        "do its conditions ask for an external ID, MFA, a session name or tags that were not sent?",
        f"do the policies of {who} allow sts:AssumeRole on it?"
        if holder == who
        else f"does {holder} allow sts:AssumeRole on it?",
        "does an SCP of the caller's account, or an RCP of the role's, deny it?",
    )
    own = named.replace(f"/{name}", f"/{name.rpartition('/')[2]}")  # a session names no path
    if who == name_of(own) != own:
        return ("is this call needed? The caller is a session of this very role already", *steps)
    return steps


# IAM user guide, "Service-linked roles"; IAM Identity Center user guide, "Permission sets".
_ONLY_FOR = {
    "aws-reserved/sso.amazonaws.com/": "who signs in to IAM Identity Center",
    "aws-service-role/": "its AWS service",
}

UNSIGNED = (
    "sign the call, which carried no credentials, instead of opening the resource to everybody:"
    " rolehop exec CHAIN -- COMMAND"
)

# AWS managed policy reference, "AWSCompromisedKeyQuarantineV3".
QUARANTINE = "AWSCompromisedKeyQuarantine"

QUARANTINED = (
    "AWS attaches it when access keys have leaked. Replace the keys, and follow AWS's support case"
)

_LONG = 45  # characters of a name with its account
_OF_ORGANIZATION = "have the organization's administrators "
_OF_ACCOUNT = "have the account's administrators "

# By AWS's words for the policy, which it adds in some cases (IAM user guide, troubleshooting access
# denied), with whoever can change it. Only one policy is named even if several refuse.
_TRUST_LACKS = "add {who} to the trust policy{named} of {role} for {action}"

_LACKS = {
    "identity-based policy": "allow {action} on {role} in {policies}{where}",
    "permissions boundary": f"{_OF_ACCOUNT}allow {{action}} in the permissions boundary{{named}} of"
    " {holder}",
    "session policy": "allow {action} on {role} in the caller's session policy{named}, or remove it"
    " (policy or policy_arns of the caller's hop)",
    # Cognito developer guide, "IAM roles", "Services that unauthenticated identities can access".
    "Cognito's session policy": "let the caller sign in, or get its session by Cognito's basic (classic)"
    " flow: the enhanced flow limits those who did not sign in to a few services, without {action}",
    # STS API reference, GetFederationToken: without a policy the session may do nothing.
    "federation's session policy": "allow {action} on {role} in the policy that GetFederationToken was"
    " called with",
    "service control policy": f"{_OF_ORGANIZATION}allow {{action}} in the SCPs{{named}} of"
    " {caller_account}",
    "resource control policy": f"{_OF_ORGANIZATION}allow {{action}} in the RCPs{{named}} of {{account}}",
    "role trust policy": f"{_TRUST_LACKS}; check its conditions: external ID, MFA, session name, tags",
    "resource-based policy": _TRUST_LACKS,
    "resource's own policy": "have the resource's owner allow {action} to {who} in the own policy"
    "{named} of {role}",
    "VPC endpoint policy": "have the owner of the VPC endpoint allow {action} in its policy{named},"
    " or use another endpoint",
}

_TRUST_DENIES = f"{_OF_ACCOUNT}narrow the Deny in the trust policy{{named}} of {{role}}"

_DENIES = {
    "identity-based policy": f"{_OF_ACCOUNT}narrow the Deny in {{policies}}",
    "permissions boundary": f"{_OF_ACCOUNT}narrow the Deny in the permissions boundary{{named}} of"
    " {holder}",
    "session policy": "narrow the Deny in the caller's session policy{named} (policy or policy_arns"
    " of the caller's hop)",
    "service control policy": f"{_OF_ORGANIZATION}narrow the Deny in the SCP{{named}} over"
    " {caller_account}",
    "resource control policy": f"{_OF_ORGANIZATION}narrow the Deny in the RCP{{named}} over {{account}}",
    "role trust policy": _TRUST_DENIES,
    "resource-based policy": _TRUST_DENIES,
    "resource's own policy": "have the resource's owner narrow the Deny in the own policy{named} of"
    " {role}",
    "VPC endpoint policy": "have the owner of the VPC endpoint narrow the Deny in its policy{named},"
    " or use another endpoint",
}
