"""Condition keys and operators in plain words, for ``explain`` and ``explain role`` alike."""

from __future__ import annotations

from rolehop.policy.evaluation.deciding_values import DecidingValues
from rolehop.policy.evaluation.findings import Finding
from rolehop.policy.evaluation.model import Outcome

_KEYS = {
    "sts:externalid": "the external ID",
    "sts:rolesessionname": "the role session name",
    "sts:sourceidentity": "the source identity",
    "aws:sourceidentity": "the source identity carried so far",
    "aws:multifactorauthpresent": "whether MFA was used",
    "aws:multifactorauthage": "the seconds since MFA",
    "aws:resourceaccount": "the resource's account",
    "aws:principalarn": "the caller's ARN",
    "aws:principalaccount": "the caller's account",
    "aws:principalorgid": "the caller's organization",
    "aws:principalorgpaths": "the caller's path in its organization",
    "aws:principaltype": "what kind of principal the caller is",
    "aws:sourceip": "the address the call comes from",
    "aws:sourcevpc": "the VPC the call comes from",
    "aws:sourcevpce": "the VPC endpoint the call comes through",
    "aws:sourcearn": "the resource for which the service acts",
    "aws:sourceaccount": "the account for which the service acts",
    "aws:sourceorgid": "the organization for which the service acts",
    "aws:requestedregion": "the region that is called",
    "aws:tagkeys": "the keys of the tags sent",
    "sts:transitivetagkeys": "the keys of the transitive tags",
    "aws:currenttime": "the time of the call",
    "aws:epochtime": "the time of the call",
    "aws:tokenissuetime": "the time when the caller's session was issued",
    "aws:username": "the name of the IAM user",
    "aws:userid": "the caller's unique ID",
    "aws:useragent": "the program that calls",
    "aws:securetransport": "whether the call is encrypted",
    "aws:viaawsservice": "whether an AWS service calls on the caller's behalf",
    "iam:passedtoservice": "the service that the role is passed to",
    "saml:aud": "the recipient of the SAML assertion",
    "saml:iss": "the issuer of the SAML assertion",
    "saml:sub": "the subject of the SAML assertion",
    "saml:sub_type": "the kind of subject of the SAML assertion",
}
_FAMILIES = {
    "aws:requesttag/": "the tag '{}' sent with this hop",
    "aws:principaltag/": "the tag '{}' of the caller",
    "aws:resourcetag/": "the tag '{}' of the role",
    "iam:resourcetag/": "the tag '{}' of the role",
}
# Claims of a token, prefixed with its issuer: token.actions.githubusercontent.com:sub.
_CLAIMS = {
    "sub": "the token's subject",
    "aud": "the token's audience",
    "amr": "how the token's holder signed in",
}
MFA_KEYS = ("aws:multifactorauthpresent", "aws:multifactorauthage")
_MANY = ("aws:tagkeys", "sts:transitivetagkeys", "aws:multifactorauthage")
# Keys for which a Bool reads better as its own sentence.
_BOOLS = {
    "aws:multifactorauthpresent": ("MFA was used", "MFA was not used"),
    "aws:securetransport": ("the call is encrypted", "the call is not encrypted"),
}


def key_in_words(key: str) -> str:
    """Return the meaning of a condition key, or the key itself if it is not listed here."""
    lowered = key.lower()
    family, slash, _ = lowered.partition("/")
    if f"{family}{slash}" in _FAMILIES:
        return _FAMILIES[f"{family}{slash}"].format(key.partition("/")[2])
    issuer, _, claim = lowered.rpartition(":")
    if "." in issuer and claim in _CLAIMS:
        return _CLAIMS[claim]
    return _KEYS.get(lowered, key)


def is_are(key: str, rest: str) -> str:
    """Return ``the external ID is …``, or ``the keys of the tags sent are …``."""
    return f"{key_in_words(key)} {'are' if key.lower() in _MANY else 'is'} {rest}"


def condition_of(finding: Finding) -> tuple[str, str]:
    """Return operator and key of a finding on a condition; a tag key may contain blanks."""
    _, operator, key = finding.element.split(" ", 2)
    return operator, key


def asked_for(finding: Finding) -> str:
    """Return the values that a condition requires: ``one of a, b``, ``not like x*``."""
    operator, _ = condition_of(finding)
    return _asked_for(operator, _with_values(finding), many=", " in finding.wanted)


def _with_values(finding: Finding) -> str:
    """Return what is required, each variable as its value: ``red (the tag 'team' of the caller)``."""
    text, named = finding.wanted, []
    for key, value in finding.variables:
        variable = f"${{{key}}}"
        if variable in text:
            text = text.replace(variable, value)
            named.append(key_in_words(key))
    return f"{text} ({', '.join(named)})" if named else text


def condition_sentence(operator: str, key: str, values: tuple[str, ...]) -> str:
    """Return a condition as a clause: ``the external ID is x-1``."""
    if _base(operator) == "bool" and key.lower() in _BOOLS and len(values) == 1:
        said = _BOOLS[key.lower()][values[0].lower() != "true"]
        return f"{said}, or it is not known" if _has_if_exists(operator) else said
    each = {"forallvalues": "each of ", "foranyvalue": "one of "}.get(_quantifier(operator), "")
    verb = "are" if not each and key.lower() in _MANY else "is"
    exists = ", if there is one," if _has_if_exists(operator) else ""
    values_only = operator.rpartition(":")[2].removesuffix("IfExists")
    asked = _asked_for(values_only, ", ".join(values), many=len(values) > 1)
    return f"{each}{key_in_words(key)}{exists} {verb} {asked}"


def _asked_for(operator: str, values: str, *, many: bool) -> str:
    base = _base(operator)
    if base == "null":
        return {"true": "absent", "false": "present"}.get(values.lower(), values)
    asked = _compared(base, values, many=many)
    exists = ", if there is one" if _has_if_exists(operator) else ""
    quantified = {"forallvalues": "each of them ", "foranyvalue": "at least one of them "}
    return f"{quantified.get(_quantifier(operator), '')}{asked}{exists}"


def _quantifier(operator: str) -> str:
    return operator.rpartition(":")[0].lower()


def _has_if_exists(operator: str) -> bool:
    return operator.lower().endswith("ifexists")


def _base(operator: str) -> str:
    """Return the operator without quantifier and IfExists: ``stringnotlike``."""
    return operator.rpartition(":")[2].lower().removesuffix("ifexists")


# Text before the value, by kind of comparison; longer names first.
_COMPARISONS = {
    "equalsignorecase": "in any case ",
    "lessthanequals": "at most ",
    "lessthan": "less than ",
    "greaterthanequals": "at least ",
    "greaterthan": "more than ",
    "ipaddress": "within ",
    "like": "like ",
    "equals": "",
    "bool": "",
}
_OF_DATES = {"lessthan": "before ", "greaterthan": "after "}


def _compared(base: str, values: str, *, many: bool) -> str:
    positive = base.replace("not", "", 1)
    name = next((each for each in _COMPARISONS if positive.endswith(each)), None)
    if name is None:
        return values  # an unknown operator
    said = _OF_DATES.get(name, _COMPARISONS[name]) if "date" in base else _COMPARISONS[name]
    if positive == base:
        return f"{said}{'one of ' if many else ''}{values}"
    return f"not {said}{'any of ' if many else ''}{values}"


# ---- one unknown key that decides


def deciding_text(deciding: DecidingValues) -> str:
    """Return for which values of a key a call is allowed: ``allowed only from 203.0.113.0/24``."""
    verb = "allowed" if deciding.outcome is Outcome.ALLOWED else "refused"
    lowered = deciding.key.lower()
    same = deciding.absent is deciding.outcome
    without = ", or if the call has none" if same else ""
    if not deciding.values:
        there = "absent" if same else "present"
        return f"{verb} only if {is_are(deciding.key, there)} ({deciding.key})"
    if lowered in _BOOLS and len(deciding.values) == 1:
        said = _BOOLS[lowered][deciding.values[0] != "true"]
        return f"{verb} only if {said}{without} ({deciding.key})"
    values = " or ".join(each or '""' for each in deciding.values)
    if lowered in _FROM:
        return f"{verb} only from {values}{without} ({deciding.key})"
    return f"{verb} only if {is_are(deciding.key, values)}{without} ({deciding.key})"


_FROM = ("aws:sourceip", "aws:vpcsourceip", "aws:sourcevpc", "aws:sourcevpce")


# ---- what would settle it


def unknown_in_words(name: str) -> str:
    """Return the meaning of an entry of a verdict's ``unknowns``, with the key if it is one."""
    if name in _UNKNOWNS:
        return _UNKNOWNS[name]
    if name.startswith("Condition "):
        _, operator, key = name.split(" ", 2)
        return f"whether {operator} {key} matches"
    words = key_in_words(name)
    return words if words == name else f"{words} ({name})"


_UNKNOWNS = {
    "caller": "who the caller is",
    "trust": "the role's trust policy",
    "permissions": "the caller's permissions policies",
    "boundary": "the caller's permissions boundary",
    "session": "the caller's session policy",
    "scp": "the organization's SCPs",
    "rcp": "the organization's RCPs",
    "source-session": "what the source's session carries",
    "roles-anywhere-profile": "what the Roles Anywhere profile says",
    "aws-refusal": "why AWS refused it",
    "Request Token": "what STS takes from the source's token",
    "rcp-coverage": "whether RCPs cover the service",
    "wildcard-grant": 'whether a boundary or session policy limits a grant to "*"',
    "Principal": "whether the statement's Principal includes the caller",
    "Resource": "the policy variable in a statement's Resource",
    "Action": "which actions a statement covers",
    "--resource": "the resource, which decides: name it with --resource ARN",
}
