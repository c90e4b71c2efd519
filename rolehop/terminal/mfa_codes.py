"""MFA codes: from the terminal, from ``mfa_command`` or from stdin; none is ever sent twice.

AWS takes a code once in its 30 s window, and answers a second use with a misleading "invalid
code" (IAM user guide, MFA). So the window of the last code is remembered across processes, and
the next question waits for the next window.
"""

from __future__ import annotations

import hashlib
import re
import sys
import time
from collections.abc import Mapping

from rolehop.errors import NoTerminal, SourceError
from rolehop.ports import Locks, MfaCode
from rolehop.sources.shared.subprocesses import program_output
from rolehop.startup.dataclass import dataclass
from rolehop.terminal.terminal import Terminal
from rolehop.vault.index import UsedMfaCode
from rolehop.vault.index_file import IndexStore

WINDOW = 30  # seconds; RFC 6238, and the only step AWS's virtual devices use
COMMAND_DEADLINE = 40  # seconds: a person may have to touch a key
_CODE = re.compile(r"[0-9]{6}")


class SpentCodes:
    """Remembers in the index, without the code itself, what was sent last."""

    def __init__(self, index: IndexStore) -> None:
        self._index = index

    def last(self, serial: str) -> UsedMfaCode | None:
        """Return the 30 s window and the digest of the last code of ``serial``."""
        return self._index.load().mfa.get(serial)

    def note(self, serial: str, window: int, digest: str) -> None:
        """Remember them."""
        self._index.change(lambda index: index.with_spent(serial, window, digest))


@dataclass(frozen=True, slots=True)
class MfaSources:
    """How a code can be had in this run."""

    command: tuple[str, ...] | None = None
    """``mfa_command``, an argument list without a shell."""
    stdin: bool = False
    prompt: bool = True


class AskedCodes:
    """Implements ``ports.Codes``."""

    def __init__(
        self,
        ways: MfaSources,
        terminal: Terminal,
        spent: SpentCodes,
        locks: Locks,
        child: Mapping[str, str],
        chain: str,
    ) -> None:
        self._ways = ways
        self._terminal = terminal
        self._spent = spent
        self._locks = locks
        self._child = child
        self._chain = chain
        self._has_read_stdin = False

    def ask(self, serial: str, purpose: str) -> MfaCode:
        """Return a code of device ``serial`` that was not sent before."""
        with self._locks.waiting_for_person():
            if self._ways.stdin:
                return self._from_stdin(serial)
            if self._ways.command:
                self._wait_for_window(serial)
                return self._from_command(serial, self._ways.command)
            return self._from_terminal(serial, purpose)

    def spent(self, code: MfaCode) -> None:
        """Remember that ``code`` is being sent."""
        self._spent.note(code.serial, _window(), _digest(code))

    def _from_stdin(self, serial: str) -> MfaCode:
        if self._has_read_stdin:
            raise SourceError(
                "a second MFA code is needed",
                cause="the first was sent with a call that asked for more time than the role"
                " allows, and AWS takes a code once",
                fix="run it again with the device's next code: the role's limit is known now",
            )
        self._has_read_stdin = True
        text = sys.stdin.readline().strip()
        if not _CODE.fullmatch(text):
            raise SourceError(
                "standard input holds no MFA code",
                cause="a code is six digits on a line of its own",
                fix=f"printf '%s\\n' CODE | rolehop assume {self._chain} --mfa-stdin",
            )
        code = MfaCode(serial, text)
        if self._is_used(code):
            raise SourceError(
                "this MFA code was sent before",
                cause="AWS takes a code once",
                fix="wait for the device's next code and run it again",
            )
        return code

    def _from_command(self, serial: str, command: tuple[str, ...]) -> MfaCode:
        printed = program_output(
            command,
            self._child,
            what=f"mfa_command of chain '{self._chain}'",
            say=self._terminal.note,
            deadline=COMMAND_DEADLINE,
        )
        found = _CODE.findall(printed.decode("ascii", "replace"))
        if len(found) != 1:
            raise SourceError(
                f"mfa_command gave no code: {command[0]}",
                cause=f"it printed {len(found)} six-digit codes",
                fix="run it by hand: it must print one code and nothing else",
            )
        return MfaCode(serial, found[0])

    def _from_terminal(self, serial: str, purpose: str) -> MfaCode:
        if not self._ways.prompt:
            raise self._nobody(serial, purpose)
        try:
            return self._asked(serial, purpose)
        except NoTerminal:
            raise self._nobody(serial, purpose) from None

    def _asked(self, serial: str, purpose: str) -> MfaCode:
        device = serial.rpartition("/")[2] or serial
        question = f"MFA code of {device} ({purpose}): "
        with self._terminal.device("an MFA code"):
            pass  # without a terminal, say so now and not after the wait
        self._wait_for_window(serial)
        while True:
            text = self._terminal.ask(question, needed="an MFA code")
            code = MfaCode(serial, text.replace(" ", ""))
            if not _CODE.fullmatch(code.code):
                question = "six digits, please: "
            elif self._is_used(code):
                question = "that one was sent before; the next one, please: "
            else:
                return code

    def _wait_for_window(self, serial: str) -> None:
        """Wait until the window of the last code is over, counting down on the terminal."""
        last = self._spent.last(serial)
        if last is None or last.window < _window() or last.window > _window() + 1:
            return
        with self._terminal.countdown("the last MFA code is spent; next one in") as show:
            while last.window >= _window():
                show(int(WINDOW * (last.window + 1) - time.time()) + 1)
                time.sleep(0.2)

    def _is_used(self, code: MfaCode) -> bool:
        last = self._spent.last(code.serial)
        return last is not None and last.digest == _digest(code) and last.window >= _window() - 2

    def _nobody(self, serial: str, purpose: str) -> NoTerminal:
        return NoTerminal(
            f"chain '{self._chain}' needs an MFA code and there is no terminal to ask on",
            cause=f"a code of {serial} is needed {purpose}, and no mfa_command gives one",
            fix=f"run 'rolehop assume {self._chain}' in a terminal first, or set mfa_command",
            chain=self._chain,
        )


def _window() -> int:
    return int(time.time()) // WINDOW


def _digest(code: MfaCode) -> str:
    return hashlib.sha256(f"{code.serial}\n{code.code}".encode()).hexdigest()
