"""Say before a long job which sign-ins will end during it: then only a person can go on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.app.config_files import with_same_config
from rolehop.base.advice import Advice, Argument
from rolehop.base.durations import show_clock
from rolehop.base.errors import RolehopError
from rolehop.sources import base_of, token_name

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import SourceConfig

WORKING_DAY = timedelta(hours=12)
"""So long a server may be needed."""


def ending_sign_ins(app: App, chains: Iterable[str], within: timedelta) -> Iterator[Advice]:
    """Give a line for each sign-in of ``chains`` that ends ``within`` that, and does not renew itself.

    It is known from the index: nothing is called, and no keyring is opened.
    """
    now, seen = app.now(), set[str]()
    for source in _sources(app, chains):
        base = base_of(source, lambda: app.aws_config)
        name = token_name(base, lambda: app.source_context)
        end = None if name is None else app.index.sign_in_ends.get(name)
        if name is None or name in seen or end is None or end.ends_at is None:
            continue
        seen.add(name)
        if not end.renews and not end.ended and now < end.ends_at <= now + within:
            login = with_same_config(app, "source login ", Argument(source.name), " --force")
            said = f"the sign-in of {source.name} ends at {show_clock(end.ends_at, now)};"
            yield Advice(f"{said} to renew it before: ", login)


def _sources(app: App, chains: Iterable[str]) -> Iterator[SourceConfig]:
    """Give the sources of the chains, each once as far as the config itself names them."""
    from rolehop.app.planning import Planning
    from rolehop.plan.resolve import source_name_of

    planning, given = Planning(app), set[str]()
    for name in chains:
        with suppress(RolehopError):
            chain = app.config.chains.get(name)
            source = None if chain is None else source_name_of(app.config, chain)
            if source is None:  # an AWS profile
                yield planning.resolve(name).source
            elif source not in given:
                given.add(source)
                yield app.config.sources[source]
