"""Build and stamp the source of a walk; load it if only loading tells its state."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import SourceError, SourceWithdrawn

if TYPE_CHECKING:
    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.plan.model import Stamp
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source

MOST_CHANGES = 5  # attempts before a source whose sign-in keeps changing is given up


def start(config: SourceConfig, context: SourceContext) -> tuple[Source, Stamp]:
    """Build a source and stamp it in its present state.

    Raises:
        SourceError: it gives no credentials, or its sign-in keeps changing.
    """
    from rolehop.sources import build_source, stamp_of
    from rolehop.sources.context import SourceChanged

    for _ in range(MOST_CHANGES):
        # Built before it is stamped: a source that remembers its state then sees any change.
        source = build_source(config, context)
        try:
            return loaded_if_unknown(source, stamp_of(config, context), config)
        except SourceChanged:
            continue
    raise keeps_changing(config)


def load_source(config: SourceConfig, context: SourceContext) -> tuple[Credentials, Stamp]:
    """Return a source's own credentials, which are not stored, and its stamp.

    Raises:
        SourceError: it gives none.
    """
    from rolehop.sources.context import SourceChanged

    for _ in range(MOST_CHANGES):
        source, stamp = start(config, context)
        try:
            found = source.load()
        except SourceChanged:
            continue
        if found is not None:
            return found, stamp
        raise absent(config, stamp)
    raise keeps_changing(config)


def keeps_changing(config: SourceConfig) -> SourceError:
    """Return the error for a source that became another one again and again while in use."""
    return SourceError(
        f"the sign-in of source '{config.name}' keeps changing",
        cause="somebody signed in to it several times while it was being used",
        fix="try again in a moment",
    )


@dataclass(frozen=True, slots=True)
class Loaded:
    """A source whose credentials were loaded before; implements ``ports.Source``."""

    credentials: Credentials

    def load(self) -> Credentials:
        """Return the credentials."""
        return self.credentials


def absent(config: SourceConfig, stamp: Stamp) -> SourceError:
    """Return the error for a source that does not exist on this machine."""
    return SourceWithdrawn(
        f"source '{config.name}' has no credentials here",
        cause=stamp.problem or f"a source of type {config.type} gives none on this machine",
        fix="run it where they are, or choose another source",
    )


def loaded_if_unknown(source: Source, stamp: Stamp, config: SourceConfig) -> tuple[Source, Stamp]:
    """Load a source that has no other stamp, and use its access key ID as the stamp."""
    if stamp.value is not None:
        return source, stamp
    credentials = source.load()
    if credentials is None:
        raise absent(config, stamp)
    found = replace(
        stamp, value=credentials.access_key_id, long_lived=credentials.long_lived, stored=False
    )
    return Loaded(credentials), found
