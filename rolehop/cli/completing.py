"""The answers to a shell that need more than the kept names: the config, or click."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.cli.names import keep_names, load_names
from rolehop.cli.wiring import App
from rolehop.complete import NAMED, VARIABLE, Question, as_answer, offered, wanted

if TYPE_CHECKING:
    import click
    from click.shell_completion import CompletionItem


def answer_in_full(asked: Question, app: App) -> str:
    """Answer what the kept names could not; says nothing where the config is broken."""
    kind, _ = wanted(asked.words)
    if kind in NAMED:
        names = load_names(app)
        keep_names(app, names)
        return as_answer(asked, offered(kind, names))
    items = _by_click(asked.words, app)
    if any(item.type != "plain" for item in items):
        return "files\n"
    option, equals, _ = asked.words[-1].partition("=")
    before = option + equals if equals and option.startswith("--") else ""
    return as_answer(asked, {f"{before}{item.value}": _one_line(item.help) for item in items})


def _by_click(words: list[str], app: App) -> list[CompletionItem]:
    from click.shell_completion import ShellComplete

    from rolehop.cli.root import root

    shell = ShellComplete(root, {"obj": app}, "rolehop", VARIABLE)
    return shell.get_completions(words[:-1], words[-1])


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


# ---- what click asks for an argument or an option (``shell_complete=``)


def names_of(ctx: click.Context, kind: str, incomplete: str) -> list[CompletionItem]:
    """Complete names of a kind: from the config alone, silent when it is broken."""
    from click.shell_completion import CompletionItem

    names = load_names(ctx.find_object(App) or App.of_this_process())
    return [
        CompletionItem(name, help=description or None)
        for name, description in offered(kind, names).items()
        if name.startswith(incomplete)
    ]


def key_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Complete sources of type ``keys``."""
    from rolehop.commands import KEYS

    return names_of(ctx, KEYS, incomplete)


def source_names(
    ctx: click.Context, param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Complete sources."""
    from rolehop.commands import SOURCE

    return names_of(ctx, SOURCE, incomplete)


def dialect_names(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Complete the shells that statements can be written for."""
    from rolehop.handover.dialects import DIALECTS

    return [name for name in DIALECTS if name.startswith(incomplete)]


def files(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Leave it to the shell, which knows files."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="file")]
