"""Types of options of a command that runs for many chains."""

from __future__ import annotations

from typing import Any

import click

from rolehop.app.each.targets import ENABLED
from rolehop.cli.param_types import Region

_MOST_SHARDS = 1000


class RegionList(click.ParamType[tuple[str, ...]]):
    """Names of regions with commas between them, each as in the config; or ``enabled``."""

    name = "regions"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return the names, each once."""
        if isinstance(value, tuple):
            return value
        if value == ENABLED:
            return (ENABLED,)
        names = (part.strip() for part in str(value).split(","))
        return tuple(dict.fromkeys(Region().convert(each, param, ctx) for each in names))


class ShardNumber(click.ParamType[tuple[int, int]]):
    """One of several parts, ``2/8``."""

    name = "shard"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """Return the number of the part, from 1, and how many there are."""
        if isinstance(value, tuple):
            return value
        parts = str(value).split("/")
        if len(parts) == 2 and all(each.isascii() and each.isdecimal() for each in parts):
            number, count = (int(each[:9]) for each in parts)
            if 1 <= number <= count <= _MOST_SHARDS:
                return number, count
        self.fail(f"a shard is N/COUNT with at most {_MOST_SHARDS} of them, e.g. 2/8", param, ctx)
