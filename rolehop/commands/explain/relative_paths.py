"""Write a config's relative paths in full, for a copy of it in another folder."""

from __future__ import annotations

import os.path
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rolehop.config.schema import CHAIN, FLEET, Table
from rolehop.config.toml_edit import change_keys
from rolehop.config.value_types import PATH, Place


def with_full_paths(text: str, folder: Path, source_types: Mapping[str, Table]) -> str:
    """Return a well-formed config with each path that is relative to ``folder`` in full.

    Args:
        text: the config.
        folder: where its file is, absolute.
        source_types: the keys of each type of source.

    Raises:
        ValueError: a path is in a form that cannot be changed in place.
    """
    data = tomllib.loads(text)
    included = data.get("include", [])
    if isinstance(included, list) and not all(Path(each).is_absolute() for each in included):
        text = change_keys(text, (), {"include": [_full(folder, each) for each in included]})
    for place, key, path in _paths(data, source_types):
        if not Path(path).is_absolute():
            text = change_keys(text, place, {key: _full(folder, path)})
    return text


def _full(folder: Path, path: str) -> str:
    return os.path.normpath(folder / path)


def _paths(
    data: Mapping[str, Any], source_types: Mapping[str, Table]
) -> Iterator[tuple[Place, str, str]]:
    """Yield each path with the place of its table and its key."""
    for kind, of_kind in (("chains", CHAIN), ("fleets", FLEET), ("sources", None)):
        for name, values in data.get(kind, {}).items():
            table = of_kind or source_types.get(values.get("type", ""))
            if table is not None:
                yield from _paths_in(table, values, (kind, name))


def _paths_in(
    table: Table, values: Mapping[str, Any], place: Place
) -> Iterator[tuple[Place, str, str]]:
    for key in table.keys:
        found = values.get(key.name)
        if key.check is PATH and isinstance(found, str):
            yield place, key.name, found
        elif key.table is not None and isinstance(found, list):
            for number, each in enumerate(found):
                if isinstance(each, dict):
                    yield from _paths_in(key.table, each, (*place, key.name, number))
