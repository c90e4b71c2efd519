"""``rolehop each``: run a command for each of many chains."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import click

from rolehop.app.each.runner import JOBS
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import (
    ProgramCommand,
    fleet_walk_options,
    format_option,
    program_of,
    walk_options_from,
)
from rolehop.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.app.each.runner import EachRun
    from rolehop.app.each.targets import RunTarget
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.show.running.rows import TargetRow
    from rolehop.terminal.run_watcher import GroupedWatcher


@click.command(
    cls=ProgramCommand,
    epilog="""
rolehop each 'prod/*' -- aws s3 ls
rolehop each prod label:env=test --exclude prod/billing -- ./audit.sh {account}
rolehop each 'prod/*' --dry-run -- terraform apply
rolehop each 'prod/*' --format json -- aws iam get-account-summary | jq .account
""",
)
@click.argument("pattern", nargs=-1, metavar="PATTERN... -- CMD...", shell_complete=patterns)
@click.option(
    "--exclude",
    multiple=True,
    metavar="PATTERN",
    shell_complete=patterns,
    help="Leave out the chains that match; may be repeated.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, 256),
    default=JOBS,
    show_default=True,
    help="How many commands run at once.",
)
@click.option("--dry-run", is_flag=True, help="Show what would be run, without calling AWS.")
@click.option("--confirm", is_flag=True, help="Show the chains, and ask once before anything runs.")
@format_option("table", "json", default="table")
@fleet_walk_options
@click.pass_context
def command(
    ctx: click.Context,
    pattern: tuple[str, ...],
    exclude: tuple[str, ...],
    jobs: int,
    dry_run: bool,
    confirm: bool,
    style: str,
) -> None:
    """Run a command with the session of each of many chains.

    PATTERN is as in `rolehop list`. In the command, {chain}, {account}, {account_name}, {role} and
    {region} are filled in; ROLEHOP_ACCOUNT_NAME has the name, too. What a command writes is shown
    in one piece when it has ended, then a table on stderr. Exit 1: a target is not ok.
    """
    cli, argv, options = CommandContext.of(ctx), program_of(ctx), walk_options_from(ctx)
    targets = _targets(cli, ctx, pattern, exclude, argv)
    if dry_run:
        _show_plan(cli, targets, argv, options, style)
        return
    ctx.exit(_run(cli, targets, argv, options, jobs=jobs, confirm=confirm, style=style))


def _targets(
    cli: CommandContext,
    ctx: click.Context,
    pattern: tuple[str, ...],
    exclude: tuple[str, ...],
    argv: tuple[str, ...],
) -> list[RunTarget]:
    from rolehop.app.each.targets import targets_of

    if not pattern or not argv:
        missing = "command" if pattern else "pattern"
        raise click.UsageError(f"Missing {missing}: rolehop each PATTERN... -- CMD.", ctx)
    if "{" not in argv[0] and shutil.which(argv[0], path=cli.environ.get("PATH")) is None:
        raise UsageError(f"{argv[0]}: no such command", fix="rolehop each PATTERN... -- CMD")
    return targets_of(cli.app, pattern, exclude)


def _show_plan(
    cli: CommandContext,
    targets: Sequence[RunTarget],
    argv: tuple[str, ...],
    options: WalkOptions,
    style: str,
) -> None:
    from rolehop.app.each.planned import planned_rows
    from rolehop.show.running.table import planned_line, planned_view

    rows = planned_rows(cli.app, targets, argv, options)
    if style == "json":
        for row in rows:
            cli.terminal.write_output(planned_line(row) + "\n", encoding="utf-8")
    else:
        cli.write_view(planned_view(list(rows), verbose=cli.terminal.verbose))


def _run(
    cli: CommandContext,
    targets: Sequence[RunTarget],
    argv: tuple[str, ...],
    options: WalkOptions,
    *,
    jobs: int,
    confirm: bool,
    style: str,
) -> int:
    from rolehop.app.each.asking import ask_once
    from rolehop.app.each.runner import EachRun, RunSettings
    from rolehop.terminal.run_watcher import GroupedWatcher, JsonWatcher

    chains = list(dict.fromkeys(each.chain for each in targets))
    options = ask_once(cli.app, chains, options, always=confirm)
    watcher = (JsonWatcher if style == "json" else GroupedWatcher)(cli.terminal, len(targets))
    run = EachRun(cli.app, targets, RunSettings(argv, options, jobs), watcher)
    try:
        run.run()
    finally:
        _show_results(cli, run, watcher, style)
    return _exit_code(run.rows())


def _show_results(cli: CommandContext, run: EachRun, watcher: GroupedWatcher, style: str) -> None:
    """Show the table; in JSON, what was never begun, so that every target has its line."""
    from rolehop.show.running.rows import ResultClass
    from rolehop.show.running.table import results_view

    watcher.finish()
    rows = run.rows()
    if style == "json":
        for each in rows:
            if each.result is ResultClass.NOT_RUN and each.problem is None:
                watcher.show(each, None)
    elif not cli.terminal.quiet or _exit_code(rows):
        cli.write_view(results_view(rows, verbose=cli.terminal.verbose), beside=True)


def _exit_code(rows: Sequence[TargetRow]) -> int:
    from rolehop.show.running.rows import ResultClass

    return int(any(each.result is not ResultClass.OK for each in rows))
