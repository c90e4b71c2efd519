"""Lines for ``--debug``; the logging library is imported only if they are shown."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own costs more than this module does
if TYPE_CHECKING:
    from collections.abc import Callable

_handlers: list[Callable[[str, str, tuple[object, ...]], object]] = []


def debug(name: str, message: str, *values: object) -> None:
    """Log ``message`` for module ``name``; ``values`` fill its ``%`` placeholders if it is shown."""
    for handle in _handlers:
        handle(name, message, values)


def listen(handle: Callable[[str, str, tuple[object, ...]], object]) -> None:
    """Call ``handle`` with every line from now on: the module's name, the message, its values."""
    _handlers.append(handle)
