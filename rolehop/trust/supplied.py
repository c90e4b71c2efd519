"""Condition keys and values that a person supplies: refused where they could never be meant so.

Types: IAM user guide, "AWS global condition context keys". What is wrong here would otherwise just
never match, and a verdict would rest on a slip.
"""

from __future__ import annotations

from decimal import Decimal

from rolehop.arn import ACCOUNT_ID
from rolehop.patterns import Pattern
from rolehop.trust.operators import Compare, Malformed, boolean, date, ip_address, numeric
from rolehop.trust.wildcard import Token

# A service's prefix, or an issuer's host and path; then the name, which may hold a tag's key.
_KEY = Pattern(r"[A-Za-z0-9._-]+(?::[0-9]+)?(?:/[A-Za-z0-9._/-]*)?:[A-Za-z0-9][^\x00-\x1f\x7f]*")


def problem_with(key: str, value: str) -> str | None:
    """Return what is wrong with a key and its value, for people; ``None``: nothing.

    An empty value says that the call has no such key.
    """
    if _KEY.fullmatch(key) is None:
        return "a condition key is a service and a name, as in aws:SourceIp"
    row = _TYPES.get(key.lower())
    if row is None or not value:
        return None
    compare, wanted = row
    try:
        return None if compare(value, (value,)) else wanted
    except Malformed:
        return wanted


def _is_same(left: Decimal, right: Decimal) -> bool:
    return left == right


def _is_arn(found: str, _wanted: tuple[Token, ...]) -> bool:
    return found.startswith("arn:") and found.count(":") >= 5


def _is_account(found: str, _wanted: tuple[Token, ...]) -> bool:
    return ACCOUNT_ID.fullmatch(found) is not None


_KINDS: tuple[tuple[Compare, str, tuple[str, ...]], ...] = (
    (
        boolean,
        "its value is true or false",
        (
            "aws:multifactorauthpresent",
            "aws:principalisawsservice",
            "aws:securetransport",
            "aws:viaawsservice",
        ),
    ),
    (numeric(_is_same), "its value is a number of seconds", ("aws:multifactorauthage",)),
    (
        date(_is_same),
        "its value is a time, as in 2026-01-31T12:00:00Z, or seconds since 1970",
        ("aws:currenttime", "aws:epochtime", "aws:tokenissuetime"),
    ),
    (
        ip_address,
        "its value is one IP address, without a range",
        ("aws:sourceip", "aws:vpcsourceip"),
    ),
    (_is_arn, "its value is an ARN", ("aws:principalarn", "aws:sourcearn")),
    (
        _is_account,
        "its value is an account ID of 12 digits",
        ("aws:principalaccount", "aws:sourceaccount"),
    ),
)
_TYPES = {key: (compare, wanted) for compare, wanted, keys in _KINDS for key in keys}
