"""zsh: POSIX statements, a prompt segment kept up to date by ``precmd``, and a subshell.

``rolehop shell`` has zsh look for its start-up files in another folder; those read the user's first.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rolehop.handover.shells.dialect import Colors, Dialect, InitScript, SubshellStart, filled
from rolehop.handover.shells.posix import (
    FAILURE,
    color_cases,
    hidden_letter,
    quote,
    quote_typed,
    render,
)


def start(folder: Path, init_text: str, environ: Mapping[str, str]) -> SubshellStart:
    """Return how zsh is started with the chain in its prompt; its files are for ``folder``."""
    own = folder / "zsh"
    texts = {"@FOLDER@": quote(str(own)), "@INIT@": quote(str(own / "init.zsh"))}
    files = {
        "zsh/init.zsh": init_text,
        "zsh/.zshenv": filled(ZSHENV, texts),
        "zsh/.zshrc": filled(ZSHRC, texts),
    }
    changes = (("ROLEHOP_ZDOTDIR", environ.get("ZDOTDIR")), ("ZDOTDIR", str(own)))
    return SubshellStart(changes=changes, files=files)


def _color_cases(colors: Colors) -> str:
    # With the opening parenthesis: the text is also read inside $( ).
    return color_cases(colors, "(")


INIT = r"""# rolehop for zsh, made by `rolehop init zsh`. Reading it starts no process.
#
# Each function sets zsh's own options first, so that it works with whatever options people set.

function rolehop {
    # If ERR_EXIT were lost here, an ERR trap would keep the caller's from ending the script.
    if [[ -o err_exit ]]; then emulate -L zsh -o err_exit; else emulate -L zsh; fi
    local word verb='' value='' plain='' variables=''
    integer at=0
    for word in "$@"; do
        case "$word" in
            (-h|--help|--version|--shell|--shell=*) plain=1 ;;
            (--print-env) variables=1 ;;
        esac
    done
    # The first word that is neither an option nor an option's value.
    for word in "$@"; do
        (( at += 1 ))
        case "$value,$word" in
            (1,*) value='' ;;
            (,--config|,--color) value=1 ;;
            (,-*) ;;
            (*) verb=$word; break ;;
        esac
    done
    case "$verb,$variables,$plain" in
        (assume,*,|leave,*,|refresh,*,) ;;
        # $( ) waits for all that could still write to it: no shell may stay beside the server.
        (serve,1,*)
            if [[ ! -t 1 ]] && (( ZSH_SUBSHELL )); then exec command rolehop "$@"; fi
            command rolehop "$@"; return ;;
        (*) command rolehop "$@"; return ;;
    esac
    # In $( ) or a pipe, the reader gets the statements themselves.
    if [[ ! -t 1 ]] && (( ZSH_SUBSHELL )); then
        command rolehop "$@"
        return
    fi
    __rolehop_eval "${@[1,at]}" --shell zsh "${@[at+1,-1]}"
}

# Evaluates what one command prints if that is statements; without the trace, which would show the
# session.
function __rolehop_eval {
    if [[ -o err_exit ]]; then emulate -L zsh -o err_exit; else emulate -L zsh; fi
    setopt no_xtrace no_verbose
    local __rolehop_output
    integer __rolehop_code=0
    __rolehop_output=$(command rolehop "$@") || __rolehop_code=$?
    if (( __rolehop_code == 0 )); then
        case "$__rolehop_output" in
            ('') ;;
            ('export '*|'unset '*) eval "$__rolehop_output" || __rolehop_code=$? ;;
            (*) print -r -- "$__rolehop_output" ;;
        esac
    fi
    return $__rolehop_code
}

# Sets rolehop_text ("prod-admin 43m"), rolehop_color (0 to 15, or nothing) and rolehop_segment
# (both together and a space, for PROMPT). All are empty if nothing is assumed.
function rolehop_prompt {
    emulate -L zsh
    integer __rolehop_left=0
    # All but letters, digits, blanks and ASCII: control characters, and those that hide others.
    local __rolehop_odd='[^][:alnum:] !"#$%&'\''()*+,./:;<=>?@\\^_`{|}~[-]'
    local __rolehop_hidden=$'[@HIDDEN@]'
    rolehop_text='' rolehop_color='' rolehop_segment=''
    [[ -n ${ROLEHOP_CHAIN-} ]] || return 0
    rolehop_text=${ROLEHOP_CHAIN//${~__rolehop_odd}/?}
    rolehop_text=${rolehop_text//${~__rolehop_hidden}/?}
    if __rolehop_seconds_left; then
        if (( __rolehop_left <= 0 )); then rolehop_text+=' expired'
        elif (( __rolehop_left < 60 )); then rolehop_text+=' <1m'
        elif (( __rolehop_left < 3600 )); then rolehop_text+=" $(( __rolehop_left / 60 ))m"
        else
            rolehop_text+=" $(( __rolehop_left / 3600 ))h${(l:2::0:)$(( __rolehop_left / 60 % 60 ))}m"
        fi
    fi
    __rolehop_set_color
    rolehop_segment="${rolehop_text//\%/%%} "
    if [[ -n $rolehop_color && -z ${NO_COLOR-} && ${TERM-} != dumb ]]; then
        rolehop_segment="%F{$rolehop_color}${rolehop_text//\%/%%}%f "
    fi
}

# Sets the caller's __rolehop_left; fails if that is not known.
function __rolehop_seconds_left {
    emulate -L zsh
    [[ ${ROLEHOP_EXPIRES_AT-} == <-> ]] && (( ${#ROLEHOP_EXPIRES_AT} <= 12 )) || return 1
    if (( $+EPOCHSECONDS )) || zmodload zsh/datetime 2>/dev/null; then
        (( __rolehop_left = 10#$ROLEHOP_EXPIRES_AT - EPOCHSECONDS ))
    else
        (( __rolehop_left = 10#$ROLEHOP_EXPIRES_AT - $(command date +%s) ))
    fi
    return 0
}

# The colours of the config at the time when this was made.
function __rolehop_set_color {
    emulate -L zsh
    case "$ROLEHOP_CHAIN" in
        @COLORS@
        (*) rolehop_color='' ;;
    esac
}

# With ROLEHOP_AUTO_REFRESH=1: refreshes a session with less than five minutes left, once.
function __rolehop_refresh {
    emulate -L zsh
    integer __rolehop_left=0
    # A command of rolehop itself needs no refresh before it.
    [[ ${1-} != (|command )rolehop(| *) ]] || return 0
    [[ ${ROLEHOP_AUTO_REFRESH-} == 1 && -n ${ROLEHOP_CHAIN-} ]] || return 0
    (( ZSH_SUBSHELL == 0 )) || return 0
    __rolehop_seconds_left && (( __rolehop_left < 300 )) || return 0
    [[ $__rolehop_tried != $ROLEHOP_EXPIRES_AT ]] || return 0
    __rolehop_tried=$ROLEHOP_EXPIRES_AT
    \rolehop refresh --quiet --no-prompt || return 0
}

function __rolehop_hook {
    local __rolehop_status=$?
    emulate -L zsh
    __rolehop_refresh
    rolehop_prompt
    (( $+functions[compdef] && ! ${+_comps[rolehop]} )) && compdef _rolehop_completion rolehop
    return $__rolehop_status
}

function {
    emulate -L zsh
    typeset -g rolehop_text rolehop_color rolehop_segment __rolehop_tried
    if [[ -o interactive ]]; then
        typeset -ga precmd_functions preexec_functions
        (( ${precmd_functions[(I)__rolehop_hook]} )) || precmd_functions+=(__rolehop_hook)
        (( ${preexec_functions[(I)__rolehop_refresh]} )) || preexec_functions+=(__rolehop_refresh)
    fi
    rolehop_prompt
}

# If compinit has not run yet, the hook of the first prompt registers the completion.
# @COMPLETION@
"""

ZSHENV = r"""# zsh reads this instead of .zshenv in a `rolehop shell`; the user's .zshenv comes first. zsh looks
# for start-up files in ZDOTDIR, so that is ours until .zshrc has been found.
if (( ${+ROLEHOP_ZDOTDIR} )); then ZDOTDIR=$ROLEHOP_ZDOTDIR; else unset ZDOTDIR; fi
unset ROLEHOP_ZDOTDIR
__rolehop_key=${AWS_ACCESS_KEY_ID-}
if [[ -r ${ZDOTDIR-$HOME}/.zshenv ]]; then . "${ZDOTDIR-$HOME}/.zshenv"; fi
unset AWS_PROFILE AWS_DEFAULT_PROFILE
if [[ -o interactive ]]; then
    if (( ${+ZDOTDIR} )); then __rolehop_zdotdir=$ZDOTDIR; fi
    ZDOTDIR=@FOLDER@
fi
"""

ZSHRC = r"""# zsh reads this instead of .zshrc in a `rolehop shell`; the user's .zshrc comes first.
if (( ${+__rolehop_zdotdir} )); then ZDOTDIR=$__rolehop_zdotdir; else unset ZDOTDIR; fi
unset __rolehop_zdotdir
# Some systems put the history beside the start-up files before these are read.
if [[ ${HISTFILE-} == @FOLDER@/* ]]; then HISTFILE=${ZDOTDIR-$HOME}/.zsh_history; fi
if [[ -r ${ZDOTDIR-$HOME}/.zshrc ]]; then . "${ZDOTDIR-$HOME}/.zshrc"; fi
# What they name there is not what this shell is for.
unset AWS_PROFILE AWS_DEFAULT_PROFILE
if [[ ${AWS_ACCESS_KEY_ID-} != "${__rolehop_key-}" ]]; then
    print -u2 'rolehop: start-up files have put other AWS keys in the place of the session'
fi
unset __rolehop_key
(( ${+functions[rolehop_prompt]} )) || . @INIT@

# Puts the chain before the prompt unless it is there, even if the prompt is set again each time.
function __rolehop_mark {
    local __rolehop_subst=0
    if [[ -o prompt_subst ]]; then __rolehop_subst=1; fi
    emulate -L zsh
    # The mark of before goes first: it is text, of which prompt_subst would run what is in it.
    if [[ -n $__rolehop_marked && $PROMPT == "$__rolehop_marked"* ]]; then
        PROMPT=${PROMPT[${#__rolehop_marked}+1,-1]}
    fi
    __rolehop_marked=''
    [[ $PROMPT == *rolehop_(segment|text)* ]] && return 0
    if (( __rolehop_subst )); then
        PROMPT='${rolehop_segment}'$PROMPT
    else
        # Without that option the prompt is not expanded; it may be set before the next mark.
        __rolehop_marked=${rolehop_segment//[\$\`]/?}
        PROMPT=$__rolehop_marked$PROMPT
    fi
}
typeset -g __rolehop_marked=''
typeset -ga precmd_functions
precmd_functions+=(__rolehop_mark)
"""

DIALECT = Dialect(
    render,
    quote,
    FAILURE,
    quote_typed=quote_typed,
    init=InitScript(
        INIT,
        ".zsh",
        "~/.zshrc",
        'eval "$(rolehop init zsh)"',
        ". {}",
        hidden_letter,
        _color_cases,
    ),
    subshell=start,
)
