"""Show a Markdown text on a terminal, laid out by rich; by the person's pager if it is long."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

from rolehop.terminal.paging import page
from rolehop.terminal.terminal import Terminal

_WIDEST = 100
"""Columns of text that one likes to read, in however wide a terminal."""

# Links lead to other topics, or to the project's pages; pictures are for browsers.
_PICTURE = re.compile(r"^!\[[^]]*\]\([^)]*\)\n", re.MULTILINE)
_TOPIC = re.compile(r"\[([^]]+)\]\(([a-z-]+)\.md(?:#[^)]*)?\)")
_PLACE = re.compile(r"\[([^]]+)\]\((?:#|\.\./)[^)]*\)")


def show_document(terminal: Terminal, text: str, environ: Mapping[str, str]) -> None:
    """Draw a document, in Markdown, on stdout; its links are those between topics of the guide."""
    from rich.markdown import Markdown
    from rich.theme import Theme

    console = terminal.console(sys.stdout)
    # Terminals are light or dark: no background, and colours that every palette has.
    console.push_theme(Theme({"markdown.code": "bold", "markdown.code_block": "default"}))
    width = min(console.width, _WIDEST)
    with console.capture() as captured:
        console.print(
            Markdown(_readable(text), code_theme="ansi_dark", hyperlinks=False), width=width
        )
    lines = [line.rstrip(" ") for line in captured.get().splitlines()]
    # Code has a blank line of its own around it, besides that between paragraphs.
    shown = re.sub(r"\n{3,}", "\n\n", "".join(f"{line}\n" for line in lines))
    if not page(shown, environ):
        sys.stdout.write(shown)
        sys.stdout.flush()


def _readable(text: str) -> str:
    text = _PICTURE.sub("", text)
    text = _TOPIC.sub(r"\1 (`rolehop guide \2`)", text)
    return _PLACE.sub(r"\1", text)
