"""Run one command line; the only place that turns an error into text and an exit code."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import click

from rolehop.base.errors import RolehopError, UsageError
from rolehop.base.text import nearest
from rolehop.base.waits import caller_has_ended, watch_caller
from rolehop.cli.context import CommandContext
from rolehop.cli.options import no_such_option
from rolehop.cli.root import root
from rolehop.hotpath.command_table import COMMANDS
from rolehop.terminal.output import write_lines
from rolehop.terminal.process_streams import (
    Stopped,
    end_when_stopped,
    forget_stdout,
    open_closed_streams,
    raise_when_stopped,
    repeat_dropped_signals,
    stdout_problem,
)
from rolehop.terminal.terminal import not_in_order, not_written

if TYPE_CHECKING:
    from collections.abc import Callable

INTERRUPTED = 130
_OF_DISK = (errno.ENOSPC, errno.EFBIG, errno.EIO)
SHELL_COMMANDS = ("assume", "leave")


def run(arguments: Sequence[str], cli: CommandContext) -> int:
    """Run one command line and return its exit code; every exception is reported here.

    From its end on, a signal ends the process at once, as one does before.
    """
    try:
        return _run(arguments, cli)
    except Stopped as stopped:  # a second one, while the first was reported
        return stopped.code
    finally:
        end_when_stopped()


def _run(arguments: Sequence[str], cli: CommandContext) -> int:
    failure = Failure(arguments, cli)
    sys.excepthook = _scrubbed_excepthook
    try:
        open_closed_streams()
        raise_when_stopped()
        repeat_dropped_signals()
        watch_caller()
        code = root.main(list(arguments), prog_name="rolehop", standalone_mode=False, obj=cli)
    except click.exceptions.NoArgsIsHelpError as error:
        write_lines(error.format_message())
        return error.exit_code
    except click.UsageError as error:
        return failure.usage(error)
    except click.ClickException as error:
        return failure.report(RolehopError(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        return failure.interrupted()
    except Stopped as stopped:
        return failure.stopped(stopped)
    except RolehopError as error:
        return failure.report(error)
    except BrokenPipeError:
        # The reader has gone; it has read complete lines.
        forget_stdout()
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort; the report is scrubbed
        return failure.unexpected(error)
    return code if isinstance(code, int) else 0


class Failure:
    """Reports an error: three lines or one JSON object on stderr; a shell's eval fails, too."""

    def __init__(self, arguments: Sequence[str], cli: CommandContext) -> None:
        self._arguments = arguments
        self._cli = cli

    def report(self, error: RolehopError) -> int:
        """Report an error and return its exit code."""
        self._fail_the_eval()
        if self._wants_json():
            self._write_json(error)
        else:
            _report(error, self._cli)
        self._keep_for_status(error, error.exit_code)
        return error.exit_code

    def usage(self, error: click.UsageError) -> int:
        """Report what is wrong with the command line, and name its help."""
        path = error.ctx.command_path if error.ctx else "rolehop"
        typed = no_such_option(error) if isinstance(error, click.NoSuchOption) else error
        what = typed.format_message()
        return self.report(
            UsageError(what[:1].lower() + what[1:].rstrip("."), fix=f"{path} --help")
        )

    def interrupted(self) -> int:
        """Report Ctrl-C, or Ctrl-D at a question."""
        self._fail_the_eval()
        write_lines("\nrolehop: interrupted")
        return INTERRUPTED

    def stopped(self, stopped: Stopped) -> int:
        """Report SIGTERM or SIGHUP, or that nobody waits for an answer any more."""
        self._fail_the_eval()
        gone = "the program that called rolehop has ended, so nothing is asked any more"
        write_lines(f"rolehop: {gone if caller_has_ended() else 'stopped'}")
        self._keep_for_status(RolehopError("it was stopped by whoever started it"), stopped.code)
        return stopped.code

    def unexpected(self, error: Exception) -> int:
        """Report an unexpected exception; with ``--debug``, its scrubbed traceback, too."""
        from rolehop.base.credentials import scrub

        if self._cli.settings.debug:
            write_lines(_traceback(error))
        if isinstance(error, OSError):
            lost = stdout_problem(error)
            if lost is not None:
                forget_stdout()  # else Python would try to write the rest at exit, and fail again
                return self.report(not_written(lost))
            if error.filename and error.errno in _OF_DISK:
                return self.report(not_in_order(error))
        return self.report(
            RolehopError(
                f"something unexpected happened: {type(error).__name__}",
                cause=scrub(str(error)) or None,
                fix="run it again with --debug and report what it shows; no secret is in it",
            )
        )

    def _keep_for_status(self, error: RolehopError, code: int) -> None:
        """Keep it if an SDK asked: most of them hide our stderr."""
        chain = self._cli.sdk_chain
        if chain is not None:
            from rolehop.app.walking import keep_sdk_problem

            with contextlib.suppress(RolehopError):  # there may be no folder to keep it in
                keep_sdk_problem(self._cli.app, chain, error, code)

    def _write_json(self, error: RolehopError) -> None:
        from rolehop.base.credentials import scrub
        from rolehop.terminal.error_text import error_document
        from rolehop.terminal.json_text import as_json

        write_lines(scrub(as_json(error_document(error))))

    def _wants_json(self) -> bool:
        return self._value_of("--format") == "json"

    def _fail_the_eval(self) -> None:
        """Print the failing statement if a shell evaluates stdout."""
        if not self._is_evaluated():
            return
        try:
            dialect = self._cli.dialect(self._value_of("--shell"))
        except UsageError:  # the name may be what is wrong
            dialect = self._cli.dialect(None)
        with contextlib.suppress(RolehopError, OSError):  # stdout itself may be what is wrong
            self._cli.terminal.write_output(dialect.failure + "\n")

    def _is_evaluated(self) -> bool:
        command = self._command()
        if command is None or sys.stdout.isatty() or {"--help", "-h"} & set(self._arguments):
            return False
        if command == "export":
            return self._value_of("--format") in (None, "env")
        if command == "refresh":
            return self._value_of("--shell") is not None
        if command == "serve":
            return "--print-env" in self._arguments
        if command not in COMMANDS:
            # Mistyped: the nearest command decides, so that `eval "$(rolehop asume x)"` fails, too.
            return bool({*SHELL_COMMANDS, "export"} & set(nearest(command, COMMANDS, n=1)))
        return command in SHELL_COMMANDS

    def _command(self) -> str | None:
        """Return the name of the command: the first word that belongs to no option."""
        words = iter(self._arguments)
        for word in words:
            if word in ("--config", "--color"):
                next(words, None)
            elif not word.startswith("-"):
                return word
        return None

    def _value_of(self, option: str) -> str | None:
        """Return an option's value from the raw command line: parsing may have failed."""
        before = list(self._arguments)
        before = before[: before.index("--")] if "--" in before else before
        for position, argument in enumerate(before):
            if argument == option and position + 1 < len(before):
                return before[position + 1]
            if argument.startswith(f"{option}="):
                return argument.partition("=")[2]
        return None


def _scrubbed_excepthook(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    write_lines(_traceback(error.with_traceback(trace)))


# These import what only error paths need.


def _report(error: RolehopError, cli: CommandContext) -> None:
    from rolehop.cli.error_report import lines_of

    cli.terminal.report(lines_of(error, cli))


def _traceback(error: BaseException) -> str:
    import traceback

    from rolehop.base.credentials import scrub

    return scrub("".join(traceback.format_exception(error))).rstrip("\n")


P = ParamSpec("P")
T = TypeVar("T")

_SLOTS = 1 << 16
"""Of eight bytes; only what is used of them becomes real memory."""


def call_with_room(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call ``function``; the calls that it makes lie in one piece of memory."""
    return function(*args, **kwargs)


# The interpreter reserves this much for each frame of the function, and touches none of it.
call_with_room.__code__ = call_with_room.__code__.replace(co_stacksize=_SLOTS)
