"""A second reading of IAM's rules, for tests alone: two-valued, on raw JSON, regex and sets.

Written from the reference's text and apart from rolehop's evaluator: it knows nothing of
templates, findings or lanes, and works a request out by enumerating what grants it.
"""

from __future__ import annotations

import base64
import ipaddress
import re
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]


def allowed(world: Json) -> bool | None:
    """Tell whether every action of the world's call is allowed; ``None``: AWS does not say.

    What AWS leaves open is read both ways: kindly, for the caller, and against it.
    """
    readings = {
        all(_one({**world, "kind": kind}, action) for action in world["actions"])
        for kind in (True, False)
    }
    return readings.pop() if len(readings) == 1 else None


def _one(world: Json, action: str) -> bool:
    caller, role = world["caller"], world["role"]
    if "/aws-service-role/" in role and role.split("/")[2] != world["service"]:
        return False
    if caller is None:
        return _from_outside(world, action)
    if ":federated-user/" in caller:
        return False
    if caller.endswith(":root") or caller.split(":")[1] != role.split(":")[1]:
        return False
    for name in ("trust", "identity", "boundary", "session_policy", "scp", "rcp"):
        if name == "rcp" and "/aws-service-role/" in role:
            continue
        for statement in world.get(name) or []:
            if statement["Effect"] == "Deny" and _applies(statement, world, action):
                return False
    if world.get("scp") is not None and not _grants(world["scp"], world, action):
        return False
    grants = set()
    for statement in world["trust"]:
        if statement["Effect"] == "Allow" and _applies(statement, world, action):
            grants |= _names(statement, world) if "Principal" in statement else {"star"}
    identity = _grants(world["identity"], world, action)
    boundary = world.get("boundary") is None or _grants(world["boundary"], world, action)
    session = world.get("session_policy") is None or _grants(world["session_policy"], world, action)
    if caller.split(":")[4] != role.split(":")[4]:
        return bool(grants) and identity and boundary and session
    if "self" in grants:
        return True
    if not (boundary and session):
        return False
    return "role" in grants or "star" in grants or ("account" in grants and identity)


def _from_outside(world: Json, action: str) -> bool:
    """Judge a token's holder or a service: neither has policies of its own."""
    rcp = [] if "/aws-service-role/" in world["role"] else world.get("rcp") or []
    denies = [s for s in [*world["trust"], *rcp] if s["Effect"] == "Deny"]
    if any(_applies(statement, world, action) for statement in denies):
        return False
    return _grants(world["trust"], world, action)


def _grants(statements: list[Json], world: Json, action: str) -> bool:
    return any(s["Effect"] == "Allow" and _applies(s, world, action) for s in statements)


def _applies(s: Json, world: Json, action: str) -> bool:
    if "Principal" in s and not _names(s, world):
        return False
    if "NotPrincipal" in s and not _is_not_named(s, world):
        return False
    if "Action" in s and not any(_glob(p.lower(), action.lower()) for p in _list(s["Action"])):
        return False
    if "NotAction" in s and any(_glob(p.lower(), action.lower()) for p in _list(s["NotAction"])):
        return False
    for name, wanted in (("Resource", True), ("NotResource", False)):
        if name in s:
            patterns = [_expand(p, world["ctx"]) for p in _list(s[name])]
            if None in patterns:
                return False
            hit = any(re.fullmatch(p, world["role"], re.DOTALL) for p in patterns if p)
            if hit is not wanted:
                return False
    return all(
        _condition(operator, key, _list(values), world["ctx"])
        for operator, keys in s.get("Condition", {}).items()
        for key, values in keys.items()
    )


def _is_not_named(s: Json, world: Json) -> bool:
    """Tell whether ``NotPrincipal`` leaves the caller in; where AWS is vague, as the reading is."""
    allow = s["Effect"] == "Allow"
    meant = {"Principal": s["NotPrincipal"], "Effect": s["Effect"]}
    possibly, surely = (_names(meant, {**world, "kind": kind}) for kind in (allow, not allow))
    if allow:
        return world["kind"] and not surely - {"account"}
    if not possibly:
        return True
    levels = {"account", "self", *(("role",) if world["caller_role"] else ())}
    spared = bool(surely & {"star", "outside"}) or levels <= surely
    if spared and (world["caller"] is None or world.get("boundary") is None):
        return False
    return not world["kind"]


def _names(s: Json, world: Json) -> set[str]:
    principal, caller = s["Principal"], world["caller"]
    if caller is None:
        return _names_outside(principal, s["Effect"], world)
    if principal == "*":
        return {"star"}
    account = caller.split(":")[4]
    found = set()
    for text in _list(principal.get("AWS", [])):
        if text == "*":
            found.add("star")
        elif text == caller:
            found.add("self")
        elif text == world["caller_role"]:
            found.add("role")
        elif text in (account, f"arn:aws:iam::{account}:root"):
            found.add("account")
    return found


def _names_outside(principal: Any, effect: str, world: Json) -> set[str]:
    """Return ``outside`` where a token's provider or a service is named."""
    written = {"AWS": "*"} if principal == "*" else principal
    # What a wildcard means for them is vague, but for "*" in a Deny.
    vague = {"outside"} if world["kind"] is (effect == "Allow") else set()
    for key, own in (("Federated", world["provider"]), ("Service", world["service"])):
        names = _list(written.get(key, []))
        if own is not None and own in names:
            return {"outside"}
        if own is not None and "*" in names:
            return vague
    if "*" in _list(written.get("AWS", [])):
        return {"outside"} if effect == "Deny" else vague
    return set()


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _glob(pattern: str, text: str) -> bool:
    return re.fullmatch(_regex(pattern), text, re.DOTALL) is not None


def _regex(pattern: str) -> str:
    return "".join({"*": ".*", "?": "."}.get(c, re.escape(c)) for c in pattern)


def _expand(pattern: str, ctx: Json, *, like: bool = True) -> str | None:
    """Return a regular expression, or None where a variable has no value."""
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
            out += _regex(piece) if like else re.escape(piece)
    return out


def _condition(operator: str, key: str, values: list[Any], ctx: Json) -> bool:
    texts = [str(v).lower() if isinstance(v, bool) else str(v) for v in values]
    found = ctx.get(key.lower())
    how, _, base = operator.rpartition(":")
    if base == "Null":
        return any((text == "true") == (found is None) for text in texts)
    lenient = base.endswith("IfExists")
    base = base.removesuffix("IfExists")
    negative = "Not" in base
    base = base.replace("Not", "")
    if base.startswith(("String", "Arn", "Bool")):
        expanded = [_expand(text, ctx, like="Like" in base or "Arn" in base) for text in texts]
        if None in expanded:
            return False
        texts = [each for each in expanded if each is not None]
    if found is None:
        return lenient or how == "ForAllValues" or (negative and how != "ForAnyValue")
    verdicts = [any(_hit(base, value, text) for text in texts) is not negative for value in found]
    return any(verdicts) if how == "ForAnyValue" else all(verdicts)


def _hit(base: str, value: str, text: str) -> bool:
    if base.startswith("String") or base == "Bool":
        flags = re.DOTALL | (re.IGNORECASE if "IgnoreCase" in base or base == "Bool" else 0)
        return re.fullmatch(text, value, flags) is not None
    if base.startswith("Arn"):
        # A pattern's stars stay between colons, in the first five parts.
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


def _when(text: str) -> float:
    if text.isdigit():
        return float(text)
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
