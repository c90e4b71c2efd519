"""What is wrong with the documents that were judged, and the notes that say it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rolehop.policy.chain_verdict import ActionVerdict, ChainVerdict, HopVerdict
from rolehop.policy.document_warnings import document_warnings
from rolehop.policy.language.document_checks import DocumentWarning

Judged = ChainVerdict | HopVerdict | ActionVerdict

_MOST = 8  # notes; JSON has them all


def warnings_of(judged: Iterable[Judged]) -> tuple[DocumentWarning, ...]:
    """Return what is wrong with the documents of what was judged; AWS's names only if they are here."""
    from rolehop.app.judging.action_names import load_action_names

    verdicts = []
    for each in judged:
        hops = each.hops if isinstance(each, ChainVerdict) else (each,)
        verdicts += [hop.by_documents for hop in hops]
    requests = [verdict.request for verdict in verdicts]
    visible = any(shown.documents for one in requests for shown in one.policies.values())
    return document_warnings(requests, load_action_names() if visible else None)


def notes_of(warnings: Sequence[DocumentWarning]) -> list[str]:
    """Return them as notes, the first of many."""
    found = [f"{each.document}, line {each.line}: {each.text}" for each in warnings[:_MOST]]
    left = len(warnings) - _MOST
    return [*found, f"and {left} more documents to look at (--format json)"] if left > 0 else found
