"""Every test starts from an environment in which nobody's AWS, keyring or rolehop has a say."""

from __future__ import annotations

import os
import signal

import pytest

_FOREIGN = ("AWS_", "ROLEHOP_", "KEYRING_PROPERTY_", "XDG_")
_OURS = "ROLEHOP_TEST_"  # says where the tests find programs
_NAMES = ("PYTHON_KEYRING_BACKEND", "DBUS_SESSION_BUS_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY")


def pytest_configure() -> None:
    """Take back signals that are ignored: a test run in the background (``&``, nohup) starts so.

    What is ignored here would be ignored by every program under test, Ctrl-C with it.
    """
    for number, handler in (
        (signal.SIGINT, signal.default_int_handler),
        (signal.SIGHUP, signal.SIG_DFL),
        (signal.SIGQUIT, signal.SIG_DFL),
    ):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


@pytest.fixture(autouse=True)
def clean_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No variable of the developer's is left, HOME is an empty folder, there is no session bus."""
    for name in os.environ:
        if (name.startswith(_FOREIGN) or name in _NAMES) and not name.startswith(_OURS):
            monkeypatch.delenv(name)
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    for name in ("CONFIG", "DATA", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / name.lower()))
    monkeypatch.setenv("XDG_CONFIG_DIRS", str(home / "site"))
    # Without it a bus socket at the usual place would be found.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(home / "run"))
