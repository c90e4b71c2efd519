"""``rolehop graph``: chains, sources, roles and accounts as a picture."""

from __future__ import annotations

import io

import click

from rolehop.app.config_files import account_names
from rolehop.app.judging.explaining import chain_paths
from rolehop.app.judging.policy_documents import PolicyOptions
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.cli.policy_options import policy_flags
from rolehop.show.account_names import AccountNames, view_with_names
from rolehop.show.graph import Path, as_dot, as_mermaid, graph_document, tree_view
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
@click.argument("pattern", nargs=-1, shell_complete=patterns)
@policy_flags
@format_option("tree", "mermaid", "dot", "svg", "json", default="tree")
@click.pass_context
def command(
    ctx: click.Context,
    pattern: tuple[str, ...],
    policies: PolicyOptions,
    style: str,
) -> None:
    """Draw chains, sources, roles and accounts.

    A tree for the terminal, Mermaid or DOT for programs that lay diagrams out, the tree as an
    SVG file, or JSON. With --policies each hop shows whether it would be allowed. Makes no AWS call.
    """
    cli = CommandContext.of(ctx)
    paths = chain_paths(cli.app, pattern, policies)
    if style == "tree":
        cli.write_view(tree_view(paths))
        return
    if style == "json":
        cli.write_json(graph_document(paths))
        return
    names = account_names(cli.app)
    drawn = {"mermaid": as_mermaid, "dot": as_dot, "svg": _as_svg}[style](paths, names)
    cli.terminal.write_output(drawn.rstrip("\n") + "\n", encoding="utf-8")


def _as_svg(paths: list[Path], names: AccountNames) -> str:
    """Return the terminal's tree as one SVG file, drawn by rich."""
    from rich.console import Console

    from rolehop.show.render_rich import as_renderable
    from rolehop.show.render_text import as_text

    view = view_with_names(tree_view(paths), names)
    # As wide as its longest line: nothing wraps in a picture.
    width = max(map(len, as_text(view).splitlines()), default=0)
    console = Console(record=True, width=width + 1, file=io.StringIO(), force_terminal=True)
    console.print(as_renderable(view))
    # rich's SVG would fetch its font from the network when it is opened.
    return _FONT_FACE.compiled.sub("", console.export_svg(title="rolehop graph"))


_FONT_FACE = Pattern(r"\s*@font-face \{[^}]*\}")
