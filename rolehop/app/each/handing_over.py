"""How the command of a target gets its session: in its environment, or from a server beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from rolehop.app.each.targets import TargetFacts
from rolehop.app.walking import HandoverSession

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.serving.news import Reporter
    from rolehop.credentials import Session
    from rolehop.handover.environment import Change
    from rolehop.plan.resolve import Resolved
    from rolehop.plan.walk_options import WalkOptions

HandOver = Callable[
    [TargetFacts, "Resolved", "Session"], AbstractContextManager[Sequence["Change"]]
]
"""Yields what changes in the environment of a target's command, which ends before the context."""

COMMAND = "each"


def as_variables(app: App, options: WalkOptions) -> HandOver:
    """Return what hands over the session itself."""

    @contextmanager
    def hand_over(
        facts: TargetFacts, resolved: Resolved, session: Session
    ) -> Iterator[Sequence[Change]]:
        del resolved
        handed = HandoverSession(facts.chain, facts.region, session, options.shell_flags)
        yield handed.changes(app.variables)

    return hand_over


def through_server(app: App, options: WalkOptions, reporter: Reporter) -> HandOver:
    """Return what gives each command a server of its own: no command gets another one's token."""
    from rolehop.app.serving.server import Server, ServerSettings
    from rolehop.app.serving.start import already_started

    @contextmanager
    def hand_over(
        facts: TargetFacts, resolved: Resolved, session: Session
    ) -> Iterator[Sequence[Change]]:
        with Server(app, ServerSettings(command=COMMAND), reporter) as server:
            started = already_started(
                app, facts.chain, session, options, region=facts.region, sts_region=resolved.region
            )
            server.add(started)
            with server.running_beside():
                yield server.changes_of_command(facts.chain)

    return hand_over
