"""A verdict as a person reads it, checked line by line."""

from __future__ import annotations

import re

from rolehop.base.dataclass import replace
from rolehop.commands.explain.view import verdict_view
from rolehop.policy.chain_model import EvaluationContext, StartingCredentials
from rolehop.policy.chain_verdict import ChainVerdict, judge_chain
from rolehop.policy.inventory import IamInventory
from rolehop.terminal.drawing import as_text
from rolehop.terminal.layout import Line, View
from tests.policy.helpers.chains import (
    NOW,
    Case,
    records,
    scenario,
)

# What Python calls things, and what people should never see of it.
PYTHON = re.compile(r"\bNone\b|\bTrue\b|\bFalse\b|\['|\('|\{'|<class|object at|Reason\.|Truth\.")


def judged(
    case: Case, known: IamInventory | None = None, start: StartingCredentials | None = None
) -> ChainVerdict:
    asked = scenario(case)
    setting = EvaluationContext(records(case) if known is None else known, NOW)
    return judge_chain("chain", "me", replace(asked, context=setting, start=start or asked.start))


def shown(
    case: Case,
    known: IamInventory | None = None,
    start: StartingCredentials | None = None,
    *,
    verbose: bool = False,
) -> str:
    return checked_text(verdict_view(judged(case, known, start), verbose=verbose))


def checked_text(view: View) -> str:
    """Return the text of a view, each line of which fits, but for what is to be copied."""
    for each in view:
        assert not isinstance(each, Line) or each.whole or len(as_text([each])) <= 81
    text = as_text(view)
    assert not PYTHON.search(text), text
    return text


def said(text: str) -> str:
    return " ".join(text.split())
