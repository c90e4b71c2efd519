"""Rewrite ``.pictures/*.svg``."""

from tests.pictures.drawing import FOLDER, as_svg, shown

FOLDER.mkdir(exist_ok=True)
for picture, output in shown().items():
    (FOLDER / f"{picture}.svg").write_text(as_svg(picture, output), encoding="utf-8")
