"""The views of ``explain --error`` and ``explain --decode``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rolehop.access_denied import AccessDenied
from rolehop.show.layout import Line, StyledText, View, line
from rolehop.show.remedies import wrapped
from rolehop.text import clean


def denied_view(denied: AccessDenied, fix: str, chain: str | None, *, encoded: bool) -> View:
    """Show who was refused what, by which policy, and what to do."""
    lines = [line(StyledText("AWS refused it", "red"))]
    named = denied.policy or "AWS does not say"
    if denied.unclear:
        named += ", or the resource does not exist in this Region; AWS does not say which"
    elif denied.policy is not None:
        named += ": a Deny in it matches" if denied.explicit else ": nothing in it allows it"
    facts = [
        ("caller", denied.caller),
        ("chain", chain),
        ("action", denied.action),
        ("resource", denied.resource),
        ("policy", named),
        ("its ARN", denied.policy_arn),
    ]
    for name, value in facts:
        if value is not None:
            lines.extend(wrapped(value, f"  {name:<10}", " " * 12))
    # Without a policy, only these two actions say what to do.
    if denied.policy is not None or denied.action in ("sts:TagSession", "sts:SetSourceIdentity"):
        lines.extend(wrapped(f"to fix it, {fix}", "  ", "    "))
    return [*lines, *encoded_hint(encoded)]


def encoded_hint(encoded: bool) -> Iterator[Line]:
    """Say what to do with the encoded message that a text has, if it has one."""
    if encoded:
        text = "its encoded message says more: rolehop explain --decode MESSAGE, or CHAIN --decode"
        yield from wrapped(text, "  ", "    ")


def decoded_view(message: Mapping[str, object]) -> View:
    """Show a decoded authorization message; its form is that of the STS API reference."""
    context = _object(message.get("context"))
    allowed, denied = message.get("allowed") is True, message.get("explicitDeny") is True
    says = "allowed" if allowed else "a Deny matches" if denied else "no statement allows it"
    lines = [line(StyledText(says, "green" if allowed else "red"))]
    called = {
        "caller": _object(context.get("principal")).get("arn"),
        "action": context.get("action"),
        "resource": context.get("resource"),
    }
    for label, found in called.items():
        lines.extend(wrapped(clean(str(found)), f"  {label:<10}", " " * 12))
    for each in _items(message.get("matchedStatements")):
        name, effect = each.get("statementId") or "without a Sid", each.get("effect")
        lines.extend(wrapped(f"statement {name}: {effect}", "  ", "    "))
    for each in _items(context.get("conditions")):
        values = ", ".join(str(e.get("value")) for e in _items(each.get("values")))
        lines.extend(wrapped(f"{each.get('key')} = {values}", "  ", "    "))
    return lines


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> Iterator[Mapping[str, object]]:
    found = _object(value).get("items")
    yield from map(_object, found if isinstance(found, Iterable) else ())
