"""All man pages: ``rolehop.1`` of the commands' own help, ``rolehop-TOPIC.7`` of the guide's topics."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

import click

from manpages.roff import example, literal, roff
from rolehop import __version__
from rolehop.cli.options import COMMON_OPTIONS
from rolehop.cli.root import root
from rolehop.guide import topic_names, topic_summary, topic_text
from rolehop.hotpath.command_table import COMMANDS, SECTIONS

_COMMON = frozenset(each.name for each in COMMON_OPTIONS()) | {"help"}
_GUIDE = "rolehop-guide"
_PARAGRAPH_AFTER_HEADING = re.compile(r"^(\.S[HS] .*\n)\.PP\n", re.MULTILINE)
_ENVIRONMENT = {
    "ROLEHOP_CONFIG": "the only config file to use, as with --config",
    "NO_COLOR": "no colours, unless --color asks for them",
    "PAGER": "what shows a long topic of the guide on a terminal",
    "PYTHON_KEYRING_BACKEND": "the keyring's back end, unless the config names one",
}


def man_pages() -> dict[str, str]:
    """Return every page's text by its path below ``share/man``."""
    topics = {f"man7/rolehop-{name}.7": _topic_page(name) for name in topic_names()}
    pages = {"man1/rolehop.1": _command_page(), f"man7/{_GUIDE}.7": _guide_page(), **topics}
    return {path: _PARAGRAPH_AFTER_HEADING.sub(r"\1", page) for path, page in pages.items()}


def _head(name: str, section: int, summary: str) -> str:
    title = f'.TH {literal(name.upper())} {section} "" "rolehop {__version__}" "rolehop"'
    plain = literal(summary.rstrip("."))
    return f".\\\" Made of rolehop's own texts.\n{title}\n.SH NAME\n{literal(name)} \\- {plain}\n"


# ---- the guide


def _topic_page(name: str) -> str:
    title, _, rest = topic_text(name).partition("\n\n")
    body = roff(f"## {title.removeprefix('# ')}\n\n{rest}", _link)
    also = f".SH SEE ALSO\n\\fB{literal(_GUIDE)}\\fP(7), \\fBrolehop\\fP(1)\n"
    return _head(f"rolehop-{name}", 7, topic_summary(name)) + body + also


def _link(label: str, target: str) -> str:
    topic = re.fullmatch(r"([a-z-]+)\.md(?:#.*)?", target)
    if topic:
        return f"{label} (**rolehop-{topic[1]}**(7))"
    return f"{label} <{target}>" if target.startswith("https:") else label


def _guide_page() -> str:
    rows = "".join(
        f".TP\n\\fB{literal(f'rolehop-{name}')}\\fP(7)\n{literal(topic_summary(name))}\n"
        for name in topic_names()
    )
    said = "Each topic is a page of its own. \\fBrolehop guide\\fP \\fITOPIC\\fP shows the same."
    return (
        f"{_head(_GUIDE, 7, 'the topics of the manual')}.SH DESCRIPTION\n{said}\n.SH TOPICS\n{rows}"
    )


# ---- the commands


def _command_page() -> str:
    context = click.Context(root, info_name="rolehop")
    summary = (root.help or "").strip()
    lines = [
        _head("rolehop", 1, summary),
        ".SH SYNOPSIS\n\\fBrolehop\\fP [\\fIOPTIONS\\fP] \\fICOMMAND\\fP [\\fIARGS\\fP]...\n",
        ".SH DESCRIPTION\n",
        f"{literal(summary)} The manual is in \\fB{literal(_GUIDE)}\\fP(7).\n",
        ".SH OPTIONS\nEvery command takes these, before or after its name.\n",
        *_options(context, root.params, frozenset()),
    ]
    for section in SECTIONS:
        lines.append(f".SH {literal(section.upper())} COMMANDS\n")
        for name, row in COMMANDS.items():
            if row.section == section:
                lines += _command(context, name)
    lines.append(".SH ENVIRONMENT\n")
    lines += [f".TP\n\\fB{name}\\fP\n{literal(text)}\n" for name, text in _ENVIRONMENT.items()]
    lines.append(".SH EXIT STATUS\n")
    codes = topic_text("commands").partition("\n## Exit codes\n")[2].partition("\n## ")[0]
    lines.append(roff(codes, _link))
    lines.append(f".SH SEE ALSO\n\\fB{literal(_GUIDE)}\\fP(7), \\fBaws\\fP(1)\n")
    return "".join(lines)


def _command(above: click.Context, name: str) -> Iterator[str]:
    """Yield a command's part of the page, and those of its own commands."""
    group = above.command
    assert isinstance(group, click.Group)  # noqa: S101 - for the type checker
    command = group.get_command(above, name)
    assert command is not None  # noqa: S101
    context = click.Context(command, info_name=name, parent=above)
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f".SS {literal(f'{context.command_path} {pieces}')}\n"
    yield from _paragraphs(command.help or "")
    yield from _options(context, command.params, _COMMON)
    if command.epilog:
        yield "".join(f"{line}\n" for line in example(command.epilog.strip().splitlines()))
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from _command(context, each)


def _paragraphs(text: str) -> Iterator[str]:
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        lines = paragraph.splitlines()
        if lines[0] == "\b":  # click's mark for lines that are not wrapped
            yield "".join(f"{line}\n" for line in example(lines[1:]))
        else:
            yield f".PP\n{_words(' '.join(lines))}\n"


def _options(
    context: click.Context, params: list[click.Parameter], but: frozenset[str | None]
) -> Iterator[str]:
    for each in params:
        record = each.get_help_record(context)
        if isinstance(each, click.Option) and record is not None and each.name not in but:
            yield f".TP\n\\fB{literal(record[0])}\\fP\n{_words(' '.join(record[1].split()))}\n"


def _words(text: str) -> str:
    return rf"\&{literal(text)}"
