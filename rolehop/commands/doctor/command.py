"""``rolehop doctor``: examine what rolehop stands on."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from rolehop.app.ports import ask_yes_or_no, is_yes
from rolehop.base.errors import NoTerminal, UsageError
from rolehop.base.text import clean
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.commands.doctor.examine import DoctorFinding, State, examine, repair


@click.command(
    cls=Command,
    epilog="""
rolehop doctor                    # look only; exit 1 if something is broken
rolehop doctor --fix              # show each change it can make, and ask
rolehop doctor --format json | jq '.findings[] | select(.state != "fine")'
""",
)
@click.option("--fix", is_flag=True, help="Show each change that it can make itself, and ask.")
@click.option("--yes", is_flag=True, help="With --fix: make them without asking.")
@format_option("table", "json", default="table")
@click.pass_context
def command(ctx: click.Context, fix: bool, yes: bool, style: str) -> int:
    """Examine keyring, config, shell and network, and say what to do.

    Checks the program, shell, variables, config, sources, AWS files and state folder. In the keyring
    it writes, reads and deletes an item. Then it calls STS and Identity Center without credentials,
    and compares their clock. -v says why each finding matters.

    \b
    fine     as it should be
    look     works, but unusual
    broken   something does not work because of it

    As root, --fix changes nothing that a link leads to or another user owns.
    """  # noqa: D301 - click wants the character itself
    cli = CommandContext.of(ctx)
    if yes and not fix:
        raise UsageError("--yes goes with --fix", fix="rolehop doctor --fix --yes")
    if fix and style == "json":
        raise UsageError("--fix asks, and JSON is for programs", fix="rolehop doctor --fix")
    if style == "json":
        from rolehop.commands.doctor.view import doctor_document

        findings = list(examine(cli.app))
        cli.write_json(doctor_document(findings))
        return _exit_code(findings)
    findings = _shown(cli)
    if fix:
        findings = _fixed(cli, findings, ask=not yes)
    return _exit_code(findings)


def _exit_code(findings: Sequence[DoctorFinding]) -> int:
    return int(any(finding.state is State.BROKEN for finding in findings))


def _shown(cli: CommandContext) -> list[DoctorFinding]:
    """Write each finding as it comes, and how many there are."""
    from rolehop.app.account_names import KnownNames
    from rolehop.app.host import home_folder
    from rolehop.base.advice import with_account_names
    from rolehop.commands.doctor.view import DoctorReport
    from rolehop.terminal import output

    columns = output.columns(sys.stdout, cli.environ)
    verbose, names = cli.terminal.verbose, KnownNames(cli.app)
    report = DoctorReport(
        cli.quote_argument,
        str(home_folder()),
        columns,
        lambda text: with_account_names(text, names, numbers=verbose),
        verbose=verbose,
    )
    findings = []
    for each in examine(cli.app):
        findings.append(each)
        cli.write_view(report.view(each))
    cli.write_view(report.summary(findings))
    return findings


def _fixed(
    cli: CommandContext, findings: Sequence[DoctorFinding], *, ask: bool
) -> list[DoctorFinding]:
    """Show the changes, ask for each, make it; return the findings that are left as they are."""
    from rolehop.commands.doctor.view import repair_view

    left = []
    for finding in findings:
        if finding.repair is None:
            left.append(finding)
            continue
        cli.write_view(repair_view(finding.repair))
        question = clean(f"change {finding.repair.path}?")
        if ask and not _is_confirmed(cli, question):
            left.append(finding)
            continue
        failure = repair(finding)
        cli.terminal.note(failure or f"changed: {finding.repair.path}")
        left += [finding] if failure else []
    if not any(finding.repair for finding in findings):
        cli.terminal.note("there is nothing that it could change itself")
    return left


def _is_confirmed(cli: CommandContext, question: str) -> bool:
    try:
        return is_yes(ask_yes_or_no(cli.app.person, question))
    except NoTerminal as error:
        error.fix = "run it in a terminal, or add --yes"
        raise
