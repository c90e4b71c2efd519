"""A QR code in the terminal, so that a telephone can open a link that this machine cannot."""

from __future__ import annotations

from rolehop.base.advice import Advice, install_extra
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import RolehopError

_MARGIN = 4  # modules of light around a code (ISO/IEC 18004, quiet zone)

# A character shows two modules, one above the other: terminals draw them about twice as high as
# wide. The first of the pair is the upper one; true is a block.
_BLOCKS = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


@dataclass(frozen=True, slots=True)
class QrCode:
    """A square of modules; true is dark."""

    rows: tuple[tuple[bool, ...], ...]

    @property
    def columns(self) -> int:
        """How wide it is drawn, in characters."""
        return len(self.rows)

    @property
    def lines(self) -> int:
        """How high it is drawn, in lines."""
        return (len(self.rows) + 1) // 2

    def drawn(self, *, light_on_dark: bool) -> str:
        """Return its lines, drawn by blocks.

        ``light_on_dark``: blocks are light, as in a terminal with light text on dark. Else they are
        dark: the terminal must be told to draw dark text on light.
        """
        rows = [*self.rows, *[(False,) * self.columns] * (len(self.rows) % 2)]
        pairs = zip(rows[::2], rows[1::2], strict=True)
        return "".join(
            "".join(
                _BLOCKS[above != light_on_dark, below != light_on_dark]
                for above, below in zip(upper, lower, strict=True)
            )
            + "\n"
            for upper, lower in pairs
        )


def qr_code(text: str) -> QrCode:
    """Return the smallest QR code for ``text``, with the least error correction: screens are clean.

    Raises:
        RolehopError: the library for it is not installed, or the text is too long.
    """
    try:
        import segno
    except ImportError:
        raise RolehopError(
            "a QR code needs a library that is not installed",
            cause="segno is not there",
            fix=Advice(install_extra("qr"), ", or --print for the link itself"),
        ) from None
    try:
        code = segno.make_qr(text, error="l", boost_error=False)
    except segno.DataOverflowError:
        raise RolehopError(
            "the link is too long for a QR code",
            cause=f"it has {len(text)} characters",
            fix="use --print for the link itself",
        ) from None
    rows = code.matrix_iter(border=_MARGIN)
    return QrCode(tuple(tuple(bool(module) for module in row) for row in rows))
