"""Warn of the documents that a verdict rests on: what AWS would not save, and names that it does not have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rolehop.policy.evaluation.model import PolicySet, PolicyType, Request
from rolehop.policy.evaluation.statements import Attached
from rolehop.policy.language.document_checks import ActionNames, DocumentWarning, problems_in
from rolehop.policy.language.parser import Kind
from rolehop.policy.remedies.quotas import INLINE, MANAGED, RAISABLE, quota_of, size_of


def document_warnings(
    requests: Iterable[Request], names: ActionNames | None
) -> tuple[DocumentWarning, ...]:
    """Return what is wrong with the documents of ``requests``, each once, in their order.

    AWS's own documents are left out. Without ``names`` nothing is said of names.
    """
    found: dict[DocumentWarning, None] = {}
    seen: set[tuple[str, str]] = set()
    sets: set[int] = set()
    for request in requests:
        for policy_type, shown in request.policies.items():
            if id(shown) in sets:  # thousands of calls share their callers' policies
                continue
            sets.add(id(shown))
            for document in shown.documents:
                key = document.name, document.text
                if key not in seen and not document.aws_managed:
                    seen.add(key)
                    found.update(dict.fromkeys(_warnings(document, request.role, names)))
            if policy_type is PolicyType.PERMISSIONS:
                found.update(dict.fromkeys(_inline_warnings(shown)))
    return tuple(found)


def _warnings(
    document: Attached, resource: str, names: ActionNames | None
) -> Iterator[DocumentWarning]:
    for line, text in problems_in(document.policy, names):
        yield DocumentWarning(document.name, line, text)
    kind = document.policy.kind
    quota = quota_of(kind, resource)
    if kind is Kind.PERMISSIONS and document.name.startswith("policy "):
        quota = MANAGED
    if quota is None or len(document.text) <= quota:
        return
    size = size_of(document.text)
    if size > quota:
        most = RAISABLE.get(kind)
        more = "" if most is None else f", or {most:,} if the quota was raised"
        yield DocumentWarning(document.name, 1, f"{_size(size)}, and AWS takes {quota:,}{more}")


def _inline_warnings(shown: PolicySet) -> Iterator[DocumentWarning]:
    """Warn of the inline policies of one user, role or group that are too long together."""
    of_owner: dict[str, list[Attached]] = {}
    for document in shown.documents:
        name, _, owner = document.name.rpartition(" of ")
        if name.startswith("inline policy "):
            of_owner.setdefault(owner, []).append(document)
    for owner, documents in of_owner.items():
        quota = INLINE.get(owner.partition(" ")[0])
        if quota is None or sum(len(each.text) for each in documents) <= quota:
            continue
        size = sum(size_of(each.text) for each in documents if each.text)
        if size > quota:
            text = f"{_size(size)} together, and AWS takes {quota:,}"
            yield DocumentWarning(f"the inline policies of {owner}", 1, text)


def _size(size: int) -> str:
    return f"{size:,} characters without white space"
