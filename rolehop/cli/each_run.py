"""What `each` does with its options: choose the targets, run, and show what became of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.app.each.asking import ask_once
from rolehop.app.each.handing_over import through_server
from rolehop.app.each.run_log import RunToResume, begin_log, run_to_resume
from rolehop.app.each.runner import EachRun, Recorder, RunSettings, workers_of
from rolehop.app.each.targets import ENABLED, RunTarget, Shard, targets_of
from rolehop.app.each.walker import FleetWalker
from rolehop.cli.error_report import lines_of
from rolehop.cli.serving import StderrReporter
from rolehop.errors import UsageError
from rolehop.show.running.rows import ResultClass, TargetRow
from rolehop.startup.dataclass import dataclass
from rolehop.terminal.output import write_lines
from rolehop.terminal.progress import chain_counter
from rolehop.text import pluralize

if TYPE_CHECKING:
    from rolehop.app.each.output_folder import OutputFolder
    from rolehop.app.each.outputs import CommandOutput
    from rolehop.cli.context import CommandContext
    from rolehop.plan.walk_options import WalkOptions
    from rolehop.terminal.run_watcher import GroupedWatcher


@dataclass(frozen=True, slots=True)
class EachOptions:
    """The command line of `each`."""

    argv: tuple[str, ...]
    walk: WalkOptions
    pattern: tuple[str, ...]
    exclude: tuple[str, ...]
    region: tuple[str, ...]
    jobs: int
    timeout: int | None
    fail_fast: bool
    server: bool
    prefix: bool
    output: str | None
    resume: bool
    shard: tuple[int, int] | None
    report: bool
    explain: bool
    dry_run: bool
    confirm: bool
    style: str

    @property
    def is_json(self) -> bool:
        """True with ``--format json``."""
        return self.style == "json"


def run_each(cli: CommandContext, options: EachOptions) -> int:
    """Carry the command out; return its exit code: 1 if a target is not ok."""
    if options.report:
        return _report(cli, options)
    _check(cli, options)
    whole = targets_of(cli.app, options.pattern, options.exclude, options.region)
    shard = Shard(*options.shard) if options.shard else None
    own = shard.of(whole) if shard else whole
    resumed = run_to_resume(cli.app, options.argv, own, shard) if options.resume else None
    if options.dry_run:
        _show_plan(cli, resumed.missing(own) if resumed else own, options)
        return 0
    return _EachRunner(cli, options).run(whole, own, shard, resumed)


def _check(cli: CommandContext, options: EachOptions) -> None:
    """Refuse options that contradict each other, and a command that is not there."""
    shown = {
        "--prefix": options.prefix,
        "--output": options.output is not None,
        "--format json": options.is_json,
    }
    if options.prefix and sum(shown.values()) > 1:
        other = next(name for name, given in shown.items() if given and name != "--prefix")
        raise UsageError(f"--prefix and {other} exclude each other", fix="rolehop each --help")
    program = options.argv[0]
    if "{" not in program and shutil.which(program, path=cli.environ.get("PATH")) is None:
        raise UsageError(f"{program}: no such command", fix="rolehop each PATTERN... -- CMD")


def _show_plan(cli: CommandContext, targets: Sequence[RunTarget], options: EachOptions) -> None:
    from rolehop.app.each.planned import planned_rows
    from rolehop.show.running.table import planned_line, planned_view

    rows = planned_rows(cli.app, targets, options.argv, options.walk)
    if options.is_json:
        for row in rows:
            cli.terminal.write_output(planned_line(row) + "\n", encoding="utf-8")
    else:
        cli.write_view(planned_view(list(rows), verbose=cli.terminal.verbose))


class _EachRunner:
    """One run: ask, find regions, run, and show the results."""

    def __init__(self, cli: CommandContext, options: EachOptions) -> None:
        self._cli = cli
        self._options = options

    def run(
        self,
        whole: Sequence[RunTarget],
        own: Sequence[RunTarget],
        shard: Shard | None,
        resumed: RunToResume | None,
    ) -> int:
        """Run for ``own``, the targets of a shard or all; return the exit code."""
        cli, options = self._cli, self._options
        left = resumed.missing(own) if resumed else own
        walk = ask_once(
            cli.app, list(dict.fromkeys(each.chain for each in left)), options.walk,
            always=options.confirm and bool(left),
        )  # fmt: skip
        walker = FleetWalker(cli.app, walk, workers_of(options.jobs))
        failed: dict[RunTarget, TargetRow] = {}
        if ENABLED in options.region:
            own, failed = self._with_regions(own, walker, walk)
            left = resumed.missing(own) if resumed else own
        folder = _folder(options, own)
        if folder is not None:
            folder.describe(whole, own, shard)
            folder.forget(left)
        if not left:
            cli.terminal.note(f"nothing is left to run in {pluralize(len(own), 'target')}")
            return 0
        log = resumed.log if resumed else begin_log(cli.app, options.argv, own, shard)
        watcher, new_output = _shown_by(cli, options, len(left), folder)
        recorders: list[Recorder] = [log.add, *([folder.store] if folder else [])]
        settings = RunSettings(
            options.argv,
            walk,
            options.jobs,
            options.timeout,
            options.fail_fast,
            new_output,
            through_server(cli.app, walk, StderrReporter(cli)) if options.server else None,
            (lambda error: lines_of(error, cli, walk)) if options.explain else lambda error: (),
            recorders,
        )
        run = EachRun(cli.app, left, settings, watcher, walker, failed)
        try:
            run.run()
        finally:
            log.close()
            watcher.finish()
            _show_results(cli, run.rows(), options)
        return _exit_code(run.rows())

    def _with_regions(
        self, own: Sequence[RunTarget], walker: FleetWalker, walk: WalkOptions
    ) -> tuple[list[RunTarget], dict[RunTarget, TargetRow]]:
        from rolehop.app.each.regions import with_enabled_regions

        jobs = workers_of(self._options.jobs)
        with chain_counter(self._cli.terminal, len(own)) as progress:
            return with_enabled_regions(self._cli.app, own, walker, walk, jobs, progress=progress)


def _folder(options: EachOptions, targets: Sequence[RunTarget]) -> OutputFolder | None:
    if options.output is None:
        return None
    from rolehop.app.each.output_folder import OutputFolder
    from rolehop.files import expand_home

    return OutputFolder(expand_home(options.output, Path.home()).absolute(), targets)


def _shown_by(
    cli: CommandContext, options: EachOptions, total: int, folder: OutputFolder | None
) -> tuple[GroupedWatcher, Callable[[RunTarget], CommandOutput]]:
    """Return what shows the run, and where the output of each target goes."""
    from rolehop.app.each.outputs import HeldOutput
    from rolehop.app.each.prefixed_output import PrefixedOutput
    from rolehop.terminal.run_watcher import (
        CountingWatcher,
        GroupedWatcher,
        JsonWatcher,
        PrefixWatcher,
    )

    def held(target: RunTarget) -> CommandOutput:
        del target
        return HeldOutput()

    if options.prefix:
        watcher = PrefixWatcher(cli.terminal, total)
        return watcher, lambda target: PrefixedOutput(partial(watcher.wrote, target.name))
    if options.is_json:
        return JsonWatcher(cli.terminal, total, folder), folder.output if folder else held
    if folder is not None:
        return CountingWatcher(cli.terminal, total), folder.output
    return GroupedWatcher(cli.terminal, total), held


def _report(cli: CommandContext, options: EachOptions) -> int:
    """Show what is in folders on stdout; return 1 if a target is not ok, or may be missing."""
    from rolehop.app.each.report import read_report
    from rolehop.files import expand_home
    from rolehop.show.running.table import no_output, result_line, results_view

    report = read_report([expand_home(each, Path.home()) for each in options.pattern])
    if options.is_json:
        for row in report.rows:
            cli.terminal.write_output(result_line(row, no_output()) + "\n", encoding="utf-8")
    else:
        cli.write_view(results_view(report.rows, verbose=cli.terminal.verbose, may_resume=False))
    for problem in report.problems:
        write_lines(f"rolehop: {problem}")
    return 1 if report.problems else _exit_code(report.rows)


def _show_results(cli: CommandContext, rows: Sequence[TargetRow], options: EachOptions) -> None:
    """Show the table; JSON has a line for every target instead."""
    from rolehop.show.running.table import results_view

    if not options.is_json and (not cli.terminal.quiet or _exit_code(rows)):
        cli.write_view(results_view(rows, verbose=cli.terminal.verbose), beside=True)
    for line in (line for each in rows if each.problem for line in each.problem.explanation):
        write_lines(line)


def _exit_code(rows: Sequence[TargetRow]) -> int:
    return int(any(each.result is not ResultClass.OK for each in rows))
