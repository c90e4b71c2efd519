"""A chain written as the TOML that the loader reads: to paste, or to append to a config."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from rolehop.config.model import HopConfig


def chain_text(name: str, source: str, hops: Sequence[HopConfig]) -> str:
    """Return ``[chains.NAME]`` and its hops; of a hop, what is said of it."""
    lines = [f"[chains.{toml_key(name)}]", f"source = {toml_text(source)}"]
    for hop in hops:
        lines += [f"[[chains.{toml_key(name)}.hops]]", *_hop(hop)]
    return "\n".join(lines) + "\n"


def _hop(hop: HopConfig) -> Iterator[str]:
    yield f"role = {toml_text(hop.role)}"
    for key, text in (
        ("session_name", hop.session_name),
        ("external_id", hop.external_id),
        ("source_identity", hop.source_identity),
        ("policy", hop.policy),
    ):
        if text is not None:
            yield f"{key} = {toml_text(text)}"
    if hop.duration_seconds is not None:
        yield f'duration = "{hop.duration_seconds}s"'
    if hop.tags:
        yield f"tags = {_table(dict(hop.tags))}"
    for key, texts in (("transitive_tags", hop.transitive_tags), ("policy_arns", hop.policy_arns)):
        if texts:
            yield f"{key} = [{', '.join(map(toml_text, texts))}]"


def _table(values: Mapping[str, str]) -> str:
    pairs = (f"{toml_text(key)} = {toml_text(value)}" for key, value in values.items())
    return f"{{ {', '.join(pairs)} }}"


def toml_key(name: str) -> str:
    """Return ``name`` as a key: bare where TOML allows it."""
    return name if name.replace("-", "_").isidentifier() and name.isascii() else toml_text(name)


def toml_text(text: str) -> str:
    """Return ``text`` as a string with its quotes."""
    # A JSON string is a TOML string, but for DEL, which TOML wants escaped, too.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
