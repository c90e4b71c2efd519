"""Where a walk starts: a source built, stamped, and loaded where nothing else tells its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.errors import SourceError
from rolehop.startup.dataclass import dataclass, replace

if TYPE_CHECKING:
    from rolehop.app.context import App
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
    from rolehop.sources.context import SourceChanged

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
    from rolehop.sources.context import SourceChanged

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


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source whose credentials are in hand already; implements ``ports.Source``."""

    credentials: Credentials

    def load(self) -> Credentials:
        """Return them."""
        return self.credentials


def absent(config: SourceConfig, stamp: Stamp) -> SourceError:
    """Return the error for a source that is not where rolehop runs."""
    return SourceError(
        f"source '{config.name}' is not here",
        cause=stamp.problem or f"a source of type {config.type} gives nothing on this machine",
        fix="run it where this source is, or choose another source",
    )


def loaded_if_unknown(source: Source, stamp: Stamp, config: SourceConfig) -> tuple[Source, Stamp]:
    """Load a source whose state nothing else tells, and let its access key ID be the stamp."""
    if stamp.value is not None:
        return source, stamp
    credentials = source.load()
    if credentials is None:
        raise absent(config, stamp)
    found = replace(
        stamp, value=credentials.access_key_id, long_lived=credentials.long_lived, kept=False
    )
    return Loaded(credentials), found
