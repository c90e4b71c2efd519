"""Write a proposal as TOML, and say which lines belong to which source and chain."""

from __future__ import annotations

from collections.abc import Iterator

from rolehop.config.toml_writer import hop_lines, toml_key, toml_line
from rolehop.importing.proposal import (
    NotCarried,
    Proposal,
    ProposedChain,
    ProposedSource,
    Setting,
)
from rolehop.text import clean

HEAD = "version = 1\n"


def proposed_text(proposal: Proposal) -> str:
    """Return the tables of ``proposal``, each below a comment of what it was made of."""
    return "\n".join(text for _, text in _parts(proposal))


def _parts(proposal: Proposal) -> Iterator[tuple[tuple[str, str], str]]:
    for source in proposal.sources:
        yield ("sources", source.name), "".join(f"{each}\n" for each in _source(source))
    for chain in proposal.chains:
        yield ("chains", chain.name), "".join(f"{each}\n" for each in _chain(chain))


def _source(source: ProposedSource) -> Iterator[str]:
    yield f"# {clean(source.origin)}"
    yield f"[sources.{toml_key(source.name)}]"
    for key, value in source.settings.items():
        yield _line(key, value)


def _chain(chain: ProposedChain) -> Iterator[str]:
    yield f"# {clean(chain.origin)}"
    yield f"[chains.{toml_key(chain.name)}]"
    if chain.description:
        yield toml_line("description", chain.description)
    if chain.source is not None:
        yield toml_line("source", chain.source)
    if chain.continues is not None:
        yield toml_line("from", chain.continues)
    for key, text in (("region", chain.region), ("color", chain.color)):
        if text is not None:
            yield toml_line(key, text)
    if chain.labels:
        yield toml_line("labels", dict(chain.labels))
    for hop in chain.hops:
        yield f"[[chains.{toml_key(chain.name)}.hops]]"
        yield from hop_lines(hop)


def _line(key: str, value: Setting) -> str:
    if isinstance(value, bool):
        return f"{key} = {'true' if value else 'false'}"
    return toml_line(key, value)


def refused_parts(proposal: Proposal, refused: dict[int, str]) -> Proposal:
    """Return ``proposal`` without the parts that the loader refuses.

    ``refused``: why, by the 1-based line in ``HEAD``, an empty line and the text of ``proposal``.
    """
    gone: dict[str, dict[str, str]] = {"sources": {}, "chains": {}}
    at = HEAD.count("\n") + 2
    for (kind, name), text in _parts(proposal):
        end = at + text.count("\n")
        for line, why in refused.items():
            if at <= line < end:
                gone[kind].setdefault(name, why)
        at = end + 1  # the empty line between two parts
    return proposal.without(gone["sources"], gone["chains"])


def report_lines(lost: tuple[NotCarried, ...]) -> list[str]:
    """Return one line for each reason, with the names of what was not carried for it."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for each in lost:
        names = by_reason.setdefault((each.what if each.profile else "", each.why), [])
        name = each.profile or each.what
        if name not in names:
            names.append(name)
    return [
        f"{key} of {', '.join(names)}: {why}" if key else f"{', '.join(names)}: {why}"
        for (key, why), names in by_reason.items()
    ]
