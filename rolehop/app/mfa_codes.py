"""MFA codes from a person, from ``mfa_command`` or from stdin; no code is ever sent twice.

AWS accepts a code once in its 30 s window and answers a second use with a misleading "invalid
code" (IAM user guide, MFA). So the window of the last code is remembered across processes, and
the next question waits for the next window.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

from rolehop.base.advice import Advice, Argument
from rolehop.base.dataclass import dataclass, field
from rolehop.base.digest import sha256_hex
from rolehop.base.errors import NoTerminal, ServiceError, SourceError
from rolehop.base.time_limit import seconds_left, unattended
from rolehop.vault.index import WINDOW_SECONDS, UsedMfaCode
from rolehop.walk.ports import Locks, MfaCode, StsRefusal

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Person
    from rolehop.config.model import SourceConfig
    from rolehop.vault.index_file import IndexStore

_MORE_CODES = 2
"""How often a person is asked again for a code that AWS says is wrong."""

T = TypeVar("T")
COMMAND_DEADLINE = 40  # seconds: a person may have to touch a key
_CODE = re.compile(r"[0-9]{6}")


def mfa_codes(
    app: App, source: SourceConfig, chain: str, person: Person, *, from_stdin: bool
) -> MfaCodes:
    """Return the codes for one walk of ``chain``, or for rotating the keys of that source."""
    command = source.settings.get("mfa_command")
    return MfaCodes(
        chain=chain,
        person=person,
        index_store=app.index_store,
        locks=app.locks,
        command=command if isinstance(command, tuple) else None,
        variables=app.variables,
        note=app.note,
        keyed_digest=lambda serial, code: app.vault.seals.digest("MFA code", serial, code),
        read_line=app.read_line if from_stdin else None,
    )


@dataclass(slots=True)
class MfaCodes:
    """Implements ``ports.Codes``: stdin if that was asked for, else the command, else the person.

    What was sent last is stored in the index: its window, and a digest under a key from the
    keyring. Without a keyring only the window is stored.
    """

    chain: str
    person: Person
    index_store: IndexStore
    locks: Locks
    command: tuple[str, ...] | None
    """``mfa_command``: an argument list, run without a shell."""

    variables: Mapping[str, str]
    """The environment of this process, of which the command gets what is no secret."""

    note: Callable[[str], None]
    keyed_digest: Callable[[str, str], str | None]
    read_line: Callable[[], str] | None
    """Reads a line of standard input (``--mfa-stdin``)."""

    _has_read_stdin: bool = False
    _used: dict[str, UsedMfaCode] = field(default_factory=dict)

    def use(self, serial: str, purpose: str, call: Callable[[MfaCode], T]) -> T:
        """Return what ``call`` returns, given a code of device ``serial`` that was not sent before.

        One process at a time asks for a device's code and sends it.

        Raises:
            NoTerminal: nobody can be asked for it.
            SourceError: the command or standard input gave no code, or one that was sent before.
            StsRefusal: and whatever else ``call`` raises.
        """
        with self.locks.hold(f"mfa-{sha256_hex(serial.encode())}"):
            for tries in range(_MORE_CODES, 0, -1):
                try:
                    return self._sent(self._ask(serial, purpose, tries), call)
                except StsRefusal as refusal:
                    if not refusal.is_of_code or not self._is_typed:
                        raise
            return self._sent(self._ask(serial, purpose, 0), call)

    def _sent(self, code: MfaCode, call: Callable[[MfaCode], T]) -> T:
        """Make the call; the code is spent unless nothing of it was sent."""
        self._spend(code)
        try:
            return call(code)
        except ServiceError as error:
            if error.sent_nothing:
                self._restore(code)
            raise

    def _ask(self, serial: str, purpose: str, tries: int) -> MfaCode:
        """Return a code; ``tries``: how many more may be sent if it is wrong."""
        with self._time_counted(), self.locks.waiting_for_person("the MFA code"):
            if self.read_line is not None:
                return self._from_stdin(serial, self.read_line)
            if self.command:
                self._wait_for_window(serial)
                return self._from_command(serial, self.command)
            return self._from_person(serial, purpose, tries)

    def _time_counted(self) -> contextlib.AbstractContextManager[None]:
        """Only the time of a person whom rolehop asks is not counted against the walk."""
        return contextlib.nullcontext() if self._is_typed else unattended()

    @property
    def _is_typed(self) -> bool:
        """True if a person types the codes."""
        return self.read_line is None and not self.command and self.person.can_ask

    def _spend(self, code: MfaCode) -> None:
        """Remember that ``code`` is being sent."""
        used = UsedMfaCode(_window(), self._digest(code) or "")
        self._used[code.serial] = used
        with contextlib.suppress(OSError):  # then other processes do not know of it
            self.index_store.change(
                lambda index: index.with_spent(code.serial, used.window, used.digest)
            )

    def _restore(self, code: MfaCode) -> None:
        """Forget that ``code`` was sent."""
        self._used.pop(code.serial, None)
        with contextlib.suppress(OSError):
            self.index_store.change(lambda index: index.without_spent(code.serial))

    def _from_stdin(self, serial: str, read_line: Callable[[], str]) -> MfaCode:
        if self._has_read_stdin:
            raise SourceError(
                "a second MFA code is needed",
                cause="AWS accepts a code once, and the first went with a call that asked for too long",
                fix="run it again with the device's next code: the role's limit is known now",
            )
        self._has_read_stdin = True
        from rolehop.base.threads import call_within

        try:
            line = call_within(seconds_left(COMMAND_DEADLINE), read_line)
        except TimeoutError:
            raise SourceError(
                "standard input gave no MFA code in time",
                cause="it was not closed, and no line came",
                fix=self._stdin_example(),
            ) from None
        code = MfaCode(serial, line.strip())
        if not _CODE.fullmatch(code.code):
            raise SourceError(
                "standard input holds no MFA code",
                cause="a code is six digits on a line of its own",
                fix=self._stdin_example(),
            )
        if self._is_used(code):
            raise SourceError(
                "this MFA code was sent before",
                cause="AWS accepts a code once",
                fix="wait for the device's next code and run it again",
            )
        return code

    def _stdin_example(self) -> Advice:
        return Advice("printf '%s\\n' CODE | rolehop assume --mfa-stdin ", Argument(self.chain))

    def _from_command(self, serial: str, command: tuple[str, ...]) -> MfaCode:
        from rolehop.handover.environment import child_environment
        from rolehop.sources.programs import program_output

        printed = program_output(
            command,
            child_environment(self.variables, ()),
            what=f"mfa_command of chain '{self.chain}'",
            say=self.note,
            deadline=seconds_left(COMMAND_DEADLINE),
        )
        found = _CODE.findall(printed.decode("ascii", "replace"))
        if len(found) != 1:
            raise SourceError(
                f"mfa_command gave no code: {command[0]}",
                cause=f"it printed {len(found)} six-digit codes",
                fix="run it by hand: it must print one code and nothing else",
            )
        return MfaCode(serial, found[0])

    def _from_person(self, serial: str, purpose: str, tries: int) -> MfaCode:
        try:
            # Before the wait: if nobody can be asked, say so now.
            if self.person.can_ask:
                return self._asked(serial, purpose, tries)
        except NoTerminal:
            pass
        raise NoTerminal(
            f"chain '{self.chain}' needs an MFA code and nobody can be asked for it",
            cause=f"a code of {serial} is needed {purpose}, and no mfa_command gives one",
            fix=Advice(
                "set mfa_command, or run this in a terminal first: rolehop assume ",
                Argument(self.chain),
            ),
            chain=self.chain,
        )

    def _asked(self, serial: str, purpose: str, tries: int) -> MfaCode:
        device = serial.rpartition("/")[2] or serial
        question = f"MFA code of {device} ({purpose}): "
        if tries < _MORE_CODES:
            # The last one was not the device's: this window's own is still good.
            left = "1 try" if tries == 0 else f"{tries + 1} tries"
            question = f"that code was wrong, {left} left. MFA code of {device}: "
        else:
            self._wait_for_window(serial)
        while True:
            text = self.person.ask(question, needed="an MFA code")
            code = MfaCode(serial, text.replace(" ", ""))
            if not _CODE.fullmatch(code.code):
                question = "six digits, please: "
            elif self._is_used(code):
                question = "that one was sent before; the next one, please: "
            else:
                return code

    def _wait_for_window(self, serial: str) -> None:
        """Wait until the window of the last code is over, counting down."""
        last = self._last(serial)
        if last is None or last.window < _window() or last.window > _window() + 1:
            return
        with self.person.countdown("the last MFA code was used; next one in") as show:
            while last.window >= _window():
                show(int(WINDOW_SECONDS * (last.window + 1) - time.time()) + 1)
                time.sleep(0.2)

    def _is_used(self, code: MfaCode) -> bool:
        last = self._last(code.serial)
        if last is None or last.window < _window() - 2:
            return False
        if not last.digest:  # no keyring: any code of that window may be the one
            return last.window >= _window()
        return last.digest == self._digest(code)

    def _digest(self, code: MfaCode) -> str | None:
        return self.keyed_digest(code.serial, code.code)

    def _last(self, serial: str) -> UsedMfaCode | None:
        known = (self._used.get(serial), self.index_store.load().mfa.get(serial))
        return max((each for each in known if each), key=lambda each: each.window, default=None)


def _window() -> int:
    return int(time.time()) // WINDOW_SECONDS
