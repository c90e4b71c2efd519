"""What has to be asked before a run, once for all of its chains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.app.planning import goal_of
from rolehop.app.ports import declined, is_yes
from rolehop.app.walking import ask_reason, person_for
from rolehop.errors import ConfigError, NoTerminal
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.walk_options import WalkOptions


def ask_once(app: App, chains: Sequence[str], options: WalkOptions, *, always: bool) -> WalkOptions:
    """Ask for one confirmation and one reason if chains require them; return ``options`` with it.

    ``always``: ask about all chains, also if none requires it (``--confirm``).

    Raises:
        Declined: the answer was not yes.
        NoTerminal: nobody can be asked.
    """
    configs = app.config.chains
    asking = [name for name in chains if always or (name in configs and configs[name].confirm)]
    if asking:
        _confirm(app, asking, options, always=always)
    reasoned = [name for name in chains if name in configs and configs[name].reason_required]
    return ask_reason(app, reasoned[0], options) if reasoned else options


def _confirm(app: App, chains: Sequence[str], options: WalkOptions, *, always: bool) -> None:
    person = person_for(app, options)
    if person.can_ask:  # else the question, which nobody is asked, needs no list
        for name in chains:
            person.say(f"{name}: {_goal(app, name, options)}")
    question = f"The command runs for the {pluralize(len(chains), 'chain')} above. Continue? [y/N] "
    try:
        answer = person.ask(question, needed="a confirmation")
    except NoTerminal as error:
        why = "--confirm was given" if always else f"chain '{chains[0]}' has confirm = true"
        error.cause, error.fix = why, error.fix or "run it in a terminal"
        raise
    if not is_yes(answer):
        raise declined("it was not confirmed, so nothing was run", answer, "answer y to continue")


def _goal(app: App, name: str, options: WalkOptions) -> str:
    try:
        return goal_of(app, name, options)
    except ConfigError as error:
        return error.what
