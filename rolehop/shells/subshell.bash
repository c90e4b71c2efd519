# What `rolehop shell` has bash read in the place of ~/.bashrc, which comes first.
if [ -r ~/.bashrc ]; then . ~/.bashrc; fi
declare -F rolehop_prompt >/dev/null || . @INIT@

# Puts the chain before the prompt, also where that is made anew each time; none has it twice.
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
