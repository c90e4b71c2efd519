"""Account IDs with the names that the config gives them, in every text for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument, ShellCommand
from rolehop.startup.lazy_regex import Pattern

if TYPE_CHECKING:
    import re

    from rolehop.show.layout import Branch, Facts, Grid, Line, StyledText, View

AccountNames = Mapping[str, str]
"""Names of accounts by ID."""

# A word with an ID in it: an ARN, ``ACCOUNT:role/NAME``, or the ID alone. What follows a slash or a
# dash is a part of another name, e.g. of a fleet's chain.
_WORD = Pattern(
    r"""(?P<quote>['"]?)(?<![^\s,;()'"])"""
    r"""(?P<word>[^\s,;()'"]*?(?<![\w/-])(?P<id>[0-9]{12})(?![\w])[^\s,;()'"]*?)"""
    r"""(?=[.:]?(?:[\s,;()'"]|$))(?P<end>['"]?)"""
)


def account_label(account: str, names: AccountNames) -> str:
    """Return ``billing (444444444444)``, or the ID alone if it has no name."""
    return f"{names[account]} ({account})" if account in names else account


def with_account_names(text: str, names: AccountNames) -> str:
    """Return ``text`` with names beside account IDs.

    ``444444444444`` becomes ``billing (444444444444)``, and a word with an ID in it, such as an
    ARN, is followed by ``(billing)``, so that it stays as it can be copied. Of advice, commands and
    their arguments stay as they are.
    """
    if not names:
        return text
    if isinstance(text, Advice):
        return Advice(
            *(
                each
                if isinstance(each, Argument | ShellCommand)
                else with_account_names(each, names)
                for each in text.parts
            )
        )
    return _WORD.sub(lambda found: _named(found, names), text)


def _named(found: re.Match[str], names: AccountNames) -> str:
    account, whole = found["id"], found[0]
    name = names.get(account)
    if name is None or found.string.startswith((f" ({name})", ")"), found.end()):
        return whole
    if found["word"] == account:
        return whole.replace(account, account_label(account, names))
    return f"{whole} ({name})"


def view_with_names(view: View, names: AccountNames) -> View:
    """Return ``view`` with names beside account IDs; what is to be copied stays as it is."""
    if not names:
        return view

    from rolehop.show.layout import StyledText

    def name(words: StyledText) -> StyledText:
        return StyledText(with_account_names(words.text, names), words.style)

    return [_block(block, name) for block in view]


def _block(
    block: Line | Grid | Branch | Facts, name: Callable[[StyledText], StyledText]
) -> Line | Grid | Branch | Facts:
    from rolehop.show.layout import Branch, Facts, Grid, Line, Row

    match block:
        case Line():
            return _line(block, name)
        case Grid():
            return Grid(
                block.columns, [Row(tuple(map(name, r.cells)), r.under) for r in block.rows]
            )
        case Facts():
            return Facts(tuple((label, name(value)) for label, value in block.pairs))
        case Branch():
            return _branch(block, name)


def _line(line: Line, name: Callable[[StyledText], StyledText]) -> Line:
    text = None if line.text is None else name(line.text)
    return line if line.whole else line._replace(words=tuple(map(name, line.words)), text=text)


def _branch(branch: Branch, name: Callable[[StyledText], StyledText]) -> Branch:
    from rolehop.show.layout import Branch

    lines = tuple(_line(each, name) for each in branch.lines)
    return Branch(lines, [_branch(each, name) for each in branch.below])
