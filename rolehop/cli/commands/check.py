"""``rolehop check``: for CI: chains well-formed, every hop allowed."""

from __future__ import annotations

import click

from rolehop import __version__
from rolehop.app.explaining import check_chains
from rolehop.app.listing import matching
from rolehop.app.policy_documents import PolicyOptions
from rolehop.cli.commands.explain import exit_code
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.policy_options import policy_options
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
@click.argument("chain", nargs=-1, shell_complete=chain_names)
@policy_options
@click.option("--offline", is_flag=True, help="Make no AWS call: files alone.")
@click.option("--strict", is_flag=True, help="Exit 5 also where rolehop can't tell.")
@format_option("text", "json", "junit", "sarif", default="text")
@click.pass_context
def command(
    ctx: click.Context,
    chain: tuple[str, ...],
    told: PolicyOptions,
    offline: bool,
    strict: bool,
    style: str,
) -> None:
    """Check that chains are well-formed and their hops allowed.

    Every chain, or those that match a pattern. A config that cannot be followed exits 3, a hop
    that is refused 5. With --policies or --offline no AWS call is made; without, IAM is read
    with the sessions that are held.
    """
    cli = CommandContext.of(ctx)
    names = matching(cli.app, chain) if chain else list(cli.app.config.chains)
    verdicts = check_chains(cli.app, names, told, offline=offline)
    _print(cli, verdicts, style, strict=strict)
    ctx.exit(exit_code(verdicts, strict=strict))


def _print(cli: CommandContext, verdicts: list[ChainVerdict], style: str, *, strict: bool) -> None:
    if style == "text":
        from rolehop.show.ci_reports import checks_view

        cli.terminal.write_view(checks_view(verdicts))
        return
    cli.terminal.write_output(_as_text(cli, verdicts, style, strict=strict) + "\n")


def _as_text(cli: CommandContext, verdicts: list[ChainVerdict], style: str, *, strict: bool) -> str:
    from rolehop.show.ci_reports import as_junit, sarif_document
    from rolehop.show.explain_json import check_document
    from rolehop.show.json_documents import as_json

    if style == "junit":
        return as_junit(verdicts, strict=strict)
    if style == "sarif":
        from rolehop.app.config_lines import Lines

        places = Lines(cli.app).of
        return as_json(sarif_document(verdicts, places, version=__version__, strict=strict))
    return as_json(check_document(verdicts))
