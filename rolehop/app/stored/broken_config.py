"""See and forget what is stored while the config is broken: the index says most of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.advice import Advice, ShellCommand
from rolehop.app.config_files import with_same_config
from rolehop.config.model import Config
from rolehop.errors import ConfigError
from rolehop.text import clean
from rolehop.vault import ENCRYPTED_FILE, GPG_STORE, KERNEL

if TYPE_CHECKING:
    from rolehop.app.context import App

_NAMED_IN_CONFIGS = frozenset([ENCRYPTED_FILE, GPG_STORE, KERNEL])
"""Back ends that are used because a config names them. No other name is taken from the index: it
would be imported, and whoever can write the index could name any module."""


def without_broken_config(app: App) -> App:
    """Return ``app``, or one with an empty config if its own is broken, which is said in a note."""
    try:
        _ = app.config
    except ConfigError as problem:
        app.note(_said(app, problem))
        other = app.with_config(Config(vault_backend=_backend_of_stored(app)))
        other.config_problem = problem
        return other
    return app


def _said(app: App, problem: ConfigError) -> Advice:
    """Return the first problem in a line, and how all of them are shown."""
    if not problem.complaints:
        return Advice(f"the config is not used: {problem.what}", *_cause(problem))
    first, *others = problem.complaints
    more = f" (and {len(others)} more)" if others else ""
    return Advice(
        *("the config is not used: ", ShellCommand(first.place), f": {clean(first.said)}{more}; "),
        with_same_config(app, "config check"),
    )


def _cause(problem: ConfigError) -> tuple[str, ...]:
    return () if problem.cause is None else (f": {clean(problem.cause)}",)


def _backend_of_stored(app: App) -> str | None:
    """Return the back end of all that is stored, if a config has to name it and nothing else does."""
    if app.environ.get("PYTHON_KEYRING_BACKEND"):
        return None
    index = app.index
    backends = {each.backend for each in index.sessions.values()}
    backends |= {each.backend for each in index.orphans}
    backends |= {each.backend for each in index.keys.values()}
    return backends.pop() if len(backends) == 1 and backends <= _NAMED_IN_CONFIGS else None
