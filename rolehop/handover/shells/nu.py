"""nu: one JSON object, since nushell cannot evaluate text.

``set`` is a record for ``load-env``, ``hide`` lists what to hide::

    let changes = (rolehop assume prod-admin --shell nu | from json)
    hide-env --ignore-errors ...$changes.hide
    load-env $changes.set

The text is ASCII on one line; JSON's own escapes (RFC 8259, section 7) carry everything else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from rolehop.handover.environment import Change
from rolehop.handover.shells.dialect import Colors, Dialect, InitScript, checked, needs_unicode

# Leaving nothing prints no text, which nushell reads as null.
_EVAL_COMMAND = (
    "let changes = ({} --shell nu | from json | default {{set: {{}}, hide: []}});"
    " hide-env -i ...$changes.hide; load-env $changes.set"
)


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return json.dumps(text)


def quote_typed(text: str) -> str:
    """Return ``text`` as one argument of a command; nu's escapes of Unicode are not JSON's."""
    return json.dumps(text, ensure_ascii=False)


def render(changes: Iterable[Change]) -> str:
    """Return ``{"set": {NAME: value}, "hide": [NAME]}`` and a newline; no changes, no text.

    Raises:
        UsageError: a value that is not Unicode.
        ValueError: a change that no shell can carry.
    """
    values: dict[str, str] = {}
    hidden: list[str] = []
    for name, value in checked(changes):
        if value is None:
            hidden.append(name)
            continue
        needs_unicode(name, value, "nu")
        values[name] = value
    if not values and not hidden:
        return ""
    return json.dumps({"set": values, "hide": hidden}) + "\n"


def _color_record(colors: Colors) -> str:
    names = {chain: color.replace("bright_", "light_") for chain, color in colors.items()}
    return json.dumps(names)


INIT = r"""# rolehop for nushell, made by `rolehop init nu`. Reading it starts no process.

def --env --wrapped rolehop [...words] {
    mut verb = -1
    mut value = false
    for word in ($words | enumerate) {
        if $value {
            $value = false
        } else if $word.item in ["--config" "--color"] {
            $value = true
        } else if not ($word.item | str starts-with "-") {
            $verb = $word.index
            break
        }
    }
    let plain = ($words | any {|word| $word in ["-h" "--help" "--version" "--shell"] })
    if $plain or $verb < 0 or (($words | get $verb) not-in ["assume" "leave" "refresh"]) {
        ^rolehop ...$words
        return
    }
    let before = ($words | first ($verb + 1))
    let after = ($words | skip ($verb + 1))
    # A failure ends this here, with the program's own exit code.
    let text = (^rolehop ...$before --shell nu ...$after)
    let changes = ($text | from json | default {set: {}, hide: []})
    hide-env --ignore-errors ...$changes.hide
    load-env $changes.set
}

# Returns the segment, e.g. "prod-admin 43m ", for PROMPT_COMMAND; nothing if none is assumed.
def rolehop-prompt [] {
    let chain = ($env.ROLEHOP_CHAIN? | default "")
    if $chain == "" {
        return ""
    }
    let ends = ($env.ROLEHOP_EXPIRES_AT? | default "")
    let life = if $ends =~ '^[0-9]{1,12}$' {
        let left = (($ends | into int) - ((date now | into int) // 1_000_000_000))
        if $left <= 0 {
            " expired"
        } else if $left < 60 {
            " <1m"
        } else if $left < 3600 {
            $" ($left // 60)m"
        } else {
            $" ($left // 3600)h($left // 60 mod 60 | fill --alignment right --width 2 --character "0")m"
        }
    } else {
        ""
    }
    let text = $"($chain | str replace --all --regex '[^\p{L}\p{N}\p{P}\p{S}\p{Mc} ]|[@HIDDEN@]' '?')($life)"
    let color = (@COLORS@ | get --optional $chain)
    if $color == null or ($env.NO_COLOR? | default "") != "" {
        $"($text) "
    } else {
        $"(ansi $color)($text)(ansi reset) "
    }
}
"""

DIALECT = Dialect(
    render,
    quote,
    # This is JSON, but no record: asking it for `set` fails.
    "false",
    _EVAL_COMMAND,
    quote_typed,
    exit_statement=None,
    init=InitScript(INIT, ".nu", "config.nu", None, "source {}", color_table=_color_record),
)
