"""``rolehop graph``: chains, sources, roles and accounts as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from rolehop.app.account_names import KnownNames
from rolehop.app.judging.callers import federated_call
from rolehop.app.judging.documents import PolicyOptions
from rolehop.app.judging.explaining import judge_all
from rolehop.app.planning import Planning
from rolehop.app.selecting import check_listed, matching_chains
from rolehop.base.advice import AccountNames, account_label
from rolehop.base.arn import account_of
from rolehop.base.dataclass import dataclass, field
from rolehop.base.startup import Pattern
from rolehop.base.text import clean
from rolehop.cli.completers import patterns
from rolehop.cli.context import CommandContext
from rolehop.cli.options import Command, format_option
from rolehop.commands.explain.options import policy_flags
from rolehop.policy.inventory import IamInventory
from rolehop.terminal.layout import Branch, Style, StyledText, View, line, view_with_names

if TYPE_CHECKING:
    from rolehop.app.context import App

_COLORS = {"allowed": "green", "refused": "red", "unknown": "orange"}
_STYLES: dict[str, Style] = {"allowed": "green", "refused": "red"}


@dataclass(frozen=True, slots=True)
class Step:
    """One hop of a chain, with its verdict if one was requested."""

    role: str
    """Full ARN."""

    verdict: str | None = None
    """``allowed``, ``refused`` or ``unknown``."""


@dataclass(frozen=True, slots=True)
class Path:
    """One chain: where it starts and where it goes."""

    chain: str
    source: str
    steps: tuple[Step, ...]
    first: int = 1
    """The number of the first step; 0: the role that a federated source gets itself."""


@dataclass(slots=True)
class _TreeNode:
    """A node of the tree: chains share the nodes of their first hops while verdicts agree."""

    chains: list[str] = field(default_factory=list)
    below: dict[Step, _TreeNode] = field(default_factory=dict)


def tree_view(paths: Sequence[Path]) -> View:
    """Show sources as roots, roles below them, and the chains that end there."""
    roots: dict[str, _TreeNode] = {}
    for path in paths:
        at = roots.setdefault(path.source, _TreeNode())
        for step in path.steps:
            at = at.below.setdefault(step, _TreeNode())
        at.chains.append(path.chain)
    return [
        Branch((line(StyledText(f"source {clean(name)}", "bold"), _ends(node)),), _below(node))
        for name, node in roots.items()
    ]


def _below(node: _TreeNode) -> list[Branch]:
    return [
        Branch((line(*_hop(step), _ends(child)),), _below(child))
        for step, child in node.below.items()
    ]


def _hop(step: Step) -> Iterator[StyledText]:
    style = _STYLES.get(step.verdict or "", "")
    yield StyledText(_short(step.role), style)
    if step.verdict:
        yield StyledText(f"  {_VERDICT_TEXT[step.verdict]}", style)


def _ends(node: _TreeNode) -> StyledText:
    """Return the chains that end there."""
    return StyledText(f"  {', '.join(map(clean, node.chains))}" if node.chains else "", "dim")


_VERDICT_TEXT = {"allowed": "allowed", "refused": "refused", "unknown": "can't tell"}


def graph_document(paths: Sequence[Path]) -> dict[str, object]:
    """Return ``rolehop.graph/1``: each chain with its hops; a verdict is ``null`` if not asked for."""
    return {
        "schema": "rolehop.graph/1",
        "chains": [
            {
                "chain": path.chain,
                "source": path.source,
                "hops": [
                    {
                        "hop": number,
                        "role": step.role,
                        "account": account_of(step.role),
                        "verdict": step.verdict,
                    }
                    for number, step in enumerate(path.steps, start=path.first)
                ],
            }
            for path in paths
        ],
    }


def as_mermaid(paths: Sequence[Path], names: AccountNames) -> str:
    """Return a Mermaid flowchart: a box for each account, an arrow for each hop."""
    return "\n".join(_mermaid(paths, names))


def as_dot(paths: Sequence[Path], names: AccountNames) -> str:
    """Return a Graphviz digraph, likewise."""
    return "\n".join(_dot(paths, names))


@dataclass(frozen=True, slots=True)
class _Edge:
    start: str
    end: str
    verdict: str | None
    chains: tuple[str, ...] = ()
    """Chains with this verdict, if others have a different one."""


@dataclass(frozen=True, slots=True)
class _Picture:
    names: dict[str, str]
    """Node (``source NAME`` or a role's ARN) to its short ID."""

    accounts: dict[str, list[str]]
    edges: tuple[_Edge, ...]


def _picture(paths: Sequence[Path]) -> _Picture:
    names: dict[str, str] = {}
    accounts: dict[str, list[str]] = {}
    hops: dict[tuple[str, str], dict[str | None, list[str]]] = {}
    for path in paths:
        before = f"source {path.source}"
        names.setdefault(before, f"n{len(names)}")
        for step in path.steps:
            if step.role not in names:
                names[step.role] = f"n{len(names)}"
                accounts.setdefault(account_of(step.role) or "", []).append(step.role)
            verdicts = hops.setdefault((before, step.role), {})
            verdicts.setdefault(step.verdict, []).append(path.chain)
            before = step.role
    return _Picture(names, accounts, tuple(_edges(hops)))


def _edges(hops: dict[tuple[str, str], dict[str | None, list[str]]]) -> Iterator[_Edge]:
    """Yield an arrow for each verdict: two chains may make the same hop with different values."""
    for (start, end), verdicts in hops.items():
        for verdict, chains in verdicts.items():
            differ = len(verdicts) > 1
            yield _Edge(start, end, verdict, tuple(dict.fromkeys(chains)) if differ else ())


def _mermaid(paths: Sequence[Path], names: AccountNames) -> Iterator[str]:
    picture = _picture(paths)
    yield "flowchart LR"
    for node, name in picture.names.items():
        if node.startswith("source "):
            yield f'  {name}(["{_entities(node)}"])'
    for account, roles in picture.accounts.items():
        yield f'  subgraph a{account}["{_entities(account_label(account, names))}"]'
        for role in roles:
            yield f'    {picture.names[role]}["{_entities(_role_name(role))}"]'
        yield "  end"
    for edge in picture.edges:
        said = f'|"{_entities(", ".join(edge.chains))}"|' if edge.chains else ""
        yield f"  {picture.names[edge.start]} -->{said} {picture.names[edge.end]}"
    for number, edge in enumerate(picture.edges):
        if edge.verdict:
            yield f"  linkStyle {number} stroke:{_COLORS[edge.verdict]}"


def _dot(paths: Sequence[Path], names: AccountNames) -> Iterator[str]:
    picture = _picture(paths)
    yield "digraph rolehop {"
    yield "  rankdir=LR;"
    yield "  node [shape=box];"
    for node, name in picture.names.items():
        if node.startswith("source "):
            yield f"  {name} [label={_quoted(node)}, shape=oval];"
    for account, roles in picture.accounts.items():
        yield f"  subgraph cluster_{account} {{"
        yield f"    label={_quoted(account_label(account, names))};"
        for role in roles:
            yield f"    {picture.names[role]} [label={_quoted(_role_name(role))}];"
        yield "  }"
    for edge in picture.edges:
        said = [f"color={_COLORS[edge.verdict]}"] if edge.verdict else []
        said += [f"label={_quoted(', '.join(edge.chains))}"] if edge.chains else []
        style = f" [{', '.join(said)}]" if said else ""
        yield f"  {picture.names[edge.start]} -> {picture.names[edge.end]}{style};"
    yield "}"


def _short(arn: str) -> str:
    return clean(arn.split(":", 4)[-1])


def _role_name(arn: str) -> str:
    return clean(arn.partition(":role/")[2])


def _entities(text: str) -> str:
    """Return ``text`` for a Mermaid label: what could end it is escaped as an entity."""
    return "".join(c if c.isalnum() or c in " _-./@+=,:" else f"#{ord(c)};" for c in clean(text))


def _quoted(text: str) -> str:
    escaped = clean(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def chain_paths(app: App, patterns: Sequence[str], policies: PolicyOptions) -> list[Path]:
    """Return the hops of the chains that match, with verdicts if there are documents, for a graph.

    Without ``patterns`` every configured chain is returned. No AWS call is made.
    """
    names = _matching(app, patterns)
    if not policies.documents:
        return [_path(app, name, policies) for name in names]
    verdicts = judge_all(app, names, policies, offline=True)
    return [
        Path(
            verdict.chain,
            verdict.source,
            tuple(
                Step(hop.verdict.request.role, hop.verdict.outcome.value)
                for hop in verdict.hops
                if not hop.is_scope
            ),
            verdict.hops[0].number if verdict.hops else 1,
        )
        for verdict in verdicts
    ]


def _matching(app: App, patterns: Sequence[str]) -> list[str]:
    """Return the chains that match, or all; one that AWS did not list so far must not be missed."""
    if patterns:
        return matching_chains(app, patterns)
    check_listed(app, ("*",))
    return list(app.config.chains)


def _path(app: App, name: str, policies: PolicyOptions) -> Path:
    resolved = Planning(app).resolve(name)
    source = resolved.source
    principal = policies.caller or source.principal
    own = federated_call(app, source, resolved.region, IamInventory(), principal)
    roles = [*([] if own is None else [own.role]), *(str(role) for role, _ in resolved.hops)]
    return Path(name, source.name, tuple(map(Step, roles)), 1 if own is None else 0)


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

    A tree for the terminal or as SVG, Mermaid or DOT for other programs, or JSON. With --policies
    each hop shows whether it would be allowed. Makes no AWS call.
    """
    cli = CommandContext.of(ctx)
    paths = chain_paths(cli.app, pattern, policies)
    if style == "tree":
        cli.write_view(tree_view(paths))
        return
    if style == "json":
        cli.write_json(graph_document(paths))
        return
    names = KnownNames(cli.app)
    drawn = {"mermaid": as_mermaid, "dot": as_dot, "svg": _as_svg}[style](paths, names)
    cli.terminal.write_output(drawn.rstrip("\n") + "\n", encoding="utf-8")


def _as_svg(paths: list[Path], names: AccountNames) -> str:
    """Return the terminal's tree as one SVG file, made by rich."""
    from rich.console import Console
    from rich.text import Text

    from rolehop.terminal.drawing import as_text, draw
    from rolehop.terminal.output import visible_drawn

    view = view_with_names(tree_view(paths), names)
    # As wide as its longest line: nothing wraps in a picture.
    width = max(map(len, as_text(view).splitlines()), default=0)
    console = Console(record=True, width=width + 1, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(visible_drawn(draw(view, None), colors=True)))
    # rich's SVG would fetch its font from the network when it is opened.
    return _FONT_FACE.compiled.sub("", console.export_svg(title="rolehop graph"))


_FONT_FACE = Pattern(r"\s*@font-face \{[^}]*\}")
