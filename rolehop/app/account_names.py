"""What accounts are called, for people: by the config, by fleets that are in use, by what AWS said before.

Nothing is read before a name is asked for. A name is a hint: it finds a chain in a list, and decides
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.base.errors import RolehopError

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.config.model import Config

OLD_MARK = "?"
"""Follows a name that AWS said more than a month ago."""


class KnownNames(Mapping[str, str]):
    """Names by account ID as people are shown them: an old one ends in `OLD_MARK`."""

    def __init__(self, app: App, *, load: bool = True) -> None:
        """Read nothing yet; unless ``load``, no config is read for a name.

        A broken config names nothing.
        """
        self._app = app
        self._load = load

    def __getitem__(self, account: str) -> str:
        found = self._shown(account)
        if found is None:
            raise KeyError(account)
        return found

    def __contains__(self, account: object) -> bool:
        return isinstance(account, str) and self._shown(account) is not None

    def __iter__(self) -> Iterator[str]:
        config = self._config
        own = () if config is None else config.known_account_names
        return iter(dict.fromkeys((*own, *self._app.noted_account_names)))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        config = self._config
        return bool(config is not None and config.known_account_names) or bool(
            self._app.noted_account_names
        )

    def plain(self, account: str) -> str | None:
        """Return the name without a mark, for programs and for a search; ``None``: it has none."""
        noted = self._app.noted_account_names.get(account)
        return self._current(account) or (None if noted is None else noted.name)

    def shown(self, account: str) -> str:
        """Return the name, or the ID of an account without one."""
        return self._shown(account) or account

    def _shown(self, account: str) -> str | None:
        current = self._current(account)
        if current is not None:
            return current
        noted = self._app.noted_account_names.get(account)
        if noted is None:
            return None
        return f"{noted.name}{OLD_MARK}" if noted.is_old(self._app.now()) else noted.name

    def _current(self, account: str) -> str | None:
        config = self._config
        return None if config is None else config.name_of_account(account)

    @property
    def _config(self) -> Config | None:
        if not self._load and not self._app.is_config_loaded:
            return None
        try:
            return self._app.config
        except RolehopError:
            return None
