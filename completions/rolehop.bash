# Completion of rolehop for bash, printed by `rolehop completion bash`. Needs no other package.

_rolehop_completion() {
    local IFS=$' \t\n' line=${COMP_LINE-} word at glued=''
    local -a words=() starts=()
    # bash also breaks words at characters such as @ and =, which names may have. Here only
    # blanks separate words; the last one ends at the cursor.
    if [[ -n $line ]]; then
        line=${line:0:COMP_POINT}
        for ((at = 0; at < COMP_CWORD; at++)); do
            word=${COMP_WORDS[at]}
            _rolehop_add "$at" "$word"
            if [[ $line != "$word"* ]]; then words=(); break; fi
            line=${line#"$word"}
        done
        if ((at == COMP_CWORD)); then _rolehop_add "$at" "${line#"${line%%[![:blank:]]*}"}"; fi
    fi
    if ((${#words[@]} < 2)); then
        words=() starts=()
        for ((at = 0; at <= COMP_CWORD; at++)); do words+=("${COMP_WORDS[at]}") starts+=("$at"); done
    fi
    COMPREPLY=()
    _rolehop_offer "${2-${words[${#words[@]}-1]}}"
}

# Adds a word to `words`, or appends it to the last one if no blank precedes it in `line`.
_rolehop_add() {
    if [[ $1 -gt 0 && $line != [[:blank:]]* ]]; then
        words[${#words[@]}-1]+=$2
    else
        line=${line#"${line%%[![:blank:]]*}"}
        words+=("$2") starts+=("$1")
    fi
}

# Asks rolehop; the first line of its answer says what follows.
_rolehop_offer() {
    local kind='' word=''
    {
        read -r kind word
        case $kind in
            words) while IFS= read -r word; do COMPREPLY+=("$word"); done ;;
        esac
    } < <(_ROLEHOP_COMPLETE=bash _ROLEHOP_TAIL=$1 command rolehop completion -- "${words[@]:1}" 2>/dev/null)
    case $kind in
        files) compopt -o default 2>/dev/null ;;
        program) _rolehop_program "${starts[word + 1]}" ;;
    esac
}

# Hands over to the completion of the command that begins at the given one of COMP_WORDS.
_rolehop_program() {
    if declare -F _comp_command_offset >/dev/null; then _comp_command_offset "$1"; return; fi
    if declare -F _command_offset >/dev/null; then _command_offset "$1"; return; fi
    # Without the package bash-completion.
    local at
    for ((at = 0; at < $1; at++)); do
        COMP_LINE=${COMP_LINE#*"${COMP_WORDS[at]}"}
    done
    COMP_LINE=${COMP_LINE#"${COMP_LINE%%[![:blank:]]*}"}
    COMP_POINT=${#COMP_LINE}
    COMP_WORDS=("${COMP_WORDS[@]:$1}")
    ((COMP_CWORD -= $1))
    if ((COMP_CWORD == 0)); then
        while IFS= read -r at; do COMPREPLY+=("$at"); done < <(compgen -c -- "${COMP_WORDS[0]}")
        return
    fi
    _rolehop_specified "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
}

# Completes a command as `complete` specifies for it, else files.
_rolehop_specified() {
    local spec at function=''
    spec=$(complete -p -- "$1" 2>/dev/null || complete -p -- "${1##*/}" 2>/dev/null)
    case $spec in
        *' -F '*)
            function=${spec##* -F }
            function=${function%% *}
            "$function" "$1" "$2" "$3"
            case $spec in *'-o default'* | *'-o bashdefault'*) compopt -o default ;; esac
            case $spec in *'-o nospace'*) compopt -o nospace ;; esac
            case $spec in *'-o filenames'*) compopt -o filenames ;; esac
            ;;
        '') compopt -o default ;;
        *)
            # The rest of the specification is the arguments of compgen, as complete quotes them.
            eval "set -- ${spec#complete }"
            while IFS= read -r at; do COMPREPLY+=("$at"); done < <(
                compgen "${@:1:$#-1}" -- "${COMP_WORDS[COMP_CWORD]}" 2>/dev/null
            )
            ;;
    esac 2>/dev/null
}

complete -o nosort -F _rolehop_completion rolehop 2>/dev/null || complete -F _rolehop_completion rolehop
