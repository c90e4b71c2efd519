"""Conditions and texts of the second reading of IAM's rules; it imports nothing of rolehop."""

from __future__ import annotations

import base64
import ipaddress
import re
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def condition_holds(operator: str, key: str, values: list[Any], ctx: Json, *, kind: bool) -> bool:
    """``kind``: what the guide leaves open is true."""
    texts = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
    found = ctx.get(key.lower())
    how, _, base = operator.rpartition(":")
    if base == "Null":
        return any((text == "true") == (found is None) for text in texts)
    # "IfExists: If the condition key is present … process the key as specified. If the key is not
    # present, evaluate the condition element as true."
    lenient = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    negative = "Not" in base
    base = base.replace("Not", "")
    if found is None and lenient and how == "ForAnyValue":
        return kind  # "true" by IfExists, "false" by ForAnyValue
    if found is None:
        # "If the key is not present … the values do not match and the condition is false. If a
        # condition with a negated matching operator …, the condition is true."
        return lenient or how == "ForAllValues" or (negative and how != "ForAnyValue")
    # "It also returns true if … the key values resolve to an empty data set, such as an empty
    # string."
    if how == "ForAllValues" and not any(found):
        return True
    if base.startswith(("String", "Arn", "Bool")):
        expanded = [expand(text, ctx, like="Like" in base or "Arn" in base) for text in texts]
        # "Inverted condition operators like StringNotEquals or StringNotLike do match against a
        # null value": a value without a value of its variable is equal to nothing.
        texts = [each for each in expanded if each is not None]
    verdicts = [any(_hit(base, value, text) for text in texts) is not negative for value in found]
    return any(verdicts) if how == "ForAnyValue" else all(verdicts)


def _hit(base: str, value: str, text: str) -> bool:
    if base.startswith("String") or base == "Bool":
        flags = re.DOTALL | (re.IGNORECASE if "IgnoreCase" in base or base == "Bool" else 0)
        return re.fullmatch(text, value, flags) is not None
    if base.startswith("Arn"):
        # "Each of the six colon-delimited components of the ARN is checked separately."
        parts, patterns = value.split(":", 5), text.split(":", 5)
        return len(parts) == len(patterns) == 6 and all(
            re.fullmatch(p, v, re.DOTALL) for p, v in zip(patterns, parts, strict=True)
        )
    if base == "IpAddress":
        address, net = ipaddress.ip_address(value), ipaddress.ip_network(text, strict=False)
        return address.version == net.version and address in net
    if base == "BinaryEquals":
        return base64.b64decode(value) == base64.b64decode(text)
    kind, order = re.fullmatch(r"(Numeric|Date)(.*)", base).groups()  # type: ignore[union-attr]
    left, right = (float(value), float(text)) if kind == "Numeric" else (_when(value), _when(text))
    return {
        "Equals": left == right,
        "LessThan": left < right,
        "LessThanEquals": left <= right,
        "GreaterThan": left > right,
        "GreaterThanEquals": left >= right,
    }[order]


# ---- texts


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def globs(pattern: str, text: str) -> bool:
    return re.fullmatch(as_regex(pattern), text, re.DOTALL) is not None


def as_regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)


def expand(pattern: str, ctx: Json, *, like: bool = True) -> str | None:
    """Return a regular expression; ``None`` if a variable has no value and no default."""
    out = ""
    for piece in re.split(r"(\$\{[^}]*\})", pattern):
        if piece in ("${*}", "${?}", "${$}"):
            out += re.escape(piece[2])
        elif piece.startswith("${"):
            key, _, default = piece[2:-1].partition(",")
            value = ctx.get(key.lower())
            if value is None:
                if not default:
                    return None
                value = [default.strip().strip("'")]
            out += re.escape(value[0])
        else:
            out += as_regex(piece) if like else re.escape(piece)
    return out


def _when(text: str) -> float:
    if text.isdigit():
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
