"""The results as a table or a JSON object, with a line on the machine."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict

from tests.benchmarks.fan_out import REFRESH, STORING
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


README_ROWS = {
    "credential-process, cached, Secret Service": "`credential-process`, cached, Secret Service",
    "credential-process, cached, kernel keyring": "`credential-process`, cached, kernel keyring",
    "the line of profile install, cached, Secret Service": (
        "the line that `profile install` writes, the same"
    ),
    "40 at once: credential-process, cached, Secret Service": (
        "40 of them at once, against 40 interpreters"
    ),
    "the keyring library the usual way, Secret Service": (
        "the same answer through the `keyring` library the usual way"
    ),
    "granted, cached, sessions in the Secret Service": "granted, three profiles, cached, Secret Service",
    "aws-vault, cached, sessions in the Secret Service": "aws-vault, the same profiles and keyring",
    "the AWS CLI, cached, sessions in files": (
        "`aws configure export-credentials`, three profiles, its cache warm"
    ),
    "awsume, cached, sessions in files": "awsume, three profiles, its cache warm",
    "completion of chain names": "completion of a chain's name",
    "rolehop --version": "`rolehop --version`",
    "rolehop --help": "`rolehop --help`",
    "rolehop status": "`rolehop status`",
    "rolehop list": "`rolehop list`",
    "rolehop export deep": "`rolehop export`, cached, to a pipe",
    "list, a fleet of 5000": "`rolehop list` of 5,000 chains",
    "list --format json, a fleet of 5000": "`rolehop list --format json` of 5,000 chains",
    "plan admin, a fleet of 0": "`rolehop plan` of one chain",
    "plan admin, a fleet of 5000": "`rolehop plan` of one chain, beside 5,000 others",
    "check, a fleet of 5000": "`rolehop check` of 5,000 chains, with the policies of every role",
    "cold walk of three hops": "a cold walk of three hops, three calls on one connection",
    "granted, cold, sessions in the Secret Service": "granted, three profiles, cold",
    "aws-vault, cold, sessions in the Secret Service": "aws-vault, three profiles, cold",
    "the AWS CLI, cold, sessions in files": "`aws configure export-credentials`, three profiles, cold",
    "awsume, cold, sessions in files": "awsume, three profiles, cold",
    f"{STORING}, Secret Service, against 201 times secret-tool": (
        "storing 201 sessions, against 201 times `secret-tool`"
    ),
}
"""The rows that the guide has, and what it calls them."""

_SECTION = """\
Ratios to `python -I -c pass` of the same environment, each pair run in turn within one run, medians of {pairs}
(`python -m tests.benchmarks` prints them for your machine, `--scale` how commands grow, `--peers` other tools that
are installed, `--readme` this section). This run: {cpus} CPUs, Python {python}, {system}.

| what | ratio |
| --- | --- |
{table}

`rolehop refresh` of 200 chains through one hub, with an STS that answers in 50 ms: {calls} calls in {walked} s with
{peak_mb} MB at most, and {stored} s to store the sessions in a Secret Service."""


def as_section(rows: Sequence[Row], pairs: int) -> str:
    """Return the guide's section on speed; what was not measured, e.g. a tool that is not there, has no line."""
    found = {row.name: row for row in rows}
    table = [
        f"| {said} | {_rounded(ratio)} |"
        for name, said in README_ROWS.items()
        if name in found and (ratio := found[name].ratio) is not None
    ]
    walk = found[f"{REFRESH}, Secret Service"].facts
    stored = next(row.milliseconds for row in rows if row.name.startswith(STORING)) or 0
    facts = {**machine(), **walk, "walked": walk["seconds"], "stored": round(stored / 1000, 1)}
    facts["system"] = str(facts["system"]).partition("-")[0]  # less what a distribution calls it
    return _SECTION.format(pairs=pairs, table="\n".join(table), **facts)


def _rounded(ratio: float) -> str:
    """Return a ratio with as many digits as mean something."""
    return f"{ratio:.{2 if ratio < 5 else 1 if ratio < 20 else 0}f}"


def _number(value: float | None, digits: int) -> str:
    return f"{'':>7}" if value is None else f"{value:>7.{digits}f}"
