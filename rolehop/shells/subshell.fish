# What `rolehop shell` has fish read after its own start-up files.
if not functions -q rolehop_prompt
    source @INIT@
end

# Puts the chain before the prompt; where the prompt shows it already, it stays as it is.
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
