"""Condition operators: one small function each, from two texts to a truth.

Source: IAM user guide, "IAM JSON policy elements: Condition operators".
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum

from rolehop.base.dataclass import dataclass
from rolehop.base.startup import Pattern


class Wild(Enum):
    """A wildcard."""

    RUN = "*"
    ONE = "?"


Token = str | Wild
"""Some literal text, or a wildcard."""

_Piece = str | tuple[str | None, ...]
"""The text between two stars: plain, or characters of which ``None`` matches any one."""


def tokens_of(text: str) -> tuple[Token, ...]:
    """Return the tokens of ``text``, in which every ``*`` and ``?`` is a wildcard."""
    found: list[Token] = []
    start = 0
    for at, letter in enumerate(text):
        if letter in "*?":
            if at > start:
                found.append(text[start:at])
            found.append(Wild(letter))
            start = at + 1
    if start < len(text):
        found.append(text[start:])
    return tuple(found)


def matches(text: str, tokens: Iterable[Token]) -> bool:
    """True if ``tokens`` match the whole of ``text``; case-sensitive."""
    pieces = _pieces(tokens)
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(text) == len(first) and _stands_at(text, 0, first)
    if len(text) < len(first) + len(last):
        return False
    end = len(text) - len(last)
    if not _stands_at(text, 0, first) or not _stands_at(text, end, last):
        return False
    at = len(first)
    for piece in pieces[1:-1]:
        found = _find(text, at, end, piece)
        if found is None:
            return False
        at = found + len(piece)
    return True


def matches_text(text: str, pattern: str) -> bool:
    """True if ``pattern`` matches the whole of ``text``; case-sensitive."""
    if "*" not in pattern and "?" not in pattern:
        return text == pattern
    return matches(text, tokens_of(pattern))


# Runs that no literal of a pattern matches: none, and more than it has question marks. What matches
# both matches all between: of the longer one, a star takes what the others leave.
_RUNS = ("", "?" * 256)


def covers(pattern: str, other: str) -> bool:
    """True if ``pattern`` matches all that ``other``, a pattern too, matches."""
    return all(matches_text(other.replace("*", run), pattern) for run in _RUNS)


def overlap(one: str, other: str) -> bool:
    """True if some text matches both patterns; the time is the product of their lengths."""
    reach = {0}
    for letter in one:
        reach = _after(letter, _over_stars(reach, other), other)
    return len(other) in _over_stars(reach, other)


def _after(letter: str, reach: set[int], other: str) -> set[int]:
    """Return where ``other`` may stand after ``letter`` of the first pattern."""
    if letter == "*":
        return set(range(min(reach), len(other) + 1)) if reach else set()
    found = set()
    for at in reach:
        if at < len(other) and other[at] == "*":
            found.add(at)
        elif at < len(other) and (letter == other[at] or "?" in (letter, other[at])):
            found.add(at + 1)
    return found


def _over_stars(reach: set[int], other: str) -> set[int]:
    found = set(reach)
    for at in reach:
        end = at
        while end < len(other) and other[end] == "*":
            end += 1
            found.add(end)
    return found


def _pieces(tokens: Iterable[Token]) -> list[_Piece]:
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token is Wild.RUN:
            runs.append([])
        else:
            runs[-1].append(token)
    return [_piece(run) for run in runs]


def _piece(run: list[Token]) -> _Piece:
    if Wild.ONE not in run:
        return "".join(str(each) for each in run)
    letters: list[str | None] = []
    for token in run:
        letters.extend([None] if isinstance(token, Wild) else token)
    return tuple(letters)


def _stands_at(text: str, at: int, piece: _Piece) -> bool:
    if isinstance(piece, str):
        return text.startswith(piece, at)
    return all(
        wanted is None or wanted == found
        for wanted, found in zip(piece, text[at : at + len(piece)], strict=True)
    )


def _find(text: str, start: int, end: int, piece: _Piece) -> int | None:
    """Return the first offset of ``piece`` in ``text[start:end]``."""
    if isinstance(piece, str):
        found = text.find(piece, start, end)
        return None if found < 0 else found
    any_one = sum(1 << at for at, letter in enumerate(piece) if letter is None)
    masks: dict[str, int] = {}
    for at, letter in enumerate(piece):
        if letter is not None:
            masks[letter] = masks.get(letter, any_one) | 1 << at
    whole = 1 << len(piece) - 1
    state = 0
    for at in range(start, end):
        state = (state << 1 | 1) & masks.get(text[at], any_one)
        if state & whole:
            return at - len(piece) + 1
    return None


_NUMBER = Pattern(r"[+-]?[0-9]{1,40}(?:\.[0-9]{1,40})?")
_EPOCH = Pattern(r"[0-9]{1,15}(?:\.[0-9]{1,9})?")
_YEAR = Pattern(r"[0-9]{4}")
_TIME = Pattern(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?(?:Z|[+-][0-9]{2}:[0-9]{2})?)?"
)


class Quantifier(Enum):
    """How a key with many values is judged."""

    NONE = ""
    ALL = "ForAllValues"
    ANY = "ForAnyValue"


_QUANTIFIERS = {
    "": Quantifier.NONE,
    "forallvalues:": Quantifier.ALL,
    "foranyvalue:": Quantifier.ANY,
}


class Malformed(Exception):
    """A value that the operator cannot read."""


Wanted = tuple[Token, ...]

Compare = Callable[[str, Wanted], bool]
"""The request's value and the policy's; may raise :class:`Malformed`."""


@dataclass(frozen=True, slots=True)
class Operator:
    """An operator, parsed."""

    text: str
    quantifier: Quantifier
    compare: Compare | None
    """``None``: ``Null``, or an unknown operator."""

    negated: bool = False
    if_exists: bool = False
    is_null: bool = False
    takes_variables: bool = False
    takes_wildcards: bool = False
    orders: bool = False
    """It compares by order: what holds at both ends of a range holds between them."""


def parse_operator(text: str) -> Operator:
    """Parse an operator's name; an unknown one has no ``compare``."""
    prefix, colon, name = text.lower().rpartition(":")
    quantifier, base = _QUANTIFIERS.get(prefix + colon), name.removesuffix("ifexists")
    if quantifier is not None and name == "null":
        return Operator(text, quantifier, None, is_null=True)
    row = _BY_LOWER.get(base)
    if quantifier is None or row is None:
        return Operator(text, Quantifier.NONE, None)
    return Operator(
        text,
        quantifier,
        row.compare,
        negated=row.negated,
        if_exists=base != name,
        takes_variables=row.variables,
        takes_wildcards=row.wildcards,
        orders=row.orders,
    )


def _plain(wanted: Wanted) -> str:
    """Return the text of a value of an operator that takes no wildcards."""
    return "".join(map(str, wanted))


def string_equals(found: str, wanted: Wanted) -> bool:
    """Compare letter by letter; a star is a star."""
    return found == _plain(wanted)


def string_equals_ignore_case(found: str, wanted: Wanted) -> bool:
    """Compare without regard to case."""
    return found.lower() == _plain(wanted).lower()


def string_like(found: str, wanted: Wanted) -> bool:
    """Compare with wildcards; case counts."""
    return matches(found, wanted)


def arn_like(found: str, wanted: Wanted) -> bool:
    """Compare each of the six parts of an ARN on its own: a star stays within its part."""
    parts = found.split(":", 5)
    patterns = arn_parts(wanted)
    if len(patterns) != 6:
        raise Malformed
    return len(parts) == 6 and all(map(matches, parts, patterns))


def arn_parts(wanted: Sequence[Token]) -> list[list[Token]]:
    """Return a pattern split at its first five colons."""
    parts: list[list[Token]] = [[]]
    for token in wanted:
        if isinstance(token, Wild):
            parts[-1].append(token)
            continue
        first, *others = token.split(":", 6 - len(parts))
        parts[-1].append(first)
        parts.extend([other] for other in others)
    return parts


def numeric(compare: Callable[[Decimal, Decimal], bool]) -> Compare:
    """Compare as decimal numbers."""
    return lambda found, wanted: compare(number_of(found), number_of(_plain(wanted)))


def date(compare: Callable[[Decimal, Decimal], bool]) -> Compare:
    """Compare as instants: ISO 8601, or seconds since 1970.

    Four digits in a policy may be a year (W3C, "Date and Time Formats", to which the IAM user guide
    refers) or seconds: AWS does not say.
    """

    def judged(found: str, wanted: Wanted) -> bool:
        text = _plain(wanted)
        if _YEAR.fullmatch(text) is not None:
            raise Malformed
        return compare(time_of(found), time_of(text))

    return judged


def boolean(found: str, wanted: Wanted) -> bool:
    """Compare ``true`` and ``false``."""
    sides = (found.lower(), _plain(wanted).lower())
    if not set(sides) <= {"true", "false"}:
        raise Malformed
    return sides[0] == sides[1]


def binary_equals(found: str, wanted: Wanted) -> bool:
    """Compare the bytes behind base64."""
    return _bytes(found) == _bytes(_plain(wanted))


def ip_address(found: str, wanted: Wanted) -> bool:
    """True if an address lies in a CIDR block; a bare address is a block of one."""
    block = _plain(wanted)
    try:
        address = ipaddress.ip_address(found)
        network = ipaddress.ip_network(block, strict=False)
    except ValueError:
        raise Malformed from None
    if "." in block.partition("/")[2]:
        raise Malformed  # a netmask: AWS documents prefixes alone
    return address in network


def number_of(text: str) -> Decimal:
    """Return a number as policies write it. Raises Malformed."""
    if _NUMBER.fullmatch(text) is None:
        raise Malformed
    return Decimal(text)


def time_of(text: str) -> Decimal:
    """Return a time (ISO 8601, or seconds since 1970) in seconds. Raises Malformed."""
    if _EPOCH.fullmatch(text):
        return Decimal(text)
    if _TIME.fullmatch(text) is None:
        raise Malformed
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Malformed from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Decimal(str(moment.timestamp()))


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise Malformed from None


@dataclass(frozen=True, slots=True)
class _Row:
    compare: Compare
    negated: bool = False
    variables: bool = False
    wildcards: bool = False
    orders: bool = False


def _equal(left: Decimal, right: Decimal) -> bool:
    return left == right


_ORDERS: Sequence[tuple[str, Callable[[Decimal, Decimal], bool]]] = (
    ("Equals", _equal),
    ("LessThan", lambda left, right: left < right),
    ("LessThanEquals", lambda left, right: left <= right),
    ("GreaterThan", lambda left, right: left > right),
    ("GreaterThanEquals", lambda left, right: left >= right),
)

_OPERATORS: dict[str, _Row] = {
    "StringEquals": _Row(string_equals, variables=True),
    "StringNotEquals": _Row(string_equals, negated=True, variables=True),
    "StringEqualsIgnoreCase": _Row(string_equals_ignore_case, variables=True),
    "StringNotEqualsIgnoreCase": _Row(string_equals_ignore_case, negated=True, variables=True),
    "StringLike": _Row(string_like, variables=True, wildcards=True),
    "StringNotLike": _Row(string_like, negated=True, variables=True, wildcards=True),
    # ArnEquals and ArnLike are the same (IAM user guide).
    "ArnEquals": _Row(arn_like, variables=True, wildcards=True),
    "ArnLike": _Row(arn_like, variables=True, wildcards=True),
    "ArnNotEquals": _Row(arn_like, negated=True, variables=True, wildcards=True),
    "ArnNotLike": _Row(arn_like, negated=True, variables=True, wildcards=True),
    "Bool": _Row(boolean, variables=True),
    "BinaryEquals": _Row(binary_equals),
    "IpAddress": _Row(ip_address),
    "NotIpAddress": _Row(ip_address, negated=True),
    **{
        f"Numeric{name}": _Row(numeric(order), orders=order is not _equal)
        for name, order in _ORDERS
    },
    **{f"Date{name}": _Row(date(order), orders=order is not _equal) for name, order in _ORDERS},
    "NumericNotEquals": _Row(numeric(_equal), negated=True),
    "DateNotEquals": _Row(date(_equal), negated=True),
}

_BY_LOWER = {name.lower(): row for name, row in _OPERATORS.items()}

OPERATOR_NAMES = (*_OPERATORS, "Null")
"""As AWS writes them."""
