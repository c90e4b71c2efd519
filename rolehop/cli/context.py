"""What a command uses: the common options, the terminal, and the application behind them."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

from rolehop.base.advice import is_plain
from rolehop.base.waits import watch_waits
from rolehop.terminal.terminal import Settings, Terminal

if TYPE_CHECKING:
    import click

    from rolehop.app.context import App
    from rolehop.app.ports import Progress
    from rolehop.handover.shells.dialect import Dialect
    from rolehop.terminal.layout import View

_ON_WINDOWS = os.name == "nt"


class CommandContext:
    """One run of the command line.

    Attributes:
        environ: the environment of this process.
        settings: the options that every command takes, filled in while the command line is parsed.
        terminal: writes to stdout, stderr and the terminal device.
        sdk_chain: the chain that an SDK asks for, which most likely hides our stderr: then a
            failure is kept for `status`.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = dict(environ)
        self.settings = Settings()
        self.terminal = Terminal(self.settings, self.environ, self.quote_argument)
        self.sdk_chain: str | None = None

    @classmethod
    def of(cls, ctx: click.Context) -> CommandContext:
        """Return the context of the running command."""
        found = ctx.find_object(cls)
        if found is None:
            raise RuntimeError("a command runs without its context")
        return found

    @cached_property
    def app(self) -> App:
        """The application, with this terminal to ask on; made after the options were parsed."""
        from rolehop.app.account_names import KnownNames
        from rolehop.app.context import App
        from rolehop.app.host import home_folder
        from rolehop.terminal.prompts import TerminalPerson

        app = App(
            self.environ,
            home_folder(),
            config_file=self.settings.config,
            person=TerminalPerson(self.terminal, self.environ),
            notify=None if self.settings.quiet else self.terminal.note,
            read_line=lambda: sys.stdin.readline(),
        )
        if not self.settings.quiet:
            from rolehop.terminal.prompts import SlowWaits

            watch_waits(SlowWaits(self.terminal, lambda: self.sdk_chain is None).begin)
        self.terminal.account_names = KnownNames(app, load=False)
        return app

    def progress(self) -> Progress:
        """Return what shows the progress of a walk."""
        from rolehop.terminal.progress import progress_on

        return progress_on(self.terminal, self.app.now)

    def dialect(self, named: str | None) -> Dialect:
        """Return the named shell's dialect, else that of the parent process, else sh.

        Raises:
            UsageError: there is no shell of that name.
        """
        return _dialect(named, "sh")

    def dialect_typed(self, named: str | None) -> Dialect:
        """Return the dialect of what a person types: as `dialect`, but cmd's on Windows.

        Windows does not tell which shell called us. What is quoted for sh runs commands in cmd;
        what cmd can take as one argument is one in the other shells, too.

        Raises:
            UsageError: there is no shell of that name.
        """
        return _dialect(named, "cmd" if _ON_WINDOWS else "sh")

    def quote_argument(self, text: str) -> str:
        """Return ``text`` as a person types it as one argument in the shell that called us."""
        return text if is_plain(text) else self.dialect_typed(None).argument(text)

    def write_view(self, view: View, *, beside: bool = False) -> None:
        """Write a view to stdout, with the names of accounts.

        ``beside``: to stderr, beside what stdout gets.
        """
        from rolehop.app.account_names import KnownNames

        self.terminal.write_view(view, KnownNames(self.app), beside=beside)

    def write_json(self, document: dict[str, object]) -> None:
        """Write a JSON document to stdout."""
        from rolehop.terminal.json_text import as_json

        self.terminal.write_output(as_json(document) + "\n", encoding="utf-8")


def _dialect(named: str | None, unknown: str) -> Dialect:
    """Return the named shell's dialect, else that of the parent process, else that of ``unknown``."""
    from rolehop.handover.shells.registry import dialect

    if named:
        return dialect(named)
    from rolehop.handover.shells.registry import parent_shell

    return dialect(parent_shell() or unknown)
