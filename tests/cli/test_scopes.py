"""Every exit hands out the narrowed session of a chain with a scope, and says so where it can."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator

import pytest

from tests.doubles.sts_params import Refused
from tests.doubles.sts_world import Key
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, HUB, SCRIPT, World, temporary_world

SCOPED = (
    CONFIG
    + """
[chains.reader]
from = "own"
scope = { read_only = true }
[chains.brief]
from = "hub"
scope = { read_only = true, duration = "20m", description = "the nightly report" }
[chains.timed]
from = "hub"
scope = { duration = "20m" }
[fleets.readers]
from = "hub"
role = "{account}:role/Audit"
scope = { read_only = true }
accounts = ["444444444444"]
"""
)

_ENDPOINT = (
    "import os, urllib.request as r;"
    "u = os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'];"
    "h = {'Authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']};"
    "print(r.urlopen(r.Request(u, headers=h)).read().decode())"
)
_SERVED = ("--", sys.executable, "-c", _ENDPOINT)
_SHOWS = ("--", "printenv", "AWS_SESSION_TOKEN")

EXITS = {
    "assume": ("assume", "CHAIN", "--shell", "sh"),
    **{
        f"export {style}": ("export", "CHAIN", "--format", style)
        for style in ("env", "json", "dotenv", "ini", "docker-env")
    },
    "credential-process": ("credential-process", "CHAIN"),
    "exec": ("exec", "CHAIN", *_SHOWS),
    "exec --server": ("exec", "CHAIN", "--server", *_SERVED),
    "each": ("each", "CHAIN", *_SHOWS),
    "each --server": ("each", "CHAIN", "--server", *_SERVED),
    "shell": ("shell", "CHAIN", "--shell", "env"),
}

PROGRAMS = {
    "get_credentials": "rolehop.get_credentials({chain!r}).credentials",
    "session": "rolehop.session({chain!r}).get_credentials().get_frozen_credentials()",
}

CHAINS = ("reader", "brief", "timed", "readers/444444444444")


@pytest.fixture(scope="module")
def scoped() -> Iterator[World]:
    with temporary_world() as world:
        world.config(SCOPED)
        yield world


def handed_out(world: World, text: str) -> list[Key]:
    """The sessions whose tokens or keys are in ``text``."""
    keys = world.sts.world.keys.values()
    return [each for each in keys if each.token and (each.token in text or each.secret in text)]


def all_narrowed(world: World, text: str) -> bool:
    found = handed_out(world, text)
    return bool(found) and all(each.scoped == 1 for each in found)


@pytest.mark.parametrize("name", EXITS)
@pytest.mark.parametrize("chain", CHAINS)
def test_an_exit_hands_out_the_narrowed_session(scoped: World, chain: str, name: str) -> None:
    command = [each.replace("CHAIN", chain) for each in EXITS[name]]
    done = scoped.rolehop(*command)
    assert done.code == 0, done.err
    assert all_narrowed(scoped, done.out), done.out


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("chain", CHAINS)
def test_a_program_gets_the_narrowed_session(scoped: World, chain: str, name: str) -> None:
    call = PROGRAMS[name].format(chain=chain)
    code = (
        f"import rolehop\nfound = {call}\n"
        "print(getattr(found, 'token', None) or found.session_token.reveal())"
    )
    done = scoped.run(sys.executable, "-c", code)
    assert done.code == 0, done.err
    assert all_narrowed(scoped, done.out)


def test_python_narrows_a_chain_without_a_hop(scoped: World) -> None:
    code = (
        "import rolehop\nfound = rolehop.session('own', read_only=True).get_credentials()\n"
        "print(found.get_frozen_credentials().token)"
    )
    done = scoped.run(sys.executable, "-c", code)
    assert done.code == 0, done.err
    assert all_narrowed(scoped, done.out)


def test_an_installed_profile_hands_out_the_narrowed_session(scoped: World) -> None:
    assert scoped.rolehop("profile", "install", "--yes", "brief").code == 0
    (line,) = [
        each.partition("=")[2].strip()
        for each in (scoped.home / ".aws" / "config").read_text().splitlines()
        if each.startswith("credential_process") and each.endswith("brief")
    ]
    for _ in "twice":  # the second by the hot path's record
        done = scoped.run("sh", "-c", f"exec {line}")
        assert done.code == 0, done.err
        assert all_narrowed(scoped, done.out)


def test_a_session_that_is_renewed_stays_narrowed(world: World) -> None:
    world.config(SCOPED)
    for command in (("refresh", "brief"), ("refresh", "brief", "hub")):
        assert world.rolehop(*command).code == 0
        assert all_narrowed(world, world.rolehop("export", "brief").out)
    done = world.rolehop("export", "hub")
    assert [each.scoped for each in handed_out(world, done.out)] == [0]


def test_a_shells_flags_go_on_with_its_scope(world: World) -> None:
    """``assume own --read-only``, then ``refresh``: the session is narrowed anew."""
    world.config(CONFIG.replace('type = "environment"', 'type = "profile"\nprofile = "alice"'))
    keys = "".join(f"{name.lower()} = {each}\n" for name, each in world.alice.environ.items())
    world.aws_credentials(f"[alice]\n{keys}")
    first = world.rolehop("assume", "own", "--read-only", "--shell", "sh")
    assert all_narrowed(world, first.out)
    (key,) = handed_out(world, first.out)
    env = {
        "ROLEHOP_CHAIN": "own",
        "ROLEHOP_FLAGS": "--read-only",
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret,
        "AWS_SESSION_TOKEN": key.token,
    }
    assert "scope    read-only" in world.rolehop("whoami", env=env).out
    done = world.rolehop("refresh", "--shell", "sh", env=env)
    assert done.code == 0, done.err
    assert all_narrowed(world, done.out)
    assert handed_out(world, done.out) != [key]


# ---- what is said of it


def test_the_plan_show_and_list_say_what_it_narrows(world: World) -> None:
    world.config(SCOPED)
    plan = world.rolehop("plan", "brief")
    assert "scope   read-only, 20 min   20 min   will call AWS" in plan.out
    assert "objects, items, parameters, secrets or log lines" in plan.out
    shown = world.rolehop("show", "brief")
    assert "the nightly report" in shown.out
    assert "rds:Describe*" in shown.out
    assert "objects, items, parameters, secrets or log lines" in shown.out
    listed = world.rolehop("list").out
    assert re.search(r"reader +source me +read-only ", listed), listed
    assert re.search(r"timed +222222222222 +Hub · scoped ", listed), listed
    document = world.rolehop("plan", "timed", "--format", "json").json["scope"]
    assert (document["read_only"], document["policy"], document["duration"]) == (False, None, 1200)


def test_a_large_fleet_that_is_one_row_is_narrowed_too(world: World) -> None:
    accounts = [f"{each:012}" for each in range(600000000001, 600000000011)]
    world.config(SCOPED.replace('accounts = ["444444444444"]', f"accounts = {accounts}"))
    with OnTerminal(world, SCRIPT, "list", stdout_too=True, rows=40, columns=120) as person:
        assert person.ended().code == 0
    assert re.search(r"readers/ +10 accounts +Audit · read-only ", person.shown), person.shown


def test_flags_without_a_hop_are_planned_as_a_scope(world: World) -> None:
    done = world.rolehop("plan", "own", "--read-only", "--duration", "30m")
    assert "scope   read-only, 30 min" in done.out
    assert "--duration, --read-only" in done.out or "--read-only, --duration" in done.out
    assert world.sts.calls == []


def test_status_history_and_whoami_tell_it_from_the_whole_session(world: World) -> None:
    world.config(SCOPED)
    assert world.rolehop("exec", "brief", "--", "true").code == 0
    assert world.rolehop("exec", "timed", "--", "true").code == 0
    sessions = world.rolehop("status", "--format", "json").json["sessions"]
    assert {(each["hop"], each["narrowed"]) for each in sessions} == {
        (1, None),
        (2, "read-only"),
        (2, "scoped"),
    }
    assert [each["role"] for each in sessions] == [HUB] * 3
    status = world.rolehop("status").out
    assert " read-only\n" in status
    assert " scoped\n" in status
    assert (" as " in status, "from source" in status) == (False, False)  # one hop: nothing to tell
    lines = world.rolehop("history", "--format", "json").json["lines"]
    scopes = [each for each in lines if each["action"] == "sts:GetScopedCredentials"]
    assert [(each["chain"], each["hop"], each["outcome"]) for each in scopes] == [
        ("brief", 2, "ok"),
        ("timed", 2, "ok"),
    ]
    assert {(each["role"], each["session_name"]) for each in scopes} == {(HUB, "me")}
    assert world.rolehop("whoami", "brief", "--format", "json").json["narrowed"] == "read-only"
    assert world.rolehop("whoami", "hub", "--format", "json").json["narrowed"] is None


def test_a_lost_list_of_sessions_is_made_again_with_the_narrowed_one(world: World) -> None:
    world.config(SCOPED)
    assert world.rolehop("exec", "brief", "--", "true").code == 0
    (world.state / "index.json").unlink()
    sessions = world.rolehop("status", "--format", "json").json["sessions"]
    assert [(each["hop"], each["narrowed"]) for each in sessions] == [(1, None), (2, "read-only")]
    calls = len(world.sts.calls)
    assert all_narrowed(world, world.rolehop("export", "brief").out)
    assert len(world.sts.calls) == calls


def test_a_longer_wish_is_said_when_the_session_is_handed_over(world: World) -> None:
    world.config(SCOPED.replace('duration = "20m", description', 'duration = "3h", description'))
    assert "3 h asked, 1 h planned" in world.rolehop("show", "brief").out
    done = world.rolehop("exec", "brief", "--", "true")
    assert done.code == 0
    assert "3 h asked, 1 h planned" in " ".join(done.err.split())
    assert world.rolehop("plan", "brief", "--strict").code == 3
    world.config(SCOPED)
    for chain in ("brief", "timed"):
        done = world.rolehop("exec", chain, "--duration", "1h", "--", "true")
        assert "1 h asked, 20 min planned" in " ".join(done.err.split()), chain


def test_logout_forgets_the_narrowed_session_and_keeps_what_others_use(world: World) -> None:
    world.config(SCOPED)
    assert world.rolehop("exec", "brief", "--", "true").code == 0
    assert world.rolehop("logout", "brief").code == 0
    sessions = world.rolehop("status", "--format", "json").json["sessions"]
    assert [each["narrowed"] for each in sessions] == [None]


@pytest.mark.parametrize("more", [(), ("--switch-role",), ("--portal",)])
@pytest.mark.parametrize("chain", ["brief", "reader"])
def test_no_console_is_opened_with_it(scoped: World, chain: str, more: tuple[str, ...]) -> None:
    calls = len(scoped.sts.calls)
    done = scoped.rolehop("console", chain, "--print", *more)
    assert (done.code, done.out) == (3, ""), done
    assert "whose session a scope narrows" in done.err
    assert len(scoped.sts.calls) == calls
    assert scoped.rolehop("console", "own", "--read-only", "--print").code == 3


def test_a_refused_scope_hands_out_nothing_and_no_whole_session_later(world: World) -> None:
    world.config(SCOPED)
    assert world.rolehop("exec", "brief", "--", "true").code == 0
    world.sts.refusing["GetScopedCredentials"] = Refused("AccessDenied", "User: me is not", 403)
    done = world.rolehop("refresh", "brief")
    assert done.code == 5, done.err
    assert "hands out nothing" in done.err
    world.sts.refusing.clear()
    again = world.rolehop("export", "brief")
    assert again.code == 0
    assert all_narrowed(world, again.out)


def test_what_an_endpoint_does_not_serve_is_said(world: World) -> None:
    world.config(SCOPED)
    world.sts.not_served.add("GetScopedCredentials")
    done = world.run(SCRIPT, "exec", "brief", "--", "true")
    assert (done.code, done.out) == (5, "")
    assert "this endpoint does not know GetScopedCredentials" in done.err
