"""The process that runs tests against mutants; ``__main__`` starts it in a copy of the checkout.

    python -m tests.mutation.runner baseline|forks|imports JOB OUT

``baseline`` runs every test once and notes which lines each one runs. ``forks`` collects the tests
once; for each mutant it forks, puts the changed code into the functions that are there, and runs
the tests that run the changed line until one fails: those that failed for the mutants before, then
the quickest. ``imports`` is for what takes effect at import: each child loads everything anew, the
changed file among it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest

from tests.mutation.baseline import OPTIONS, baseline, caches, prepare
from tests.mutation.children import (
    AT_IMPORT,
    NO_CODE,
    Children,
    Job,
    of_a_child,
    own_screen,
    seconds_of,
)
from tests.mutation.operators import Mutant, Source

_FILES_ALONE = 4
"""So many files of tests are loaded one by one before the others: to load them takes the longest."""


def main(mode: str, job: str, out: str) -> None:
    """Do it."""
    read = Job(**json.loads(Path(job).read_text()))
    runs: dict[str, Callable[[Job, Path], None]] = {
        "baseline": baseline, "forks": forks, "imports": imports,
    }  # fmt: skip
    runs[mode](read, Path(out))


# ---- changed functions


def forks(job: Job, out: Path) -> None:
    """Try mutants of functions in forks of a process that has collected the tests."""
    screen = own_screen()
    pytest.main([*OPTIONS, *job.tests], plugins=[_Forks(job, out, screen)])


class _Forks:
    def __init__(self, job: Job, out: Path, screen: int) -> None:
        self._job, self._out, self._screen = job, out, screen

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        prepare(items)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        kept = caches()
        sources = self._job.sources()
        functions = _functions_by_code({each.path for each in sources.values()})
        gc.freeze()  # a child that looks through all of them would copy their pages
        items = {each.nodeid: each for each in session.items}
        quickest = sorted(items, key=lambda each: self._job.seconds.get(each, 9))
        mutants = {each.name: each for source in sources.values() for each in source.mutants}

        children = Children(self._job, self._out, self._screen)

        def failures(temporary: Path, ids: set[str]) -> Iterator[str]:
            session.config._tmp_path_factory._given_basetemp = temporary / "pytest"  # type: ignore[attr-defined]
            session.config._tmp_path_factory._basetemp = None  # type: ignore[attr-defined]
            ordered = dict.fromkeys((*children.latest_killers(), *quickest))
            return _failures([items[each] for each in ordered if each in ids])

        def run(name: str, ids: Sequence[str], temporary: Path) -> str:
            mutant = mutants[name]
            if not _put_in(sources[mutant.file], mutant, functions):
                return AT_IMPORT
            for each in kept:
                each.cache_clear()
            return next(failures(temporary, {*ids} - unable), "")

        every = {each for ids in self._job.mutants.values() for each in ids}
        unable = of_a_child(lambda folder: list(failures(folder, every)))
        children.run(run)
        return True


def _failures(items: Sequence[pytest.Item]) -> Iterator[str]:
    """Yield the node ID of each test that fails."""
    from _pytest.runner import runtestprotocol

    for number, item in enumerate(items):
        later = items[number + 1] if number + 1 < len(items) else None
        if any(each.failed for each in runtestprotocol(item, log=False, nextitem=later)):
            yield item.nodeid


def _functions_by_code(paths: set[str]) -> dict[CodeType, list[FunctionType]]:
    """Return every function of the files, wherever it is: in a class, behind a decorator."""
    found: dict[CodeType, list[FunctionType]] = defaultdict(list)
    for each in gc.get_objects():
        if type(each) is FunctionType and each.__code__.co_filename in paths:
            found[each.__code__].append(each)
    return found


def _put_in(source: Source, mutant: Mutant, functions: dict[CodeType, list[FunctionType]]) -> bool:
    """Give functions their changed code; false if that can't be done after the import."""
    mutated = source.mutated(mutant)
    if mutated == source.code:
        raise SyntaxError("the change is none")
    before, after = (list(_codes(each)) for each in (source.code, mutated))
    if _names(before) != _names(after):
        # A comprehension or a lambda is gone; it is a part of its function's new code.
        before, after = (
            [each for each in codes if each.co_name[0] != "<"] for codes in (before, after)
        )
    if _names(before) != _names(after):
        return False
    done = False
    for old, new in zip(before, after, strict=True):
        for each in functions.get(old, []) if old != new else []:
            if old.co_freevars != new.co_freevars:
                return False
            each.__code__ = new
            done = True
    return done


def _names(codes: list[CodeType]) -> list[str]:
    return [each.co_qualname for each in codes]


def _codes(code: CodeType) -> Iterator[CodeType]:
    """Yield a code object and all in it."""
    yield code
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield from _codes(each)


# ---- what is changed at import


def imports(job: Job, out: Path) -> None:
    """Try mutants in processes that import rolehop and the tests anew."""
    screen = own_screen()
    with warnings.catch_warnings(action="ignore"):
        for name in job.loaded:
            with contextlib.suppress(BaseException):
                importlib.import_module(name)
    sources = job.sources()
    mutants = {each.name: each for source in sources.values() for each in source.mutants}

    def tests(files: Sequence[str], temporary: Path, *more: str) -> tuple[int, list[str]]:
        os.dup2(1, 2)
        options = [*OPTIONS, *more, f"--basetemp={temporary / 'pytest'}", *files]
        plugin = _Imports({*job.left_out, *unable})
        return pytest.main(options, plugins=[plugin]), plugin.failed

    def run(name: str, files: Sequence[str], temporary: Path) -> str:
        source = sources[mutants[name].file]
        mutated = source.mutated(mutants[name])
        if mutated == source.code:
            return NO_CODE
        sys.meta_path.insert(0, _Changed(source, mutated))
        for some in in_turn(files):
            code, failed = tests(some, temporary)
            if code not in (0, 5):
                return [*failed, "the import"][0]
        return ""

    def in_turn(files: Sequence[str]) -> Iterator[list[str]]:
        """Yield files whose tests failed for the mutants before, one by one, then the others."""
        latest = dict.fromkeys(each.split("::")[0] for each in children.latest_killers())
        first = [each for each in latest if each in files][:_FILES_ALONE]
        yield from ([each] for each in first)
        others = sorted({*files} - {*first}, key=lambda each: seconds_of(job, [each]))
        if others:
            yield others

    unable: set[str] = set()
    every = sorted({each for files in job.mutants.values() for each in files})
    unable = of_a_child(lambda folder: tests(every, folder, "--maxfail=1000000")[1])
    children = Children(job, out, screen)
    children.run(run)


class _Imports:
    def __init__(self, left_out: set[str]) -> None:
        self._left_out = left_out
        self.failed: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [each for each in items if each.nodeid not in self._left_out]
        prepare(items)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)


class _Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Loads one file changed."""

    def __init__(self, source: Source, code: CodeType) -> None:
        self._path, self._code = source.path, code
        names = list(Path(source.file).with_suffix("").parts)
        self._is_package = names[-1] == "__init__"
        self._name = ".".join(names[:-1] if self._is_package else names)

    def find_spec(self, fullname: str, *_: object) -> Any:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_file_location(
            fullname,
            self._path,
            loader=self,
            submodule_search_locations=[str(Path(self._path).parent)] if self._is_package else None,
        )

    def create_module(self, _: object) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)  # noqa: S102 - what it is for


if __name__ == "__main__":
    main(*sys.argv[1:])
