"""What is left to do once a first config is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.app.config_files import with_same_config
from rolehop.app.doctor.shell_check import missing_startup_line
from rolehop.app.first_config.drafts import ChainDraft, Draft, ImportDraft
from rolehop.app.importing.proposing import keys_advice

if TYPE_CHECKING:
    from rolehop.app.context import App


def next_commands(app: App, draft: Draft) -> Iterator[Advice]:
    """Give the commands to type next: those for keys, and the one for the first chain."""
    yield from missing_keys(app, draft)
    yield Advice("next: ", with_same_config(app, "shell ", Argument(draft.names[0])))


def missing_keys(app: App, draft: Draft) -> Iterator[Advice]:
    """Give the commands that put keys into the keyring which the config needs there."""
    if isinstance(draft, ImportDraft):
        yield from (keys_advice(app, each) for each in draft.planned.keys)
    elif isinstance(draft, ChainDraft) and draft.source.type == "keys":
        source = draft.source.name
        if source not in app.index_store.load().keys:
            yield Advice("next: ", with_same_config(app, "keys add ", Argument(source)))


def shell_line(app: App) -> tuple[str, str] | None:
    """Return the start-up file of the shell that asked, and the line that it lacks for rolehop.

    ``None``: it lacks none, or it is no shell that has one.
    """
    return missing_startup_line(app)
