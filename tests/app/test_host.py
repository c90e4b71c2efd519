"""Folders by our own short rule are those that platformdirs names."""

import sys

import platformdirs
import pytest

from rolehop.app.host import config_folders, state_folder


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs itself is asked")
@pytest.mark.parametrize("value", [None, "", " ", "relative", "/abs", "/abs/", "~/home"])
def test_folders_are_those_of_platformdirs(
    value: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    environ = {"HOME": "/home/alice"}
    monkeypatch.setenv("HOME", "/home/alice")
    for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
        if value is not None:
            monkeypatch.setenv(name, value)
            environ[name] = value
    site, user = config_folders(environ)
    expected = platformdirs.PlatformDirs("rolehop", appauthor=False)
    assert (str(site), str(user)) == (expected.site_config_dir, expected.user_config_dir)
    assert str(state_folder(environ)) == expected.user_state_dir


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs itself is asked")
def test_the_first_of_several_site_folders_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_DIRS", "/one:/two")
    expected = platformdirs.site_config_dir("rolehop", appauthor=False)
    environ = {"HOME": "/home/alice", "XDG_CONFIG_DIRS": "/one:/two"}
    assert str(config_folders(environ)[0]) == expected == "/one/rolehop"
