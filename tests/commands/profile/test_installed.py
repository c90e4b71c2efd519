"""`rolehop profile` as a person runs it, and the lines that it finds broken."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import rolehop
from rolehop.base.errors import UsageError
from rolehop.commands.profile.installed import this_installation
from tests.support.world import PYTHON, SCRIPT, World, temporary_world

OF_WHEEL = Path(sys.prefix, "share", "rolehop", "launcher.py")  # its path names no version
OF_CHECKOUT = Path(rolehop.__file__).parent / "hotpath" / "launcher.py"
LAUNCHER = OF_WHEEL if "site-packages" in OF_CHECKOUT.parts else OF_CHECKOUT


def test_install_list_and_remove() -> None:
    with temporary_world() as world:
        config = world.home / ".aws" / "config"
        config.write_text("[default]\nregion = x\n")
        asked = world.rolehop("profile", "install", "admin")
        assert asked.code == 8
        assert "add --yes" in asked.err
        assert "+[profile admin]\n" in asked.out
        assert config.read_text() == "[default]\nregion = x\n"

        done = world.rolehop("profile", "install", "admin", "--yes")
        assert (done.code, done.out) == (0, asked.out)
        line = f"{PYTHON} -IS {LAUNCHER} {SCRIPT} credential-process admin"
        assert f"credential_process = {line}\n" in config.read_text()
        assert world.rolehop("profile", "install", "admin").err == "rolehop: nothing to change\n"

        text = config.read_text()
        broken = text.replace(PYTHON, "/gone/python").replace("admin", "rh-admin", 1)
        by_hand = "[profile old]\ncredential_process = /gone/rolehop credential-process hub\n"
        config.write_text(
            f"{by_hand}{broken}[profile q]\ncredential_process = rolehop credential-process q\n"
        )
        found = {row["profile"]: row for row in listed(world)}
        assert found["rh-admin"]["problem"] == "its Python is gone: /gone/python"
        assert found["rh-admin"]["rewrite"] == line
        assert found["old"]["problem"] == "its rolehop is gone: /gone/rolehop"
        assert found["q"]["problem"] == "there is no chain 'q'"
        none = "rolehop: no AWS profile that runs rolehop matches: rolehop profile list\n"
        assert world.rolehop("profile", "list", "nothing").err == none
        shown = world.rolehop("profile", "list")
        assert shown.err == "rolehop: to rewrite: rolehop profile install --prefix rh- admin\n"
        assert f"credential_process = {line.removesuffix('admin')}hub\n" in shown.out

        assert world.rolehop("profile", "install", "--prefix", "rh-", "admin", "--yes").code == 0
        assert {row["profile"]: row for row in listed(world)}["rh-admin"]["problem"] is None
        assert world.rolehop("profile", "remove", "rh-*", "--yes").code == 0
        assert "rolehop profiles" not in config.read_text()
        assert config.read_text().startswith(f"{by_hand}[default]\nregion = x\n[profile q]\n")


def listed(world: World) -> list[dict[str, object]]:
    done = world.rolehop("profile", "list", "--format", "json")
    assert done.code == 0, done.err
    rows: list[dict[str, object]] = done.json["profiles"]
    return rows


def test_a_launcher_that_is_gone_is_named() -> None:
    with temporary_world() as world:
        value = f"{PYTHON} -IS /gone/launcher.py {SCRIPT} credential-process admin"
        world.aws_config(f"[default]\ncredential_process = {value}\n")
        assert [row["problem"] for row in listed(world)] == [
            "its launcher is gone: /gone/launcher.py"
        ]


def test_elsewhere_than_on_linux_the_script_is_named_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for platform, name in (("darwin", "rolehop"), ("win32", "rolehop.exe")):
        script = tmp_path / name
        script.touch(mode=0o700)
        monkeypatch.setattr(sys, "platform", platform)
        monkeypatch.setattr(sys, "argv", [str(script)])
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        found = this_installation()
        assert found.words("x", None) == (str(script), "credential-process", "x")
        assert found.windows == (platform == "win32")


def test_without_a_console_script_no_line_can_be_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["-c"])
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr("sysconfig.get_path", lambda *_: str(tmp_path))
    with pytest.raises(UsageError, match="there is no console script") as caught:
        this_installation()
    assert caught.value.fix == "install rolehop with pip, pipx or uv"


def test_a_line_names_the_config_file_that_was_named() -> None:
    with temporary_world() as world:
        other = world.home / "other.toml"
        other.write_text(world.config_file.read_text())
        done = world.rolehop("profile", "install", "hub", "--config", "other.toml", "--yes")
        assert done.code == 0, done.err
        assert f"rolehop credential-process --config {other} hub\n" in done.out
        assert [(row["rewrite"], row["problem"]) for row in listed(world)] == [(None, None)]
        other.write_text(other.read_text().replace("hub", "heart"))
        done = world.rolehop("profile", "install", "heart", "--config", "other.toml", "--yes")
        assert done.code == 0, done.err
        rows = {row["profile"]: row["problem"] for row in listed(world)}
        assert rows == {"hub": None, "heart": None}, "the config that is read now has no heart"
