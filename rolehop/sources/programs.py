"""Programs that a source runs: no shell, a deadline, stderr passed on, stdout never shown."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections import deque
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.credentials import HIDDEN, scrub
from rolehop.base.errors import SourceError
from rolehop.base.files import is_plain_file, is_there
from rolehop.base.programs import is_startable, program_file
from rolehop.base.text import clean
from rolehop.base.time_limit import program_may_ask, seconds_left, unattended
from rolehop.base.waits import Wait
from rolehop.sources.running_program import ProcessTree, Program
from rolehop.sources.source_type import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rolehop.sources.context import SourceContext


class ProgramErrors:
    """Makes the errors of one program; ``what`` names it, e.g. "the command of source 'x'"."""

    def __init__(self, what: str, command: Sequence[str]) -> None:
        self._what = what
        self._path = command[0] if command else ""
        self.name = clean(self._path)
        """The program's name, as it may be shown."""

    def not_started(self, error: OSError | ValueError) -> SourceError:
        """Return the error of a program that the system did not start."""
        file, reason = self._path, "it is not a program"
        if isinstance(error, OSError):
            file, reason = error.filename or file, error.strerror or reason
            if _lacks_interpreter(file, error):
                reason = "its interpreter is missing"
        # Only of the system's words the first one is in capitals.
        reason = reason[:1].lower() + reason[1:]
        return SourceError(
            f"{self._what} cannot be started",
            cause=f"{clean(file)}: {reason}",
            fix=_how_to_start(file, error),
        )

    def too_long(self, stream: str, longest: int) -> SourceError:
        """Return the error of a program with more than ``longest`` bytes on its ``stream``."""
        return SourceError(
            f"{self._what} printed far too much",
            cause=f"{self.name}: over {longest:,} bytes on its {stream}",
            fix=self._by_hand(": nothing but the answer belongs on its stdout"),
        )

    def too_slow(self, seconds: float) -> SourceError:
        """Return the error of a program that was stopped after ``seconds``."""
        return SourceError(
            f"{self._what} did not finish",
            cause=f"{self.name} ran for {round(seconds, 1):g} s and was stopped",
            fix="run it by hand to see what it waits for",
        )

    def lost_keeper(self, returncode: int | None) -> SourceError:
        """Return the error of a program whose keeper was killed, which ended with ``returncode``."""
        return SourceError(
            f"{self._what} did not finish",
            cause=f"the process of rolehop's that watches over {self.name} "
            f"{_exit_text(returncode)}, and {self.name} ended with it",
            fix="run the command again; what the program had started may still run",
        )

    def failed(self, returncode: int | None, reason: str, *, quoted: bool) -> SourceError:
        """Return the error of a program that failed; ``reason``: what it said, if it did.

        The reason is the cause if it may be ``quoted``; else it has been shown before.
        """
        ended = f"{self.name} {_exit_text(returncode)}"
        shown_before = "; its messages are above" if reason else ""
        error = SourceError(
            f"{self._what} failed",
            cause=(quoted and reason) or f"{ended}{shown_before}",
            fix=self._by_hand(", then correct the config"),
        )
        error.quotes_program = quoted and bool(reason)
        return error

    def _by_hand(self, then: str) -> Advice:
        return Advice("run ", Argument(self._path), f" by hand{then}")


def _how_to_start(program: str, error: OSError | ValueError) -> str:
    """Return the fix for ``error``, which occurred when ``program`` was started."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOEXEC:
        return "let it begin with a line that names its interpreter, e.g. #!/bin/sh"
    if number == errno.EACCES and is_plain_file(program):
        return Advice("make it executable: chmod +x ", Argument(program))
    if isinstance(error, OSError) and _lacks_interpreter(program, error):
        return "correct its first line: the interpreter that it names does not exist"
    if Path(program).is_absolute():
        return "correct the path of the program, or install it there"
    return "write the program's whole path: no shell expands ~ or $VAR there"


def _lacks_interpreter(program: str, error: OSError) -> bool:
    """True if ``program`` is there: then it is what its first line names that is not."""
    return error.errno == errno.ENOENT and is_plain_file(program)


def _exit_text(code: int | None) -> str:
    """Describe the end of a program; Python reports a signal as a negative ``code``."""
    if code is None:
        return "did not end"
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed by signal {-code}"


_JWT = r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+"

# A pair that is named for its secret: password=x, "SecretAccessKey": "x", Authorization: Bearer x.
_PAIR = (
    r"(?i)((?:pass(?:word|wd|phrase|code)|secret|token|\botp|\bpin|\bpwd"
    r"|(?:secret|private|api|keyring)[ _-]?(?:access[ _-]?)?key)[\"']?[ \t]{0,3}([:=])[ \t]{0,3}"
    r"|(\bbearer)[ \t])"
    r"(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>,;{}&]+))"
)

_PATH = r"(?:~|\.{1,2}|[A-Za-z]:)?[\\/]"
_WORD = r"[^\s\"'<>,{}]+"
_PLAIN_MARKS = ("://", "arn:", ":role/")  # an address to sign in at, and the role that was refused
_LOGIN = r"(://[^\s/:@]*:)[^\s/@]+@"  # https://user:password@host

# Base64 as long as the lines of base64(1) and openssl, for example of an assertion.
_LONG_RUN = r"[A-Za-z0-9+/_=-]{40,}"
_LONG_PART = 32  # characters without a slash: a path's parts are shorter

# A secret access key is 40 characters of base64, of which a path may have as many. In a key, case
# and digits change 16 times on average in a way that seldom occurs within the names of a path, and
# in both its halves. So one key in 50,000 is shown, and one such path in 800 is hidden.
_KEY = (
    r"(?<![A-Za-z0-9+/])(?=[a-z0-9+/]*[A-Z])([A-Za-z0-9+/]{20})([A-Za-z0-9+/]{20})(?![A-Za-z0-9+/])"
)

_CHANGE = r"(?<=[a-z])[A-Z]|(?<=[0-9])[A-Za-z]|(?<=[A-Za-z])[0-9]"
_CHANGES, _CHANGES_OF_HALF = 5, 1


def masked(text: str) -> str:
    """Return ``text`` with ``[hidden]`` in place of all that is or looks like a secret.

    That is live secrets, JSON Web Tokens, long base64, AWS secret access keys, values that are named
    as a secret, and passwords in addresses.
    """
    text = re.sub(_JWT, HIDDEN, scrub(text))
    return re.sub(_WORD, _without_runs, re.sub(_PAIR, _without_value, text))


def _without_value(pair: re.Match[str]) -> str:
    name, sign, bearer, *quoted, bare = pair.groups()
    if bare is None:
        quote = pair[0][-1]
        return f"{name}{quote}{HIDDEN}{quote}" if any(quoted) else pair[0]
    is_in_address = "://" in pair.string[: pair.start()].rpartition(" ")[2]
    if is_in_address or bare.startswith("arn:") or re.match(_PATH, bare):
        return pair[0]
    # After a colon there may be words: "token: expired".
    if not bearer and sign == ":" and re.fullmatch(r"[A-Z]?[a-z-]+[.:!?)]*", bare):
        return pair[0]
    return f"{name}{HIDDEN}"


def _without_runs(word: re.Match[str]) -> str:
    if any(mark in word[0] for mark in _PLAIN_MARKS):
        return re.sub(_LOGIN, rf"\1{HIDDEN}@", word[0])
    return re.sub(_KEY, _without_key, re.sub(_LONG_RUN, _without_run, word[0]))


def _without_run(run: re.Match[str]) -> str:
    return HIDDEN if max(map(len, run[0].split("/"))) >= _LONG_PART else run[0]


def _without_key(run: re.Match[str]) -> str:
    counts = [len(re.findall(_CHANGE, half)) for half in run.groups()]
    is_key = sum(counts) >= _CHANGES and min(counts) >= _CHANGES_OF_HALF
    return HIDDEN if is_key else run[0]


DEADLINE = 40.0
"""Seconds without a terminal: processes that wait for our lock give up after 45 (`vault.locks`), and
Go's SDK ends a credential process after 60. By then they must know why."""

PERSON_DEADLINE = 180.0
"""Seconds with a terminal, since a person may have to sign in."""

LONGEST = 1_000_000  # bytes of stdout, and of stderr
_LAST_READS, _LAST_READ_SECONDS = 20, 0.025  # of each stream, once the program has ended
_LONGEST_LINE = 400  # characters of one line of stderr that are passed on

# How variables end that give rolehop a secret; `handover.environment.child_environment` removes the same ones.
_SECRET_ENDS = ("CODE", "OTP", "PASSPHRASE", "PASSWORD", "PIN", "PRIVATE_KEY", "SECRET", "TOKEN")

_OWN_SESSION = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
)


def program_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return ``environ`` without rolehop's secrets, and without a session that rolehop put there.

    Everything else stays, the ``AWS_…`` variables included: the program may need it.
    """
    own = own_session(environ)
    return {
        name: value
        for name, value in environ.items()
        if name not in own and not (name.startswith("ROLEHOP_") and name.endswith(_SECRET_ENDS))
    }


def own_session(environ: Mapping[str, str]) -> Sequence[str]:
    """Return the variables of a session that rolehop put into ``environ``, if it did."""
    is_own = environ.get("ROLEHOP_CHAIN") and environ.get("AWS_SESSION_TOKEN")
    return _OWN_SESSION if is_own else ()


def source_command_output(
    command: Sequence[str],
    context: SourceContext,
    *,
    what: str,
    environ: Mapping[str, str] | None = None,
    secret: bool = False,
) -> bytes:
    """Run a command of a source and return its stdout.

    ``environ`` replaces the usual environment of a program. If the whole answer is one ``secret``,
    stderr may hold a part of it that `masked` does not hide: its lines are passed on, but not
    repeated in an error.

    Raises:
        SourceError: as `program_output`, which explains ``what``.
    """
    # Without a terminal all its time counts. With one it may ask a person, whose time is not that of
    # the walk; but a caller of `credential-process` waits no longer for that.
    asks = context.person.can_ask
    deadline = PERSON_DEADLINE if asks else seconds_left(DEADLINE)
    if environ is None:
        environ = program_environment(context.environ)
    # Others who wait for our lock see in any case that it may take a person, e.g. to touch a key.
    with program_may_ask() if asks else unattended(), context.locks.waiting_for_person():
        quoted = context.quiet or not secret
        return program_output(
            command,
            environ,
            what=what,
            say=context.note,
            deadline=deadline,
            quoted=quoted,
            judged=context.programs,
        )


def program_output(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    what: str,
    say: Callable[[str], None],
    deadline: float = DEADLINE,
    quoted: bool = True,
    judged: Mapping[str, str | None] = {},
) -> bytes:
    """Run ``command`` with ``environ`` and return its stdout.

    Its stdin is ours, so it may ask. Each line of its stderr goes to ``say`` as it comes, without
    control characters and with tokens hidden; if the program fails, the last one is the cause,
    provided that it may be ``quoted``. Only the program's name is ever shown, not its arguments.
    If its time or size is up, or it fails, it is ended with everything that it started. What it
    leaves running when it succeeds stays: that may be an agent or a browser. ``judged`` has the files
    of programs that were looked up before (`SourceContext.programs`).

    Raises:
        SourceError: it cannot be started, fails, prints too much, or exceeds ``deadline``
            (seconds). ``what`` names it in the message, e.g. "the command of source 'x'".
    """
    errors = ProgramErrors(what, command)
    tree = ProcessTree()
    name = command[0] if command else ""
    file = judged[name] if name in judged else program_file(name, environ)
    process = _started(command, tree.environment(environ), file, errors)
    reader = _OutputReader(process, say, lambda: tree.end(process))
    try:
        with Wait(f"waiting for {errors.name}", may_ask=True):
            finished = reader.wait(deadline)
        if finished and process.returncode != 0:
            tree.end(process)
    except BaseException:
        tree.end(process)
        raise
    finally:
        process.close()
    if reader.too_long is not None:
        raise errors.too_long(reader.too_long, LONGEST)
    if not finished:
        raise errors.too_slow(deadline)
    if process.returncode != 0 and process.has_lost_keeper:
        raise errors.lost_keeper(process.returncode)
    if process.returncode != 0:
        raise errors.failed(process.returncode, reader.reason, quoted=quoted)
    return reader.output


def diagnose_program(command: Sequence[str], context: SourceContext, looked_for: str) -> Diagnosis:
    """Return whether the program of ``command`` can be started; nothing is run."""
    program = clean(command[0]) if command else ""
    problem = why_not_startable(program, context.environ)
    return Diagnosis(f"{looked_for}, {program}", problem or "there", good=problem is None)


def why_not_startable(program: str, environ: Mapping[str, str]) -> str | None:
    """Return why ``program`` cannot be started, or ``None`` if it can; nothing is run."""
    file = program_file(program, environ)
    if file is None:
        return "it is not on PATH"
    if is_startable(file):
        return None
    return "it is not executable" if is_there(file) else "it is not there"


def first_line(output: bytes) -> str:
    """Return the first line of a program's output, without its line end."""
    return output.decode("utf-8", "replace").partition("\n")[0].rstrip("\r")


def _started(
    command: Sequence[str], environ: Mapping[str, str], file: str | None, errors: ProgramErrors
) -> Program:
    try:
        return Program(command, environ, file)
    except (OSError, ValueError) as error:
        raise errors.not_started(error) from None


class _OutputReader:
    """Reads both pipes while the program runs; ``end`` ends the program and all it started."""

    def __init__(
        self, process: Program, say: Callable[[str], None], end: Callable[[], None]
    ) -> None:
        self._process = process
        self._say = say
        self._end = end
        self.output = b""
        self.too_long: str | None = None
        """The stream that is too long, ``stdout`` or ``stderr``."""

        self._last_lines: deque[str] = deque(maxlen=4)
        self._readers = [
            threading.Thread(target=self._read_output, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._pass_on, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def reason(self) -> str:
        """Return the last line of stderr, the reason of a failure; a rolehop's own is two lines."""
        said = self._last_lines[-1] if self._last_lines else ""
        for what, cause in pairwise((*self._last_lines, "")):
            if what.startswith("rolehop: "):
                said = what.removeprefix("rolehop: ")
                said += f": {cause.removeprefix('cause ')}" if cause.startswith("cause ") else ""
        return said

    def wait(self, seconds: float) -> bool:
        """True if the program ended within ``seconds``; otherwise it has been ended."""
        if not self._process.ends_within(seconds):
            self._end()
            return False
        # A process that it started in the background may hold the pipes open. Short waits: if the
        # machine stalls in one of them, what was printed is still read in the next.
        for reader in self._readers * _LAST_READS:
            reader.join(_LAST_READ_SECONDS)
        if self.too_long is not None:
            self._end()  # the reader may not be done with that yet
        return True

    def _read_output(self, pipe: IO[bytes]) -> None:
        while chunk := _chunk(pipe):
            if self._is_too_long(len(self.output) + len(chunk), "stdout"):
                return
            self.output += chunk

    def _pass_on(self, pipe: IO[bytes]) -> None:
        pending, total = b"", 0
        while chunk := _chunk(pipe):
            total += len(chunk)
            if self._is_too_long(total, "stderr"):
                return
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                self._pass_on_line(line)
        self._pass_on_line(pending)

    def _is_too_long(self, length: int, stream: str) -> bool:
        if length <= LONGEST:
            return False
        self.too_long = stream
        self._end()
        return True

    def _pass_on_line(self, line: bytes) -> None:
        text = masked(clean(line.decode("utf-8", "replace")))[:_LONGEST_LINE]
        if text:
            self._last_lines.append(text)
            self._say(text)


def _chunk(pipe: IO[bytes]) -> bytes:
    try:
        return os.read(pipe.fileno(), 65536)
    except (OSError, ValueError):
        return b""  # closed, because the program was ended
