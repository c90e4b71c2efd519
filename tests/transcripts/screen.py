"""A terminal: the text that it shows for the bytes that a program writes."""

from __future__ import annotations

import re

ROWS = 24
_PARTS = re.compile(
    r"\x1b\[(?P<numbers>[0-9;?]*)(?P<final>[@-~])"  # a control sequence (ECMA-48)
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"  # a title, a link: shows nothing
    r"|\x1b[()=>78].?"
    r"|(?P<control>[\x00-\x1f])"
    r"|(?P<text>[^\x00-\x1f]+)"
)


class Screen:
    """The lines of a terminal with its scrollback, and a cursor; colours are left out."""

    def __init__(self, columns: int) -> None:
        self._columns = columns
        self._lines = [""]
        self._row = self._column = 0

    @property
    def text(self) -> str:
        """All lines, without blanks at their ends."""
        return "\n".join(line.rstrip() for line in self._lines).rstrip("\n") + "\n"

    def feed(self, written: str) -> None:
        """Take the output of a program."""
        for part in _PARTS.finditer(written):
            if part["text"] is not None:
                self._write(part["text"])
            elif part["control"] is not None:
                self._control(part["control"])
            elif part["final"] is not None:
                self._sequence(part["final"], part["numbers"])

    def _write(self, text: str) -> None:
        for character in text:
            if self._column == self._columns:
                self._column = 0
                self._down()
            line = self._lines[self._row].ljust(self._column)
            self._lines[self._row] = line[: self._column] + character + line[self._column + 1 :]
            self._column += 1

    def _control(self, character: str) -> None:
        if character == "\r":
            self._column = 0
        elif character == "\n":
            self._down()
        elif character == "\b":
            self._column = max(0, self._column - 1)

    def _down(self) -> None:
        self._row += 1
        if self._row == len(self._lines):
            self._lines.append("")

    def _sequence(self, final: str, numbers: str) -> None:
        count = int(numbers) if numbers.isdigit() else 0
        line = self._lines[self._row]
        match final:
            case "A":
                self._row = max(0, self._row - max(1, count))
            case "B":
                for _ in range(max(1, count)):
                    self._down()
            case "C":
                self._column = min(self._columns - 1, self._column + max(1, count))
            case "D":
                self._column = max(0, self._column - max(1, count))
            case "G":
                self._column = max(1, count) - 1
            case "J":
                self._lines[self._row] = line[: self._column]
                del self._lines[self._row + 1 :]
            case "K" if count == 0:
                self._lines[self._row] = line[: self._column]
            case "K" if count == 2:
                self._lines[self._row] = ""
            case "m" | "h" | "l" | "n" | "c" | "q":
                pass  # colours, modes and questions show nothing
            case _:
                raise AssertionError(f"this terminal does not know {numbers}{final}")
