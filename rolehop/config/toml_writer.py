"""Write a chain as TOML, to paste into a config or to append to it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence

from rolehop.config.model import HopConfig
from rolehop.text import is_visible


def chain_text(name: str, source: str, hops: Sequence[HopConfig]) -> str:
    """Return ``[chains.NAME]`` and its hops, each with the keys that are set."""
    lines = [f"[chains.{toml_key(name)}]", f"source = {toml_text(source)}"]
    for hop in hops:
        lines += [f"[[chains.{toml_key(name)}.hops]]", *hop_lines(hop)]
    return "\n".join(lines) + "\n"


def hop_lines(hop: HopConfig) -> Iterator[str]:
    """Give the keys of a hop that are set, a line each."""
    yield toml_line("role", hop.role)
    for key, text in (
        ("session_name", hop.session_name),
        ("external_id", hop.external_id),
        ("source_identity", hop.source_identity),
        ("policy", hop.policy),
        ("mfa_serial", hop.mfa_serial),
    ):
        if text is not None:
            yield toml_line(key, text)
    if hop.duration_seconds is not None:
        yield toml_line("duration", f"{hop.duration_seconds}s")
    if hop.tags:
        yield toml_line("tags", dict(hop.tags))
    for key, texts in (("transitive_tags", hop.transitive_tags), ("policy_arns", hop.policy_arns)):
        if texts:
            yield toml_line(key, texts)


def toml_line(key: str, value: str | Mapping[str, str] | Sequence[str]) -> str:
    """Return one key of a table with its value: a text, a table of texts, or a list of them."""
    if isinstance(value, str):
        return f"{key} = {toml_text(value)}"
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(each)} = {toml_text(text)}" for each, text in value.items())
        return f"{key} = {{ {', '.join(pairs)} }}"
    return f"{key} = [{', '.join(map(toml_text, value))}]"


def toml_key(name: str) -> str:
    """Return ``name`` as a key: bare if TOML allows it."""
    return name if name.replace("-", "_").isidentifier() and name.isascii() else toml_text(name)


def toml_text(text: str) -> str:
    """Return ``text`` as a string with its quotes; invisible characters are escaped."""
    # A JSON string is a TOML string, except for characters that JSON does not escape.
    written = json.dumps(text, ensure_ascii=False)
    return "".join(c if is_visible(c) else f"\\U{ord(c):08x}" for c in written)
