"""The file and line where a chain's hop is configured, for reports that point there (SARIF)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

from rolehop.app.context import App
from rolehop.app.host import read_or_none
from rolehop.app.planning import resolve_chain
from rolehop.config.toml.positions import index_lines, nearest_line
from rolehop.errors import ConfigError
from rolehop.show.checking.ci_reports import FileLocation
from rolehop.startup.lazy_regex import Pattern

Keys = tuple[str | int, ...]

_SECTION = Pattern(r"\s*\[\s*(?:profile\s+)?(?P<name>[^\]]+?)\s*\].*")


class ConfigLines:
    """Finds hops in the config files; each file is read once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lines = cache(_index_file)

    def find(self, chain: str, hop: int) -> FileLocation:
        """Return the line of a hop, else of its chain; of an AWS profile, that of its section.

        It points at the chain, too, if the chain cannot be resolved; of ``FLEET/*`` at the fleet.
        """
        fleet = self._app.config.chain_places.get(chain.removesuffix("*"))
        if fleet is not None and chain.endswith("/*"):
            return FileLocation(
                _uri(Path(fleet[0])), nearest_line(self._lines(fleet[0]), fleet[1]) or 1
            )
        if chain not in self._app.config.chains:
            path = self._app.aws_files[0]
            return FileLocation(_uri(path), _section_line(path, chain))
        file, keys = self._keys_of(chain, hop)
        return FileLocation(_uri(Path(file)), nearest_line(self._lines(file), keys) or 1)

    def _keys_of(self, chain: str, hop: int) -> tuple[str, Keys]:
        """Return the file and the TOML keys of a hop; another chain may define it (``from``)."""
        config = self._app.config
        try:
            found = resolve_chain(self._app, chain).written[hop - 1] if hop else None
        except ConfigError:  # which is why the report points there
            found = None
        if found is None or found.in_profile:
            return config.place_of(chain)
        file, keys = config.place_of(found.chain)
        in_fleet = config.chains[found.chain].fleet is not None
        return file, (*keys, "role") if in_fleet else (*keys, "hops", found.number - 1)


def _index_file(file: str) -> Mapping[Keys, int]:
    # Windows editors like to begin a file with a byte order mark.
    return index_lines((read_or_none(Path(file)) or "").removeprefix("\ufeff"))


def _section_line(path: Path, profile: str) -> int:
    for number, text in enumerate((read_or_none(path) or "").splitlines(), start=1):
        match = _SECTION.fullmatch(text)
        if match and match["name"] == profile:
            return number
    return 1


def _uri(path: Path) -> str:
    """Return a path as a URI, relative to the current folder if it lies below it."""
    for one, here in ((path, Path.cwd()), (path.resolve(), Path.cwd().resolve())):
        if one.is_relative_to(here):
            return quote(one.relative_to(here).as_posix())
    return path.absolute().as_uri()
