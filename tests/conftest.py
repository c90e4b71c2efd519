"""What every test starts from: a clean environment, worlds, and a Secret Service."""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.support.environment import ROOT, foreign_names, take_signals, variables_of
from tests.support.secret_service import BACKEND, SecretService, missing, start_secret_service
from tests.support.world import World, temporary_world

# No test depends on how fast this machine is, nor on chance: what fails was changed.
settings.register_profile("rolehop", deadline=None, derandomize=True)
# To look for what is not known yet: pytest --hypothesis-profile=search
settings.register_profile("search", deadline=None)
settings.load_profile("rolehop")

_shared_services: list[SecretService] = []

_CORE = (
    *(
        "api",
        "hotpath/test_",
        "hotpath/keyrings/",
        "plan/",
        "planted/",
        "sources/test_",
        "commands/keys/test_key_rotation.py",
        "vault",
        "walk",
    ),
    *("policy/language/", "policy/test_cases.py", "policy/test_operators.py"),
)
"""What the names of modules begin with whose tests are marked ``core``."""


def pytest_configure() -> None:
    """Let programs under test take every signal."""
    take_signals()


def pytest_collection(session: pytest.Session) -> None:
    """Import the modules of the whole suite, each worker beginning with others.

    So each is compiled by one worker, and the others read what it has written.
    """
    worker = getattr(session.config, "workerinput", None)
    if worker is None or session.config.args != session.config.getini("testpaths"):
        return
    gc.disable()  # until all is collected: little of it is garbage
    sys.dont_write_bytecode = False
    files = [each for each in _test_files() if not _is_ignored(session.config, each)]
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    begin = len(names) * int(worker["workerid"].removeprefix("gw")) // worker["workercount"]
    for name in names[begin:] + names[:begin]:
        with contextlib.suppress(Exception):  # pytest imports it again, and reports it
            importlib.import_module(name)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the modules of other tests: importing them all takes long."""
    return True if collection_path.is_file() and _is_ignored(config, collection_path) else None


def _is_ignored(config: pytest.Config, path: Path) -> bool:
    return config.option.markexpr == "core" and not _is_core(path)


def _is_core(path: Path) -> bool:
    return path.relative_to(ROOT / "tests").as_posix().startswith(_CORE)


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests that matter most, before pytest looks for marks, and those that cannot run."""
    if _is_core(item.path):
        item.add_marker(pytest.mark.core)
    needs_root = item.get_closest_marker("root")
    if needs_root is not None and not (hasattr(os, "geteuid") and os.geteuid() == 0):
        item.add_marker(pytest.mark.skip(reason=f"needs root, {needs_root.args[0]}"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let each worker begin with its share of the long tests: at the end, it would run one alone.

    xdist gives each worker the next of so many parts of the list, which are of one size.
    """
    workers = getattr(config, "workerinput", {}).get("workercount", 1)
    long = [each for each in items if each.get_closest_marker("long")]
    others = [each for each in items if not each.get_closest_marker("long")]
    left, items[:] = len(items), []
    for worker in range(workers):
        share = long[worker::workers]
        size = left // (workers - worker)
        rest = max(0, size - len(share))
        items += [*share, *others[:rest]]
        del others[:rest]
        left -= size
    items += others


def pytest_collection_finish() -> None:
    """Keep the collector away from the tests themselves, which are half a million objects."""
    gc.collect()
    gc.freeze()
    gc.enable()


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Start the shared Secret Service again if its daemon has ended; say so, for it should not.

    A test that fails gets a second try if the daemon ended during it, else none.
    """
    if not _shared_services:
        return None
    if _is_service_lost():
        _start_anew(item, "before")
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = runtestprotocol(item, log=False, nextitem=nextitem)
    if any(each.failed for each in reports) and _is_service_lost():
        _start_anew(item, "during")
        reports = runtestprotocol(item, log=False, nextitem=nextitem)
    for each in reports:
        item.ihook.pytest_runtest_logreport(report=each)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True


def _is_service_lost() -> bool:
    return any(each.is_lost() for each in _shared_services)


def _start_anew(item: pytest.Item, when: str) -> None:
    """End every fixture, since those that last may have an item in the lost keyring."""
    text = f"gnome-keyring-daemon has ended {when} this test: all fixtures are made anew"
    warning = warnings.WarningMessage(pytest.PytestWarning(text), pytest.PytestWarning, __file__, 1)
    item.ihook.pytest_warning_recorded.call_historic(
        kwargs={
            "warning_message": warning, "nodeid": item.nodeid, "when": "runtest", "location": None,
        }
    )  # fmt: skip
    with warnings.catch_warnings(action="ignore"):  # of connections that were left open
        with contextlib.suppress(Exception):  # they cannot clear a keyring that is not there
            item.session._setupstate.teardown_exact(None)
        gc.collect()


def _test_files() -> list[Path]:
    return sorted(ROOT.joinpath("tests").rglob("test_*.py"))


def pytest_xdist_auto_num_workers() -> int:
    """Return how many tests run at once: more than there are cores, since most of them wait."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give as many empty home folders as are asked for."""
    folder = tmp_path_factory.mktemp("homes")
    return (_made(folder / str(number)) for number in count())


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@pytest.fixture(scope="session", autouse=True)
def clean_process(homes: Iterator[Path]) -> Iterator[None]:
    """Remove every variable of the developer's, for fixtures that outlive a test, too."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name in foreign_names():
            monkeypatch.delenv(name)
        for name, value in variables_of(next(homes)).items():
            monkeypatch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, homes: Iterator[Path]) -> None:
    """Give the test an empty home, and no session bus."""
    for name, value in variables_of(next(homes)).items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def world() -> Iterator[World]:
    """A world for one test alone."""
    with temporary_world() as world:
        yield world


@pytest.fixture(scope="module")
def shared_world() -> Iterator[World]:
    """A world for tests that only read, or that ignore the calls of others."""
    with temporary_world() as world:
        yield world


@pytest.fixture
def real_world(secret_service: SecretService) -> Iterator[World]:
    """A world whose sessions are in a real Secret Service, found without being named."""
    with temporary_world(BACKEND) as world:
        world.more = {
            name: secret_service.environ[name]
            for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR")
        }
        yield world


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A config file that nobody else can change."""
    path = tmp_path / "config.toml"
    path.write_text("version = 1\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder whose path leaves space for a socket's name (108 bytes)."""
    with tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def secret_service() -> Iterator[SecretService]:
    """A running, unlocked Secret Service that all tests share; none of them may lock it."""
    _need_secret_service()
    with (
        tempfile.TemporaryDirectory(prefix="rh-", ignore_cleanup_errors=True) as folder,
        start_secret_service(Path(folder)) as service,
    ):
        _shared_services.append(service)
        yield service
        _shared_services.remove(service)


@pytest.fixture
def own_secret_service(short_folder: Path) -> Iterator[SecretService]:
    """A Secret Service that this test may lock."""
    _need_secret_service()
    with start_secret_service(short_folder / "service") as service:
        yield service


@pytest.fixture
def locked_secret_service(short_folder: Path) -> Iterator[SecretService]:
    """A Secret Service that has not been unlocked since the machine started."""
    _need_secret_service()
    with start_secret_service(short_folder / "service", locked=True) as service:
        yield service


def _need_secret_service() -> None:
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
