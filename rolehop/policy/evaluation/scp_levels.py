"""SCP evaluation level by level, and when the organization hierarchy is unknown.

At each level (root, OU, account) some SCP must allow (Organizations user guide, "SCP evaluation").
If it is not known which of several documents are attached at the same level, then what all of them
allow is allowed, what none allows is refused, and the rest is unknown. A document that only denies
is not a level of its own: it is attached beside one that allows, as AWS recommends, because alone
it would block the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolehop.policy.evaluation.findings import Finding, Reason, Truth, every, some
from rolehop.policy.evaluation.statements import Judged


def by_document(allows: Sequence[Judged]) -> dict[str, Truth]:
    """Return, for each document with an Allow, whether it allows this call."""
    levels: dict[str, Truth] = {}
    for each in allows:
        levels[each.document] = some((levels.get(each.document, Truth.FALSE), each.truth))
    return levels


def on_all(levels: Mapping[str, Truth]) -> Truth:
    """Return the result if it is the same for one level and for several."""
    together, apart = some(levels.values()), every(levels.values())
    return together if together is apart else Truth.UNKNOWN


def on_levels(levels: Sequence[frozenset[str]], allows: Sequence[Judged]) -> Truth:
    """Return the result if the levels are known: some document of each must allow."""
    return every(some(e.truth for e in allows if e.document in names) for names in levels)


def of_refusing_level(
    levels: Sequence[frozenset[str]], allows: Sequence[Judged]
) -> Sequence[Judged]:
    """Return the Allow statements of the first level on which none applies."""
    for names in levels:
        here = [each for each in allows if each.document in names]
        if some(each.truth for each in here) is Truth.FALSE:
            return here
    return allows


def depends(levels: Mapping[str, Truth]) -> Finding | None:
    """Return a finding if some documents allow and others do not: it depends on the levels."""
    allowing, others = (
        [name for name, each in levels.items() if each is truth]
        for truth in (Truth.TRUE, Truth.FALSE)
    )
    if not (allowing and others):
        return None
    found = f"{', '.join(allowing)} would allow it, and {', '.join(others)} would not"
    return Finding(
        "Document", Truth.UNKNOWN, Reason.LEVELS_UNKNOWN, "an Allow on each level", found
    )
