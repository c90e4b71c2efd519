"""A chain written as the TOML that the loader reads: to paste, or to append to a config."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from rolehop.config.model import HopConfig


def chain_text(name: str, source: str, hops: Sequence[HopConfig]) -> str:
    """Return ``[chains.NAME]`` and its hops; of a hop, what is said of it."""
    lines = [f"[chains.{_key(name)}]", f"source = {_quoted(source)}"]
    for hop in hops:
        lines += [f"[[chains.{_key(name)}.hops]]", *_hop(hop)]
    return "\n".join(lines) + "\n"


def _hop(hop: HopConfig) -> Iterator[str]:
    yield f"role = {_quoted(hop.role)}"
    for key, text in (
        ("session_name", hop.session_name),
        ("external_id", hop.external_id),
        ("source_identity", hop.source_identity),
        ("policy", hop.policy),
    ):
        if text is not None:
            yield f"{key} = {_quoted(text)}"
    if hop.duration_seconds is not None:
        yield f'duration = "{hop.duration_seconds}s"'
    if hop.tags:
        yield f"tags = {_table(dict(hop.tags))}"
    for key, texts in (("transitive_tags", hop.transitive_tags), ("policy_arns", hop.policy_arns)):
        if texts:
            yield f"{key} = [{', '.join(map(_quoted, texts))}]"


def _table(values: Mapping[str, str]) -> str:
    pairs = (f"{_quoted(key)} = {_quoted(value)}" for key, value in values.items())
    return f"{{ {', '.join(pairs)} }}"


def _key(name: str) -> str:
    return name if name.replace("-", "_").isidentifier() and name.isascii() else _quoted(name)


def _quoted(text: str) -> str:
    # A JSON string is a TOML string, but for DEL, which TOML wants escaped, too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
