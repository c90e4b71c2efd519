"""bash: POSIX statements, a prompt segment kept up to date by ``PROMPT_COMMAND``, and a subshell.

``rolehop shell`` has bash read another file than ``~/.bashrc``, which reads that one first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rolehop.handover.shells.dialect import Dialect, InitScript, SubshellStart, filled
from rolehop.handover.shells.posix import (
    FAILURE,
    color_cases,
    hidden_letter,
    quote,
    quote_typed,
    render,
)


def start(folder: Path, init_text: str, environ: Mapping[str, str]) -> SubshellStart:
    """Return how bash is started with the chain in its prompt; its files are for ``folder``."""
    init = folder / "init.bash"
    rc_text = filled(RC_FILE, {"@INIT@": quote(str(init))})
    files = {init.name: init_text, "rc.bash": rc_text}
    return SubshellStart(("--rcfile", str(folder / "rc.bash")), files=files)


INIT = r"""# rolehop for bash, made by `rolehop init bash`. Reading it starts no process.
#
# Commands begin with a backslash so that no alias takes their place.

function rolehop {
    \builtin local __rolehop_word __rolehop_verb='' __rolehop_value='' __rolehop_at=0
    \builtin local __rolehop_plain='' __rolehop_variables=''
    for __rolehop_word in "$@"; do
        case "$__rolehop_word" in
            -h | --help | --version | --shell | --shell=*) __rolehop_plain=1 ;;
            --print-env) __rolehop_variables=1 ;;
        esac
    done
    # The first word that is neither an option nor an option's value.
    for __rolehop_word in "$@"; do
        __rolehop_at=$((__rolehop_at + 1))
        case "$__rolehop_value,$__rolehop_word" in
            1,*) __rolehop_value='' ;;
            ,--config | ,--color) __rolehop_value=1 ;;
            ,-*) ;;
            *) __rolehop_verb=$__rolehop_word; \builtin break ;;
        esac
    done
    case "$__rolehop_verb,$__rolehop_variables,$__rolehop_plain" in
        assume,*, | leave,*, | refresh,*,) ;;
        # $( ) waits for all that could still write to it: no shell may stay beside the server.
        serve,1,*)
            if [[ ! -t 1 && $BASH_SUBSHELL -gt 0 ]]; then \builtin exec rolehop "$@"; fi
            \command rolehop "$@"; \builtin return ;;
        *) \command rolehop "$@"; \builtin return ;;
    esac
    # In $( ) or a pipe, the reader gets the statements themselves.
    if [[ ! -t 1 && $BASH_SUBSHELL -gt 0 ]]; then
        \command rolehop "$@"
        \builtin return
    fi
    __rolehop_eval "${@:1:__rolehop_at}" --shell bash "${@:__rolehop_at+1}"
}

# Evaluates what one command prints if that is statements; without -x and -v, which would show the
# session.
function __rolehop_eval {
    \builtin local __rolehop_output __rolehop_code=0 __rolehop_trace='' __rolehop_verbose=''
    case "$-" in *x*) { __rolehop_trace=1; \builtin set +x; } 2>/dev/null ;; esac
    case "$-" in *v*) __rolehop_verbose=1; \builtin set +v ;; esac
    __rolehop_output=$(\command rolehop "$@") || __rolehop_code=$?
    if [[ $__rolehop_code -eq 0 ]]; then
        case "$__rolehop_output" in
            '') ;;
            'export '* | 'unset '*) \builtin eval "$__rolehop_output" || __rolehop_code=$? ;;
            *) \builtin printf '%s\n' "$__rolehop_output" ;;
        esac
    fi
    if [[ -n $__rolehop_verbose ]]; then \builtin set -v; fi
    if [[ -n $__rolehop_trace ]]; then \builtin set -x; fi
    \builtin return "$__rolehop_code"
}

# Sets rolehop_text ("prod-admin 43m"), rolehop_color (0 to 15, or nothing) and rolehop_segment
# (both together and a space, for PS1). All are empty if nothing is assumed.
function rolehop_prompt {
    \builtin local __rolehop_left __rolehop_code=''
    # All but letters, digits, blanks and ASCII: control characters, and those that hide others.
    \builtin local __rolehop_odd='[^][:alnum:] !"#$%&'\''()*+,./:;<=>?@\\^_`{|}~[-]'
    \builtin local __rolehop_hidden=$'[@HIDDEN@]'
    rolehop_text='' rolehop_color='' rolehop_segment=''
    if [[ -z ${ROLEHOP_CHAIN-} ]]; then \builtin return 0; fi
    rolehop_text=${ROLEHOP_CHAIN//$__rolehop_odd/?}
    rolehop_text=${rolehop_text//$__rolehop_hidden/?}
    if __rolehop_seconds_left; then
        if ((__rolehop_left <= 0)); then rolehop_text+=' expired'
        elif ((__rolehop_left < 60)); then rolehop_text+=' <1m'
        elif ((__rolehop_left < 3600)); then rolehop_text+=" $((__rolehop_left / 60))m"
        else
            \builtin printf -v rolehop_text '%s %dh%02dm' "$rolehop_text" \
                "$((__rolehop_left / 3600))" "$((__rolehop_left / 60 % 60))"
        fi
    fi
    __rolehop_set_color
    if [[ -n $rolehop_color && -z ${NO_COLOR-} && ${TERM-} != dumb ]]; then
        __rolehop_code=$((rolehop_color < 8 ? 30 + rolehop_color : 82 + rolehop_color))
        # \001 and \002 tell readline which characters take no space on the line.
        rolehop_segment=$'\001\033['"${__rolehop_code}m"$'\002'"$rolehop_text"$'\001\033[0m\002 '
    else
        rolehop_segment="$rolehop_text "
    fi
}

# Sets the caller's __rolehop_left; fails if that is not known.
function __rolehop_seconds_left {
    \builtin local __rolehop_now
    case "${ROLEHOP_EXPIRES_AT-}" in '' | *[!0-9]* | ?????????????*) \builtin return 1 ;; esac
    if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 402)); then
        \builtin printf -v __rolehop_now '%(%s)T' -1
    else
        __rolehop_now=$(\command date +%s)
    fi
    __rolehop_left=$((10#$ROLEHOP_EXPIRES_AT - __rolehop_now))
}

# The colours of the config at the time when this was made.
function __rolehop_set_color {
    case "$ROLEHOP_CHAIN" in
        @COLORS@
        *) rolehop_color='' ;;
    esac
}

# With ROLEHOP_AUTO_REFRESH=1: refreshes a session with less than five minutes left, once.
function __rolehop_refresh {
    \builtin local __rolehop_left
    if [[ ${ROLEHOP_AUTO_REFRESH-} != 1 || -z ${ROLEHOP_CHAIN-} || $BASH_SUBSHELL -gt 0 ]]; then
        \builtin return 0
    fi
    if ! __rolehop_seconds_left || ((__rolehop_left >= 300)); then \builtin return 0; fi
    if [[ ${__rolehop_tried-} == "$ROLEHOP_EXPIRES_AT" ]]; then \builtin return 0; fi
    __rolehop_tried=$ROLEHOP_EXPIRES_AT
    \rolehop refresh --quiet --no-prompt || \builtin return 0
}

function __rolehop_hook {
    \builtin local __rolehop_status="$?"
    __rolehop_refresh
    rolehop_prompt
    # The rest of PROMPT_COMMAND may look at it, too; with `set -e` it would end the shell.
    case "$-" in *e*) \builtin return 0 ;; esac
    \builtin return "$__rolehop_status"
}

if [[ $- == *i* ]]; then
    rolehop_prompt
    case "${PROMPT_COMMAND[*]-}" in
        *__rolehop_hook*) ;;
        *) PROMPT_COMMAND=__rolehop_hook${PROMPT_COMMAND:+$'\n'$PROMPT_COMMAND} ;;
    esac
fi

# @COMPLETION@
"""

RC_FILE = r"""# bash reads this instead of ~/.bashrc in a `rolehop shell`; ~/.bashrc comes first.
__rolehop_key=${AWS_ACCESS_KEY_ID-}
if [ -r ~/.bashrc ]; then . ~/.bashrc; fi
# What it names there is not what this shell is for.
unset AWS_PROFILE AWS_DEFAULT_PROFILE
if [ "${AWS_ACCESS_KEY_ID-}" != "$__rolehop_key" ]; then
    echo 'rolehop: ~/.bashrc has put other AWS keys in the place of the session' >&2
fi
unset __rolehop_key
declare -F rolehop_prompt >/dev/null || . @INIT@

# Puts the chain before the prompt unless it is there, even if the prompt is set again each time.
function __rolehop_mark {
    case "${PS1-}" in
        *rolehop_segment* | *rolehop_text*) ;;
        *) PS1='${rolehop_segment}'${PS1-} ;;
    esac
}
if ((BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501)); then
    PROMPT_COMMAND+=(__rolehop_mark)
else
    PROMPT_COMMAND=${PROMPT_COMMAND:+$PROMPT_COMMAND$'\n'}__rolehop_mark
fi
"""

DIALECT = Dialect(
    render,
    quote,
    FAILURE,
    quote_typed=quote_typed,
    init=InitScript(
        INIT,
        ".bash",
        "~/.bashrc",
        'eval "$(rolehop init bash)"',
        ". {}",
        hidden_letter,
        color_cases,
    ),
    subshell=start,
)
