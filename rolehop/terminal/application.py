"""Draw a prompt_toolkit application on the terminal device, and leave the terminal as it was.

It is drawn below the cursor, without taking the whole screen, and reads and writes the terminal
device itself, so that it works inside ``$( )`` and with a pipe on stdin.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import signal
import sys
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

if TYPE_CHECKING:
    from prompt_toolkit.application import Application
    from prompt_toolkit.buffer import Buffer
    from prompt_toolkit.input import Input
    from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
    from prompt_toolkit.layout import Window
    from prompt_toolkit.output import Output

Result = TypeVar("Result")

_ESCAPE_SECONDS = 0.1
"""In which an arrow key's sequence would follow Esc."""


def application_of(
    typed: Buffer, windows: Sequence[Window], keys: KeyBindings, source: Input, target: Output
) -> Application[Any]:
    """Return an application that shows ``windows``, one below the other, and ends without a trace.

    ``typed`` is what is typed into, in one of them.
    """
    from prompt_toolkit.application import Application
    from prompt_toolkit.layout import HSplit, Layout

    application: Application[Any] = Application(
        layout=Layout(HSplit([*windows]), focused_element=typed),
        key_bindings=keys,
        erase_when_done=True,
        input=source,
        output=target,
    )
    application.ttimeoutlen = _ESCAPE_SECONDS
    return application


def run_application(application: Application[Result | None]) -> Result | None:
    """Run it; return its result, ``None`` if the user left."""

    async def draw() -> Result | None:
        loop = asyncio.get_running_loop()
        if sys.platform != "win32":
            # A signal from outside must leave the terminal as it was.
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.add_signal_handler(number, lambda: application.exit(result=None))
        return await application.run_async(set_exception_handler=False)

    return _run_loop(draw())


def _run_loop(work: Coroutine[None, None, Result | None]) -> Result | None:
    if sys.platform == "win32":
        return asyncio.run(work)

    def loop() -> asyncio.AbstractEventLoop:
        # select() alone can wait for /dev/tty on every system; kqueue of macOS cannot.
        return asyncio.SelectorEventLoop(selectors.SelectSelector())

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(work)


def streams(reader: TextIO, writer: TextIO, term: str | None) -> tuple[Input, Output]:
    """Return prompt_toolkit's input and output for the terminal device."""
    if sys.platform == "win32":
        from prompt_toolkit.input import create_input
        from prompt_toolkit.output import create_output

        return create_input(always_prefer_tty=True), create_output(writer)
    from prompt_toolkit.data_structures import Size
    from prompt_toolkit.input.vt100 import Vt100Input
    from prompt_toolkit.output.vt100 import Vt100_Output

    def size() -> Size:
        columns, rows = os.get_terminal_size(writer.fileno())
        return Size(rows or 24, columns or 80)

    # Do not ask the terminal for the cursor's position: nothing here depends on it.
    return Vt100Input(reader), Vt100_Output(writer, size, term=term, enable_cpr=False)


def size_of(target: Output) -> tuple[int, int]:
    """Return columns and rows of the window."""
    size = target.get_size()
    return size.columns, size.rows


def leaves(keys: KeyBindings) -> None:
    """Let Esc, Ctrl-C and Ctrl-D leave the application."""

    def leave(event: KeyPressEvent) -> None:
        event.app.exit(result=None)

    keys.add("escape", eager=True)(leave)
    for name in ("c-c", "c-d", "<sigint>"):
        keys.add(name)(leave)
