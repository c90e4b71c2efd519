"""At which line of which file chains and their hops are written, for programs that point there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote

from rolehop.app.context import App
from rolehop.app.host import read_or_none
from rolehop.app.planning import resolve_chain
from rolehop.config.model import written_hops
from rolehop.config.toml_positions import index_lines, nearest_line
from rolehop.plan.resolve import path_of
from rolehop.show.ci_reports import Place
from rolehop.startup.lazy_regex import Pattern

Keys = tuple[str | int, ...]

_SECTION = Pattern(r"\s*\[\s*(?:profile\s+)?(?P<name>[^\]]+?)\s*\].*")


class Lines:
    """Finds hops in the config files; each file is read once."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._lines = cache(_lines_of)

    def of(self, chain: str, hop: int) -> Place:
        """Return the line of a hop, else of its chain; of an AWS profile, that of its section."""
        if chain not in self._app.config.chains:
            path = self._app.aws_files[0]
            return Place(_uri(path), _section_line(path, chain))
        file, keys = self._written(chain, hop)
        return Place(_uri(Path(file)), nearest_line(self._lines(file), keys) or 1)

    def _written(self, chain: str, hop: int) -> tuple[str, Keys]:
        """Return where a hop is written: it may be by a chain that this one continues."""
        config = self._app.config
        written = written_hops(path_of(config, config.chains[chain]))
        # A source that is a profile brings hops of its own, which come first.
        before = len(resolve_chain(self._app, chain).hops) - len(written)
        if hop <= before:
            return config.chain_places[chain]
        found = written[hop - before - 1]
        file, keys = config.chain_places[found.chain]
        of_fleet = config.chains[found.chain].fleet is not None
        return file, (*keys, "role") if of_fleet else (*keys, "hops", found.number - 1)


def _lines_of(file: str) -> Mapping[Keys, int]:
    # Windows editors like to begin with that mark.
    return index_lines((read_or_none(Path(file)) or "").removeprefix("\ufeff"))


def _section_line(path: Path, profile: str) -> int:
    for number, text in enumerate((read_or_none(path) or "").splitlines(), start=1):
        match = _SECTION.fullmatch(text)
        if match and match["name"] == profile:
            return number
    return 1


def _uri(path: Path) -> str:
    """Return a path as a URI: relative to the folder that rolehop runs in, where it lies below."""
    for one, here in ((path, Path.cwd()), (path.resolve(), Path.cwd().resolve())):
        if one.is_relative_to(here):
            return quote(one.relative_to(here).as_posix())
    return path.absolute().as_uri()
