# Completion of rolehop for fish, printed by `rolehop completion fish`.

function _rolehop_completion
    # fish before 4 spells it -o.
    set -l words (commandline -xpc 2>/dev/null; or commandline -opc)
    set -l word (commandline -ct)
    set -l answer (_ROLEHOP_COMPLETE=fish command rolehop completion -- $words[2..] "$word" 2>/dev/null)
    set -l kind (string split ' ' -- $answer[1])
    switch "$kind[1]"
        case words
            string join \n -- $answer[2..]
        case files
            set -l path (string replace -r -- '^--[^=]*=' '' "$word")
            set -l option (string sub -l (math (string length -- "$word") - (string length -- "$path")) -- "$word")
            for each in (complete -C "'' $path")
                echo "$option$each"
            end
        case program
            # Words from 0, without rolehop itself; fish counts from 1.
            set -l first (math $kind[2] + 2)
            complete -C (string join ' ' -- (string escape -- $words[$first..]) "$word")
    end
end

complete --command rolehop --no-files --keep-order --arguments '(_rolehop_completion)'
