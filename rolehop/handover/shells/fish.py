r"""fish.

Between single quotes only ``\\`` and ``\'`` are escapes (fish manual, Quotes). Everything is set
and erased in the global scope, where inherited variables live: a universal variable belongs to
all of the user's shells, for good. So an exported *universal* ``AWS_PROFILE`` stays visible; fish
has no way to hide one. ``set -e`` of what is not set answers 4, hence ``or true``.

``rolehop shell`` has fish run one more command after its own start-up files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rolehop.handover.shells.dialect import (
    Colors,
    Dialect,
    InitScript,
    SubshellStart,
    filled,
    statement_renderer,
)


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return "'" + text.replace("\\", r"\\").replace("'", r"\'") + "'"


def start(folder: Path, init_text: str, environ: Mapping[str, str]) -> SubshellStart:
    """Return how fish is started with the chain in its prompt; its files are for ``folder``."""
    init = folder / "init.fish"
    rc_text = filled(RC_FILE, {"@INIT@": quote(str(init))})
    files = {init.name: init_text, "rc.fish": rc_text}
    return SubshellStart(("-C", f"source {quote(str(folder / 'rc.fish'))}"), files=files)


def _set(name: str, value: str) -> str:
    return f"set -gx {name} {quote(value)}"


def _unset(name: str) -> str:
    return f"set -eg {name}; or true"


def _color_cases(colors: Colors) -> str:
    return "\n        ".join(
        # `case` takes a pattern, even from quotes; chains with these characters get no colour.
        f"case {quote(chain)}\n            echo {color.replace('bright_', 'br')}"
        for chain, color in colors.items()
        if not set(chain) & set("*?[")
    )


INIT = r"""# rolehop for fish, made by `rolehop init fish`. Reading it starts no process.

function rolehop --description 'Walk a chain of AWS roles'
    set -l verb ''
    set -l value 0
    set -l at 0
    for word in $argv
        switch $word
            case -h --help --version --shell '--shell=*'
                command rolehop $argv
                return
        end
    end
    # The first word that is neither an option nor an option's value.
    for word in $argv
        set at (math $at + 1)
        if test $value = 1
            set value 0
        else
            switch $word
                case --config --color
                    set value 1
                case '-*'
                case '*'
                    set verb $word
                    break
            end
        end
    end
    # In ( ) or a pipe, the reader gets the statements themselves.
    if not contains -- "$verb" assume leave refresh
        or status is-command-substitution
        or test -p /dev/stdout
        command rolehop $argv
        return
    end
    set -l before $argv[1..$at]
    set -l after $argv
    set -e after[1..$at]
    # A trace would show the session.
    set -l fish_trace
    set -l output (command rolehop $before --shell fish $after)
    set -l code $status
    if test $code -ne 0
        return $code
    end
    if string match -q 'set -*' -- $output[1]
        string join \n -- $output | source
    else if set -q output[1]
        string join \n -- $output
    end
end

# Prints the segment, e.g. "prod-admin 43m ", in the chain's colour; nothing if none is assumed.
function rolehop_prompt --description 'The assumed chain and the time it has left'
    if test -z "$ROLEHOP_CHAIN"
        return 0
    end
    set -l text (string replace -ra '[^\p{L}\p{N}\p{P}\p{S}\p{Mc} ]|[@HIDDEN@]' '?' -- "$ROLEHOP_CHAIN" | string join '?')
    if set -l left (__rolehop_seconds_left)
        if test $left -le 0
            set text "$text expired"
        else if test $left -lt 60
            set text "$text <1m"
        else if test $left -lt 3600
            set text "$text "(math -s0 $left / 60)m
        else
            set -l minutes (math -s0 "$left % 3600 / 60")
            set text "$text "(math -s0 $left / 3600)h(string pad -w2 -c0 -- $minutes)m
        end
    end
    set -l color (__rolehop_color)
    if test -n "$color" -a -z "$NO_COLOR"
        printf '%s%s%s ' (set_color $color) "$text" (set_color normal)
    else
        printf '%s ' "$text"
    end
end

# Prints the seconds left; fails if that is not known. fish has no clock of its own.
function __rolehop_seconds_left
    if not string match -qr '^[0-9]{1,12}$' -- "$ROLEHOP_EXPIRES_AT"
        return 1
    end
    math $ROLEHOP_EXPIRES_AT - (command date +%s)
end

# The colours of the config at the time when this was made.
function __rolehop_color
    switch "$ROLEHOP_CHAIN"
        @COLORS@
    end
end

# With ROLEHOP_AUTO_REFRESH=1: refreshes a session with less than five minutes left, once.
function __rolehop_refresh --on-event fish_prompt --on-event fish_preexec
    if test "$ROLEHOP_AUTO_REFRESH" != 1 -o -z "$ROLEHOP_CHAIN"
        return 0
    end
    # A command of rolehop itself needs no refresh before it.
    if string match -qr '^(command )?rolehop( |$)' -- "$argv[1]"
        return 0
    end
    if not status is-interactive; or status is-command-substitution
        return 0
    end
    if test "$__rolehop_tried" = "$ROLEHOP_EXPIRES_AT"
        return 0
    end
    set -l left (__rolehop_seconds_left)
    or return 0
    if test $left -lt 300
        set -g __rolehop_tried $ROLEHOP_EXPIRES_AT
        rolehop refresh --quiet --no-prompt
        or return 0
    end
end

# @COMPLETION@
"""

RC_FILE = r"""# fish reads this after its own start-up files in a `rolehop shell`.
# What they name there is not what this shell is for.
set -eg AWS_PROFILE
set -eg AWS_DEFAULT_PROFILE
if not functions -q rolehop_prompt
    source @INIT@
end

# Puts the chain before the prompt, unless the prompt shows it already.
if not functions fish_prompt | string match -q '*rolehop_*'
    functions -c fish_prompt __rolehop_own_prompt
    function __rolehop_status
        return $argv[1]
    end
    function fish_prompt
        set -l code $status
        rolehop_prompt
        __rolehop_status $code
        __rolehop_own_prompt
    end
end
"""

DIALECT = Dialect(
    statement_renderer(_set, _unset),
    quote,
    "false",
    "{} | source",
    # `exit` in an evaluated text ends the text, not the shell.
    exit_statement="exec true",
    init=InitScript(
        INIT,
        ".fish",
        "~/.config/fish/config.fish",
        "rolehop init fish | source",
        "source {}",
        color_table=_color_cases,
    ),
    subshell=start,
)
