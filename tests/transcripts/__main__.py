"""Rewrite the transcripts: ``python -m tests.transcripts [NAME ...]``."""

import sys

from tests.transcripts.recording import FOLDER, recorded
from tests.transcripts.situations import SITUATIONS

for name in sys.argv[1:] or SITUATIONS:
    (FOLDER / f"{name}.txt").write_text(recorded(name), encoding="utf-8")
