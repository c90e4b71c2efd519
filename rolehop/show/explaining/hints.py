"""Hints: what the user can do about a refusal without changing a policy."""

from __future__ import annotations

from rolehop.config.sts_limits import EXTERNAL_ID, SESSION_NAME, SOURCE_IDENTITY
from rolehop.config.value_types import Check
from rolehop.policy.evaluation.findings import Finding, Reason, Truth
from rolehop.show.condition_text import MFA_KEYS, condition_of


def hint(
    finding: Finding, *, denies: bool = False, of_session: bool = False, user: str | None = None
) -> str | None:
    """Return what the user can do about it without changing a policy.

    Args:
        finding: of a policy that refuses.
        denies: it belongs to a Deny that applies; then what matches is the problem.
        of_session: a role's session calls, which never carries MFA.
        user: ARN of the caller, if it is an IAM user.
    """
    if finding.reason is Reason.OTHER_SESSION:
        return f'or give that session its name: session_name = "{_last(finding.wanted)}"'
    if not finding.element.startswith("Condition "):
        return None
    key = condition_of(finding)[1].lower()
    if key in MFA_KEYS:
        wrong = (finding.truth is Truth.TRUE) == denies
        return _mfa_hint(finding, of_session=of_session) if wrong else None
    if key == "aws:sourceip" and (finding.truth is Truth.TRUE) == denies:
        return _address_hint(finding)
    if key.startswith("aws:principaltag/") and (finding.truth is Truth.TRUE) == denies:
        return None if user is None else _tag_hint(finding, user)
    if _is_star_compared(finding, denies=denies):
        operator = condition_of(finding)[0]
        like = operator.replace("Equals", "Like")
        return f"note: {operator} compares * as a letter; {like} takes it as a pattern"
    wrong = finding.truth is not Truth.TRUE and not denies
    if not wrong or finding.reason not in (Reason.KEY_ABSENT, Reason.VALUE_DIFFERS):
        return None
    if key.startswith("aws:requesttag/"):
        tag = condition_of(finding)[1].partition("/")[2]
        return f'or send that tag with this hop: tags = {{ "{tag}" = {_value(finding)} }}'
    text, limit = _HINTS.get(key, (None, None))
    value = _value(finding)
    if text is None or limit is None or not _is_accepted(limit, value):
        return None
    return f"{text} = {value} on this hop of the chain"


def _is_star_compared(finding: Finding, *, denies: bool) -> bool:
    """True if a condition has a star that its operator takes as a letter, and that is why it fails."""
    named, key = condition_of(finding)
    operator = named.lower().rpartition(":")[2].removesuffix("ifexists")
    has_value = finding.found is not None or key.lower() in _HINTS
    wrong = (finding.truth is Truth.TRUE) == denies and has_value
    return wrong and operator in ("stringequals", "stringnotequals") and "*" in finding.wanted


_HINTS = {
    "sts:externalid": ("or send what it asks for: external_id", EXTERNAL_ID),
    "sts:rolesessionname": ("or send such a name: session_name", SESSION_NAME),
    "sts:sourceidentity": ("or send one, if no hop before did: source_identity", SOURCE_IDENTITY),
}


def _is_accepted(limit: Check, value: str) -> bool:
    """True if STS accepts a quoted value; an ellipsis is always accepted."""
    try:
        return value == '"…"' or limit.run(value[1:-1]) is not None
    except ValueError:
        return False


def _mfa_hint(finding: Finding, *, of_session: bool) -> str | None:
    if of_session:
        return (
            "a role session never carries MFA: only hop 1 can, from an IAM user's own keys and the"
            " source's mfa_serial"
        )
    if finding.found in (None, "false"):
        return "or bring MFA: give the source mfa_serial, and hop 1 carries it"
    return None


def _tag_hint(finding: Finding, user: str) -> str | None:
    """Return which tag the user may get from their account: no other caller gets it with them."""
    operator, key = condition_of(finding)
    if operator.lower().removesuffix("ifexists") not in ("stringequals", "stringnotequals"):
        return None
    account, name = user.split(":")[4], user.rpartition("/")[2]
    one_of = "one of " if ", " in finding.wanted else ""
    tag = f"the tag '{key.partition('/')[2]}': {one_of}{finding.wanted}"
    return None if "${" in tag else f"or account {account} gives user {name} {tag}"


def _address_hint(finding: Finding) -> str | None:
    """Return from where to call, if a condition says it in a few ranges."""
    operator = condition_of(finding)[0].lower().removesuffix("ifexists")
    ranges = finding.wanted.split(", ")
    named = finding.found is not None and operator in ("ipaddress", "notipaddress")
    # A Deny of what is not in a range, or an Allow of what is in one.
    return f"or call from {' or '.join(ranges)}" if named and len(ranges) <= _FEW else None


_FEW = 3


def _value(finding: Finding) -> str:
    """Return the required value as written in the config, or an ellipsis."""
    operator = condition_of(finding)[0].lower().removesuffix("ifexists")
    plain = operator == "stringequals" and not set(finding.wanted) & set('*?$,"\\')
    return f'"{finding.wanted if plain else "…"}"'


def _last(text: str, mark: str = "/") -> str:
    return text.rpartition(mark)[2]
