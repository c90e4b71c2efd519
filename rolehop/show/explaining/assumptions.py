"""What a verdict depends on: the values that decide it, what is unseen, and what it assumes."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.advice import PLACEHOLDER, is_plain
from rolehop.policy.evaluation.deciding_values import deciding_values
from rolehop.policy.evaluation.findings import Reason
from rolehop.policy.evaluation.model import Outcome, PolicyType, Verdict
from rolehop.show.condition_text import deciding_text
from rolehop.show.layout import Line, to_copy, wrapped


def deciding_lines(verdict: Verdict) -> Iterator[Line]:
    """Say for which values of the one unknown key the call is allowed."""
    if verdict.unknowns == ("aws:ResourceAccount",) and verdict.request.elsewhere:
        would = "refused" if verdict.refused else "allowed"
        text = (
            "it depends on which account owns the resource, and its ARN names none: it would be"
            f" {would} if the caller's does. Say which: --context aws:ResourceAccount=ACCOUNT"
        )
        yield from wrapped(text, "  ", "  ")
        return
    found = deciding_values(verdict)
    if found is not None:
        yield from wrapped(deciding_text(found), "  ", "  ")


def unseen_lines(verdict: Verdict) -> Iterator[Line]:
    """Say how to settle what cannot be seen of the source's session, if it matters."""
    name = verdict.request.unseen
    if verdict.outcome is Outcome.UNKNOWN and name is not None:
        text = f"it cannot be seen from here {_ASSUMPTIONS[name]}. If so, add --assume {name}"
        yield from wrapped(text, "  ", "  ")


_ASSUMPTIONS = {
    "source-session": (
        "that the source's session has no session policy, session tags or source identity"
    ),
    "roles-anywhere-profile": (
        "that the Roles Anywhere profile lists the role, maps the certificate's attributes as it"
        " does by default, and has no session policy"
    ),
}


_OF_RESOURCE = {
    "trust": "that the resource's own policy, if it has one, does not deny it",
    "resource-account": (
        "that the resource is of the caller's account; if not, say which:"
        " --context aws:ResourceAccount=ACCOUNT"
    ),
}


def assuming_lines(verdict: Verdict) -> Iterator[Line]:
    """Name what the verdict takes for granted: policies that nobody gave, and what the user said."""
    names = [each.upper() for each in verdict.assuming if each in ("scp", "rcp")]
    if names:
        text = f"assuming that no {' or '.join(names)} refuses the call: none was given"
        yield from wrapped(text, "  ", "  ")
    for name in (each for each in _OF_RESOURCE if each in verdict.assuming):
        if verdict.request.owner is not None:
            yield from wrapped(f"assuming {_OF_RESOURCE[name]}", "  ", "  ")
    for name in (each for each in _ASSUMPTIONS if each in verdict.assuming):
        yield from wrapped(f"assuming, as --assume says, {_ASSUMPTIONS[name]}", "  ", "  ")
    keys = [each for each in verdict.request.context.supplied if each in verdict.assuming]
    if keys:
        yield from wrapped(f"relying on --context for {', '.join(keys)}", "  ", "  ")
    if "one-request-context" in verdict.assuming:
        text = (
            "assuming that external ID and role session name also count for sts:TagSession and"
            " sts:SetSourceIdentity: AWS does not document this"
        )
        yield from wrapped(text, "  ", "  ")


def grant_lines(verdict: Verdict) -> Iterator[Line]:
    """Say that a key's grants, which no document here shows, may allow what no policy allows.

    Source: KMS developer guide, "Grants in AWS KMS".
    """
    request, wrong = verdict.request, verdict.first_wrong
    of_key = request.actions[0].lower().startswith("kms:") and ":key/" in request.role
    lacking = {each.name for each in verdict.refused} <= {PolicyType.TRUST, PolicyType.PERMISSIONS}
    if of_key and lacking and wrong is not None and wrong.reason is not Reason.EXPLICIT_DENY:
        key = request.role.rpartition("/")[2]
        yield from wrapped("a grant of the key may still allow it; to see them:", "  ", "  ")
        yield to_copy(f"    aws kms list-grants --key-id {key if is_plain(key) else PLACEHOLDER}")
