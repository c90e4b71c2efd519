"""Markdown, as far as the guide uses it, in the language of man pages (groff_man(7))."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

_SPECIAL = str.maketrans(
    {"\\": r"\e", "-": r"\-", "`": r"\(ga", "~": r"\(ti", "^": r"\(ha", "'": r"\(aq"}
)
_SPAN = re.compile(
    r"`(?P<code>[^`]+)`|\*\*(?P<bold>[^*]+)\*\*|\*(?P<italic>[^* ][^*]*)\*"
    r"|!?\[(?P<label>[^\]]*)\]\((?P<target>[^)]*)\)|(?P<text>[^`*\[!]+|.)",
    re.DOTALL,
)
_ITEM = re.compile(r"( *)(-|\d+\.) +(.*)")
_FENCE = re.compile(r" *```")


def literal(text: str) -> str:
    """Return text that stands as it is, such as an option or a command."""
    return text.translate(_SPECIAL)


def spans(text: str, link: Callable[[str, str], str]) -> str:
    """Return the words of a paragraph; ``link`` gives a link's text, by its label and its target."""
    return "".join(_span(each, link) for each in _SPAN.finditer(text))


def _span(found: re.Match[str], link: Callable[[str, str], str]) -> str:
    kind, text = found.lastgroup, found[found.lastgroup or 0]
    if kind == "code":
        return rf"\fB{literal(text)}\fP"
    if kind in ("bold", "italic"):
        return rf"\f{'B' if kind == 'bold' else 'I'}{spans(text, link)}\fP"
    if kind == "target":
        return "" if found[0].startswith("!") else spans(link(found["label"], text), link)
    return literal(text)


def roff(markdown: str, link: Callable[[str, str], str]) -> str:
    """Return the body of a page: what follows a Markdown page's title."""
    return "".join(f"{line}\n" for line in _lines(_blocks(markdown.splitlines()), link))


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield the lines of each block: a heading, a paragraph, an item, a table, a fence."""
    block: list[str] = []
    fenced = False
    for line in lines:
        if _FENCE.match(line):
            if not fenced and block:
                yield block
                block = []
            block.append(line)
            if fenced:
                yield block
                block = []
            fenced = not fenced
        elif fenced:
            block.append(line)
        elif not line.strip() or line.startswith("#") or _ITEM.match(line):
            if block:
                yield block
            block = [line] if line.strip() else []
        else:
            block.append(line)
    if block:
        yield block


def _lines(blocks: Iterator[list[str]], link: Callable[[str, str], str]) -> Iterator[str]:
    for block in blocks:
        first = block[0]
        item = _ITEM.match(first)
        if _FENCE.match(first):
            yield from example(_unindented(block[1:-1]))
        elif first.startswith("#"):
            yield f".S{'H' if first.startswith('## ') else 'S'} {_argument(first.lstrip('# '), link)}"
        elif first.startswith("|"):
            yield from _table(block, link)
        elif item:
            words = " ".join([item[3], *(line.strip() for line in block[1:])])
            mark = r"\(bu" if item[2] == "-" else item[2]
            yield f".IP {mark} {4 + len(item[1])}"
            yield _text(words, link)
        else:
            yield ".PP" if not first.startswith(" ") else ".IP"
            yield _text(" ".join(line.strip() for line in block), link)


def example(lines: Sequence[str]) -> Iterator[str]:
    """Yield lines that are shown as they are, indented."""
    yield from (".PP", ".RS 4", ".nf")
    yield from (_guarded(literal(line)) for line in lines)
    yield from (".fi", ".RE")


def _unindented(lines: Sequence[str]) -> list[str]:
    indent = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return [line[indent:] for line in lines]


def _table(rows: Sequence[str], link: Callable[[str, str], str]) -> Iterator[str]:
    """Yield an entry for each row: its first cell, below it the others with their columns' names."""
    head, _, *body = [[cell.strip() for cell in _cells(row)] for row in rows]
    for first, *others in body:
        yield from (".TP", _text(first or "\u2013", link))
        named = zip(head[1:], others, strict=True)
        texts = [cell if len(others) == 1 else f"{name}: {cell}" for name, cell in named if cell]
        yield _text("; ".join(texts) or "\u2013", link)


def _cells(row: str) -> list[str]:
    """Split a row at its bars, but for those inside of code and escaped ones."""
    parts = re.findall(r"((?:`[^`]*`|\\\||[^|`])*)\|", row.strip().removeprefix("|"))
    return [part.replace("\\|", "|") for part in parts]


def _text(words: str, link: Callable[[str, str], str]) -> str:
    return _guarded(spans(words, link))


def _argument(words: str, link: Callable[[str, str], str]) -> str:
    return spans(words, link).replace('"', r"\(dq")


def _guarded(line: str) -> str:
    r"""Return a line that is text, whatever it begins with; ``\&`` is nothing that shows."""
    return rf"\&{line}" if line.startswith((".", "\\(aq", "'")) or not line else line
