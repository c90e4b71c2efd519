"""What a view is made of: lines, tables and trees of styled words, before they are drawn.

`drawing` draws a view: for pipes and logs as plain text, for a terminal as wide as it is, in colours. A style
never carries meaning alone: the words say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple, Self

from rolehop.base.advice import AccountNames, with_account_names
from rolehop.base.durations import short_left, show_left
from rolehop.base.text import clean, visible
from rolehop.terminal.words import break_points, columns_of, commands_in, many_words, one_word

WIDTH = 80
"""Columns of a text that is wrapped, unless the terminal is narrower."""

Style = str
"""Empty, or ``bold``, ``dim``, and the colours of the config (``red``, ``bright_red``), as words."""

LABEL, TO_TYPE, ERROR = "dim", "cyan", "bold red"
"""Of labels, heads, causes and hints; of what a person is to type; of the word that opens an error."""


class _StyledText(NamedTuple):
    text: str
    style: Style = ""


class StyledText(_StyledText):
    """Some visible text, in one line and one style."""

    __slots__ = ()

    def __new__(cls, text: str, style: Style = "") -> Self:
        """Make the text visible, wherever it comes from."""
        return super().__new__(cls, visible(text), style)


FINE = StyledText("✓", "green")
LOOK = StyledText("!", "yellow")
WRONG = StyledText("✗", "red")
UNKNOWN = StyledText("?", "dim")
"""Marks: what is fine, to look at, wrong, not known. Without UTF-8 they are ``ok``, ``!``, ``x``, ``?``."""


class Line(NamedTuple):
    """One line of words."""

    words: tuple[StyledText, ...]
    whole: bool = False
    """To be copied: rolehop never wraps it, even if the terminal is too narrow."""

    text: tuple[StyledText, ...] | None = None
    """Of the first line of a text that was wrapped: all of it, which a terminal wraps anew."""

    hanging: int = 0
    """How many columns the later lines are indented."""

    goes_on: bool = False
    """It is such a later line."""


class Row(NamedTuple):
    """One row of a grid; ``under`` is a dim line below its first cell."""

    cells: tuple[StyledText, ...]
    under: str = ""


class Grid(NamedTuple):
    """A table: aligned columns under their names; none is shown if all are empty.

    On a terminal that is too narrow the last column is cut, and below 60 columns each row is a block
    with a line for each cell.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]
    right: tuple[int, ...] = ()
    """Columns, from 0, of numbers and times, aligned at the right."""

    elided: tuple[int, ...] = ()
    """Columns whose longest cells lose their middle before a terminal is called too narrow."""

    least: int = 18
    """Columns that are left of such a cell: an account's number in a tree has room."""

    wraps: bool = False
    """The last column is wrapped, since all of it has to be read."""

    spans: int | None = None
    """The column whose cells take the room of the one behind it, where that is empty."""

    sign: str = "…"
    """Stands for what is cut, as the terminal shows it."""


class Facts(NamedTuple):
    """Names and values, a line each, the values aligned."""

    pairs: tuple[tuple[str, StyledText], ...]


class Branch(NamedTuple):
    """A tree's node: its lines, and its children."""

    lines: tuple[Line, ...]
    below: Sequence[Branch]


View = Sequence[Line | Grid | Branch | Facts]


def line(*words: str | StyledText) -> Line:
    """Make a line; bare strings have no style."""
    return Line(tuple(StyledText(word) if isinstance(word, str) else word for word in words))


def wrapped(
    text: str, first: str, others: str, style: Style = "", *, label_style: Style = ""
) -> Iterator[Line]:
    """Wrap ``text`` between words, behind ``first`` and in later lines behind ``others``.

    ``label_style``: of ``first``, if that is another one.

    A command in it is one word; other words that are too long for a line are folded, to be read.
    """
    import textwrap

    text = clean(text)
    whole = one_word(text)
    longest = max(map(columns_of, commands_in(text)), default=0)
    lines = textwrap.wrap(
        whole,
        WIDTH,
        initial_indent=first,
        subsequent_indent=others,
        break_on_hyphens=False,
        break_long_words=longest <= WIDTH - len(others),
    )
    for number, each in enumerate(lines):
        shown = many_words(each)
        if number:
            yield Line((StyledText(shown, style),), hanging=len(others), goes_on=True)
        else:
            label = StyledText(first, label_style or style)
            words = (label, StyledText(shown[len(first) :], style))
            yield Line(words, text=(label, StyledText(text, style)), hanging=len(others))


def labelled(label: str, text: str) -> Iterator[Line]:
    """Wrap a value behind its label, in columns of 12."""
    return wrapped(text, f"  {label:<10}", " " * 12, label_style=LABEL)


Words = tuple[StyledText, ...]


def broken(words: Words, width: int, hanging: int) -> list[Words]:
    """Return the lines of some words that are broken between them, at least one.

    ``hanging``: how many columns less there are for the lines after the first.
    """
    plain = "".join(each.text for each in words)
    if columns_of(plain) <= width:
        return [words]
    begins = [0, *break_points(plain, width, hanging), len(plain)]
    return [_part(words, begin, end) for begin, end in pairwise(begins)]


def _part(words: Words, begin: int, end: int) -> Words:
    """Return the words from ``begin`` to ``end``, without blanks at their end."""
    parts, at = list[StyledText](), 0
    for text, style in words:
        part = text[max(begin - at, 0) : max(end - at, 0)]
        if part:
            parts.append(StyledText(part, style))
        at += len(text)
    while parts and parts[-1].text.isspace():
        parts.pop()
    if parts:
        parts[-1] = StyledText(parts[-1].text.rstrip(" "), parts[-1].style)
    return tuple(parts)


def to_copy(text: str, style: Style = "") -> Line:
    """Make a line to be copied into a shell or a file."""
    return Line((StyledText(text, style),), whole=True)


def to_type(command: str, indent: int = 2) -> Line:
    """Make a line with a command to be typed, quoted already for the shell of whoever reads it."""
    return Line((StyledText(" " * indent), StyledText(command, TO_TYPE)), whole=True)


def blocks(*parts: View) -> View:
    """Put views below each other, with a blank line where one of two has more than two lines."""
    shown: list[Line | Grid | Branch | Facts] = []
    before = 0
    for part in parts:
        lines = sum(map(_height, part))
        if before and lines and max(before, lines) > _SHORT:
            shown.append(line())
        shown += part
        before = lines or before
    return shown


_SHORT = 2  # lines


def _height(block: Line | Grid | Branch | Facts) -> int:
    match block:
        case Line():
            return 1
        case Grid():
            return len(block.rows) + any(block.columns)
        case Branch():
            return len(block.lines) + sum(map(_height, block.below))
        case Facts():
            return len(block.pairs)


def facts(*pairs: tuple[str, str | StyledText]) -> Facts:
    """Make facts; bare strings have no style."""
    made = ((name, StyledText(value) if isinstance(value, str) else value) for name, value in pairs)
    return Facts(tuple(made))


def row(*cells: str | StyledText, under: str = "") -> Row:
    """Make a row; bare strings have no style."""
    made = tuple(StyledText(cell) if isinstance(cell, str) else cell for cell in cells)
    return Row(made, visible(under))


def view_with_names(view: View, names: AccountNames, *, numbers: bool = False) -> View:
    """Return ``view`` as `with_account_names` does; what is to be copied stays as it is."""
    if not names:
        return view
    return changed(view, lambda text: with_account_names(text, names, numbers=numbers))


def changed(view: View, change: Callable[[str], str], *, whole: bool = False) -> View:
    """Return ``view`` with each text as ``change`` returns it; ``whole``: also what is to be copied.

    So is the sign for what will be cut.
    """

    def word(words: StyledText) -> StyledText:
        return StyledText(change(words.text), words.style)

    def one(line: Line) -> Line:
        if line.whole and not whole:
            return line
        text = None if line.text is None else tuple(map(word, line.text))
        return line._replace(words=tuple(map(word, line.words)), text=text)

    def block(each: Line | Grid | Branch | Facts) -> Line | Grid | Branch | Facts:
        match each:
            case Line():
                return one(each)
            case Grid():
                rows = [Row(tuple(map(word, row.cells)), row.under) for row in each.rows]
                return each._replace(rows=rows, sign=change(each.sign))
            case Facts():
                return Facts(tuple((label, word(value)) for label, value in each.pairs))
            case Branch():
                return branch(each)

    def branch(each: Branch) -> Branch:
        return Branch(tuple(map(one, each.lines)), list(map(branch, each.below)))

    return list(map(block, view))


_NAMES_SHOWN = 3


def few_names(names: Sequence[str], *, verbose: bool) -> str:
    """Return the first names and a count; ``verbose``: all names."""
    shown = names if verbose or len(names) <= _NAMES_SHOWN else names[: _NAMES_SHOWN - 1]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def short_role(arn: str) -> str:
    """Return ``account:role/Name`` for a role ARN: without the partition."""
    parts = arn.split(":", 4)
    return clean(parts[4]) if len(parts) > 4 else clean(arn)


def chain_name(name: str, color: str | None) -> StyledText:
    """Return a chain's name in its colour, which is shown as a word elsewhere, too."""
    return StyledText(clean(name), f"bold {color}" if color else "bold")


def account_role(
    account: str, role: str = "", names: AccountNames | None = None, *, verbose: bool = False
) -> str:
    """Return ``acme-prod · Admin``: the account by its name, if it has one, and the role's own name.

    ``verbose``: with the account's number, too. Without a role: the account alone.
    """
    name = clean(account if names is None else names.get(account, account))
    shown = f"{name} ({account})" if verbose and name != account else name
    return f"{shown} · {clean(role.rpartition('/')[2])}" if role else shown


def at_home(path: str, home: str) -> str:
    """Return a path with ``~`` for the home folder, as people write it."""
    begin = home.rstrip("/\\")
    inside = bool(begin) and path.startswith((f"{begin}/", f"{begin}\\"))
    return f"~{path[len(begin) :]}" if inside or path == begin else path


SOON_SECONDS = 300
"""A session with less time left is shown in red: a long command may outlast it."""

MIN_TTL_SECONDS = 960
"""``min_ttl`` unless the config says otherwise: below it a walk gets a new session."""


def time_left(
    local_expires_at: datetime | None,
    now: datetime,
    min_ttl_seconds: int = MIN_TTL_SECONDS,
    *,
    none: str = "–",
    short: bool = False,
) -> StyledText:
    """Return the time left of a session; ``None``: there is none, which is shown as ``none``.

    ``short``: for a column, ``58 min`` or ``3 h 58``.
    """
    if local_expires_at is None:
        return StyledText(none, "dim")
    left = (local_expires_at - now).total_seconds()
    style = "red" if left < SOON_SECONDS else "yellow" if left < min_ttl_seconds else "green"
    return StyledText((short_left if short else show_left)(local_expires_at, now), style)
