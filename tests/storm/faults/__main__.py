"""Inject faults into runs of rolehop, and print how many were survived."""

from __future__ import annotations

import argparse
import sys
import time

from rolehop.vault.kernel import usable
from tests.storm.faults.kinds import KINDS
from tests.storm.faults.storm import blow
from tests.storm.process_conditions import take_own_kernel_keyring, take_own_mounts
from tests.support.environment import take_signals
from tests.support.secret_service import missing
from tests.vault import key_quota

_WORLDS = 5
"""With a Secret Service of their own, side by side: faults wait more than they compute."""

_QUOTA = 200_000
"""Bytes of keys that the sessions of all its worlds may take: root has them."""


def main() -> int:
    """Run it, and return 1 if a fault was not survived."""
    asked = _arguments()
    take_signals()
    may_mount = take_own_kernel_keyring() and take_own_mounts()
    lanes = _lanes(asked.backend)
    if not lanes:
        _say("nothing injected: there is neither a Secret Service nor a kernel keyring with room")
        return 0
    kinds = [
        each
        for each in KINDS.values()
        if any(part in each.name for part in asked.kind or [""]) and (may_mount or not each.mounts)
    ]
    begun = time.monotonic()
    report = blow(faults=asked.faults, seed=asked.seed, lanes=lanes, kinds=kinds, say=_say)
    for name in KINDS:
        if report.injected[name]:
            _say(f"{report.injected[name]:5} injected, {report.survived[name]:5} survived: {name}")
    injected, survived = report.injected.total(), report.survived.total()
    seconds = time.monotonic() - begun
    for kind in kinds:
        if kind.name not in report.injected:
            _say(f"    0 injected: {kind.name}")
    _say(f"{len(report.injected)} kinds in {seconds:.0f} s, seed {asked.seed}")
    _say(f"{injected} injected, {survived} survived")
    return 1 if injected < asked.faults or survived < injected or report.wrong else 0


def _lanes(wanted: list[str] | None) -> list[str]:
    """Return the back ends of the worlds that run side by side."""
    lanes = []
    if usable() is None and "kernel" in (wanted or ["kernel"]):
        free = key_quota.free()
        if free < _QUOTA:
            _say(f"not on the kernel keyring: {free} bytes are free of this user's quota of keys")
        else:
            lanes.append("kernel")
    if missing() is None and "secret-service" in (wanted or ["secret-service"]):
        lanes += ["secret-service"] * _WORLDS
    return lanes


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.storm.faults", description=__doc__)
    parser.add_argument("--faults", type=int, default=1000, help="at least (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="chooses them (default: 1)")
    parser.add_argument("--kind", action="append", help="only kinds with this in their name")
    parser.add_argument("--backend", action="append", choices=("secret-service", "kernel"))
    return parser.parse_args()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
