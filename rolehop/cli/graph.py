"""``rolehop graph``: chains, sources, roles and accounts as a picture."""

from __future__ import annotations

import io

import click

from rolehop.cli.options import Command, format_option
from rolehop.cli.policies import Given, judge, policy_options, read_documents
from rolehop.cli.walking import chain_names
from rolehop.cli.wiring import App, WalkOptions
from rolehop.show.graph import Path, Step, as_dot, as_mermaid, tree_view
from rolehop.trust.records import Records


@click.command(
    cls=Command,
    epilog="""
rolehop graph
rolehop graph --policies account.json
rolehop graph 'spokes/*' --format mermaid
rolehop graph --format dot | dot -Tsvg > chains.svg
rolehop graph --format svg > chains.svg
""",
)
@click.argument("pattern", nargs=-1, shell_complete=chain_names)
@policy_options
@format_option("tree", "mermaid", "dot", "svg", default="tree")
@click.pass_context
def command(
    ctx: click.Context,
    pattern: tuple[str, ...],
    told: Given,
    style: str,
) -> None:
    """Draw chains, sources, roles and accounts.

    A tree for the terminal, Mermaid or DOT for programs that lay diagrams out, or the tree as an
    SVG file. With --policies each hop shows whether it would be allowed. Makes no AWS call.
    """
    from rolehop.cli.refresh import matching

    app = App.of(ctx)
    names = matching(app, pattern) if pattern else list(app.config.chains)
    records = read_documents(told) if told.policies else None
    paths = [_path(app, name, records, told) for name in names]
    if style == "tree":
        app.terminal.view(tree_view(paths))
        return
    drawn = {"mermaid": as_mermaid, "dot": as_dot, "svg": _as_svg}[style](paths)
    app.terminal.product(drawn.rstrip("\n") + "\n")


def _path(app: App, name: str, records: Records | None, told: Given) -> Path:
    if records is None:
        resolved = app.resolve(name, WalkOptions())
        roles = tuple(Step(str(role)) for role, _ in resolved.hops)
        return Path(name, resolved.source.name, roles)
    verdict = judge(app, name, records, told)
    steps = tuple(Step(hop.verdict.request.role, hop.verdict.outcome.value) for hop in verdict.hops)
    return Path(name, verdict.source, steps)


def _as_svg(paths: list[Path]) -> str:
    """Return the terminal's tree as one SVG file, drawn by rich."""
    from rich.console import Console

    from rolehop.show.pretty import as_renderable

    console = Console(record=True, width=100, file=io.StringIO(), force_terminal=True)
    console.print(as_renderable(tree_view(paths)))
    return console.export_svg(title="rolehop graph")
