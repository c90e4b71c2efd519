"""tcsh and csh.

Every character that is not plain has a backslash of its own before it. That is the one way that
means the same with and without ``backslash_quote`` and with history on (``!`` is special even
between single quotes; `=0` is a folder of the directory stack). Only a newline cannot be written: it is refused, and so are the other control
characters, some of which tcsh versions use for themselves. Evaluate it between double quotes,
``eval "`rolehop assume x`"``: without them a backquote splits at spaces, and two in a row are one.

tcsh has no functions, so ``rolehop`` is an alias there. It cannot look past options: the command
must be the first word.
"""

from __future__ import annotations

from rolehop.base.startup import Pattern
from rolehop.handover.shells.dialect import (
    Dialect,
    InitScript,
    needs_unicode,
    refused,
    statement_renderer,
)

_CONTROL = Pattern(r"[\x01-\x1f\x7f-\x9f\u2028\u2029]")
_SPECIAL = Pattern(r"[^A-Za-z0-9_./:@%+,\u0080-\U0010ffff-]")


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return _SPECIAL.sub(r"\\\g<0>", text) or "''"


def _set(name: str, value: str) -> str:
    if _CONTROL.search(value):
        raise refused(name, "tcsh", "it has a newline or another control character")
    needs_unicode(name, value, "tcsh")
    return f"setenv {name} {quote(value)}"


def _unset(name: str) -> str:
    return f"unsetenv {name}"


# Evaluated as one line: a comment would never end, and no line may go on in the next. What `echo` and
# `verbose` show would be the session.
INIT = r"""set __rolehop_plain = '\rolehop $__rolehop:q';
set __rolehop_taken = 'set __rolehop_trace = ( $?echo $?verbose ); unset echo verbose; eval "`\rolehop $__rolehop:q --shell tcsh`"; set __rolehop_code = $status; if ( $__rolehop_trace[1] ) set echo; if ( $__rolehop_trace[2] ) set verbose; ( exit $__rolehop_code )';
alias rolehop 'set __rolehop = (\!*); set __rolehop_run = "$__rolehop_plain:q"; if ( "x$__rolehop " =~ x{assume,leave,refresh}\ * && "x$__rolehop " !~ *\ {-h,--help,--version,--shell}[\ =]* ) set __rolehop_run = "$__rolehop_taken:q"; eval "$__rolehop_run:q"';
"""

DIALECT = Dialect(
    statement_renderer(_set, _unset),
    quote,
    "false",
    'eval "`{}`"',
    not_typed='$`"!',
    # `exit` in an evaluated text ends the text, not the shell.
    exit_statement="exec true",
    init=InitScript(INIT, ".tcsh", "~/.tcshrc", 'eval "`rolehop init tcsh`"', "source {}"),
)
