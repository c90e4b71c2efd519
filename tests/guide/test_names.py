"""Every command and option that a page names exists, also of those that are not run."""

from __future__ import annotations

import re
from functools import cache

import click
import pytest

from tests.guide.blocks import Page, pages
from tests.support.commands import commands

PAGES = pages()
# A command in code: the words after "rolehop", up to what ends it in a shell or in a span.
_CALL = re.compile(r"(?<![\w./\[-])rolehop(?: +--config \S+)? +([a-z][^\n`|;&>#)\x22]*)")
_NO_CALLS = {"cannot", "does", "is", "profiles"}
"""What follows the name in a message."""


@cache
def known() -> dict[str, click.Command]:
    return dict(commands())


def calls_of(page: Page) -> list[str]:
    blocks = [each.text for each in page.blocks() if each.language in ("console", "yaml", "text")]
    rest = re.sub(r"^ *```\w*\n.*?^ *```$", "", page.text, flags=re.MULTILINE | re.DOTALL)
    code = "\n".join([*blocks, *re.findall(r"`([^`\n]+)`", rest)])
    return [found[1] for found in _CALL.finditer(code)]


def problem_with(call: str) -> str | None:
    words = call.split(" -- ")[0].split()
    name = next((each for each in (" ".join(words[:2]), words[0]) if each in known()), None)
    if name is None:
        return None if words[0] in _NO_CALLS else f"no command: rolehop {call}"
    command = known()[name]
    if isinstance(command, click.Group) and len(words) > 1 and re.fullmatch(r"[a-z]+", words[1]):
        return f"no command: rolehop {call}"
    taken = {text for each in command.params for text in (*each.opts, *each.secondary_opts)}
    options = {each.partition("=")[0].rstrip(",.:)") for each in words if each.startswith("--")}
    wrong = options - taken - {"--help", "--"}
    return f"rolehop {name} has no {', '.join(sorted(wrong))}" if wrong else None


@pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)
def test_its_commands_and_options_exist(page: Page) -> None:
    assert list(filter(None, map(problem_with, calls_of(page)))) == []


def test_they_are_found() -> None:
    assert sum(len(calls_of(page)) for page in PAGES.values()) > 300
    assert problem_with("source show corp") == "no command: rolehop source show corp"
    assert problem_with("exec admin --servers -- true") == "rolehop exec has no --servers"
    assert problem_with("exec admin -- aws --profile x") is None
