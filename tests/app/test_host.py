"""Folders by our own short rule are those that platformdirs names."""

import sys
from pathlib import Path

import platformdirs
import pytest
from platformdirs.macos import MacOS
from platformdirs.windows import Windows

from rolehop.app.context import App
from rolehop.app.host import config_folders, home_folder, state_folder
from rolehop.base.errors import ConfigError
from rolehop.commands.uninstall.removal import Consent, find_holdings, remove_all


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


@pytest.mark.skipif(sys.platform == "win32", reason="there HOME means nothing")
def test_a_home_is_a_full_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the config would be one of the working folder, which somebody else may have filled."""
    monkeypatch.setenv("HOME", "/home/alice")
    assert home_folder() == Path("/home/alice")
    monkeypatch.setenv("HOME", "alice")
    with pytest.raises(ConfigError, match="you have no home folder"):
        home_folder()


@pytest.mark.skipif(sys.platform == "win32", reason="there HOME means nothing")
def test_a_user_whom_the_system_does_not_know_has_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", {}.__getitem__)  # as of a container's random user
    with pytest.raises(ConfigError, match="you have no home folder"):
        home_folder()


def test_every_path_is_below_the_home_that_was_handed_in() -> None:
    """And not below that of this process, which may be another one."""
    home = Path("/home/alice")
    app = App({"ROLEHOP_CONFIG": "~/own.toml", "AWS_CONFIG_FILE": "~/aws"}, home)
    assert app.config_roots == ([home / "own.toml"], True)
    assert app.aws_files == (home / "aws", home / ".aws" / "credentials")


def test_a_path_of_an_unknown_user_is_taken_as_it_is() -> None:
    app = App({"ROLEHOP_CONFIG": "~no-such-user/own.toml"}, Path("/home/alice"))
    assert app.config_roots[0] == [Path("~no-such-user/own.toml").absolute()]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs itself is asked")
def test_without_a_full_home_the_folders_are_those_of_platformdirs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/alice")
    expected = platformdirs.PlatformDirs("rolehop", appauthor=False)
    for environ in ({}, {"HOME": "alice"}):
        assert config_folders(environ)[1] == Path(expected.user_config_dir)
        assert state_folder(environ) == Path(expected.user_state_dir)


@pytest.mark.parametrize(("name", "system"), [("darwin", MacOS), ("win32", Windows)])
def test_state_is_never_in_the_folder_of_the_config(
    name: str, system: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS and Windows platformdirs names one folder for both, which `uninstall` removed."""
    monkeypatch.setattr(sys, "platform", name)
    monkeypatch.setattr(platformdirs, "PlatformDirs", system)
    monkeypatch.setattr("platformdirs.windows.get_win_folder", lambda _: str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    environ = {"HOME": str(tmp_path)}
    state = state_folder(environ)
    assert Path(platformdirs.user_state_dir("rolehop", appauthor=False)) == state.parent
    for folder in config_folders(environ):
        assert not folder.is_relative_to(state)


def test_uninstall_on_macos_leaves_the_config(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platformdirs, "PlatformDirs", MacOS)
    monkeypatch.setenv("HOME", str(tmp_path))
    keyring = "tests.doubles.keyrings.InMemory"
    app = App({"HOME": str(tmp_path), "PYTHON_KEYRING_BACKEND": keyring}, tmp_path)
    config = config_folders(app.environ)[1] / "config.toml"
    config.parent.mkdir(mode=0o700, parents=True)
    config.write_text("version = 1\n")
    app.index_store.seal()
    found = find_holdings(app)
    assert (found.state, found.config) == (app.state_folder, None)
    assert list(remove_all(app, found, Consent(others=True))) == [f"removed: {app.state_folder}"]
    assert (config.read_text(), app.state_folder.exists()) == ("version = 1\n", False)
