"""Text as words of a line: what a person copies is one word, however many blanks it has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

from rolehop.base.advice import Advice, Argument, ShellCommand, Whole
from rolehop.base.startup import Pattern
from rolehop.base.text import visible
from rolehop.hotpath.command_table import COMMANDS

# They stand in a text for a blank where no line may end, after an argument of a command, and around
# what is to be typed; visible text has no control characters.
_BLANK, _ARGUMENT, _TYPED, _END = "\x00", "\x01", "\x02", "\x03"

_WORDS = "|".join(
    {*COMMANDS, *(name for row in COMMANDS.values() for name in row.commands), "role"}
)

_TO_COPY = Pattern(
    r"(?<=\()rolehop [^();,]+(?=\))|"
    rf"\brolehop(?: (?:{_WORDS})\b)+"
    rf"(?: (?:-\S*|[A-Z][A-Z0-9_]*\b…?|[^ {_ARGUMENT}]+{_ARGUMENT}))*"
    r"|\S+\? \[[^]]*\]"
    r"|\{[^{}]*\}"
    r"""|[\w.-]+ = (?:"[^"]*"|'[^']*'|\[[^]]*\]|\{[^}]*\}|\S+)"""
)
_TYPED_PART = Pattern(f"{_TYPED}([^{_END}]*){_END}")
_WORD = Pattern(r"[^ ]+(?: ·(?= ))?")  # no line begins with the dot between two facts

Parts = tuple[tuple[str, bool], ...]
"""The parts of a word, each with whether it is to be typed."""


def columns_of(text: str) -> int:
    """Return how many columns of a terminal ``text`` takes."""
    return len(text) if text.isascii() else _columns_of(text)


@lru_cache(maxsize=4096)  # a sign for nothing may stand in thousands of cells
def _columns_of(text: str) -> int:
    import unicodedata

    return sum(
        0 if unicodedata.combining(each) else 2 if unicodedata.east_asian_width(each) in "WF" else 1
        for each in text
    )


def whole_words(text: str, quote: Callable[[str], str]) -> list[str]:
    """Return the words of a message, with each thing to copy as one word."""
    return ["".join(part for part, _ in word) for word in parted_words(text, quote)]


def parted_words(text: str, quote: Callable[[str], str]) -> list[Parts]:
    """Return the same words, and which parts of them are to be typed; ``quote``: for which shell."""
    shown = _advice(text, quote) if isinstance(text, Advice) else " ".join(visible(text).split())
    marked = _marked(shown).replace(_ARGUMENT, "")
    return [tuple(_parts(word)) for word in marked.split(" ") if word]


def one_word(text: str) -> str:
    """Return ``text`` with each thing to copy as one word: `many_words` gives its blanks back."""
    return _unmarked(_marked(text))


def many_words(text: str) -> str:
    """Return a text that `one_word` returned, or a part of it, as it was."""
    return text.replace(_BLANK, " ")


def commands_in(text: str) -> list[str]:
    """Return the commands in ``text``."""
    return [many_words(found) for found in _TYPED_PART.findall(_marked(text))]


def break_points(text: str, width: int, hanging: int) -> list[int]:
    """Return where the lines after the first one begin if ``text`` is broken between words.

    ``hanging``: how many columns less there are for these.
    """
    whole, begin, breaks = one_word(text), 0, list[int]()
    for word in _WORD.compiled.finditer(whole):
        room = width - hanging if breaks else width
        if text[begin : word.start()].strip() and columns_of(text[begin : word.end()]) > room:
            begin = word.start()
            breaks.append(begin)
    return breaks


def _marked(text: str) -> str:
    return _TO_COPY.compiled.sub(
        lambda found: _to_type(found[0]) if _is_typed(found[0]) else found[0].replace(" ", _BLANK),
        text,
    )


def _is_typed(found: str) -> bool:
    return found.startswith("rolehop")


def _to_type(text: str) -> str:
    # What ends a sentence is no part of an option.
    bare = text.rstrip(".,;:)") if text[-1:] in ".,;:)" else text
    return f"{_TYPED}{bare.replace(' ', _BLANK)}{_END}{text[len(bare) :]}"


def _unmarked(text: str) -> str:
    return text.replace(_TYPED, "").replace(_END, "")


def _parts(word: str) -> Iterator[tuple[str, bool]]:
    at = 0
    for found in _TYPED_PART.compiled.finditer(word):
        yield _unmarked(word[at : found.start()]).replace(_BLANK, " "), False
        yield _unmarked(found[1]).replace(_BLANK, " "), True
        at = found.end()
    yield _unmarked(word[at:]).replace(_BLANK, " "), False


def _advice(text: Advice, quote: Callable[[str], str]) -> str:
    def whole(value: str) -> str:
        # The end of options before a value stays apart: `Advice` may join it to an option.
        before, dashes, value = (
            value.rpartition("-- ") if value.startswith("-- ") else ("", "", value)
        )
        return f"{before}{dashes}{visible(value).replace(' ', _BLANK)}{_ARGUMENT}"

    def part(each: str) -> str:
        if isinstance(each, Argument):
            return each
        if not isinstance(each, Whole):
            return visible(each)
        one = visible(each).replace(" ", _BLANK)
        return Whole(f"{_TYPED}{one}{_END}" if isinstance(each, ShellCommand) else one)

    return Advice(*map(part, text.parts)).in_shell(lambda each: whole(quote(each)))
