# rolehop for fish, made by `rolehop init fish`. Reading it starts no process.

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
    # In ( ) and pipes what is printed is wanted, as from the program itself.
    if not contains -- "$verb" assume leave refresh
        or status is-command-substitution
        or test -p /dev/stdout
        command rolehop $argv
        return
    end
    set -l before $argv[1..$at]
    set -l after $argv
    set -e after[1..$at]
    set -l said (command rolehop $before --shell fish $after)
    set -l code $status
    if test $code -ne 0
        return $code
    end
    # A trace would show the session.
    set -l fish_trace
    if string match -q 'set -*' -- $said[1]
        string join \n -- $said | source
    else if set -q said[1]
        string join \n -- $said
    end
end

# Prints the segment, e.g. "prod-admin 43m ", in the chain's colour; nothing where none is assumed.
function rolehop_prompt --description 'The chain in hand and the time it has left'
    if test -z "$ROLEHOP_CHAIN"
        return 0
    end
    set -l text (string replace -ra '[[:cntrl:]]' '?' -- "$ROLEHOP_CHAIN" | string join '?')
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

# Prints the seconds left; fails where the shell does not know. fish has no clock of its own.
function __rolehop_seconds_left
    if not string match -qr '^[0-9]{1,12}$' -- "$ROLEHOP_EXPIRES_AT"
        return 1
    end
    math $ROLEHOP_EXPIRES_AT - (command date +%s)
end

# The colours of the config, as they were when this was made.
function __rolehop_color
    switch "$ROLEHOP_CHAIN"
        @COLORS@
    end
end

# With ROLEHOP_AUTO_REFRESH=1: refreshes a session with less than five minutes left, once.
function __rolehop_renew --on-event fish_prompt --on-event fish_preexec
    if test "$ROLEHOP_AUTO_REFRESH" != 1 -o -z "$ROLEHOP_CHAIN"
        return 0
    end
    # A command of rolehop's own is about to do what it is told.
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
