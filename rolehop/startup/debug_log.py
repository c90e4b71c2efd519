"""Lines for ``--debug``; where nobody listens, not even the logging library is imported."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs more than this module does
if TYPE_CHECKING:
    from collections.abc import Callable

_listeners: list[Callable[[str, str, tuple[object, ...]], object]] = []


def debug(name: str, message: str, *values: object) -> None:
    """Tell whoever listens ``message`` of module ``name``, its ``%`` places not yet filled."""
    for tell in _listeners:
        tell(name, message, values)


def listen(tell: Callable[[str, str, tuple[object, ...]], object]) -> None:
    """Give ``tell`` every line from now on: the module's name, the message, its values."""
    _listeners.append(tell)
