"""A source whose credentials are in hand already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.errors import SourceError
from rolehop.values import dataclass, replace

if TYPE_CHECKING:
    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.plan.model import Stamp
    from rolehop.ports import Source


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
