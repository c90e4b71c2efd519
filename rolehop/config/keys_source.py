"""Make a source that reads an AWS profile's keys one of type ``keys``, in the text of a config.

Two lines of one table change; whatever else is in the text stays, comments included.
"""

from __future__ import annotations

import tomllib

from rolehop.base.startup import Pattern

_TABLE = Pattern(r"""\s*\[\s*sources\s*\.\s*(?:"([^"]*)"|'([^']*)'|([\w-]+))\s*\]\s*(?:#[^\n]*)?""")
_SETTING = Pattern(r"""(\s*)(type|profile)\s*=\s*(?:"[^"]*"|'[^']*')(\s*(?:#[^\n]*)?)""")


def with_keys_source(text: str, name: str, region: str | None) -> str | None:
    """Return the text in which the ``profile`` source ``name`` is of type ``keys``.

    Args:
        text: of one config file.
        name: of the source.
        region: of the profile, which the source gets if it has none of its own.

    Returns:
        ``None`` if the text has no table of such a source in which both settings have a line.
    """
    lines, inside = text.split("\n"), False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("["):
            found = _TABLE.fullmatch(line.rstrip())
            inside = found is not None and name in found.groups()
        elif inside and (setting := _SETTING.fullmatch(line)) is not None:
            start, key, end = setting.groups()
            if key == "type":
                lines[number] = f'{start}type = "keys"{end}'
            else:
                lines[number] = f'{start}region = "{region}"{end}' if region else "\0"
    new = "\n".join(line for line in lines if line != "\0")
    return new if _is_meant(text, new, name, region) else None


def _is_meant(text: str, new: str, name: str, region: str | None) -> bool:
    """True if the new text says what the old one does, but for the source."""
    try:
        before, after = tomllib.loads(text), tomllib.loads(new)
        source = before["sources"][name]
        settings = {key: value for key, value in source.items() if key != "profile"}
    except (tomllib.TOMLDecodeError, KeyError, AttributeError, TypeError):
        return False
    if source.get("type") != "profile" or (region and "region" in settings):
        return False
    before["sources"][name] = {**settings, "type": "keys", **({"region": region} if region else {})}
    return bool(before == after)
