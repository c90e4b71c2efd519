"""The results of ``each``: the table of a run, and the report of folders that runs have written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rolehop.show.running.rows import ResultClass, TargetRow
from rolehop.terminal.output import write_lines

if TYPE_CHECKING:
    from rolehop.cli.context import CommandContext


def show_report(cli: CommandContext, folders: Sequence[str], *, is_json: bool) -> int:
    """Show what is in folders on stdout; return 1 if a target is not ok, or may be missing."""
    from rolehop.app.each.report import read_report
    from rolehop.app.host import home_folder
    from rolehop.files import expand_home
    from rolehop.show.running.table import no_output, result_line, results_view

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
    from rolehop.show.running.table import results_view

    if not is_json and (not cli.terminal.quiet or exit_code_of(rows)):
        cli.write_view(results_view(rows, verbose=cli.terminal.verbose), beside=True)


def exit_code_of(rows: Sequence[TargetRow]) -> int:
    """Return 1 if a target is not ok."""
    return int(any(each.result is not ResultClass.OK for each in rows))
