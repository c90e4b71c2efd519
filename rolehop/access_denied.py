"""Read AWS's access-denied texts: who was refused what, by which type of policy, and who can help.

The forms are those of the IAM user guide, "Troubleshoot access denied error messages": for each
type of policy "because no … policy allows the … action" and "with an explicit deny in a …", the
latter sometimes with the ARN of the policy. AWS names one policy even if several refuse, and often
none.
"""

from __future__ import annotations

from rolehop.arn import account_of
from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern

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
_KINDS = "|".join(LANES)
# KMS's own, of which three causes are one text (KMS developer guide, "Troubleshooting key access").
_ONE_OF_THREE = (
    r"the resource does not exist in this Region, no resource-based policies allow access,"
    r" or a resource-based policy explicitly denies access"
)
_TEXT = Pattern(
    r"User: (?P<caller>\S+) is not authorized to perform: (?P<action>[\w*-]+:[\w*]+)"
    r"(?: on resource: (?P<resource>\"[^\"]+\""
    r"|(?:(?! is not authorized to ).){1,1500}?"
    r"(?= because no | because the resource does | with an explicit deny in )"
    r"|[^\s\"`<>\u201d\u2019]+)"
    # Of a Decrypt that names no key.
    r"| on the resource associated with this ciphertext)?"
    rf"(?P<reason> because no (?P<lacking>{_KINDS}) allows the \S+ action"
    rf"| because {_ONE_OF_THREE}"
    rf"| with an explicit deny in (?:an?|the) (?P<denying>{_KINDS})"
    r"(?::? (?P<policy>arn:[^\s,;()\"'`<>\u201d\u2019]+))?)?(?![\w-])"
)
# How JSON, Go, Rust and Python write a line break and a quote within a text, once or many times;
# how XML does; the frame that Terraform draws, and its colours.
_BREAK = Pattern(r"\\+[nrt]|[│╷╵]")
_MARK = Pattern(r"\\+(?=[\"'/])|\x1b\[[0-9;]*m")
_ENTITY = Pattern(r"&(?:quot|apos|#34|#39);|\\+u0022")
_LONGEST = 20_000  # characters; AWS's are far shorter
_ENCODED = Pattern(r"Encoded authorization failure message: ?(?P<encoded>[\w+/=-]+)")


@dataclass(frozen=True, slots=True)
class AccessDenied:
    """What an access-denied text says."""

    caller: str
    """ARN of the user or session that called."""

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

    @property
    def reason(self) -> str:
        """Why it was refused, in brief and in AWS's words, if the text names a policy."""
        if self.unclear:
            return "because of its own policy, or because it is not in this Region"
        if self.explicit:
            return f"with an explicit deny in the {self.policy}"
        return f"because no {self.policy} allows {self.action}"

    @property
    def lane(self) -> str | None:
        """The lane of ``explain``; for an AssumeRole call the trust policy is the resource's."""
        lane = LANES.get(self.policy or "")
        return "trust" if lane == "resource" and self.action.startswith("sts:") else lane


def read_access_denied(text: str) -> AccessDenied | None:
    """Return what ``text`` says; ``None``: it is not one of AWS's access-denied texts.

    The text may stand within another, e.g. the AWS CLI's "An error occurred (AccessDenied) …", in
    quotes, or in JSON.
    """
    match = _TEXT.search(_in_one_line(text))
    if match is None:
        return None
    resource, policy = match["resource"], match["lacking"] or match["denying"]
    unclear = match["reason"] is not None and policy is None
    return AccessDenied(
        caller=match["caller"],
        action=match["action"],
        resource=_trimmed(resource, ended=match["reason"] is not None) if resource else None,
        policy="resource-based policy" if unclear else policy,
        explicit=match["denying"] is not None,
        policy_arn=_trimmed(match["policy"], ended=False) if match["policy"] else None,
        unclear=unclear,
    )


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


def change_of_policy(denied: AccessDenied, role: str, *, brief: bool = False) -> str:
    """Return who has to change the policy that AWS names, and how.

    ``role``: the resource, in words. ``brief``: as part of a message that names caller and role.
    """
    kind = "resource's own policy" if denied.lane == "resource" else denied.policy or ""
    who = name_of(denied.caller)
    text = (_DENIES if denied.explicit else _LACKS)[kind].format(
        who="the caller" if brief and len(who) > _LONG else who,
        role="the role" if brief and len(role) > _LONG else role,
        action=denied.action,
        # Its ARN is in AWS's words; the last part tells it from others.
        named=f" {denied.policy_arn.rpartition('/')[2]}" if denied.policy_arn else "",
        caller_account=_account(denied.caller) or "the caller's account",
        # The ARNs of some resources, such as those of S3, name none.
        account=_account(denied.resource or "") or "the resource's account",
    )
    return f"{text}; no Allow outweighs it" if denied.explicit and not brief else text


def _account(arn: str) -> str | None:
    account = account_of(arn)
    return None if account is None else f"account {account}"


_LONG = 45  # characters of a name with its account
_OF_ORGANIZATION = "have the organization's administrators "
_OF_ACCOUNT = "have the account's administrators "

# By AWS's words for the policy, which it adds in some cases (IAM user guide, troubleshooting access
# denied), with whoever can change it. Only one policy is named even if several refuse.
_TRUST_LACKS = "add {who} to the trust policy{named} of {role} for {action}"
_LACKS = {
    "identity-based policy": "allow {action} on {role} in the policies{named} of {who}, in its own"
    " account",
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
    "identity-based policy": f"{_OF_ACCOUNT}narrow the Deny in the policies{{named}} of {{who}}",
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


def encoded_message(text: str) -> str | None:
    """Return the encoded authorization message that EC2 and others add to their text."""
    match = _ENCODED.search(_in_one_line(text))
    return match["encoded"] if match else None


def _trimmed(text: str, *, ended: bool) -> str:
    """Return what was named, without marks around it; ``ended``: no mark of another text follows."""
    return text.strip("\"'") if ended else text.strip("\"'").rstrip(".,;)]}\"'")


def _in_one_line(text: str) -> str:
    """Return the text without line breaks, marks of other formats, and repeated blanks."""
    plain = _MARK.sub("", _BREAK.sub(" ", text[:_LONGEST]))
    return " ".join(_ENTITY.sub('"', plain).split())
