"""All chains of one server: what they answer, what is due, and which clients were seen."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from rolehop.app.serving.keeper import ChainKeeper
from rolehop.endpoint.responses import Response
from rolehop.endpoint.rules import SessionForm
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean

_LONGEST_NAP = 30.0
"""Seconds; a machine that was suspended notices by then what is due."""
_MOST_WALKS = 8
_MOST_CLIENTS = 20
_LONGEST_NAME = 60


@dataclass(slots=True)
class ClientSeen:
    """A program that asked for a session, by what it calls itself."""

    name: str
    requests: int = 0


class ServedChains:
    """What a server's loop calls: answers of each chain, and what is due.

    Attributes:
        clients: by name; of those that are too many, only the requests are counted.
        requests: how many sessions and errors of chains were handed out.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        idle_seconds: float | None,
        on_idle: Callable[[], None],
        on_news: Callable[[], None],
    ) -> None:
        """``on_idle`` is called when nobody has asked for ``idle_seconds``.

        ``on_news`` is called if there is something new to note: a client, or the next renewal.
        """
        self.keepers: dict[str, ChainKeeper] = {}
        self.clients: dict[str, ClientSeen] = {}
        self.requests = 0
        self._now = now
        self._idle_seconds = idle_seconds
        self._on_idle = on_idle
        self._on_news = on_news
        self._last_request = time.monotonic()
        self._next_look = 0.0
        self._must_look = True
        self._is_news = True

    def add(self, keeper: ChainKeeper) -> None:
        """Serve one more chain."""
        self.keepers[keeper.chain] = keeper

    def __contains__(self, chain: object) -> bool:
        """True if ``chain`` is served."""
        return chain in self.keepers

    def answer(self, chain: str, client: str, form: SessionForm, *, final: bool) -> Response | None:
        """Return the answer of ``chain``; ``None``: it is known in a moment, unless ``final``."""
        response = self.keepers[chain].answer(form, final=final)
        if response is not None:
            self._last_request = time.monotonic()
            self.requests += 1
            self._count(client)
        return response

    def _count(self, client: str) -> None:
        self._is_news = True
        seen = self.clients.get(client)
        if seen is None and len(self.clients) < _MOST_CLIENTS:
            name = clean(client)[:_LONGEST_NAME] or "unnamed"
            seen = self.clients[client] = ClientSeen(name)
            self._must_look = True
        if seen is not None:
            seen.requests += 1

    def look_again(self) -> None:
        """Let the next `tick` look at every chain: one was renewed, or could not be.

        Any thread may call this.
        """
        self._is_news = True
        self._must_look = True

    def tick(self) -> float:
        """Begin the renewals that are due; return for how many seconds nothing else will be."""
        left = self._next_look - time.monotonic()
        if left <= 0 or self._must_look:
            self._must_look = False  # before it: what changes meanwhile is looked at next time
            left = min(self._begin_what_is_due(), self._end_if_idle())
            self._next_look = time.monotonic() + left
            if self._is_news:
                self._is_news = False
                self._on_news()
        return max(left, 0.0)

    def _begin_what_is_due(self) -> float:
        now, naps = self._now(), [_LONGEST_NAP]
        walking = 0
        for keeper in self.keepers.values():
            due = keeper.next_walk
            if due is None:
                walking += keeper.is_walking
            elif due > now:
                naps.append((due - now).total_seconds())
            elif walking < _MOST_WALKS:
                keeper.renew()
                walking += 1
        return min(naps)

    def _end_if_idle(self) -> float:
        if self._idle_seconds is None:
            return _LONGEST_NAP
        left = self._last_request + self._idle_seconds - time.monotonic()
        if left <= 0:
            self._on_idle()
        return max(left, 0.0)
