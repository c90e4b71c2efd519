"""The results as a table or a JSON object, with a line on the machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict

from tests.benchmarks.measuring import Row


def machine() -> dict[str, object]:
    """Return the facts that the figures depend on most."""
    return {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
    }


def as_json(rows: Sequence[Row], pairs: int) -> str:
    """Return everything as one JSON object."""
    document = {
        "schema": "rolehop.benchmarks/1",
        "machine": machine(),
        "pairs": pairs,
        "rows": [asdict(row) for row in rows],
    }
    return json.dumps(document, indent=2)


def heading(pairs: int) -> str:
    """Return the heading of the table."""
    here = machine()
    return (
        f"{here['cpus']} CPUs, Python {here['python']}, {here['system']}; medians of {pairs} pairs,\n"
        "ratio to `python -I -c pass` of the same environment, run in turn\n\n"
        f"{'ratio':>7}  {'wanted':>7}  {'ms':>7}  what"
    )


def as_line(row: Row) -> str:
    """Return one line of the table."""
    facts = ", ".join(f"{name} {value}" for name, value in row.facts.items())
    text = " · ".join(
        filter(None, (row.name, facts, row.skipped and f"skipped: {row.skipped}", row.failed))
    )
    wanted = "" if row.wanted is None else f"≤ {row.wanted:g}"
    return f"{_number(row.ratio, 2)}  {wanted:>7}  {_number(row.milliseconds, 1)}  {text}"


def _number(value: float | None, digits: int) -> str:
    return f"{'':>7}" if value is None else f"{value:>7.{digits}f}"
