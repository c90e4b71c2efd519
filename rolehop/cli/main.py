"""The only place where an error becomes words and an exit code."""

from __future__ import annotations

import contextlib
import errno
import sys
from collections.abc import Sequence
from types import TracebackType

import click

from rolehop.cli.context import CommandContext
from rolehop.cli.root import root
from rolehop.command_table import COMMANDS
from rolehop.errors import ConfigError, RolehopError, UsageError
from rolehop.terminal.output import write_lines
from rolehop.terminal.process_streams import (
    Stopped,
    forget_stdout,
    mend_streams,
    raise_when_stopped,
)
from rolehop.text import nearest

INTERRUPTED = 130
SHELL_COMMANDS = ("assume", "leave")


def run(arguments: Sequence[str], cli: CommandContext) -> int:
    """Run one command line and return its exit code; nothing escapes as a traceback."""
    mend_streams()
    raise_when_stopped()
    failure = Failure(arguments, cli)
    sys.excepthook = _scrubbed_excepthook
    try:
        code = root.main(list(arguments), prog_name="rolehop", standalone_mode=False, obj=cli)
    except click.exceptions.NoArgsIsHelpError as error:
        write_lines(error.format_message())
        return error.exit_code
    except click.UsageError as error:
        return failure.usage(error)
    except click.ClickException as error:
        return failure.told(RolehopError(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        return failure.interrupted()
    except Stopped as stopped:
        return failure.stopped(stopped)
    except RolehopError as error:
        return failure.told(error)
    except BrokenPipeError:
        # The reader went away; what it has read is complete lines.
        forget_stdout()
        return 1
    except Exception as error:  # noqa: BLE001 - the last resort: a scrubbed report, never a raw one
        return failure.unexpected(error)
    return code if isinstance(code, int) else 0


class Failure:
    """Says what went wrong: three lines or one JSON object on stderr, and makes an eval fail."""

    def __init__(self, arguments: Sequence[str], cli: CommandContext) -> None:
        self._arguments = arguments
        self._cli = cli

    def told(self, error: RolehopError) -> int:
        """Show a domain error."""
        self._fail_the_eval()
        if self._wants_json():
            self._write_json(error)
        else:
            write_lines(_lines(error, self._cli))
        return error.exit_code

    def usage(self, error: click.UsageError) -> int:
        """Show what is wrong with the command line, and where its help is."""
        path = error.ctx.command_path if error.ctx else "rolehop"
        what = error.format_message()
        return self.told(UsageError(what[:1].lower() + what[1:].rstrip("."), fix=f"{path} --help"))

    def interrupted(self) -> int:
        """Ctrl-C, or Ctrl-D at a question."""
        self._fail_the_eval()
        write_lines("\nrolehop: interrupted")
        return INTERRUPTED

    def stopped(self, stopped: Stopped) -> int:
        """SIGTERM or SIGHUP."""
        self._fail_the_eval()
        write_lines("rolehop: stopped")
        return stopped.code

    def unexpected(self, error: Exception) -> int:
        """Something nobody foresaw: one line, or with ``--debug`` the scrubbed traceback."""
        from rolehop.credentials import scrub

        if self._cli.settings.debug:
            write_lines(_traceback(error))
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EBADF, errno.EIO):
            forget_stdout()  # so that Python's exit does not try, and fail, once more
        return self.told(
            RolehopError(
                f"something unexpected happened: {type(error).__name__}",
                cause=scrub(str(error)) or None,
                fix="run it again with --debug and report what it shows; no secret is in it",
            )
        )

    def _write_json(self, error: RolehopError) -> None:
        from rolehop.credentials import scrub
        from rolehop.show.json_documents import as_json, error_document

        complaints = error.complaints if isinstance(error, ConfigError) else ()
        cause = "\n".join([*([error.cause] if error.cause else []), *map(str, complaints)])
        told = {
            "what": error.what,
            "cause": cause or None,
            "fix": error.fix,
            "chain": error.chain,
            "hop": error.hop,
        }
        write_lines(scrub(as_json(error_document(error.exit_code, told))))

    def _wants_json(self) -> bool:
        return self._value_of("--format") == "json"

    def _fail_the_eval(self) -> None:
        """Print the statement that fails, where stdout is being evaluated by a shell."""
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
        if command not in COMMANDS:
            # Mistyped: what was meant decides, so that `eval "$(rolehop asume x)"` fails too.
            return bool({*SHELL_COMMANDS, "export"} & set(nearest(command, COMMANDS, n=1)))
        return command in SHELL_COMMANDS

    def _command(self) -> str | None:
        """Return the command's name as typed: the first word that belongs to no option."""
        words = iter(self._arguments)
        for word in words:
            if word in ("--config", "--color"):
                next(words, None)
            elif not word.startswith("-"):
                return word
        return None

    def _value_of(self, option: str) -> str | None:
        """Read an option's value off the raw command line: parsing may be what failed."""
        before = (
            self._arguments[: self._arguments.index("--")]
            if "--" in self._arguments
            else self._arguments
        )
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


# On error paths only, like all that is imported inside functions here.


def _lines(error: RolehopError, cli: CommandContext) -> str:
    from rolehop.terminal.error_text import error_lines

    return "\n".join(error_lines(error, cli.quote_argument))


def _traceback(error: BaseException) -> str:
    import traceback

    from rolehop.credentials import scrub

    return scrub("".join(traceback.format_exception(error))).rstrip("\n")


__all__ = ["run"]
