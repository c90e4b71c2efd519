"""Say who has to change the policy that AWS names in an access-denied text, and how."""

from __future__ import annotations

from rolehop.access_denied.model import AccessDenied
from rolehop.arn import account_of


def change_of_policy(denied: AccessDenied, role: str, *, brief: bool = False) -> str:
    """Return who has to change the policy that AWS names, and how.

    ``role``: the resource, in words. ``brief``: as part of a message that names caller and role.
    """
    if denied.caller == "anonymous":
        return UNSIGNED
    if QUARANTINE in (denied.policy_arn or ""):
        return f"keep {(denied.policy_arn or '').rpartition('/')[2]}: {QUARANTINED}"
    kind = "resource's own policy" if denied.lane == "resource" else denied.policy or ""
    who = denied.who()
    named = denied.policy_arn.rpartition("/")[2] if denied.policy_arn else None
    text = (_DENIES if denied.explicit else _LACKS)[kind].format(
        who="the caller" if brief and len(who) > _LONG else who,
        role="the role" if brief and len(role) > _LONG else role,
        action=denied.action,
        # Its ARN is in AWS's words; the last part tells it from others.
        named="" if named is None else f" {named}",
        policies="the policies" if named is None else f"policy {named}",
        caller_account=_account(denied.caller or "") or "the caller's account",
        # The ARNs of some resources, such as those of S3, name none.
        account=_account(denied.resource or "") or "the resource's account",
    )
    return f"{text}; no Allow outweighs it" if denied.explicit and not brief else text


def _account(arn: str) -> str | None:
    account = account_of(arn)
    return None if account is None else f"account {account}"


UNSIGNED = (
    "sign the call: it carried no credentials, which is no reason to open the resource to everybody;"
    " rolehop exec CHAIN -- COMMAND gives a command some"
)
# AWS managed policy reference, "AWSCompromisedKeyQuarantineV3".
QUARANTINE = "AWSCompromisedKeyQuarantine"
QUARANTINED = (
    "AWS attaches it to a user whose access keys have leaked. Do not detach it: replace the keys,"
    " and follow the support case that AWS opened for the account"
)
_LONG = 45  # characters of a name with its account
_OF_ORGANIZATION = "have the organization's administrators "
_OF_ACCOUNT = "have the account's administrators "

# By AWS's words for the policy, which it adds in some cases (IAM user guide, troubleshooting access
# denied), with whoever can change it. Only one policy is named even if several refuse.
_TRUST_LACKS = "add {who} to the trust policy{named} of {role} for {action}"
_LACKS = {
    "identity-based policy": "allow {action} on {role} in {policies} of {who}, in its own account",
    "permissions boundary": f"{_OF_ACCOUNT}allow {{action}} in the permissions boundary{{named}} of"
    " {who}",
    "session policy": "allow {action} on {role} in the caller's session policy{named}: policy or"
    " policy_arns of the hop that made its session; or remove them",
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
    "identity-based policy": f"{_OF_ACCOUNT}narrow the Deny in {{policies}} of {{who}}",
    "permissions boundary": f"{_OF_ACCOUNT}narrow the Deny in the permissions boundary{{named}} of"
    " {who}",
    "session policy": "narrow the Deny in the caller's session policy{named}: policy or policy_arns"
    " of the hop that made its session",
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
