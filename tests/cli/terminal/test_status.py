"""`status` tells sessions of one role apart; tables keep names whole in any window."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest

from rolehop.app.sdk_problems import SdkProblem
from rolehop.base.advice import Advice, Argument, posix_argument
from rolehop.base.dataclass import replace
from rolehop.commands.sessions.stored import Hidden, SessionRow
from rolehop.commands.sessions.view import hidden_text, problems_view, sessions_view
from rolehop.terminal.drawing import as_text
from rolehop.terminal.layout import TO_TYPE, Line
from rolehop.vault.backend_selection import how_to_unlock
from tests.support.many_runs import runs_of
from tests.support.world import ADMIN, CONFIG, HUB, World


def test_status_tells_sessions_of_one_role_apart(world: World) -> None:
    world.config(CONFIG + '[accounts]\nprod = "333333333333"\n')
    for flags in (
        [],
        ["-r"],
        ["--reason", "INC-7"],
        ["--tag", "team=a", "--source-identity", "me"],
    ):
        assert world.rolehop("exec", "admin", *flags, "--", "true").code == 0
    shown = world.rolehop("status").out.splitlines()
    assert re.split(r" {2,}", shown[1])[:4] == ["222222222222", "Hub", "1 h", "admin, hub +2"]
    assert {(each[:7], *re.split(r" {2,}", each)[1:3]) for each in shown[2:]} == {
        (f"{branch} prod", "Admin", "1 h") for branch in ("├─", "└─")
    }
    assert {re.split(r" {2,}", each)[4] for each in shown[2:]} == {
        "as me",
        "source identity me, tag team=a, as me",
        "as me+INC-7",
        "read-only, as me",
    }
    sessions = world.rolehop("status", "--format", "json").json["sessions"]
    assert [each["hop"] for each in sessions] == [1, 2, 2, 2, 2]
    assert [each["read_only"] for each in sessions] == [False] * 4 + [True]
    assert [each["source_identity"] for each in sessions] == [None, None, "me", None, None]
    assert sessions[2]["tags"] == {"team": "a"}
    assert sessions[3]["session_name"] == "me+INC-7"


def test_sessions_of_one_role_from_two_sources_name_them() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    one = SessionRow(
        *("a", ("admin",), 1, ADMIN, ADMIN, now, now, None, "b", "hop", "one", "keyring"),
        *("me", (), False, "", ()),
    )
    rows = [one, replace(one, key="b", source="two")]
    shown = as_text(sessions_view(rows, now, {}))
    assert re.findall(r"333333333333 +Admin +expired +admin +from source (\w+)", shown) == [
        "one",
        "two",
    ]


def test_chains_that_failed_alike_are_one_failure_with_one_thing_to_type() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    fix = Advice("sign in again: rolehop source login ", Argument("corp"))

    def failed(number: int) -> SdkProblem:
        what = f"AWS refused hop 2 of all/{number}, Audit in {number:012d}"
        return SdkProblem(f"all/{number}", now, 5, what, "so it says", fix)

    problems = [SdkProblem("hub", now, 4, "no keys", "", fix), *map(failed, range(9))]
    shown = problems_view(problems, now, posix_argument, 80, 3)
    assert as_text(shown).splitlines() == [
        "! credential-process hub failed 0 s ago with exit code 4: no keys",
        "  sign in again:",
        "  rolehop source login corp",
        "! credential-process all/0, all/1 and 7 more failed 0 s ago with exit code 5: AWS refused hop 2, Audit",
        "  so it says",
        "  sign in again:",
        "  rolehop source login corp",
    ]
    typed = [word.text for each in shown if isinstance(each, Line) for word in each.words
             if word.style == TO_TYPE]  # fmt: skip
    assert typed == ["rolehop source login corp"] * 2


def test_what_is_not_shown_of_a_session_still_tells_it_apart() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    one = SessionRow(
        *("a", ("admin",), 1, ADMIN, ADMIN, now, now, None, "b", "hop", "one", "keyring"),
        *("me", (), False, "", ()),
    )
    china = ADMIN.replace("arn:aws:", "arn:aws-cn:")
    other = replace(one, key="b", planned=False)  # as with another endpoint or duration
    tagged = replace(one, key="t", planned=False, tags=(("team", "a"),))

    def marks(*rows: SessionRow) -> list[str]:
        shown = as_text(sessions_view(rows, now, {})).splitlines()
        return [each.partition("admin")[2].strip() for each in shown[1:]]

    assert marks(one, replace(one, key="c", role=china, arn=china)) == ["in aws", "in aws-cn"]
    assert marks(one, other, tagged) == ["", "old settings", "tag team=a"]
    assert marks(other) == [""]


def test_the_soonest_to_end_comes_first_below_what_signed_for_it_and_many_are_counted() -> None:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    hub = SessionRow(
        *("h", ("hub",), 1, HUB, HUB, now, now + timedelta(hours=1), None, "b", "hop", "me", "k"),
        *("me", (), False, "", ()),
    )
    below = [
        replace(
            hub,
            key=f"k{number}",
            chains=(f"c{number}",),
            role=f"arn:aws:iam::{number:012d}:role/Audit",
            local_expires_at=now + timedelta(minutes=number),
            parent="h",
        )
        for number in (50, 10, 30)
    ]
    lone = replace(
        hub, key="l", chains=("lone",), role=ADMIN, local_expires_at=now + timedelta(minutes=20)
    )
    names = {"000000000010": "ten"}
    shown = as_text(sessions_view([hub, lone, *below], now, names)).splitlines()
    assert [each.split("  ")[0] for each in shown] == [
        "ACCOUNT",
        "222222222222",
        "├─ ten",
        "├─ 000000000030",
        "└─ 000000000050",
        "333333333333",
    ]
    few = as_text(
        sessions_view([hub, lone, *below], now, names, most=2, in_use="lone")
    ).splitlines()
    assert [each.split("  ")[0] for each in few] == [
        *("ACCOUNT", "333333333333", "222222222222"),
        "and 3 more: rolehop status -v",
    ]


def test_a_locked_keyring_over_ssh_says_how_to_unlock_it() -> None:
    unlock = how_to_unlock("keyring.backends.SecretService.Keyring", {"SSH_TTY": "x"}, "linux")
    assert "gnome-keyring-daemon --replace --unlock" in hidden_text(Hidden("b", "k", 1, 0, unlock))


@pytest.mark.parametrize("columns", [20, 30, 50, 60])
def test_no_window_splits_an_arn_or_an_account(columns: int, shared_world: World) -> None:
    assert shared_world.rolehop("credential-process", "admin").code == 0
    commands = (["list"], ["plan", "admin"], ["show", "admin"], ["status", "-v"], ["graph"])
    runs = [(columns, words) for words in commands]
    for (_, words), (code, shown) in zip(runs, runs_of(shared_world, runs), strict=True):
        assert code == 0, shown
        assert re.findall(r"(?<![0-9])(?<!127.0.0.1:)[0-9]{5,11}(?![0-9])", shown) == [], (
            words,
            shown,
        )
        assert re.search(r"\b333333333333\b", shown), (words, shown)
        # What is longer than the window is one word, on a line of its own.
        plain = re.sub(r"\x1b\[[0-9;]*m", "", shown)
        longer = [line for line in plain.splitlines() if len(line) > columns and "role/" in line]
        assert [line for line in longer if len(line.strip(" ├─└│").split()) > 1] == [], words
