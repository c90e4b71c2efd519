"""The fields that templates in the config may contain: ``{user}``, ``{account_name}`` and others."""

from __future__ import annotations

import re
from collections.abc import Mapping

from rolehop.startup.lazy_regex import Pattern
from rolehop.text import quoted

ACCOUNT_NAME = "account_name"
"""The name that the config gives the account; its ID if it has none."""

FIELDS = ("user", "host", "account", ACCOUNT_NAME, "chain")
CALLER = "caller"
"""The name that the source signed in with; only in role session names and source identities."""

SAMPLES: Mapping[str, str] = {
    "user": "user",
    "host": "host",
    "account": "000000000000",
    ACCOUNT_NAME: "account-name",
    "chain": "chain",
    CALLER: "caller",
}
"""Samples that let a template be checked like any other value, before it is filled in."""

_CALLER = f"{{{CALLER}}}"
_FIELD = Pattern(r"\{([^{}]*)\}")
_KNOWN = Pattern(r"\{(?:" + "|".join((*FIELDS, CALLER)) + r")\}")


def fields_of(text: str, allowed: tuple[str, ...] = FIELDS) -> tuple[str, ...]:
    """Return the fields of a template, in order.

    Raises:
        ValueError: a field is not among ``allowed``, or a brace is unmatched.
    """
    if "{" not in text and "}" not in text:
        return ()
    names = tuple(_FIELD.findall(text))
    for name in names:
        if name not in allowed:
            raise ValueError(f"unknown field {{{name}}}{_nearest(name, allowed)}")
    if re.search(r"[{}]", _FIELD.sub("", text)):
        raise ValueError(f"a brace is unmatched in {quoted(text)}; fields are {_shown(allowed)}")
    return names


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return ``text`` with the fields of ``values`` filled in; others stay as they are."""
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), text)


def mentions_caller(text: str | None) -> bool:
    """True if ``text`` contains ``{caller}``, not filled in."""
    return text is not None and _CALLER in text


def mentions_field(text: str) -> bool:
    """True if ``text`` contains a known field."""
    return "{" in text and _KNOWN.search(text) is not None


def _nearest(name: str, allowed: tuple[str, ...]) -> str:
    from rolehop.text import did_you_mean

    near = did_you_mean(name, allowed, form="{{{}}}")
    return near or f"; what is filled in here: {_shown(allowed)}"


def _shown(names: tuple[str, ...]) -> str:
    return " ".join(f"{{{name}}}" for name in names)
