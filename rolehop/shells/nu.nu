# rolehop for nushell, made by `rolehop init nu`. Reading it starts no process.

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
    let said = ($text | from json | default {set: {}, hide: []})
    hide-env --ignore-errors ...$said.hide
    load-env $said.set
}

# Returns the segment, e.g. "prod-admin 43m ", for PROMPT_COMMAND; nothing where none is assumed.
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
    let text = $"($chain | str replace --all --regex '[[:cntrl:]]' '?')($life)"
    let color = (@COLORS@ | get --optional $chain)
    if $color == null or ($env.NO_COLOR? | default "") != "" {
        $"($text) "
    } else {
        $"(ansi $color)($text)(ansi reset) "
    }
}
