"""Where a walk starts: a source built, stamped, and loaded where nothing else tells its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.errors import SourceError

if TYPE_CHECKING:
    from rolehop.cli.wiring import App
    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.plan.model import Stamp
    from rolehop.ports import Source

_CHANGES = 5  # how often a source may turn out to be another one while it is started from


def start(app: App, config: SourceConfig) -> tuple[Source, Stamp]:
    """Build a source and stamp it as it is now.

    Raises:
        SourceError: it gives nothing, or somebody signs in to it again and again meanwhile.
    """
    from rolehop.sources import build_source
    from rolehop.sources.inputs import SourceChanged
    from rolehop.sources.loaded import loaded_if_unknown

    for _ in range(_CHANGES):
        # Built before it is stamped: a source that remembers its state then sees any change.
        source = build_source(config, app.inputs)
        try:
            return loaded_if_unknown(source, app.stamp(config), config)
        except SourceChanged:
            continue
    raise _restless(config)


def load_source(app: App, config: SourceConfig) -> tuple[Credentials, Stamp]:
    """Return a source's own credentials, of which nothing is kept, and its stamp.

    Raises:
        SourceError: it gives none.
    """
    from rolehop.sources.inputs import SourceChanged
    from rolehop.sources.loaded import absent

    for _ in range(_CHANGES):
        source, stamp = start(app, config)
        try:
            found = source.load()
        except SourceChanged:
            continue
        if found is not None:
            return found, stamp
        raise absent(config, stamp)
    raise _restless(config)


def _restless(config: SourceConfig) -> SourceError:
    return SourceError(
        f"source '{config.name}' does not come to rest",
        cause="somebody signs in to it again and again meanwhile",
        fix="try again in a moment",
    )
