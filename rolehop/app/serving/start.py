"""Begin to serve a chain: ask what has to be asked, walk it, and know how to walk it again."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.context import App
from rolehop.app.ports import NonInteractive, Progress
from rolehop.app.walking import ask_before_walk, count_use, walk_chain
from rolehop.errors import NoTerminal
from rolehop.startup.dataclass import dataclass, replace
from rolehop.time_limit import time_limit, unattended

if TYPE_CHECKING:
    from rolehop.credentials import Session
    from rolehop.plan.walk_options import WalkOptions

RENEWED_AT_SECONDS = 20 * 60
"""With less life left, or half of it, a stored session is not taken by a renewal."""

_WALK_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class StartedChain:
    """A chain with its first session."""

    name: str
    session: Session
    region: str | None
    """The region to export, if any."""
    sts_region: str
    """The region of its calls to STS."""
    walk_again: Callable[[], Session]
    """Returns a new session without asking anybody; raises as `rolehop.walk.walk`."""
    flags: tuple[str, ...] = ()
    """The flags that change the last hop, e.g. ``--read-only``."""


def start_chain(
    app: App, name: str, options: WalkOptions, progress: Progress, *, command: str
) -> StartedChain:
    """Ask for confirmation and reason, once for as long as the chain is served, and walk it.

    ``command`` serves it, for the history.

    Raises:
        Declined: the chain has ``confirm = true`` and the answer was not yes.
        NoTerminal: something has to be asked, and nobody can be.
        RolehopError: see `rolehop.walk.walk`.
    """
    confirmed = ask_before_walk(app, name, options)
    plan, session = walk_chain(app, name, confirmed, progress)
    app.history.handed_over(command, name, session, confirmed.reason)
    count_use(app, name)
    walk_again = _Renewal(app, plan.chain, confirmed, was_asked=_asks(app, name))
    region, flags = plan.export_region, confirmed.shell_flags
    return StartedChain(plan.chain, session, region, plan.region, walk_again, flags)


def already_started(
    app: App,
    name: str,
    session: Session,
    options: WalkOptions,
    *,
    region: str | None,
    sts_region: str,
) -> StartedChain:
    """Return a chain that was walked with ``options``, after all that it asks was asked.

    ``region`` is exported, if any; ``sts_region`` is that of its calls to STS.
    """
    walk_again = _Renewal(app, name, options, was_asked=True)
    return StartedChain(name, session, region, sts_region, walk_again, options.shell_flags)


def _asks(app: App, name: str) -> bool:
    chain = app.config.chains.get(name)
    return chain is not None and chain.confirm


class _ServerPerson(NonInteractive):
    """Nobody: a server that runs asks nothing."""

    def __init__(self, chain: str) -> None:
        self._chain = chain

    def ask(self, question: str, *, needed: str, hidden: bool = False) -> str:
        """Refuse to ask.

        Raises:
            NoTerminal: always.
        """
        del question, hidden
        raise NoTerminal(
            f"{needed} is needed, and a server asks nobody",
            fix=Advice("rolehop refresh ", Argument(self._chain), " in a terminal"),
        )


class _Renewal:
    """Walks a chain as it is in the config then, with the flags that it was started with."""

    def __init__(self, app: App, name: str, options: WalkOptions, *, was_asked: bool) -> None:
        self._app = app
        self._name = name
        self._was_asked = was_asked
        least = max(options.min_ttl or 0, RENEWED_AT_SECONDS)
        self._options = replace(options, min_ttl=least, mfa_stdin=False)

    def __call__(self) -> Session:
        try:
            return self._walk()
        finally:
            # The connection to the session bus is closed with its object, which is in a circle.
            gc.collect()

    def _walk(self) -> Session:
        app = App(
            self._app.variables,
            self._app.home,
            config_file=self._app.config_file,
            person=_ServerPerson(self._name),
        )
        with closing(app):
            if _asks(app, self._name) and not self._was_asked:
                ask_before_walk(app, self._name, self._options)
            with unattended(), time_limit(_WALK_SECONDS):
                return walk_chain(app, self._name, self._options)[1]
