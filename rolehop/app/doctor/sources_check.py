"""The sources that chains start from, and what SDKs met: nothing is called, and nothing is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.stored.sdk_failures import sdk_failures
from rolehop.errors import RolehopError
from rolehop.show.doctor.finding import DoctorFinding, fine, look
from rolehop.show.times import show_span
from rolehop.sources import diagnose, expand, first_problem, is_expanded_to_another
from rolehop.text import pluralize

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.app.context import App
    from rolehop.state.sdk_problems import SdkProblem

TOPIC = "sources"
_SHOWN = 3


def check_sources(app: App) -> Iterator[DoctorFinding]:
    """Yield the sources that cannot be used now, as far as this machine tells."""
    try:
        sources = app.config.sources
    except RolehopError:
        return  # the config's own check says it
    unusable = 0
    for name, source in sources.items():
        try:
            # A broken AWS config is no problem of the other sources.
            is_profile = is_expanded_to_another(source)
            base = expand(source, app.aws_config)[0] if is_profile else source
            problem = first_problem(diagnose(base, app.source_context))
        except RolehopError as error:
            problem = error.what
        if problem is not None:
            unusable += 1
            yield look(
                TOPIC,
                f"{name}: {problem}",
                "chains that begin with it cannot be walked now",
                Advice("rolehop source test ", Argument(name)),
            )
    if sources and not unusable:
        yield fine(
            TOPIC, f"{pluralize(len(sources), 'source')}: nothing is missing on this machine"
        )


def check_sdk_problems(app: App) -> Iterator[DoctorFinding]:
    """Yield what SDKs met when they asked for a session: most of them hide it."""
    for each in sdk_failures(app)[:_SHOWN]:
        yield look(
            TOPIC,
            _when(each, app.now()),
            each.cause or "the SDK that asked does not show it",
            each.fix or "rolehop status",
        )


def _when(problem: SdkProblem, now: datetime) -> str:
    """Return what an SDK met, and how long ago; an answer that it may not have read has code 0."""
    failed = " failed" if problem.exit_code else ""
    ago = show_span(max(0, int((now - problem.at).total_seconds())))
    return f"credential-process {problem.chain}{failed}, {ago} ago: {problem.what}"
