"""``rolehop graph``: chains, sources, roles and accounts as a picture."""

from __future__ import annotations

import io

import click

from rolehop.app.context import App
from rolehop.app.federated_hop import federated_call
from rolehop.app.judging import judge_plan
from rolehop.app.planning import Stamps, plan_chain, resolve_chain
from rolehop.app.policy_documents import PolicyOptions, read_documents
from rolehop.cli.completers import chain_names
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.policy_options import policy_options
from rolehop.policy.inventory.inventory import IamInventory
from rolehop.show.graph import Path, Step, as_dot, as_mermaid, tree_view
from rolehop.startup.lazy_regex import Pattern


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
    told: PolicyOptions,
    style: str,
) -> None:
    """Draw chains, sources, roles and accounts.

    A tree for the terminal, Mermaid or DOT for programs that lay diagrams out, or the tree as an
    SVG file. With --policies each hop shows whether it would be allowed. Makes no AWS call.
    """
    from rolehop.app.listing import matching

    cli = CommandContext.of(ctx)
    names = matching(cli.app, pattern) if pattern else list(cli.app.config.chains)
    records = read_documents(told) if told.policies else None
    stamps = Stamps()
    paths = [_path(cli.app, name, records, told, stamps) for name in names]
    if style == "tree":
        cli.terminal.write_view(tree_view(paths))
        return
    drawn = {"mermaid": as_mermaid, "dot": as_dot, "svg": _as_svg}[style](paths)
    cli.terminal.write_output(drawn.rstrip("\n") + "\n")


def _path(
    app: App, name: str, records: IamInventory | None, told: PolicyOptions, stamps: Stamps
) -> Path:
    if records is None:
        resolved = resolve_chain(app, name)
        source = resolved.source
        own = federated_call(
            app, source, resolved.region, IamInventory(), told.caller or source.principal
        )
        steps = [] if own is None else [Step(own.role)]
        steps += [Step(str(role)) for role, _ in resolved.hops]
        return Path(name, source.name, tuple(steps))
    verdict = judge_plan(app, plan_chain(app, name, stamps=stamps), records, told)
    judged = tuple(
        Step(hop.verdict.request.role, hop.verdict.outcome.value) for hop in verdict.hops
    )
    return Path(name, verdict.source, judged)


def _as_svg(paths: list[Path]) -> str:
    """Return the terminal's tree as one SVG file, drawn by rich."""
    from rich.console import Console

    from rolehop.show.render_rich import as_renderable
    from rolehop.show.render_text import as_text

    view = tree_view(paths)
    # As wide as its longest line: nothing folds in a picture.
    width = max(map(len, as_text(view).splitlines()), default=0)
    console = Console(record=True, width=width + 1, file=io.StringIO(), force_terminal=True)
    console.print(as_renderable(view))
    # rich would have whoever opens the picture fetch its font from the network.
    return _FONT_FACE.compiled.sub("", console.export_svg(title="rolehop graph"))


_FONT_FACE = Pattern(r"\s*@font-face \{[^}]*\}")
