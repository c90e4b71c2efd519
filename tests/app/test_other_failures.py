"""Consoles, fleets and runs that come to nothing say why, and nothing is asked twice."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import NoReturn

import pytest

from rolehop.app.asking import SILENT
from rolehop.app.caller import identify_shell
from rolehop.app.chain_walk import SharedFailures
from rolehop.app.context import App
from rolehop.app.planning import Planning
from rolehop.app.ports import Nobody, Unseen
from rolehop.app.source_callers import SourceCallers
from rolehop.app.walking import asking_for_accounts
from rolehop.aws.net.loopback_pages import OneShotPage
from rolehop.base.errors import ConfigError, RolehopError, ServiceError, UsageError, VaultLocked
from rolehop.commands.console import opening
from rolehop.commands.console.login import BrowserWindow, ConsoleLogin, ConsoleRequest
from rolehop.commands.console.sign_in import portal_login, switch_of
from rolehop.commands.each.output_folder import OutputFolder
from rolehop.commands.each.runner import NotStarted, RunningCommands, _RunningCommand
from rolehop.commands.explain.denied_call import decode_message
from rolehop.commands.fleet.refreshing import RefreshRules, fleets_to_refresh, refresh_fleets
from rolehop.plan.walk_options import WalkOptions
from tests.support.world import HUB

CONFIG = f"""\
version = 1
[sources.me]
type = "environment"
[sources.sso]
type = "identity-center"
start_url = "https://corp.awsapps.com/start"
sso_region = "eu-west-1"
account = "888888888888"
role = "Developer"
[chains]
sso = {{ source = "sso" }}
hub = {{ source = "me", hops = [{{ role = "{HUB}" }}] }}
[fleets.prod]
from = "hub"
role = "{{account}}:role/Audit"
accounts = {{ organization = "hub" }}
"""


class _Browser:
    def failure(self) -> None:
        """It may still open."""


class _Opens(Unseen):
    has_browser = True

    def open_window(self, page: OneShotPage, commands: object = None) -> _Browser:  # type: ignore[override]
        return _Browser()


class _Progress:
    def asked(self, calls: int, accounts: int) -> None:
        """Show nothing."""

    def pause(self) -> None:
        """Show nothing."""


class _OpenLocks:
    def hold(self, name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def waiting_for_person(self, what: str = "") -> AbstractContextManager[None]:
        return nullcontext()


@pytest.fixture
def app(tmp_path: Path) -> App:
    file = tmp_path / "config.toml"
    file.write_text(CONFIG)
    file.chmod(0o600)
    return App(
        {"HOME": str(tmp_path)},
        tmp_path,
        config_file=str(file),
        person=Nobody("this is a test", seen_by=_Opens()),
    )


def test_a_container_that_does_not_open_names_the_add_on_it_needs(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "_OPENED_WITHIN_SECONDS", 0)
    login = ConsoleLogin("hub", "https://console.example/", {}, None)
    for container, says in ((None, "within 0 s"), ("true", "needs Firefox's add-on")):
        window = BrowserWindow("firefox", "hub", container=container)
        with pytest.raises(RolehopError, match="the console was not opened") as caught:
            opening.open_console(app, login, WalkOptions(), window)
        assert says in str(caught.value.cause)


def test_the_portal_takes_no_duration_and_switches_no_role(app: App) -> None:
    request = ConsoleRequest(portal=True, seconds=3600)
    with pytest.raises(ConfigError) as caught:
        portal_login(app, Planning(app).plan("sso"), request)
    assert caught.value.cause == "its sessions last as long as the permission set says"
    with pytest.raises(UsageError, match="--portal does not go with --switch-role"):
        switch_of(app, Planning(app).plan("hub"), WalkOptions(), ConsoleRequest(portal=True))


def test_a_fleet_whose_chain_cannot_be_walked_is_as_it_was(app: App) -> None:
    asking = asking_for_accounts(app, WalkOptions(), SILENT, _Progress())
    (found,) = refresh_fleets(app, fleets_to_refresh(app, ()), asking, RefreshRules())
    assert (found.calls, found.changes, found.found) == (0, (), None)
    assert found.error is not None


def test_output_goes_into_no_file(tmp_path: Path) -> None:
    (tmp_path / "out").touch(mode=0o600)
    with pytest.raises(UsageError) as caught:
        OutputFolder(tmp_path / "out", [])
    assert caught.value.cause == "it is no folder"


def test_after_the_end_nothing_begins_and_no_stranger_gets_a_signal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    commands = RunningCommands()
    commands.end(signal.SIGTERM)
    commands.kill()
    with pytest.raises(NotStarted):
        commands.run(["true"], {}, subprocess.DEVNULL, subprocess.DEVNULL)
    sent: list[tuple[int, int]] = []
    with subprocess.Popen(["true"]) as process:
        command = _RunningCommand(process, deadline=None)
    monkeypatch.setattr(os, "killpg", lambda *call: sent.append(call))
    command.send(signal.SIGTERM)
    assert sent == []


@pytest.mark.parametrize(("lasts", "asked"), [(True, 1), (False, 2)])
def test_what_failed_is_asked_again_only_if_that_may_pass(lasts: bool, asked: int) -> None:
    calls: list[str] = []

    def call() -> NoReturn:
        calls.append("asked")
        raise ServiceError("AWS did not answer")

    failures = SharedFailures(_OpenLocks(), lambda error: lasts).among("me")
    for _ in range(2):
        with pytest.raises(ServiceError):
            failures.once("caller", call)
    assert len(calls) == asked


def test_whose_a_source_is_is_asked_once_and_noted_once() -> None:
    calls: list[str] = []

    def ask() -> str:
        calls.append("asked")
        return HUB

    def documents() -> NoReturn:
        raise VaultLocked("the keyring is locked")

    def alone() -> AbstractContextManager[None]:
        calls.append("noted")
        return nullcontext()

    callers = SourceCallers(documents, alone)
    assert {callers.said_by_aws("me", ask) for _ in range(2)} == {HUB}
    callers.note("me", HUB)
    assert calls == ["asked", "noted"]


def test_a_shell_without_credentials_is_told_how_to_ask_of_a_chain(tmp_path: Path) -> None:
    app = App({"HOME": str(tmp_path)}, tmp_path)
    export = ", or export AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    with pytest.raises(RolehopError) as caught:
        identify_shell(app, WalkOptions())
    assert caught.value.fix == f"rolehop whoami CHAIN{export}"
    with pytest.raises(RolehopError) as caught:
        decode_message(app, None, "message")
    assert caught.value.fix == f"rolehop explain CHAIN --decode MESSAGE{export}"
