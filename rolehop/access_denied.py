"""Read AWS's access-denied texts: who was refused what, and which type of policy refused it.

The forms are those of the IAM user guide, "Troubleshoot access denied error messages": for each
type of policy "because no … policy allows the … action" and "with an explicit deny in a …", the
latter sometimes with the ARN of the policy. AWS names one policy even if several refuse, and often
none.
"""

from __future__ import annotations

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
_TEXT = Pattern(
    r"User: (?P<caller>\S+) is not authorized to perform: (?P<action>[\w*-]+:[\w*]+)"
    r"(?: on resource: (?P<resource>\"[^\"]+\"|.+?(?= because no | with an explicit deny in )|\S+?))?"
    rf"(?P<reason> because no (?P<lacking>{_KINDS}) allows the \S+ action"
    rf"| with an explicit deny in (?:an?|the) (?P<denying>{_KINDS})"
    r"(?::? (?P<policy>arn:[^\s,;()]+))?)?(?=[.,;)(]? |[.,;)(]?$)"
)
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

    @property
    def reason(self) -> str:
        """Why it was refused, in brief and in AWS's words, if the text names a policy."""
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

    The text may stand within another, e.g. the AWS CLI's "An error occurred (AccessDenied) …".
    """
    match = _TEXT.search(_in_one_line(text))
    if match is None:
        return None
    resource = match["resource"]
    return AccessDenied(
        caller=match["caller"],
        action=match["action"],
        resource=resource.strip("\"'") if resource else None,
        policy=match["lacking"] or match["denying"],
        explicit=match["denying"] is not None,
        policy_arn=match["policy"].rstrip(".") if match["policy"] else None,
    )


def encoded_message(text: str) -> str | None:
    """Return the encoded authorization message that EC2 and others add to their text."""
    match = _ENCODED.search(_in_one_line(text))
    return match["encoded"] if match else None


def _in_one_line(text: str) -> str:
    return " ".join(text[:_LONGEST].split())
