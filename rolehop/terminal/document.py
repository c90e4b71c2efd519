"""Show a Markdown text on a terminal, laid out by rich; by the person's pager if it is long."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping

from rolehop.handover.environment import child_environment
from rolehop.terminal import output
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
    if not _page(shown, environ):
        sys.stdout.write(shown)
        sys.stdout.flush()


def _readable(text: str) -> str:
    text = _PICTURE.sub("", text)
    text = _TOPIC.sub(r"\1 (`rolehop guide \2`)", text)
    return _PLACE.sub(r"\1", text)


def _page(text: str, environ: Mapping[str, str]) -> bool:
    """Let the person's pager show ``text``; false if it fits, or there is no pager."""
    size = output.size(sys.stdout, environ)
    if size is None or environ.get("TERM", "dumb") == "dumb" or text.count("\n") < size[1]:
        return False
    given = child_environment(environ, [("LESS", environ.get("LESS", "FRX"))])
    try:
        command = shlex.split(environ.get("PAGER", "less"), posix=os.name != "nt")
        pager = subprocess.Popen(command, env=given, stdin=subprocess.PIPE)
    except (OSError, ValueError, IndexError):
        return False
    try:
        pager.communicate(text.encode("utf-8", "replace"))
    except BrokenPipeError:  # it was left before it had read all
        pass
    except KeyboardInterrupt:  # a pager may use Ctrl-C itself, as less does
        pager.wait()
    return True
