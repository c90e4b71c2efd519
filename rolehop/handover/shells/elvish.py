"""elvish.

Between single quotes nothing is special but the quote itself, which is doubled; a newline stands
for itself (elvish language reference, String). ``set-env`` and ``unset-env`` change the process's
environment from whatever scope they run in, and do not mind an absent variable. Code that is not
UTF-8 is refused by elvish, so such a value is refused here.
"""

from __future__ import annotations

from rolehop.handover.shells.dialect import (
    Colors,
    Dialect,
    InitScript,
    needs_unicode,
    statement_renderer,
)


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return "'" + text.replace("'", "''") + "'"


def _set(name: str, value: str) -> str:
    needs_unicode(name, value, "elvish")
    return f"set-env {name} {quote(value)}"


def _unset(name: str) -> str:
    return f"unset-env {name}"


def _color_map(colors: Colors) -> str:
    pairs = (f"&{quote(chain)}={color.replace('_', '-')}" for chain, color in colors.items())
    return f"[{' '.join(pairs) or '&'}]"


INIT = r"""# rolehop for elvish, made by `rolehop init elvish`. Reading it starts no process.
use math
use re
use str

edit:add-var rolehop~ {|@words|
  var verb = -1
  var value = $false
  var plain = $false
  for at [(range (count $words))] {
    var word = $words[$at]
    if (has-value [-h --help --version --shell] $word) {
      set plain = $true
    }
    if (not-eq $verb -1) {
      continue
    } elif $value {
      set value = $false
    } elif (has-value [--config --color] $word) {
      set value = $true
    } elif (not (str:has-prefix $word -)) {
      set verb = $at
    }
  }
  if (or $plain (eq $verb -1) (not (has-value [assume leave refresh] $words[(if (eq $verb -1) { put 0 } else { put $verb })]))) {
    e:rolehop $@words
  } else {
    var next = (+ $verb 1)
    var output = (e:rolehop (all $words[..$next]) --shell elvish (all $words[$next..]) | slurp)
    if (or (str:has-prefix $output 'set-env ') (str:has-prefix $output 'unset-env ')) {
      eval $output
    } else {
      print $output
    }
  }
}

fn rolehop-prompt {
  if (and (has-env ROLEHOP_CHAIN) (not-eq $E:ROLEHOP_CHAIN '')) {
    var chain = $E:ROLEHOP_CHAIN
    # Control characters, and those that show nothing or turn the direction of reading.
    var text = (re:replace '[^\p{L}\p{N}\p{P}\p{S}\p{Mc} ]|[@HIDDEN@]' '?' $chain)
    if (has-env ROLEHOP_EXPIRES_AT) {
      try {
        var left = (- $E:ROLEHOP_EXPIRES_AT (e:date +%s))
        if (<= $left 0) {
          set text = $text' expired'
        } elif (< $left 60) {
          set text = $text' <1m'
        } elif (< $left 3600) {
          set text = $text' '(exact-num (math:floor (/ $left 60)))m
        } else {
          set text = $text' '(exact-num (math:floor (/ $left 3600)))h(printf '%02d' (exact-num (math:floor (/ (% $left 3600) 60))))m
        }
      } catch e {
        nop
      }
    }
    var colors = @COLORS@
    if (and (has-key $colors $chain) (not (has-env NO_COLOR))) {
      styled $text' ' $colors[$chain]
    } else {
      put $text' '
    }
  }
}
edit:add-var rolehop-prompt~ $rolehop-prompt~
"""

DIALECT = Dialect(
    statement_renderer(_set, _unset),
    quote,
    "fail 'rolehop failed'",
    "eval ({} | slurp)",
    init=InitScript(
        INIT,
        ".elv",
        "~/.config/elvish/rc.elv",
        "eval (rolehop init elvish | slurp)",
        "eval (slurp < {})",
        color_table=_color_map,
    ),
)
