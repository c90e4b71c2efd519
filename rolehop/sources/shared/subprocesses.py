"""Programs that a source asks: no shell, a deadline, stderr passed on, stdout never shown."""

from __future__ import annotations

import errno
import os
import re
import signal
import threading
from collections import deque
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING

from rolehop.credentials import HIDDEN, scrub
from rolehop.errors import SourceError
from rolehop.sources.source_type import Diagnosis
from rolehop.text import clean
from rolehop.time_limit import seconds_left

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Mapping, Sequence

    from rolehop.sources.context import SourceContext

DEADLINE = 40.0
"""Seconds where nobody is at a terminal: who waits for our lock gives up after 45 (`vault.lock`), and
Go's SDK ends a credential process after 60. By then it must have been told why."""

PERSON_DEADLINE = 180.0
"""Seconds where somebody is, who may have to sign in behind it."""

LONGEST = 1_000_000  # bytes of stdout
_LONGEST_LINE = 400  # characters of one line of stderr that are passed on

# What a program may say of its own answer, or of what it was given for it: a JSON Web Token, and
# base64 as long as base64(1) and openssl break its lines, an assertion's for one.
# Compiled on first use: that costs more than this module.
_JWT = r"\beyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)+"
_WORD = r"[^\s\"'<>,{}]+"
_LONG_RUN = r"[A-Za-z0-9+/_=-]{40,}"
_LONG_PART = 32  # characters without a slash: a path's parts are shorter
_PLAIN_MARKS = ("://", "arn:", ":role/")  # an address to sign in at, and who was refused

# How variables end that tell rolehop a secret; `handover.child` keeps the same from other programs.
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

    All else of the user's stays, the ``AWS_…`` variables included: their program may need them.
    """
    own = _OWN_SESSION if environ.get("ROLEHOP_CHAIN") and environ.get("AWS_SESSION_TOKEN") else ()
    return {
        name: value
        for name, value in environ.items()
        if name not in own and not (name.startswith("ROLEHOP_") and name.endswith(_SECRET_ENDS))
    }


def source_command_output(
    command: Sequence[str],
    context: SourceContext,
    *,
    what: str,
    environ: Mapping[str, str] | None = None,
    secret: bool = False,
) -> bytes:
    """Run a command that belongs to a source and return its stdout.

    ``environ`` is what it gets, where that is another than a program's usual one. A program whose
    whole answer is one ``secret`` may say a part of it that is not `masked`: its words are passed
    on, and quoted in no error as well.

    Raises:
        SourceError: as `program_output`, which says what ``what`` is for.
    """
    # The time of a person is not counted against the walk; that of a program is.
    asks = context.person.can_ask
    deadline = PERSON_DEADLINE if asks else seconds_left(DEADLINE)
    if environ is None:
        environ = program_environment(context.environ)
    with context.locks.waiting_for_person() if asks else nullcontext():
        quoted = context.quiet or not secret
        return program_output(
            command, environ, what=what, say=context.note, deadline=deadline, quoted=quoted
        )


def program_output(
    command: Sequence[str],
    environ: Mapping[str, str],
    *,
    what: str,
    say: Callable[[str], None],
    deadline: float = DEADLINE,
    quoted: bool = True,
) -> bytes:
    """Run ``command`` with exactly ``environ`` to its end and return its stdout.

    Its stdin is ours, so that it may ask. Each line of its stderr goes to ``say`` as it comes,
    control characters stripped and what looks like a token hidden; where it fails, the last one
    is the cause if it may be ``quoted``. Of the command only the program is ever shown.

    Raises:
        SourceError: it cannot be started, fails, prints far too much, or outlasts ``deadline``
            (seconds); ``what`` names it in the message, e.g. "the command of source 'x'".
    """
    program = clean(command[0]) if command else ""
    with _started(command, environ, what, program) as process:
        watched = _Watched(process, say)
        try:
            finished = watched.wait(deadline)
        except BaseException:
            process.kill()
            raise
        if not finished:
            process.kill()
            raise SourceError(
                f"{what} did not finish",
                cause=f"{program} ran for {deadline:g} s and was stopped",
                fix="run it by hand to see what it waits for",
            )
    if watched.too_long:
        raise SourceError(
            f"{what} prints far too much",
            cause=f"{program}: over {LONGEST:,} bytes",
            fix=f"run {program} by hand: nothing but the answer belongs on its stdout",
        )
    if process.returncode != 0:
        raise SourceError(
            f"{what} failed",
            cause=(quoted and watched.reason)
            or f"{program} {_ended(process.returncode)}"
            + ("; its words stand above" if watched.reason else ""),
            fix=f"run {program} by hand, then correct the config",
        )
    return watched.output


def diagnose_program(command: Sequence[str], context: SourceContext, looked_for: str) -> Diagnosis:
    """Say whether the program of ``command`` is there to be started."""
    program = clean(command[0]) if command else ""
    wrong = why_not_startable(program, context.environ)
    return Diagnosis(f"{looked_for}, {program}", wrong or "there", good=wrong is None)


def why_not_startable(program: str, environ: Mapping[str, str]) -> str | None:
    """Return why ``program`` cannot be started, ``None``: it is there; nothing is run."""
    import shutil  # on this path only: it costs milliseconds

    if shutil.which(program, path=environ.get("PATH", os.defpath)) is not None:
        return None
    if not {os.sep, "/"} & set(program):
        return "it is not on PATH"
    return "it is no program that may be run" if Path(program).exists() else "it is not there"


def first_line(output: bytes) -> str:
    """Return the first line of what a program printed, without its line end."""
    return output.decode("utf-8", "replace").partition("\n")[0].rstrip("\r")


def _started(
    command: Sequence[str], environ: Mapping[str, str], what: str, program: str
) -> subprocess.Popen[bytes]:
    import subprocess  # on this path only: it costs milliseconds

    try:
        return subprocess.Popen(
            list(command), env=dict(environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
    except (OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) else None
        raise SourceError(
            f"{what} cannot be started",
            cause=f"{program}: {(cause or 'it is no program').lower()}",
            fix=_way_to_start(program, error),
        ) from None


def _way_to_start(program: str, error: OSError | ValueError) -> str:
    """Return what helps against ``error``, met as ``program`` was started."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOEXEC:
        return "let it begin with a line that names its interpreter, e.g. #!/bin/sh"
    if number == errno.EACCES and Path(program).is_file():
        return f"make it a program that may be run: chmod +x {program}"
    if number == errno.ENOENT and Path(program).is_file():
        return "correct its first line: the interpreter that it names is not there"
    if Path(program).is_absolute():
        return "correct the path of the program, or install it there"
    return "write the program's whole path: no shell expands ~ or $VAR there"


def _ended(code: int) -> str:
    """Return how a program ended; Python tells a signal as a negative ``code``."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"was killed by signal {-code}"


def masked(text: str) -> str:
    """Return ``text`` with live secrets, JSON Web Tokens and long base64 replaced by ``[hidden]``."""
    return re.sub(_WORD, _without_runs, re.sub(_JWT, HIDDEN, scrub(text)))


def _without_runs(word: re.Match[str]) -> str:
    if any(mark in word[0] for mark in _PLAIN_MARKS):
        return word[0]
    return re.sub(
        _LONG_RUN,
        lambda run: HIDDEN if max(map(len, run[0].split("/"))) >= _LONG_PART else run[0],
        word[0],
    )


class _Watched:
    """Reads both pipes while the program runs; a child of it may keep them open longer."""

    def __init__(self, process: subprocess.Popen[bytes], say: Callable[[str], None]) -> None:
        self._process = process
        self._say = say
        self.output = b""
        self._said: deque[str] = deque(maxlen=3)
        self.too_long = False
        self._readers = [
            threading.Thread(target=self._read_output, args=(process.stdout,), daemon=True),
            threading.Thread(target=self._pass_on, args=(process.stderr,), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    @property
    def reason(self) -> str:
        """Return what stderr says last: why it failed. A rolehop below ends with what to try there."""
        said = [line for line in self._said if not line.startswith("try: ")]
        if len(said) > 1 and said[-1].startswith("cause: "):
            what, cause = said[-2].removeprefix("rolehop: "), said[-1].removeprefix("cause: ")
            return f"{what}: {cause}"
        return said[-1] if said else ""

    def wait(self, seconds: float) -> bool:
        """Tell whether the program ended within ``seconds``."""
        from subprocess import TimeoutExpired

        try:
            self._process.wait(seconds)
        except TimeoutExpired:
            return False
        for reader in self._readers:
            reader.join(1)
        return True

    def _read_output(self, pipe: IO[bytes]) -> None:
        while chunk := _chunk(pipe):
            if len(self.output) + len(chunk) > LONGEST:
                self.too_long = True
                self._process.kill()
                return
            self.output += chunk

    def _pass_on(self, pipe: IO[bytes]) -> None:
        pending = b""
        while chunk := _chunk(pipe):
            *lines, pending = (pending + chunk).split(b"\n")
            pending = pending[-LONGEST:]
            for line in lines:
                self._line(line)
        self._line(pending)

    def _line(self, line: bytes) -> None:
        text = masked(clean(line.decode("utf-8", "replace")))[:_LONGEST_LINE]
        if text:
            self._said.append(text)
            self._say(text)


def _chunk(pipe: IO[bytes]) -> bytes:
    try:
        return os.read(pipe.fileno(), 65536)
    except (OSError, ValueError):
        return b""  # closed under us: the program was stopped
