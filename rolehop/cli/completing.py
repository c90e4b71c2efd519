"""Answer a completion that needs more than the cached names: the config, or click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.cli.context import CommandContext
from rolehop.hotpath.completion import NAMED, VARIABLE, Question, as_answer, names_answer, wanted

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def answer_in_full(asked: Question, cli: CommandContext) -> str:
    """Return what the cached names could not answer; nothing if the config is broken."""
    kind, _ = wanted(asked.words)
    if kind in NAMED:
        from rolehop.app.completion_names import load_names, store_names

        names = load_names(cli.app)
        store_names(cli.app, names)
        return names_answer(asked, kind, names)
    items = _by_click(asked.words, cli)
    if any(item.type != "plain" for item in items):
        return "files\n"
    option, equals, _ = asked.words[-1].partition("=")
    before = option + equals if equals and option.startswith("--") else ""
    return as_answer(asked, {f"{before}{item.value}": _one_line(item.help) for item in items})


def _by_click(words: list[str], cli: CommandContext) -> list[CompletionItem]:
    from click.shell_completion import ShellComplete

    from rolehop.cli.root import root

    shell = ShellComplete(root, {"obj": cli}, "rolehop", VARIABLE)
    return shell.get_completions(words[:-1], words[-1])


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())
