"""Options that many commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from rolehop.cli.completers import files
from rolehop.cli.context import CommandContext
from rolehop.cli.param_types import Duration, Option, Region, guard_options
from rolehop.plan.walk_options import WalkOptions

F = TypeVar("F", bound=Callable[..., Any])


def _remember(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Keep what a common option says, whether it stands before or after the command's name."""
    cli = ctx.find_object(CommandContext)
    if cli is not None and value not in (None, False) and param.name:
        setattr(cli.settings, param.name, value)


def _log_to_stderr(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    _remember(ctx, param, value)
    if value:
        from rolehop.terminal.debug_handler import log_to_stderr

        log_to_stderr()


def COMMON_OPTIONS() -> list[click.Parameter]:  # noqa: N802 - reads as the constant it stands for
    """Return fresh copies of the options that every command takes."""
    return [
        click.Option(
            ["--config"],
            metavar="PATH",
            shell_complete=files,
            expose_value=False,
            callback=_remember,
            help="Use this config file alone.  [env: ROLEHOP_CONFIG]",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            expose_value=False,
            callback=_remember,
            help="Colour the output; auto: on a terminal, unless NO_COLOR is set.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="No progress and no notes on stderr.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_remember,
            help="Say more: full ARNs, instants, every value.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_log_to_stderr,
            help="Log each call on stderr. Never shows a secret.",
        ),
    ]


class Command(click.Command):
    """A command with the options that every command takes, behind its own."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(COMMON_OPTIONS())

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they stand, line by line."""
        if not self.epilog:
            return
        formatter.write_paragraph()
        with formatter.section("Examples"):
            for line in self.epilog.strip().splitlines():
                formatter.write(f"  {line}\n" if line else "\n")


def walk_options(command: F) -> F:
    """Add the options that change how a chain is walked, for :func:`walk_options_from`."""
    return _gathered(command, [*guard_options(), *_handover_options()])


def hop_options(command: F) -> F:
    """Add those alone that change what the last hop asks for, for :func:`walk_options_from`."""
    return _gathered(command, guard_options())


def _gathered(command: F, options: list[Option]) -> F:
    def gather(ctx: click.Context, param: click.Parameter, value: object) -> None:
        told: WalkOptions = ctx.meta.setdefault("rolehop.walk", WalkOptions())
        if not (value is None or value is False or value == ()) and param.name:
            setattr(told, param.name, value)

    for option in reversed(options):
        command = option(command)
    for option_param in getattr(command, "__click_params__", [])[-len(options) :]:
        option_param.expose_value = False
        option_param.callback = gather
    return command


def _handover_options() -> list[Option]:
    return [
        click.option(
            "--region",
            type=Region(),
            metavar="REGION",
            help="Region for STS and for the handover.",
        ),
        click.option(
            "--min-ttl",
            type=Duration(),
            metavar="D",
            help="The least life the session must have left, at most half of its whole life.  [default: 16m]",
        ),
        click.option(
            "--strict", is_flag=True, help="Refuse a duration above a hop's ceiling (exit 3)."
        ),
        click.option("--mfa-stdin", is_flag=True, help="Read the MFA code from standard input."),
    ]


def walk_options_from(ctx: click.Context) -> WalkOptions:
    """Return what :func:`walk_options` or :func:`hop_options` gathered."""
    told: WalkOptions = ctx.meta.setdefault("rolehop.walk", WalkOptions())
    return told


def format_option(*choices: str, default: str) -> Callable[[F], F]:
    """Add ``--format``."""
    return click.option(
        "--format",
        "style",
        type=click.Choice(list(choices)),
        default=default,
        show_default=True,
        help="How to print it.",
    )


class Group(click.Group):
    """Its commands take the common options, and so does the group itself."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(COMMON_OPTIONS())
