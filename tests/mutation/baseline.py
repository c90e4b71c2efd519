"""Which tests run which lines of the files, and how long each test takes."""

from __future__ import annotations

import functools
import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.mutation.children import Job, own_screen

EXAMPLES = 50
"""How many inputs a property test gets for one mutant."""

SLOWEST = 2.0
"""Seconds; a test that takes longer is left out."""

_OF_PROGRAMS = {"world", "shared_world", "real_world", "secret_service", "own_secret_service"}
OPTIONS = [
    "-n0", "-q", "-x", "--no-header", "--tb=no", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
]  # fmt: skip


def baseline(job: Job, out: Path) -> None:
    """Write which tests run which lines of each file, and how long they take."""
    import coverage

    own_screen()
    paths = {str(Path(each).resolve()): each for each in job.files}
    measured = coverage.Coverage(data_file=None, include=list(paths), config_file=False)
    seen = _Baseline(measured)
    measured.start()
    pytest.main([*(each for each in OPTIONS if each != "-x"), *job.tests], plugins=[seen])
    measured.stop()
    data = measured.get_data()
    lines = {
        name: {line: sorted(filter(None, found)) for line, found in by_line.items()}
        for path, name in paths.items()
        for by_line in [data.contexts_by_lineno(path)]
    }
    foreign = [
        name
        for name, module in list(sys.modules.items())
        if name.split(".")[0] not in ("rolehop", "tests", "__main__", "coverage")
        and isinstance(module, ModuleType)
    ]
    found = {
        "lines": lines,
        "seconds": seen.seconds,
        "left_out": sorted(seen.left_out),
        "loaded": foreign,
    }
    out.write_text(json.dumps(found))


class _Baseline:
    def __init__(self, measured: Any) -> None:
        self._measured = measured
        self._caches: list[Any] = []
        self.seconds: dict[str, float] = {}
        self.left_out: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        prepare(items)
        self._caches = caches()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self, collector: pytest.Collector) -> Iterator[None]:
        if isinstance(collector, pytest.Module):
            self._measured.switch_context(f"collect {_relative(collector.path)}")
        try:
            return (yield)
        finally:
            self._measured.switch_context("")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        for each in self._caches:  # else only the first test runs the lines that are behind one
            each.cache_clear()
        self._measured.switch_context(item.nodeid)
        begun, cpu = time.monotonic(), _cpu_seconds()
        try:
            return (yield)
        finally:
            self._measured.switch_context("")
            # On a machine with much else to do, a second of the clock says little.
            took = max(_cpu_seconds() - cpu, (time.monotonic() - begun) / 30)
            self.seconds[item.nodeid] = took
            if took > SLOWEST:
                self.left_out.add(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if not report.passed:
            self.left_out.add(report.nodeid)


def caches() -> list[Any]:
    """Return those of rolehop's functions that keep what they returned."""
    gc.unfreeze()  # else what was there before the tests is not found
    return [
        each
        for each in gc.get_objects()
        if type(each) is functools._lru_cache_wrapper and each.__module__.startswith("rolehop.")
    ]


def _cpu_seconds() -> float:
    return sum(os.times()[:4])


def _relative(path: Path) -> str:
    return path.resolve().relative_to(Path.cwd()).as_posix()


def prepare(items: list[pytest.Item]) -> None:
    """Leave out tests that run the program, whose processes are not changed; limit the others.

    Property tests get fewer inputs, always the same ones, and never simplify one that fails.
    """
    items[:] = [
        each for each in items if _OF_PROGRAMS.isdisjoint(getattr(each, "fixturenames", ()))
    ]
    for item in items:
        test = getattr(item, "obj", None)
        if getattr(test, "is_hypothesis_test", False):
            function = getattr(test, "__func__", test)
            name = "_hypothesis_internal_use_settings"
            before: settings = getattr(function, name, None) or settings()
            limited = settings(
                before,
                max_examples=min(EXAMPLES, before.max_examples),
                database=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],
            )
            setattr(function, name, limited)
