"""Let a person choose from a list that begins with what they chose last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rolehop.sources.context import SourceContext


def choose(
    context: SourceContext, question: str, options: Sequence[str], of: str, names: Sequence[str]
) -> int:
    """Return the index of the option that the person chooses; a single one is not asked for.

    Args:
        context: has the person, and what was chosen last.
        question: what is asked.
        options: what is shown, a line each.
        of: names the list, for the next time.
        names: what is remembered of each option; no secret.

    Raises:
        NoTerminal: nobody can be asked.
    """
    if len(options) == 1:
        return 0
    choices = context.choices()
    last = choices.last(of)
    order = sorted(range(len(options)), key=lambda number: names[number] != last)
    chosen = order[context.person.choose(question, [options[number] for number in order])]
    choices.note(of, names[chosen])
    return chosen
