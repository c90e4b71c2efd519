# What `rolehop shell` has zsh read in the place of .zshrc, which comes first.
if (( ${+__rolehop_zdotdir} )); then ZDOTDIR=$__rolehop_zdotdir; else unset ZDOTDIR; fi
unset __rolehop_zdotdir
# Some systems put the history beside the start-up files before these are read.
if [[ ${HISTFILE-} == @FOLDER@/* ]]; then HISTFILE=${ZDOTDIR-$HOME}/.zsh_history; fi
if [[ -r ${ZDOTDIR-$HOME}/.zshrc ]]; then . "${ZDOTDIR-$HOME}/.zshrc"; fi
(( ${+functions[rolehop_prompt]} )) || . @INIT@

# Puts the chain before the prompt, also where that is made anew each time; none has it twice.
function __rolehop_mark {
    local __rolehop_subst=0
    if [[ -o prompt_subst ]]; then __rolehop_subst=1; fi
    emulate -L zsh
    [[ $PROMPT == *rolehop_(segment|text)* ]] && return 0
    if (( __rolehop_subst )); then
        PROMPT='${rolehop_segment}'$PROMPT
    else
        # Without that option a prompt is no template: the last mark makes room for the next.
        if [[ -n $__rolehop_marked && $PROMPT == "$__rolehop_marked"* ]]; then
            PROMPT=${PROMPT[${#__rolehop_marked}+1,-1]}
        fi
        __rolehop_marked=$rolehop_segment
        PROMPT=$__rolehop_marked$PROMPT
    fi
}
typeset -g __rolehop_marked=''
typeset -ga precmd_functions
precmd_functions+=(__rolehop_mark)
