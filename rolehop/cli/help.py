"""How help looks: bold heads, and a command's options in groups, the common ones last."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from rolehop.cli.context import CommandContext

OWN, SESSION, OUTPUT, POLICIES, GLOBAL = "Options", "Session", "Output", "Policies", "Global"

_GROUPS = {
    SESSION: (
        *("duration", "min_ttl", "strict", "tags", "source_identity", "reason", "region"),
        *("mfa_stdin", "no_prompt", "no_session"),
    ),
    OUTPUT: ("style", "output"),
    POLICIES: (
        *("read_only", "policy", "policy_arns", "policies", "scp", "rcp", "management_account"),
        *("organization", "resource_policy"),
    ),
    GLOBAL: ("config", "color", "quiet", "verbose", "debug", "version"),
}
"""By the name of each parameter; all others are the command's own."""

_GROUP_OF = {name: group for group, names in _GROUPS.items() for name in names}


class WithHelp(click.Command):
    """A command whose help is shown as all other views are."""

    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        """Return the option, which shows the help by itself."""
        option = super().get_help_option(ctx)
        if option is not None:
            option.callback = _show_help
        return option


def _show_help(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value and not ctx.resilient_parsing:
        show_help(ctx)
        ctx.exit()


def show_help(ctx: click.Context) -> None:
    """Write the help of a command to stdout, on a terminal with its heads in bold."""
    terminal, text = CommandContext.of(ctx).terminal, ctx.get_help()
    if not sys.stdout.isatty():
        terminal.write_output(f"{text}\n")
        return
    from rolehop.terminal.layout import Line, StyledText

    def drawn(line: str) -> Line:
        head, colon, rest = line.partition(":")
        if not colon or head[:1] in ("", " ") or (rest and head != "Usage"):
            return Line((StyledText(line),), whole=True)
        return Line((StyledText(f"{head}:", "bold"), StyledText(rest)), whole=True)

    terminal.write_view(list(map(drawn, text.splitlines())), {})


def _group_of(param: click.Parameter) -> str:
    if "--help" in param.opts:
        return GLOBAL
    group = _GROUP_OF.get(param.name or "", OWN)
    # Of the options of a walk none is an argument of the command's function.
    return OWN if group == SESSION and param.expose_value else group


def write_options(
    command: click.Command, ctx: click.Context, formatter: click.HelpFormatter
) -> None:
    """Write the options of a command, a section for each group."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            groups.setdefault(_group_of(param), []).append(record)
    for name in (OWN, *_GROUPS):
        if name in groups:
            with formatter.section(name):
                _write_rows(formatter, groups[name])


_NAME_MOST, _GAP = 30, 2  # columns


def _write_rows(formatter: click.HelpFormatter, rows: Sequence[tuple[str, str]]) -> None:
    """Write options as click does, but for names with hyphens: `eu-west-1` stays in one piece."""
    from textwrap import wrap

    at = min(max(len(name) for name, _ in rows), _NAME_MOST) + _GAP
    indent = " " * formatter.current_indent
    width = max(formatter.width - len(indent) - at, _GAP)
    for name, text in rows:
        first, *others = wrap(text, width, break_on_hyphens=False, break_long_words=False) or [""]
        if len(name) > at - _GAP:
            formatter.write(f"{indent}{name}\n{indent}{'':{at}}{first}\n")
        else:
            formatter.write(f"{indent}{name:{at}}{first}\n")
        for each in others:
            formatter.write(f"{indent}{'':{at}}{each}\n")
