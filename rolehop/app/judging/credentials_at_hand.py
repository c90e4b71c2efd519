"""Credentials that are here already: a chain's stored session, a source's own keys."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.errors import SourceError

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.plan.model import Plan


def stored_session(app: App, key: str) -> Credentials | None:
    """Return the session of a hop key; ``None``: none is stored, or it is over."""
    session = app.vault.find_key(key)
    lasts = session is not None and session.lasts(app.now(), timedelta(0))
    return session.credentials if session is not None and lasts else None


def own_keys(app: App, source: SourceConfig) -> Credentials | None:
    """Return a source's credentials if no call, question or program is needed to get them.

    Raises:
        RolehopError: they cannot be loaded.
    """
    from rolehop.sources import loads_locally
    from rolehop.sources.loading import load_source

    context = app.walk_context(app.person)
    return load_source(source, context)[0] if loads_locally(source, context) else None


def session_or_keys(app: App, plan: Plan) -> Credentials:
    """Return a chain's stored session, or its source's own keys if it has no hops.

    Raises:
        SourceError: there are none; nothing is walked.
    """
    found = stored_session(app, plan.key)
    if found is None and not plan.hops:
        found = own_keys(app, plan.source)
    if found is None:
        raise SourceError(
            f"no session of chain '{plan.chain}' is stored",
            fix=Advice("rolehop assume ", Argument(plan.chain)),
            chain=plan.chain,
        )
    return found
