"""The views of ``explain --error`` and ``explain --decode``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from rolehop.access_denied.model import TOKEN_ACTIONS, AccessDenied
from rolehop.advice import PLACEHOLDER, is_plain
from rolehop.show.layout import Line, StyledText, View, line, to_copy, wrapped
from rolehop.text import clean, pluralize


def denied_view(denied: AccessDenied | None, fix: str, chain: str | None) -> View:
    """Show who was refused what, by which policy, and what to do."""
    lines = [line(StyledText("AWS refused it", "red"))]
    if denied is None:
        text = "who was refused what, and by which policy, is only in its encoded message"
        return [*lines, *wrapped(text, "  ", "  ")]
    named = denied.policy or "AWS does not say which"
    if denied.unclear:
        named += ", or the resource does not exist in this Region; AWS does not say which"
    elif denied.policy is not None:
        named += ": a Deny in it matches" if denied.explicit else ": nothing in it allows it"
    elif denied.other is not None:
        named = "none that rolehop judges"
    elif denied.explicit:
        named += "; a Deny in it matches"
    facts = [
        ("caller", denied.caller or f"AWS does not say: {denied.who()}"),
        ("chain", chain),
        ("action", denied.action),
        ("resource", denied.resource),
        ("policy", named),
        ("its ARN", denied.policy_arn),
    ]
    for name, value in facts:
        if value is not None:
            lines.extend(wrapped(value, f"  {name:<10}", " " * 12))
    # Without a policy, only these actions say what to do.
    unsigned = denied.caller == "anonymous"
    if unsigned or denied.reason is not None or denied.action in _SAYING:
        return [*lines, *wrapped(f"to fix it, {fix}", "  ", "    ")]
    if chain is None and denied.action not in _HOPS:
        text = "if a chain's session made the call, its policies may tell:"
        lines.extend(wrapped(text, "  ", "    "))
        resource = denied.resource or "*"
        if not is_plain(resource):
            resource = PLACEHOLDER
        named = f" --resource {resource}" if resource != "*" else ""
        lines.append(to_copy(f"    rolehop explain CHAIN --action {denied.action}{named}"))
    return lines


_SAYING = frozenset({"sts:TagSession", "sts:SetSourceIdentity", *TOKEN_ACTIONS})
_HOPS = frozenset({"sts:AssumeRole", *_SAYING})


def hints(encoded: str | None, others: int, chain: str | None) -> Iterator[Line]:
    """Say what else a text holds: an encoded message, other errors."""
    if encoded is not None:
        whose = "" if chain else ", with credentials of its account (or name a chain to it)"
        yield from wrapped(f"its encoded message says more; to decode it{whose}:", "  ", "  ")
        by = f" {chain}" if chain is not None and is_plain(chain) else ""
        yield to_copy(f"    rolehop explain{by} --decode={encoded}")
    if others:
        text = f"this is the first error of the text; it has {pluralize(others, 'other')}"
        yield from wrapped(text, "  ", "  ")


_MOST_DETAILS = 5  # of a decoded message, if there is no -v


def decoded_view(message: Mapping[str, object], *, verbose: bool) -> View:
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
    details = [*_statements(message), *_conditions(context)]
    left = len(details) - _MOST_DETAILS
    cut = left > 1 and not verbose
    for each in details[:_MOST_DETAILS] if cut else details:
        lines.extend(wrapped(each, "  ", "    "))
    return [*lines, line(f"  and {left} more (-v)")] if cut else lines


def _statements(message: Mapping[str, object]) -> Iterator[str]:
    for each in _items(message.get("matchedStatements")):
        yield f"statement {each.get('statementId') or 'without a Sid'}: {each.get('effect')}"


def _conditions(context: Mapping[str, object]) -> Iterator[str]:
    for each in _items(context.get("conditions")):
        values = ", ".join(str(e.get("value")) for e in _items(each.get("values")))
        yield f"{each.get('key')} = {values}"


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _items(value: object) -> Iterator[Mapping[str, object]]:
    found = _object(value).get("items")
    yield from map(_object, found if isinstance(found, Iterable) else ())
