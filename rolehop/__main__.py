"""The entry point, ``rolehop`` and ``python -m rolehop``: completion and the hot path come first."""

import os
import sys

TYPE_CHECKING = False  # typing's own costs more than all that this module does

if TYPE_CHECKING:
    from typing import NoReturn


def main() -> "NoReturn":
    """Run the program and end the process."""
    end(run_program())


def run_program() -> int:
    """Answer at once what needs no command line, else run the command.

    That is the version, a shell that completes, and a cached ``credential-process``.

    All is imported in here: Ctrl-C may come in the first millisecond.
    """
    try:
        if sys.argv[1:] in (["--version"], ["-V"]):
            from rolehop import __version__

            _leave_with(f"rolehop {__version__}\n")
        from rolehop.hotpath import answer as answer_at_once

        if "_ROLEHOP_COMPLETE" in os.environ:
            _complete()
        line = answer_at_once(sys.argv[1:], os.environ)
        if line is not None:
            _leave_with(line + "\n")
        import gc

        # Modules and classes stay alive: collecting after every 700 objects took a twentieth of
        # the time.
        gc.set_threshold(200_000)
        from rolehop.cli.context import CommandContext
        from rolehop.cli.main import call_with_room, run

        code = call_with_room(run, sys.argv[1:], CommandContext(os.environ))
    except KeyboardInterrupt:
        _interrupted()
    return code


def end(code: int) -> "NoReturn":
    """End the process as Python does, but leave it to the system to free modules and objects.

    Python takes each of them apart, which takes as long as one to seven bare interpreters; and it
    aborts if a thread holds stderr, as the one may that says what is waited for.
    """
    import atexit

    threading = sys.modules.get("threading")
    if threading is not None and any(
        not each.daemon and each is not threading.main_thread() for each in threading.enumerate()
    ):
        sys.exit(code)  # Python knows how to wait for them
    try:
        atexit._run_exitfuncs()
        sys.stdout.flush()  # what is written to stderr never waits in it
    except (OSError, ValueError):
        sys.exit(code)  # Python says what could not be written
    except KeyboardInterrupt:
        _interrupted()
    os._exit(code)


def _complete() -> None:
    """Answer a shell that completes a line and exit; return if this is no such call."""
    from rolehop.hotpath.completion import answer, question

    asked = question(sys.argv[1:], os.environ)
    if asked is None:
        return
    text = answer(asked, os.environ)
    if text is None:
        from rolehop.cli.completing import answer_in_full
        from rolehop.cli.context import CommandContext

        text = answer_in_full(asked, CommandContext(os.environ))
    _leave_with(text)


def _leave_with(text: str, code: int = 0) -> "NoReturn":
    """Write ``text`` to stdout and exit at once: there is nothing to clean up."""
    data = text.encode("utf-8", "surrogateescape")
    try:
        while data:
            data = data[os.write(1, data) :]
    except BrokenPipeError:  # the reader has gone, which is not our error
        os._exit(1)
    except OSError as error:
        from rolehop.terminal.drawing import as_text
        from rolehop.terminal.error_text import error_lines
        from rolehop.terminal.terminal import not_written

        _say(as_text(error_lines(not_written(error))))
        os._exit(1)
    os._exit(code)


def _interrupted() -> "NoReturn":
    """Exit as every command does on Ctrl-C; a shell that evaluates the output must fail, too."""
    _say("\nrolehop: interrupted\n")
    # The command line is not parsed yet.
    evaluated = "assume" in sys.argv and not _completes() and not os.isatty(1)
    _leave_with("false\n" if evaluated else "", 130)


def _say(text: str) -> None:
    """Write to stderr, unless the user is typing a line that is being completed."""
    if not _completes():
        try:
            os.write(2, text.encode("utf-8", "replace"))
        except OSError:
            return


def _completes() -> bool:
    return sys.argv[1:2] == ["completion"]


if __name__ == "__main__":
    main()
