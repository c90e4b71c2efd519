"""What `each` does with its options: choose the targets, run, and show what became of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from rolehop.app.guard import ask_once, asks_reason, person_for
from rolehop.app.narrowing import carry_on
from rolehop.base.dataclass import dataclass, replace
from rolehop.base.errors import NoTerminal, UsageError
from rolehop.base.programs import has_program
from rolehop.base.text import pluralize
from rolehop.commands.each.run_log import RunToResume, begin_log, run_to_resume
from rolehop.commands.each.runner import (
    EachRun,
    GoOn,
    Recorder,
    RunSettings,
    through_server,
    workers_of,
)
from rolehop.commands.each.targets import (
    FailuresAllowed,
    ResultClass,
    RunFailures,
    RunTarget,
    Shard,
    TargetRow,
    chains_of,
    is_region_pattern,
    targets_of,
)
from rolehop.commands.each.walker import FleetWalker
from rolehop.commands.serve.run import StderrReporter
from rolehop.terminal.output import write_lines
from rolehop.terminal.progress import chain_counter

if TYPE_CHECKING:
    from rolehop.app.proof import Proof
    from rolehop.cli.context import CommandContext
    from rolehop.commands.each.output_folder import OutputFolder
    from rolehop.commands.each.outputs import CommandOutput
    from rolehop.commands.each.pacing import Rate
    from rolehop.commands.each.view import GroupedWatcher
    from rolehop.plan.walk_options import WalkOptions


def show_report(cli: CommandContext, folders: Sequence[str], *, is_json: bool) -> int:
    """Show what is in folders on stdout; return 1 if a target is not ok, or may be missing."""
    from rolehop.app.host import home_folder
    from rolehop.base.files import expand_home
    from rolehop.commands.each.output_folder import read_report
    from rolehop.commands.each.targets import no_output
    from rolehop.commands.each.view import result_line, results_view

    report = read_report([expand_home(each, home_folder()) for each in folders])
    if is_json:
        for row in report.rows:
            cli.terminal.write_output(result_line(row, no_output()) + "\n", encoding="utf-8")
    else:
        cli.write_view(results_view(report.rows, verbose=cli.terminal.verbose, may_resume=False))
    for problem in report.problems:
        write_lines(f"rolehop: {problem}")
    return 1 if report.problems else exit_code_of(report.rows)


def show_results(cli: CommandContext, rows: Sequence[TargetRow], *, is_json: bool) -> None:
    """Show the table on stderr; JSON has a line for every target instead."""
    from rolehop.commands.each.view import results_view

    if not is_json and (not cli.terminal.quiet or exit_code_of(rows)):
        cli.write_view(results_view(rows, verbose=cli.terminal.verbose), beside=True)


def exit_code_of(rows: Sequence[TargetRow]) -> int:
    """Return 1 if a target is not ok."""
    return int(any(each.result is not ResultClass.OK for each in rows))


_A_RUN = 3600
"""Seconds that a run without a timeout may take, as far as a sign-in that ends is worth a line."""


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
    rate: Rate | None
    first: int | None
    max_failures: FailuresAllowed | None
    server: bool
    prefix: bool
    output: str | None
    resume: bool
    trust_log: bool
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

    @property
    def is_merged(self) -> bool:
        """True with a format that merges what the commands print."""
        return self.style in ("ndjson", "csv")


def run_each(cli: CommandContext, options: EachOptions) -> int:
    """Carry the command out; return its exit code: 1 if a target is not ok."""
    if options.is_merged:
        _check_merged(options)
    if options.report:
        return show_report(cli, options.pattern, is_json=options.is_json)
    _check(cli, options)
    whole = targets_of(cli.app, options.pattern, options.exclude, options.region)
    shard = Shard(*options.shard) if options.shard else None
    own = shard.of(whole) if shard else whole
    resumed = _resumed(cli, options, own, shard)
    if resumed is not None:
        required = asks_reason(cli.app, chains_of(resumed.missing(own)))
        walk = carry_on(cli.app, resumed.made_with, options.walk, reason_required=required)
        options = replace(options, walk=walk)
    if options.dry_run:
        _show_plan(cli, resumed.missing(own) if resumed else own, options)
        return 0
    return _EachRunner(cli, options).run(whole, own, shard, resumed)


def _resumed(
    cli: CommandContext, options: EachOptions, own: Sequence[RunTarget], shard: Shard | None
) -> RunToResume | None:
    if not options.resume:
        return None
    return run_to_resume(cli.app, options.argv, own, shard, trusted=options.trust_log)


def _check(cli: CommandContext, options: EachOptions) -> None:
    """Refuse options that contradict each other, and a command that is not there."""
    if options.trust_log and not options.resume:
        raise UsageError("--trust-log is of no use without --resume", fix="rolehop each --help")
    shown = {
        "--prefix": options.prefix,
        "--output": options.output is not None,
        "--format json": options.is_json,
    }
    if options.prefix and sum(shown.values()) > 1:
        other = next(name for name, given in shown.items() if given and name != "--prefix")
        raise UsageError(f"--prefix and {other} exclude each other", fix="rolehop each --help")
    program = options.argv[0]
    if "{" not in program and not has_program(program, cli.environ):
        raise UsageError(f"{program}: no such command", fix="rolehop each PATTERN... -- CMD")


def _check_merged(options: EachOptions) -> None:
    """Refuse what prints nothing to merge.

    Raises:
        UsageError: such an option is there.
    """
    others = {
        "--prefix": options.prefix,
        "--output": options.output is not None,
        "--report": options.report,
        "--dry-run": options.dry_run,
    }
    for name, given in others.items():
        if given:
            fix = "use --format json" if name in ("--report", "--dry-run") else f"leave out {name}"
            raise UsageError(f"{name} and --format {options.style} exclude each other", fix=fix)


def _show_plan(cli: CommandContext, targets: Sequence[RunTarget], options: EachOptions) -> None:
    from rolehop.commands.each.targets import planned_rows
    from rolehop.commands.each.view import planned_line, planned_view

    rows = planned_rows(cli.app, targets, options.argv, options.walk)
    if options.is_json:
        for row in rows:
            cli.terminal.write_output(planned_line(row) + "\n", encoding="utf-8")
    else:
        cli.write_view(planned_view(list(rows), cli.app.now(), verbose=cli.terminal.verbose))


class _EachRunner:
    """One run: ask, find regions, run, and show the results."""

    def __init__(self, cli: CommandContext, options: EachOptions) -> None:
        self._cli = cli
        self._options = options
        self._failures = RunFailures()

    def run(
        self,
        whole: Sequence[RunTarget],
        own: Sequence[RunTarget],
        shard: Shard | None,
        resumed: RunToResume | None,
    ) -> int:
        """Run for ``own``, the targets of a shard or all; return the exit code."""
        cli, options = self._cli, self._options
        walk, proof = self._ask(resumed.missing(own) if resumed else own)
        walker = FleetWalker(cli.app, walk, proof, workers_of(options.jobs))
        failed: dict[RunTarget, TargetRow] = {}
        if any(is_region_pattern(each.region) for each in own):
            own, failed = self._with_regions(own, walker, walk)
        left = resumed.missing(own) if resumed else own
        folder = _folder(options, own)
        if folder is not None:
            folder.describe(whole, own, shard)
            folder.forget(left)
        if not left:
            cli.terminal.note(f"nothing is left to run in {pluralize(len(own), 'target')}")
            return 0
        self._note_ending_sign_ins(left)
        log = begin_log(cli.app, options.argv, walk, own, shard, resumed)
        watcher, new_output = _shown_by(cli, options, len(left), folder)
        recorders: list[Recorder] = [log.add, *([folder.store] if folder else [])]
        go_on = self._go_on(walk, watcher)
        settings = self._settings(walk, proof, new_output, recorders, len(left), go_on)
        run = EachRun(cli.app, left, settings, watcher, walker, failed)
        try:
            run.run()
        finally:
            log.close()
            watcher.close()
            show_results(cli, run.rows(), is_json=options.is_json)
            if settings.most_failures is not None and run.has_too_many_failures:
                _note_budget(cli, settings.most_failures)
        if options.explain:  # not after an interruption: it may ask AWS
            self._explain(walk, walker)
        return exit_code_of(run.rows())

    def _note_ending_sign_ins(self, left: Sequence[RunTarget]) -> None:
        from rolehop.app.sign_in_ends import WORKING_DAY, ending_sign_ins

        options = self._options
        within = WORKING_DAY if options.server else timedelta(seconds=options.timeout or _A_RUN)
        for each in ending_sign_ins(self._cli.app, chains_of(left), within):
            self._cli.terminal.note(each)

    def _ask(self, left: Sequence[RunTarget]) -> tuple[WalkOptions, Proof]:
        app, always = self._cli.app, self._options.confirm and bool(left)
        return ask_once(
            app, chains_of(left), self._options.walk, "The command runs for", always=always
        )

    def _settings(
        self,
        walk: WalkOptions,
        proof: Proof,
        new_output: Callable[[RunTarget], CommandOutput],
        recorders: Sequence[Recorder],
        total: int,
        go_on: GoOn,
    ) -> RunSettings:
        cli, options = self._cli, self._options
        budget = options.max_failures
        return RunSettings(
            options.argv,
            walk,
            options.jobs,
            options.timeout,
            None if budget is None else budget.of(total),
            new_output=new_output,
            hand_over=through_server(cli.app, walk, proof, StderrReporter(cli))
            if options.server
            else None,
            on_failed=self._failures.add,
            recorders=recorders,
            rate=options.rate,
            first=options.first,
            go_on=go_on,
        )

    def _go_on(self, walk: WalkOptions, watcher: GroupedWatcher) -> GoOn:
        """Return what shows how the first targets ended, and asks whether the others are run."""
        cli, is_json = self._cli, self._options.is_json

        def ask(rows: Sequence[TargetRow], left: int) -> None:
            from rolehop.app.ports import ask_yes_or_no, declined, is_yes
            from rolehop.commands.each.view import results_view

            watcher.finish()
            person = person_for(cli.app, walk)
            failed = sum(each.result is not ResultClass.OK for each in rows)
            done = f"{pluralize(len(rows), 'target')} done, {failed} of them not ok"
            if person.can_ask and not is_json:  # else the table of all of them follows
                view = results_view(rows, verbose=cli.terminal.verbose, may_resume=False)
                cli.write_view(view, beside=True)
            try:
                answer = ask_yes_or_no(person, f"{done}. Go on with the other {left:,}?")
            except NoTerminal as error:
                error.cause = f"--first: {done}, {left:,} are left"
                error.fix = "the same command with --resume, and without --first, runs the rest"
                raise
            if not is_yes(answer):
                raise declined("the others were not run", answer, "answer y to go on")

        return ask

    def _with_regions(
        self, own: Sequence[RunTarget], walker: FleetWalker, walk: WalkOptions
    ) -> tuple[list[RunTarget], dict[RunTarget, TargetRow]]:
        from rolehop.commands.each.regions import with_enabled_regions

        jobs, failed = workers_of(self._options.jobs), self._failures.add
        with chain_counter(self._cli.terminal, len(chains_of(own))) as progress:
            return with_enabled_regions(
                self._cli.app, own, walker, walk, jobs, progress=progress, on_failed=failed
            )

    def _explain(self, walk: WalkOptions, walker: FleetWalker) -> None:
        from rolehop.commands.each.explain import write_explanations

        write_explanations(self._cli, self._failures, walk, walker.sessions())


def _note_budget(cli: CommandContext, most: int) -> None:
    told = "any is" if most == 0 else f"more than {most:,} are"
    cli.terminal.note(f"nothing more was begun: --max-failures ends a run once {told} not ok")


def _folder(options: EachOptions, targets: Sequence[RunTarget]) -> OutputFolder | None:
    if options.output is None:
        return None
    from rolehop.app.host import home_folder
    from rolehop.base.files import expand_home
    from rolehop.commands.each.output_folder import OutputFolder

    return OutputFolder(expand_home(options.output, home_folder()).absolute(), targets)


def _shown_by(
    cli: CommandContext, options: EachOptions, total: int, folder: OutputFolder | None
) -> tuple[GroupedWatcher, Callable[[RunTarget], CommandOutput]]:
    """Return what shows the run, and where the output of each target goes."""
    from rolehop.commands.each.merged_view import MergedTable
    from rolehop.commands.each.outputs import PrefixedOutput, held_output
    from rolehop.commands.each.view import (
        CountingWatcher,
        GroupedWatcher,
        JsonWatcher,
        MergingWatcher,
        PrefixWatcher,
    )

    if options.prefix:
        watcher = PrefixWatcher(cli.terminal, total)
        return watcher, lambda target: PrefixedOutput(partial(watcher.wrote, target.name))
    if options.is_json:
        return JsonWatcher(cli.terminal, total, folder), folder.output if folder else held_output
    if options.is_merged:
        table = MergedTable() if options.style == "csv" else None
        return MergingWatcher(cli.terminal, total, table), held_output
    if folder is not None:
        return CountingWatcher(cli.terminal, total), folder.output
    return GroupedWatcher(cli.terminal, total), held_output
