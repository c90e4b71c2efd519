"""Which start-up file lacks rolehop's line, by the variables that its shell follows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rolehop.app.context import App
from rolehop.commands.doctor.shell_checks import _missing
from rolehop.commands.shell.scripts import startup_files
from rolehop.handover.shells.dialect import InitScript
from rolehop.handover.shells.registry import dialect
from tests.support.other_users import AS_ROOT, SOMEBODY


def script_of(shell: str) -> InitScript:
    script = dialect(shell).init
    assert script is not None
    return script


@pytest.mark.parametrize(
    ("shell", "variables", "files"),
    [
        ("zsh", {}, ["home/.zshrc", "home/.zprofile"]),
        ("zsh", {"ZDOTDIR": "{}/z"}, ["z/.zshrc", "z/.zprofile"]),
        ("fish", {}, ["home/.config/fish/config.fish"]),
        ("fish", {"XDG_CONFIG_HOME": "{}/x"}, ["x/fish/config.fish"]),
        ("nu", {}, []),
    ],
)
def test_start_up_files(
    tmp_path: Path, shell: str, variables: dict[str, str], files: list[str]
) -> None:
    environ = {name: value.format(tmp_path) for name, value in variables.items()}
    found = startup_files(App(environ, tmp_path / "home"), shell, script_of(shell))
    assert list(found) == [tmp_path / each for each in files]


def test_a_line_that_somebody_has_added_meanwhile_is_not_added_again(tmp_path: Path) -> None:
    finding = _missing(App({}, tmp_path), "fish", script_of("fish"))
    assert finding.repair is not None
    finding.repair.make()
    file = tmp_path / ".config" / "fish" / "config.fish"
    written = file.read_text()
    assert "rolehop init fish" in written
    finding.repair.make()
    assert file.read_text() == written


@AS_ROOT
def test_a_link_of_ones_own_is_followed_and_roots_never_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People keep start-up files in a repository; root could write whatever a link leads to."""
    kept, rc = tmp_path / "dotfiles", tmp_path / ".zshrc"
    kept.write_text("# mine\n")
    rc.symlink_to(kept)
    assert _missing(App({}, tmp_path), "zsh", script_of("zsh")).repair is None
    for each in (tmp_path, kept, rc):
        os.chown(each, SOMEBODY, -1, follow_symlinks=False)
    assert _missing(App({}, tmp_path), "zsh", script_of("zsh")).repair is None
    with monkeypatch.context() as other:
        other.setattr(os, "geteuid", lambda: SOMEBODY)
        finding = _missing(App({}, tmp_path), "zsh", script_of("zsh"))
        assert finding.repair is not None
        finding.repair.make()
    assert (rc.is_symlink(), "rolehop init zsh" in kept.read_text()) == (True, True)


def test_what_nobody_but_a_person_can_change(tmp_path: Path) -> None:
    """A shell that evaluates nothing, a file that others can write, and one that is no text."""
    app = App({}, tmp_path)
    nu = _missing(app, "nu", script_of("nu"))
    assert (nu.fix, nu.repair) == ("rolehop init nu --install", None)
    file = tmp_path / ".zshrc"
    file.write_text("# mine\n")
    file.chmod(0o666)
    assert _missing(app, "zsh", script_of("zsh")).repair is None
    file.chmod(0o600)
    file.write_bytes(b"\xff\n")
    assert _missing(app, "zsh", script_of("zsh")).repair is None
