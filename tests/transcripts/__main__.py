"""Rewrite the transcripts: ``python -m tests.transcripts [NAME ...]``."""

import sys

from tests.transcripts.recording import FOLDER, NAMES, recorded

for name in sys.argv[1:] or NAMES:
    (FOLDER / f"{name}.txt").write_text(recorded(name), encoding="utf-8")
