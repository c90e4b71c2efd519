"""xonsh, whose statements are Python.

A value is a Python string literal in ASCII: Python's own ``ascii()`` writes it, and nothing in a
plain literal is expanded. It goes into the environment by ``${...}``, xonsh's name for all of it.
``pop`` does not mind that a variable is absent, as ``del $NAME`` would.
"""

from __future__ import annotations

from rolehop.handover.shells.dialect import (
    Colors,
    Dialect,
    InitScript,
    in_four_digits,
    statement_renderer,
)


def _set(name: str, value: str) -> str:
    return f"${name} = {value!a}"


def _unset(name: str) -> str:
    return f"${{...}}.pop('{name}', None)"


def _color_dict(colors: Colors) -> str:
    import json

    names = {
        chain: color.upper().replace("BRIGHT_", "INTENSE_").replace("MAGENTA", "PURPLE")
        for chain, color in colors.items()
    }
    return json.dumps(names)


INIT = r"""# rolehop for xonsh, made by `rolehop init xonsh`. Reading it starts no process.

def _rolehop(args):
    import subprocess

    verb = None
    value = False
    for at, word in enumerate(args):
        if value:
            value = False
        elif word in ("--config", "--color"):
            value = True
        elif not word.startswith("-"):
            verb = at
            break
    plain = any(word in ("-h", "--help", "--version", "--shell") for word in args)
    if verb is None or args[verb] not in ("assume", "leave", "refresh") or plain:
        return subprocess.run(["rolehop", *args], env=__xonsh__.env.detype()).returncode
    command = ["rolehop", *args[: verb + 1], "--shell", "xonsh", *args[verb + 1 :]]
    done = subprocess.run(command, env=__xonsh__.env.detype(), stdout=subprocess.PIPE)
    output = done.stdout.decode()
    if done.returncode == 0:
        if output.startswith(("$", "${")):
            execx(output, "exec", __xonsh__.ctx)
        elif output:
            print(output, end="")
    return done.returncode


def _rolehop_prompt():
    import time
    from unicodedata import category

    chain = __xonsh__.env.get("ROLEHOP_CHAIN")
    if not chain:
        return None
    # Marks without a width count as printable, and letters that show nothing.
    hidden = "@HIDDEN@"
    text = "".join(
        c if c.isprintable() and category(c) != "Mn" and c not in hidden else "?" for c in chain
    )
    ends = str(__xonsh__.env.get("ROLEHOP_EXPIRES_AT", ""))
    if ends.isascii() and ends.isdigit() and len(ends) <= 12:
        left = int(ends) - int(time.time())
        if left <= 0:
            text += " expired"
        elif left < 60:
            text += " <1m"
        elif left < 3600:
            text += f" {left // 60}m"
        else:
            text += f" {left // 3600}h{left // 60 % 60:02}m"
    color = @COLORS@.get(chain)
    text = text.replace("{", "{{").replace("}", "}}")
    if color is None or __xonsh__.env.get("NO_COLOR"):
        return text
    return "{" + color + "}" + text + "{RESET}"


from xonsh.tools import uncapturable as _rolehop_uncapturable
from xonsh.tools import unthreadable as _rolehop_unthreadable

aliases["rolehop"] = _rolehop_unthreadable(_rolehop_uncapturable(_rolehop))
$PROMPT_FIELDS["rolehop"] = _rolehop_prompt
"""

DIALECT = Dialect(
    statement_renderer(_set, _unset),
    ascii,
    "raise RuntimeError('rolehop failed')",
    "execx($({}))",
    # A plain literal would be expanded: xonsh looks for variables in those, too.
    quote_typed=lambda text: f"@({text!a})",
    init=InitScript(
        INIT,
        ".xsh",
        "~/.xonshrc",
        "execx($(rolehop init xonsh))",
        "exec(compilex(open({}).read()))",
        in_four_digits,
        _color_dict,
    ),
)
