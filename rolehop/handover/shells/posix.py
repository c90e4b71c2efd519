r"""sh, dash, ksh and every other shell that reads POSIX sh; bash and zsh share its statements.

Between single quotes nothing is special but the single quote itself, which is written ``'\''``:
the quotes closed, an escaped quote, the quotes opened again. That also holds with zsh's
``RC_QUOTES``, since no two quotes ever stand together inside quotes. ``unset`` of a variable that
is not set succeeds (POSIX, XCU 2.15 unset). The one setting that breaks it is zsh's
``CSH_JUNKIE_QUOTES``, and only if a value has a newline.
"""

from __future__ import annotations

from rolehop.handover.shells.dialect import Colors, Dialect, color_number, statement_renderer

FAILURE = "false"


def quote(text: str) -> str:
    """Return ``text`` as one word."""
    return "'" + text.replace("'", r"'\''") + "'"


def quote_typed(text: str) -> str:
    """Return ``text`` as one word that bash's and zsh's history leaves alone."""
    # Inside "$( )" bash expands ! even between single quotes, unless a backslash precedes it.
    return quote(text).replace("!", r"'\!'")


def hidden_letter(letter: str) -> str:
    r"""Return the bytes of ``letter`` for ``$'…'``, ``\343\205\244``: no locale refuses them."""
    return "".join(f"\\{byte:o}" for byte in letter.encode())


def color_cases(colors: Colors, opening: str = "") -> str:
    """Return the branches of a ``case`` that set ``rolehop_color``; ``opening``: their ``(``."""
    return "\n        ".join(
        f"{opening}{quote(chain)}) rolehop_color={color_number(color)} ;;"
        for chain, color in colors.items()
    )


def _set(name: str, value: str) -> str:
    return f"export {name}={quote(value)}"


def _unset(name: str) -> str:
    return f"unset {name}"


render = statement_renderer(_set, _unset)
DIALECT = Dialect(render, quote, FAILURE, quote_typed=quote_typed)
