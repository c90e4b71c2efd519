"""Write all man pages below a folder: ``PYTHONPATH=.build python -m manpages FOLDER``."""

import sys
from pathlib import Path

from manpages.pages import man_pages

for name, text in man_pages().items():
    path = Path(sys.argv[1]) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
