"""What a walk does for the credentials of its source: on this terminal, by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rolehop.base.durations import show_clock
from rolehop.base.text import clean
from rolehop.plan.model import Cache, TokenStep
from rolehop.sources import base_of, token_name

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.plan.model import Plan


class SourceStart(NamedTuple):
    """How a walk starts."""

    said: str
    """E.g. ``signed in until 19:48``; empty: there is nothing to say."""

    problem: str = ""
    """Why it will fail; empty if nothing speaks against it."""

    asks: bool = False
    """A person is asked for something."""


def start_of_walk(app: App, plan: Plan) -> SourceStart:
    """Return how a walk of ``plan`` would start here and now."""
    signed_in = _signed_in(app, plan)
    if plan.source_problem is None:
        if _asks_code(app, plan):
            return SourceStart("asks for an MFA code", asks=True)
        return SourceStart(signed_in)
    if not signed_in and _may_sign_in(app, plan):
        where = ", in the browser" if app.person.has_browser else ""
        return SourceStart(f"asks you to sign in{where}", asks=True)
    return SourceStart("will fail", problem=clean(plan.source_problem))


def _asks_code(app: App, plan: Plan) -> bool:
    """True if GetSessionToken comes first, with an MFA code."""
    if any(step.cache is Cache.FRESH for step in plan.hops):
        return False
    tokens = [each for each in plan.steps if isinstance(each, TokenStep) and each.mfa_serial]
    stored = (app.index.sessions.get(each.key) for each in tokens)
    return any(each is None or each.local_expires_at <= app.now() for each in stored)


def _may_sign_in(app: App, plan: Plan) -> bool:
    """True if a walk lets the person at this terminal sign in."""
    base = base_of(plan.source, lambda: app.aws_config)
    return token_name(base, lambda: app.source_context) is not None and app.person.can_ask


def _signed_in(app: App, plan: Plan) -> str:
    """Return until when somebody is signed in; empty if nobody is, or there is no such thing."""
    base = base_of(plan.source, lambda: app.aws_config)
    name = token_name(base, lambda: app.source_context)
    end = None if name is None else app.index.sign_in_ends.get(name)
    if end is None or end.ended or end.ends_at is None:
        return ""
    now = app.now()
    if end.ends_at <= now:
        return "signed in" if end.renews else ""
    return f"signed in until {show_clock(end.ends_at, now)}"
