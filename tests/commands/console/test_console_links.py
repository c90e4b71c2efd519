"""Consoles that open by a link: through the access portal, by switching roles, as a QR code."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.doubles import browser
from tests.doubles.console import ConsoleDouble
from tests.doubles.sso import Center
from tests.sources.identity_center.corp import CONFIG as CORP
from tests.sources.identity_center.corp import HUB, Corp
from tests.support.world import CONFIG, World

PORTAL = "https://corp.awsapps.com/start/#/console?account_id=111111111111&role_name=Developer"
SWITCH = (
    "https://signin.aws.amazon.com/switchrole?account=222222222222&roleName=Hub&displayName=hub"
)


@pytest.fixture
def console(world: World) -> Iterator[ConsoleDouble]:
    with ConsoleDouble(world.sts) as console:
        world.more |= console.environ
        yield console


# ---- the access portal


def test_identity_center_without_a_hop_opens_through_its_portal(
    world: World, console: ConsoleDouble
) -> None:
    """Nobody signs in here, and no session is made: the browser and the portal do that."""
    world.config(CORP)
    done = world.rolehop("console", "own", "--print")
    assert (done.code, done.out, done.err) == (0, f"{PORTAL}\n", "")
    done = world.rolehop("console", "own", "--print", "--service", "s3", "--region", "us-east-2")
    there = "https%3A%2F%2Fus-east-2.console.aws.amazon.com%2Fs3%2F%3Fregion%3Dus-east-2"
    assert done.out == f"{PORTAL}&destination={there}\n"
    log = world.folder / "log"
    done = world.rolehop("console", "own", env={"BROWSER": browser.as_variable(log)})
    assert done.code == 0, done.err
    ((url, status, _),) = browser.seen(log)
    assert (url, status) == (PORTAL, 302)
    assert (world.sts.calls, console.asked) == ([], [])
    assert "source 'corp'" in world.rolehop("history").out


def test_the_portal_of_an_aws_profile_is_found(world: World, console: ConsoleDouble) -> None:
    world.aws_config(
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start/\n"
        "sso_region = eu-west-1\n[profile dev]\nsso_session = corp\n"
        "sso_account_id = 111111111111\nsso_role_name = Developer\n"
    )
    done = world.rolehop("console", "dev", "--print")
    assert (done.code, done.out) == (0, f"{PORTAL}\n"), done.err


def test_without_the_portal_the_session_is_signed_in(world: World, console: ConsoleDouble) -> None:
    with Center(world.sts) as center:
        corp = Corp(world, center)
        world.more |= console.environ
        corp.login()
        done = world.rolehop("console", "own", "--print", "--no-portal")
        assert done.code == 0, done.err
        assert done.out.startswith(f"{console.url}/federation?Action=login&")
        # The console of the source's user, which goes on by itself to the role of the hop.
        done = world.rolehop("console", "hub", "--print", "--switch-role")
    assert done.code == 0, done.err
    assert parse_qs(urlsplit(done.out).query)["Destination"] == [SWITCH]
    (own, user) = console.tokens.values()
    assert "AWSReservedSSO_Developer" in user.key.arn
    assert user.key.arn == own.key.arn
    assert HUB not in world.sts.roles_called
    assert "this link is a secret" in done.err


# ---- the console switches roles


def test_an_iam_user_switches_where_the_browser_is_signed_in(
    world: World, console: ConsoleDouble
) -> None:
    done = world.rolehop("console", "hub", "--print", "--switch-role")
    assert (done.code, done.out, done.err) == (0, f"{SWITCH}\n", "")
    assert (world.sts.calls, console.asked) == ([], [])
    assert "rolehop console" in world.rolehop("history").out
    # So does whoever aws login has signed in, which a browser did.
    world.config(CONFIG.replace('"environment"', '"profile"\nprofile = "person"'))
    world.aws_config("[profile person]\nlogin_session = arn:aws:iam::111111111111:user/alice\n")
    done = world.rolehop("console", "hub", "--switch-role", env={"SSH_CONNECTION": "1 2 3 4"})
    assert (done.code, world.sts.calls) == (8, [])
    assert f"try    open {SWITCH}\n" in done.err


@pytest.mark.parametrize(
    ("hop", "arguments", "code", "said"),
    [
        (
            'external_id = "xy"',
            [],
            3,
            "its hop has an external ID, which the console does not send",
        ),
        ('policy_arns = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]', [], 3, "a session policy"),
        ('tags = { a = "b" }', [], 3, "session tags"),
        ('source_identity = "me"', [], 3, "a source identity"),
        (f'role = "222222222222:role/{"p" * 40}/{"r" * 40}"', [], 3, "more than 64 characters"),
        ("", ["--read-only"], 2, "--read-only does not go with --switch-role"),
        ("", ["--reason", "x"], 2, "--reason does not go with --switch-role"),
        ("", ["--service", "s3"], 2, "--service or --destination does not go with"),
        ("", ["--session-duration", "2h"], 2, "--session-duration does not go with"),
    ],
)
def test_a_hop_that_the_console_would_make_otherwise_is_refused(
    world: World, console: ConsoleDouble, hop: str, arguments: list[str], code: int, said: str
) -> None:
    role = "" if "role =" in hop else 'role = "222222222222:role/Hub"'
    one = f"[{{ {', '.join(filter(None, (role, hop)))} }}]"
    world.config(CONFIG.replace('[{ role = "arn:aws:iam::222222222222:role/Hub" }]', one))
    done = world.rolehop("console", "hub", "--print", "--switch-role", *arguments)
    assert (done.code, done.out, world.sts.calls) == (code, "", []), done.err
    assert said in " ".join(done.err.split())


@pytest.mark.parametrize(
    ("chain", "config", "said"),
    [
        ("admin", CONFIG, "it has 2 hops, and the console makes one"),
        ("own", CONFIG, "it has no hops"),
        ("hub", CONFIG.replace('"environment"', '"instance"'), "source 'me' is of type instance"),
        (
            "hub",
            CONFIG.replace("[chains.hub]", '[chains.hub]\nreason = "required"'),
            "its hop has a reason",
        ),
    ],
)
def test_a_chain_that_the_console_cannot_go_is_refused(
    world: World, console: ConsoleDouble, chain: str, config: str, said: str
) -> None:
    world.config(config)
    done = world.rolehop("console", chain, "--switch-role")
    assert (done.code, world.sts.calls, console.asked) == (3, [], []), done.err
    assert said in " ".join(done.err.split())


def test_confirmation_holds_for_links_too(world: World, console: ConsoleDouble) -> None:
    world.config(CORP.replace("[chains.own]", "[chains.own]\nconfirm = true"))
    assert world.rolehop("console", "own", "--print").code == 8
    world.config(CONFIG.replace("[chains.hub]", "[chains.hub]\nconfirm = true"))
    assert world.rolehop("console", "hub", "--print", "--switch-role").code == 8


@pytest.mark.parametrize("chain", ["hub", "own"])
def test_a_portal_that_is_not_there_is_said(
    world: World, console: ConsoleDouble, chain: str
) -> None:
    done = world.rolehop("console", chain, "--portal")
    assert (done.code, world.sts.calls) == (3, [])
    assert "the access portal does not open the console of" in done.err


# ---- the link as a QR code, and the sign-out beside it


def test_a_qr_code_is_drawn_with_a_warning(world: World, console: ConsoleDouble) -> None:
    done = world.rolehop("console", "hub", "--qr", "--logout-first")
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert len(lines) > 40
    assert {len(each) for each in lines} == {len(lines[0])}
    assert set(done.out) <= set("█▀▄ \n")
    assert "this link is a secret: whoever opens it within 15 minutes" in done.err
    assert f"sign out at {console.url}/oauth?Action=logout" in done.err


def test_several_sessions_side_by_side_are_not_signed_out(
    world: World, console: ConsoleDouble
) -> None:
    world.config(f"{CONFIG}[console]\nmulti_session = true\n")
    done = world.rolehop("console", "hub", "--print", "--logout-first")
    assert done.code == 0, done.err
    assert "sign out at" not in done.err
    assert "--logout-first is left out: [console] multi_session = true" in done.err


# ---- a browser that does not open


def test_an_opener_that_fails_is_noticed(world: World, console: ConsoleDouble) -> None:
    """The next one is tried; in the end its exit code is said, not a minute waited."""
    world.only_programs("sh")
    failing = program(world.folder, "exit 3")
    done = world.rolehop("console", "hub", env={"BROWSER": failing})
    assert (done.code, done.out) == (1, "")
    assert "failing ended with exit code 3" in done.err
    assert "the same command with --print" in done.err
    log = world.folder / "log"
    env: dict[str, str | None] = {"BROWSER": f"{failing}:{browser.as_variable(log)}"}
    done = world.rolehop("console", "hub", env=env)
    assert done.code == 0, done.err
    assert [status for _, status, _ in browser.seen(log)] == [200]


def program(folder: Path, line: str) -> str:
    path = folder / "failing"
    path.write_text(f"#!/bin/sh\n{line}\n")
    path.chmod(0o700)
    return str(path)
