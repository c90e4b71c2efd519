r"""nu: one JSON object, since nushell cannot evaluate text.

``set`` is a record for ``load-env``, ``hide`` lists what to hide::

    let said = (rolehop assume prod-admin --shell nu | from json)
    hide-env --ignore-errors ...$said.hide
    load-env $said.set

The text is ASCII on one line; JSON's own escapes (RFC 8259, section 7) carry everything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.shells.statements import checked, needs_unicode

# It is JSON, but no record: whoever asks it for `set` fails.
FAILURE = "false"


def render(changes: Iterable[Change]) -> str:
    """Return ``{"set": {NAME: value}, "hide": [NAME]}`` and a newline; no changes, no text.

    Raises:
        UsageProblem: a value that is not Unicode.
        ValueError: a change that no shell can carry.
    """
    told: dict[str, str] = {}
    hidden: list[str] = []
    for name, value in checked(changes):
        if value is None:
            hidden.append(name)
            continue
        needs_unicode(name, value, "nu")
        told[name] = value
    if not told and not hidden:
        return ""
    return json.dumps({"set": told, "hide": hidden}) + "\n"
