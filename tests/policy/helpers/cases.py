"""The case table of the rules: one request a line, each with what AWS decides and why."""

from __future__ import annotations

import json
from pathlib import Path

_FILE = Path(__file__).parents[1] / "cases.jsonl"
CASES = [json.loads(line) for line in _FILE.read_text(encoding="utf-8").splitlines()]
