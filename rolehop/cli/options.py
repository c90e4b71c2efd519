"""How commands and groups look and fail, and the options that many of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from rolehop.base.text import NEAR, nearest
from rolehop.cli.completers import files
from rolehop.cli.context import CommandContext
from rolehop.cli.help import WithHelp, write_options
from rolehop.cli.param_types import Duration, Option, Region, hop_flags
from rolehop.plan.walk_options import WalkOptions

F = TypeVar("F", bound=Callable[..., Any])
_MFA_OPTION = click.option("--mfa-stdin", is_flag=True, help="Read the MFA code from stdin.")


def _store(ctx: click.Context, param: click.Parameter, value: object) -> None:
    """Store a common option, whether it comes before or after the command's name."""
    cli = ctx.find_object(CommandContext)
    if cli is not None and value not in (None, False) and param.name:
        setattr(cli.settings, param.name, value)


def _log_to_stderr(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    _store(ctx, param, value)
    if value:
        from rolehop.terminal.debug_handler import log_to_stderr

        log_to_stderr()


def COMMON_OPTIONS() -> list[click.Parameter]:  # noqa: N802 - used like a constant
    """Return fresh copies of the options that every command takes."""
    return [
        click.Option(
            ["--config"],
            metavar="PATH",
            shell_complete=files,
            expose_value=False,
            callback=_store,
            help="Use only this config file.  [env: ROLEHOP_CONFIG]",
        ),
        click.Option(
            ["--color"],
            type=click.Choice(["auto", "always", "never"]),
            metavar="WHEN",
            expose_value=False,
            callback=_store,
            help="auto, always or never; auto: on a terminal without NO_COLOR.",
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_store,
            help="No progress and no notes on stderr.",
        ),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            callback=_store,
            help="Show more: full ARNs, exact times, every value.",
        ),
        click.Option(
            ["--debug"],
            is_flag=True,
            expose_value=False,
            callback=_log_to_stderr,
            help="Log each call on stderr. Never shows a secret.",
        ),
    ]


class _WithExamples(WithHelp):
    """A command whose options are in groups, and whose epilog is examples."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands of a group, and the options."""
        if isinstance(self, click.Group):
            self.format_commands(ctx, formatter)
        write_options(self, ctx, formatter)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples line by line, unwrapped; a remark without room stands above its line."""
        if not self.epilog:
            return
        with formatter.section("Examples"):
            for line in self.epilog.strip().splitlines():
                command, mark, remark = line.partition("  # ")
                if mark and len(line) + 2 > formatter.width:
                    formatter.write(f"  # {remark}\n")
                    line = command.rstrip()
                formatter.write(f"  {line}\n" if line else "\n")


def no_such_command(ctx: click.Context, name: str, known: Iterable[str]) -> click.UsageError:
    """Return the error for an unknown command; it names one that is really near."""
    near = nearest(name, known, n=1, cutoff=NEAR)
    meant = f" Did you mean '{near[0]}'?" if near else ""
    return click.UsageError(f"No such command '{name}'.{meant}", ctx)


def no_such_option(error: click.NoSuchOption) -> click.NoSuchOption:
    """Return the error with only those of click's suggestions that are really near."""
    typed, known = error.option_name.lstrip("-"), list(error.possibilities or ())
    near = [each for each in known if nearest(typed, [each.lstrip("-")], cutoff=NEAR)]
    return click.NoSuchOption(error.option_name, possibilities=near, ctx=error.ctx)


_TYPED = "rolehop.typed"


class Command(_WithExamples):
    """A command with its own options, then those that every command takes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(COMMON_OPTIONS())

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, and keep what was typed for `typed_arguments`."""
        ctx.meta[_TYPED] = list(args)
        return super().parse_args(ctx, args)


_PROGRAM = "rolehop.program"


class ProgramCommand(Command):
    """A command that takes the words after ``--`` as the command line to run."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Set the words after ``--`` aside before the options are parsed."""
        if "--" in args:
            at = args.index("--")
            ctx.meta[_PROGRAM] = tuple(args[at + 1 :])
            # Before it only rolehop's own options make sense: an unknown one is a mistake.
            ctx.ignore_unknown_options = False
            args = args[:at]
        return super().parse_args(ctx, args)


def program_of(ctx: click.Context) -> tuple[str, ...]:
    """Return the words after ``--``."""
    words: tuple[str, ...] = ctx.meta.get(_PROGRAM, ())
    return words


def typed_arguments(ctx: click.Context) -> list[str]:
    """Return the arguments of the command as they were typed."""
    typed: list[str] = ctx.meta[_TYPED]
    return typed


def walk_options(command: F) -> F:
    """Add the options that change how a chain is walked, for :func:`walk_options_from`."""
    return _gathered(command, [*hop_flags(), _region_option(), *_handover_options(), _MFA_OPTION])


def fleet_walk_options(command: F) -> F:
    """Add the same but ``--region``, which a command for many chains has in a form of its own."""
    return _gathered(command, [*hop_flags(), *_handover_options(), _MFA_OPTION])


def plan_options(command: F) -> F:
    """Add those that a plan heeds: it asks nothing, so it needs no way to read an MFA code."""
    return _gathered(command, [*hop_flags(), _region_option(), *_handover_options()])


def call_options(command: F) -> F:
    """Add only the options that change what is sent to STS, for :func:`walk_options_from`."""
    return _gathered(command, [*hop_flags(), _region_option()])


def _gathered(command: F, options: list[Option]) -> F:
    def gather(ctx: click.Context, param: click.Parameter, value: object) -> None:
        if not (value is None or value is False or value == ()) and param.name:
            setattr(walk_options_from(ctx), param.name, value)

    for option in reversed(options):
        command = option(command)
    for option_param in getattr(command, "__click_params__", [])[-len(options) :]:
        option_param.expose_value = False
        option_param.callback = gather
    return command


def _region_option() -> Option:
    return click.option(
        "--region",
        type=Region(),
        metavar="REGION",
        help="Region for STS and for the handover.",
    )


def _handover_options() -> list[Option]:
    return [
        click.option(
            "--min-ttl",
            type=Duration(),
            metavar="D",
            help="How long the session must still last, at most half of its lifetime.  [default: 16m]",
        ),
        click.option(
            "--strict", is_flag=True, help="Refuse a duration above a hop's ceiling (exit 3)."
        ),
    ]


def walk_options_from(ctx: click.Context) -> WalkOptions:
    """Return what :func:`walk_options` or one of its like gathered."""
    options: WalkOptions = ctx.meta.setdefault("rolehop.walk", WalkOptions())
    return options


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


class Group(_WithExamples, click.Group):
    """A group whose commands, and which itself, take the common options."""

    command_class = Command

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.extend(COMMON_OPTIONS())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command if there is none of that name."""
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise no_such_command(ctx, args[0], self.commands)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with their whole first sentence: click cuts it at the line's end."""
        commands = [(name, self.commands[name]) for name in self.list_commands(ctx)]
        rows = [
            (name, each.get_short_help_str(formatter.width * 4))
            for name, each in commands
            if not each.hidden
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)
