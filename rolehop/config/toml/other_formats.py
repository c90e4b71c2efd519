"""Recognise JSON and YAML, where TOML is wanted."""

from __future__ import annotations

import json
import re

_HEADER = re.compile(r"^\s*\[", re.MULTILINE)
_YAML = re.compile(r"\A\s*---|^[A-Za-z_-]+:[ \t]*(?:#.*)?$", re.MULTILINE)


def other_format(text: str) -> tuple[int, str] | None:
    """Return the line (1) and the words for a text that is JSON or YAML; ``None``: neither."""
    name = "JSON" if _is_json(text) else "YAML" if _is_yaml(text) else None
    if name is None:
        return None
    return (
        1,
        f"this is {name}, and a config is TOML; once it is moved away, rolehop config init writes one",
    )


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _is_yaml(text: str) -> bool:
    return _YAML.search(text) is not None and _HEADER.search(text) is None
