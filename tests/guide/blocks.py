"""Read the fenced blocks of a page, and the comments that say what the tests do with them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rolehop.guide import topic_names
from tests.support.environment import ROOT

GUIDE = ROOT / "rolehop" / "guide"
REASONS = ("docker", "browser", "other machine", "other system")
"""Why a block of commands is not run."""

CONFIG = "~/.config/rolehop/config.toml"
_MARKS = {"not run", "needs", "exit", "file", "config"}
_FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[a-z ]+)(?:: (?P<value>[^\n]+?))? -->\n)?"
    r"^(?P<indent> *)```(?P<language>\w*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Command:
    """One command of a block, as a shell takes it, and the lines that it is said to print."""

    text: str
    shown: tuple[str, ...]
    line: int


@dataclass(frozen=True)
class Block:
    """One fenced block; ``line`` is that of its fence in the page, from 1."""

    language: str
    text: str
    line: int
    mark: str = ""
    value: str = ""

    @property
    def is_run(self) -> bool:
        return self.language == "console" and self.mark != "not run"

    @property
    def is_for_clients(self) -> bool:
        """True if its Python is `tests.guide.session.CLIENTS`."""
        return self.mark == "needs"

    @property
    def file(self) -> str | None:
        """The file that the tests write with this text."""
        return {"config": CONFIG, "file": self.value}.get(self.mark)

    @property
    def exit_code(self) -> int:
        return int(self.value) if self.mark == "exit" else 0

    def commands(self) -> Iterator[Command]:
        text, shown, begun = "", list[str](), 0
        for number, line in enumerate(self.text.splitlines(), start=self.line + 1):
            if line.startswith("$ "):
                if text:
                    yield Command(text, tuple(shown), begun)
                text, shown, begun = line[2:], [], number
            elif not shown and (line == ">" or line.startswith("> ")):
                text += f"\n{line[2:]}"
            else:
                shown.append(line)
        if text:
            yield Command(text, tuple(shown), begun)


@dataclass(frozen=True)
class Page:
    """The README, or a topic of the guide."""

    name: str
    path: Path

    @property
    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def blocks(self) -> list[Block]:
        text = self.text
        return [_block(text, found) for found in _FENCE.finditer(text)]


def _block(page: str, found: re.Match[str]) -> Block:
    indent = len(found["indent"])
    text = "".join(line[indent:] or "\n" for line in found["text"].splitlines(keepends=True))
    line = page.count("\n", 0, found.start("language")) + 1
    mark = found["mark"] if found["mark"] in _MARKS else None
    return Block(found["language"], text, line, mark or "", (mark and found["value"]) or "")


def pages() -> dict[str, Page]:
    """Return the README and every topic, by name."""
    topics = {name: Page(name, GUIDE / f"{name}.md") for name in topic_names()}
    return {"README": Page("README", ROOT / "README.md"), **topics}
