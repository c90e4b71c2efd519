"""What this process waits for, told to whoever watches: somebody at a terminal wants to know."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs more than this module does
if TYPE_CHECKING:
    from collections.abc import Callable

    Watch = Callable[[str, bool], Callable[[], object]]

_watchers: list[Watch] = []


class Wait:
    """A wait that begins now; as a context it ends with it."""

    __slots__ = ("_ends",)

    def __init__(self, what: str, *, may_ask: bool = False) -> None:
        """Begin; ``what`` is e.g. ``waiting for sts.amazonaws.com``.

        ``may_ask``: what is waited for may ask on the terminal itself, where no line may be in its
        way.
        """
        self._ends = [watch(what, may_ask) for watch in _watchers]

    def end(self) -> None:
        """End it."""
        for each in self._ends:
            each()
        self._ends = []

    def __enter__(self) -> None:
        """Nothing: it has begun."""

    def __exit__(self, *_: object) -> None:
        """End it."""
        self.end()


def watch_waits(watch: Watch) -> None:
    """Call ``watch`` at the begin of every wait from now on; it returns what is called at its end."""
    _watchers.append(watch)
