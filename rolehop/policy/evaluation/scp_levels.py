"""On how many levels SCPs hang, which nobody says here, and what follows for what they allow.

On each level (root, OU, account) some SCP must allow (Organizations user guide, "SCP evaluation").
Of several documents nobody knows which hang together: what all allow is allowed, what none allows is
not, and the rest depends. One that only denies is no level of its own: it hangs beside one that
allows, as AWS recommends; alone it would shut the account.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rolehop.policy.evaluation.findings import Finding, Reason, Truth, every, some
from rolehop.policy.evaluation.statements import Judged


def by_document(allows: Sequence[Judged]) -> dict[str, Truth]:
    """Return for each document that allows anything whether it allows this."""
    levels: dict[str, Truth] = {}
    for each in allows:
        levels[each.document] = some((levels.get(each.document, Truth.FALSE), each.truth))
    return levels


def on_all(levels: Mapping[str, Truth]) -> Truth:
    """Return what holds whether the documents hang on one level or on several."""
    together, apart = some(levels.values()), every(levels.values())
    return together if together is apart else Truth.UNKNOWN


def depends(levels: Mapping[str, Truth]) -> Finding | None:
    """Return that it depends on the levels, where some documents allow and others do not."""
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
