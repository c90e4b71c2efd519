"""``rolehop check``: for CI: chains well-formed, every hop allowed."""

from __future__ import annotations

import gc

import click

from rolehop import __version__
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import check_chains
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.commands.explain.options import exit_code, policy_flags
from rolehop.policy.chain_verdict import ChainVerdict


@click.command(
    cls=Command,
    epilog="""
rolehop check --policies account.json
rolehop check 'spokes/*' --policies hub.json --policies spokes.json --strict
rolehop check --policies account.json --format junit > rolehop.xml
rolehop check --policies account.json --format sarif > rolehop.sarif
""",
)
@click.argument("chain", nargs=-1, shell_complete=patterns)
@policy_flags
@click.option("--offline", is_flag=True, help="Make no AWS call: use files only.")
@click.option("--strict", is_flag=True, help="Exit 5 also if rolehop can't tell.")
@format_option("text", "json", "junit", "sarif", default="text")
@click.pass_context
def command(
    ctx: click.Context,
    chain: tuple[str, ...],
    policies: PolicyOptions,
    offline: bool,
    strict: bool,
    style: str,
) -> None:
    """Check that chains are well-formed and their hops allowed.

    Every chain, or those that match a pattern; one line for each that would break, with why.
    Exits 3 if the config of a chain is broken, 5 if a hop is refused. With --policies or
    --offline it makes no AWS call; without, it reads IAM with the stored sessions. Looks at
    policies, not at AWS's last answer: for that, rolehop explain --last.
    """
    cli = CommandContext.of(ctx)
    # Everything that is made lives until it is printed: to look for what does not took a tenth.
    gc.disable()
    verdicts = check_chains(cli.app, chain, policies, offline=offline)
    _print(cli, verdicts, style, strict=strict)
    broken = [verdict.broken.exit_code for verdict in verdicts if verdict.broken is not None]
    outcomes = {verdict.outcome for verdict in verdicts}
    ctx.exit(min(broken, default=0) or exit_code(outcomes, strict=strict))


def _print(cli: CommandContext, verdicts: list[ChainVerdict], style: str, *, strict: bool) -> None:
    match style:
        case "text":
            from rolehop.commands.explain.check_view import checks_view

            cli.write_view(checks_view(verdicts))
            _note_documents(cli, verdicts)
        case "junit":
            from rolehop.commands.explain.ci_reports import as_junit

            cli.terminal.write_output(as_junit(verdicts, strict=strict) + "\n", encoding="utf-8")
            _note_documents(cli, verdicts)
        case "sarif":
            from rolehop.commands.explain.ci_reports import ConfigLines, sarif_document

            find = ConfigLines(cli.app).find
            cli.write_json(sarif_document(verdicts, find, version=__version__, strict=strict))
            _note_documents(cli, verdicts)
        case _:
            from rolehop.commands.explain.documents import check_document

            cli.write_json(check_document(verdicts))


def _note_documents(cli: CommandContext, verdicts: list[ChainVerdict]) -> None:
    """Say what is wrong with the documents that were read."""
    from rolehop.commands.explain.warnings import notes_of, warnings_of

    for text in notes_of(warnings_of(verdicts)):
        cli.terminal.note(text)
