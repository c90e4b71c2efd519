"""``rolehop console``: the session goes to AWS's sign-in, the sign-in to the browser alone."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.doubles import browser
from tests.doubles.console import ConsoleDouble
from tests.doubles.web import Reply
from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import leaks, watched
from tests.support.world import ADMIN, CONFIG, HUB, MFA_SERIAL, SCRIPT, Done, World, mfa_code

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture
def console(world: World) -> Iterator[ConsoleDouble]:
    with ConsoleDouble(world.sts) as console:
        world.more |= console.environ
        yield console


def link(done: Done) -> dict[str, str]:
    """Return what the printed link sends."""
    assert done.code == 0, done.err
    return {name: each for name, (each,) in parse_qs(urlsplit(done.out.strip()).query).items()}


def test_the_link_signs_the_session_in(world: World, console: ConsoleDouble) -> None:
    done = world.rolehop("console", "admin", "--print", "--service", "s3")
    sent = link(done)
    assert done.out.startswith(f"{console.url}/federation?Action=login&")
    assert sent["Destination"] == "https://eu-west-1.console.aws.amazon.com/s3/?region=eu-west-1"
    (token,) = console.tokens.values()
    assert token.key.role is not None
    assert token.key.role.arn == ADMIN
    assert token.seconds is None
    assert "this link is a secret: whoever opens it within 15 minutes" in done.err


def test_the_browser_gets_the_sign_in_and_nothing_else_does(
    world: World, console: ConsoleDouble, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    env: dict[str, str | None] = {"BROWSER": browser.as_variable(log)}
    done, watch = watched(world, "console", "admin", "--debug", env=env, holds=True)
    assert done.code == 0, done.err
    taken = " ".join(done.err.split())
    assert re.search(
        r"admin: the browser took the sign-in at [\d:]{8}; the console is signed in until \d\d:\d\d",
        taken,
    )
    ((address, status, text),) = browser.seen(log)
    (token,) = console.tokens
    assert (urlsplit(address).hostname, status) == ("127.0.0.1", 200)
    assert f'value="{token}"' in text
    assert leaks(world, done, watch) == {}
    shown = b"\n".join(watch.seen).decode("latin-1") + done.err + done.out
    shown += "".join(path.read_text("latin-1") for path in world.files())
    assert token[:40] not in shown
    ours = b"\n".join(watch.environments).decode("latin-1")
    # alice's own keys are what the shell that started it has; no session and no token may join them
    sessions = [key for key in world.sts.world.keys.values() if key.token]
    assert f"HOME={world.home}" in ours
    assert sessions
    assert not [key for key in sessions if key.secret in ours or (key.token or "") in ours]
    assert token not in ours
    history = world.rolehop("history", "--format", "json").out
    assert '"action":"console"' in history.replace(": ", ":")


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)")
def test_chromium_is_signed_in(world: World, console: ConsoleDouble, tmp_path: Path) -> None:
    script = in_chromium(tmp_path, "--dump-dom", '"$1"', f">{tmp_path}/dom.new")
    with script.open("a") as file:
        file.write(f"mv {tmp_path}/dom.new {tmp_path}/dom\n")
    done = world.rolehop("console", "admin", env={"BROWSER": f"{script} %s"})
    assert done.code == 0, done.err
    wait_for(tmp_path / "dom")
    assert "<title>Console</title>" in (tmp_path / "dom").read_text()
    (opened,) = console.opened
    assert opened.destination == "https://eu-west-1.console.aws.amazon.com/?region=eu-west-1"


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)")
def test_chromium_signs_out_before_it_is_signed_in(
    world: World, console: ConsoleDouble, tmp_path: Path
) -> None:
    """No address holds the token, as the one would that AWS's sign-out could lead on to."""
    signed_in = threading.Event()
    console.answered = lambda asked: signed_in.set() if asked.path == "/console" else None
    somebody = f'"{console.url}/somebody-else?next=$1"'
    script = in_chromium(
        tmp_path, "--disable-popup-blocking", "--remote-debugging-port=0", somebody
    )
    script.write_text(script.read_text().replace("\n", f"\necho $$ >{tmp_path}/pid\nexec ", 1))
    done = world.rolehop("console", "hub", "--logout-first", env={"BROWSER": f"{script} %s"})
    try:
        assert done.code == 0, done.err
        assert signed_in.wait(60), console.paths()
        (token,) = console.tokens
        assert holders_of(token, Path("/proc").glob("[0-9]*/cmdline")) == []
        assert holders_of(token, (tmp_path / "profile").rglob("*")) == []
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGTERM)
    ways = [each.path for each in console.asked if each.path != "/favicon.ico"]
    assert ways == [
        "/federation",
        "/somebody-else",
        "/oauth",
        "/signed-out",
        "/federation",
        "/console",
    ]
    assert not [each for each in console.asked if token in str(each.query)]


def holders_of(token: str, files: Iterable[Path]) -> list[Path]:
    found = []
    for each in files:
        with contextlib.suppress(OSError):  # processes end, and sockets are no files
            if each.is_file() and token[:40].encode() in each.read_bytes():
                found.append(each)
    return found


def in_chromium(folder: Path, *arguments: str) -> Path:
    """Return a script that opens its argument in Chromium, without a window."""
    script = folder / "chrome"
    options = "--headless --no-sandbox --disable-gpu --no-proxy-server"
    script.write_text(
        f"#!/bin/sh\n{CHROMIUM} {options} --user-data-dir={folder}/profile"
        f" {' '.join(arguments)} 2>/dev/null\n"
    )
    script.chmod(0o700)
    return script


def wait_for(path: Path) -> None:
    subprocess.run(
        ["sh", "-c", 'until test -e "$1"; do sleep 0.05; done', "sh", str(path)],
        timeout=60,
        check=True,
    )


@pytest.mark.parametrize(
    ("partition", "region", "domain"),
    [
        ("aws-cn", "cn-north-1", "amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "amazonaws-us-gov.com"),
        ("aws-eusc", "eusc-de-east-1", "amazonaws-eusc.eu"),
    ],
)
def test_other_partitions_have_consoles_of_their_own(
    world: World, console: ConsoleDouble, partition: str, region: str, domain: str
) -> None:
    role = HUB.replace("aws", partition)
    (key,) = world.alice.keys
    key.arn = world.alice.arn = world.alice.arn.replace("aws", partition)
    world.sts.world.role(role, trusts=[key.arn])
    world.sts.region, console.domain = region, domain
    world.config(
        '[sources.me]\ntype = "environment"\n[chains.there]\nsource = "me"\n'
        f'region = "{region}"\nhops = [{{ role = "{role}" }}]\n'
    )
    log = world.folder / "log"
    done = world.rolehop("console", "there", env={"BROWSER": browser.as_variable(log)})
    assert done.code == 0, done.err
    ((_, _, text),) = browser.seen(log)
    there = f"https://{region}.console.{domain}/?region={region}"
    assert f'name="Destination" value="{there}"' in text
    done = world.rolehop("console", "there", "--destination", "https://console.aws.amazon.com/")
    assert done.code == 2
    assert f"the console of its partition is at {domain}" in done.err


def test_it_opens_in_the_profile_of_the_config(world: World, console: ConsoleDouble) -> None:
    world.config(CONFIG + '[console]\nbrowser = "chromium"\nprofile = "aws {chain}"\n')
    log, program = world.folder / "log", world.folder / "bin" / "chromium"
    program.parent.mkdir()
    follow = browser.as_variable(log).replace("%s", '"$2"')
    program.write_text(f'#!/bin/sh\necho "$1" >{log}.profile\nexec {follow}\n')
    program.chmod(0o700)
    env = {"DISPLAY": ":0", "PATH": f"{program.parent}:{world.environ['PATH']}"}
    done = world.rolehop("console", "spokes/444444444444", env=env)
    assert done.code == 0, done.err
    ((_, status, _),) = browser.seen(log)
    assert status == 200
    profile = (world.folder / "log.profile").read_text()
    assert profile == "--profile-directory=aws spokes,444444444444\n"


def test_a_container_of_another_browser_is_refused(world: World, console: ConsoleDouble) -> None:
    done = world.rolehop("console", "hub", "--container", "--browser", "edge")
    assert (done.code, world.sts.calls) == (2, [])
    assert "only Firefox has containers" in done.err


def test_who_waits_for_the_browser_is_told_and_may_end_it(
    world: World, console: ConsoleDouble
) -> None:
    """It is never asked for: the program that should open it has none."""
    world.more["BROWSER"], _ = browser.noting(world.folder)
    with OnTerminal(world, SCRIPT, "console", "hub") as person:
        person.expect("waiting for the browser", 60)
        person.presses_ctrl_c()
        done = person.ended()
    (token,) = console.tokens
    assert (done.code, console.opened) == (130, [])
    assert token not in done.err
    assert token not in done.out


# ---- how long it lasts


def test_a_duration_is_for_one_hop_from_user_keys(world: World, console: ConsoleDouble) -> None:
    link(world.rolehop("console", "hub", "--print", "--session-duration", "8h"))
    assert [each.seconds for each in console.tokens.values()] == [28_800]


@pytest.mark.parametrize("chain", ["admin", "spokes/444444444444"])
def test_a_chained_session_takes_no_duration(
    world: World, console: ConsoleDouble, chain: str
) -> None:
    done = world.rolehop("console", chain, "--print", "--session-duration", "8h")
    assert (done.code, done.out, world.sts.calls) == (3, "", [])
    assert "only for one hop that IAM user keys call themselves" in " ".join(done.err.split())


@pytest.mark.parametrize("given", ["14m", "13h"])
def test_a_duration_that_aws_does_not_know_is_refused(world: World, given: str) -> None:
    done = world.rolehop("console", "hub", "--session-duration", given)
    assert done.code == 2
    assert "15m to 12h" in done.err


def test_a_duration_that_aws_does_not_take_after_all_is_left_out(
    world: World, console: ConsoleDouble
) -> None:
    console.say("/federation", Reply(400, text="<html>no</html>"))
    link(world.rolehop("console", "hub", "--print", "--session-duration", "7273s"))
    assert [each.seconds for each in console.tokens.values()] == [None]


# ---- what AWS refuses


def test_user_keys_without_a_hop_open_no_console(world: World, console: ConsoleDouble) -> None:
    done = world.rolehop("console", "own", "--print")
    assert (done.code, console.asked, world.sts.calls) == (3, [], [])
    assert "add a hop: the console opens as its role" in done.err


def test_a_session_that_has_ended_at_aws_is_refused(world: World, console: ConsoleDouble) -> None:
    assert world.rolehop("export", "admin").code == 0
    world.sts.now += timedelta(hours=2)
    done = world.rolehop("console", "admin", "--print")
    assert (done.code, done.out) == (5, "")
    assert "AWS opens no console for this session" in done.err


@pytest.mark.parametrize(
    ("reply", "code", "said"),
    [
        (Reply(503, text="<html>later</html>"), 6, "not available"),
        (Reply(200, text="<html><title>Wifi</title></html>"), 6, "a web page answered"),
        (Reply(200, json={"SigninToken": 7}), 6, "SigninToken is missing"),
        (Reply(200, text='{"SigninToken": "\\ud800"}'), 6, "SigninToken is no token"),
        (Reply(200, json={"SigninToken": "a\nb"}), 6, "SigninToken is no token"),
        (Reply(200, json=[]), 6, "something unexpected"),
        (Reply(302, headers={"Location": "https://evil.example/"}), 6, "redirected"),
    ],
)
def test_an_answer_that_makes_no_sense(
    world: World, console: ConsoleDouble, reply: Reply, code: int, said: str
) -> None:
    console.say("/federation", reply, times=3)
    done = world.rolehop("console", "hub", "--print")
    assert (done.code, done.out) == (code, "")
    assert said in " ".join(done.err.split())


# ---- before anything is called


def test_where_no_browser_can_be_opened_the_link_can_be_printed(
    world: World, console: ConsoleDouble
) -> None:
    """Said before anything is asked or called; no flag of the command is lost on the way."""
    world.config(CONFIG.replace("[chains.hub]", "[chains.hub]\nconfirm = true"))
    done = world.rolehop("console", "hub", "--read-only", env={"SSH_CONNECTION": "1 2 3 4"})
    assert (done.code, done.out, console.asked, world.sts.calls) == (8, "", [], [])
    assert "no browser can be opened here" in done.err
    assert "try    the same command with --print" in done.err


def test_a_browser_that_is_not_there_is_noticed_before_anything_is_called(
    world: World, console: ConsoleDouble
) -> None:
    nowhere = {"BROWSER": "true", "PATH": "/nowhere"}
    done = world.rolehop("console", "hub", "--browser", "brave", env=nowhere)
    assert (done.code, done.out, console.asked, world.sts.calls) == (8, "", [], [])
    assert "no brave can be opened here" in done.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--service", "s3", "--destination", "/s3"], "two places"),
        (["--service", "s33"], "did you mean s3?"),
        (["--service", ""], 'no service is called ""'),
        (["--destination", "https://evil.example/"], "not in this chain's console"),
        (["--destination", "https://["], "is no address in the console"),
        (["--destination", "/\udcff"], "is no address in the console"),
    ],
)
def test_a_place_that_is_none(
    world: World, console: ConsoleDouble, arguments: list[str], said: str
) -> None:
    done = world.rolehop("console", "hub", *arguments)
    assert (done.code, console.asked, world.sts.calls) == (2, [], [])
    assert said in " ".join(done.err.split())


def test_a_chain_that_asks_for_confirmation_asks_here(world: World, console: ConsoleDouble) -> None:
    world.config(CONFIG.replace("[chains.hub]", "[chains.hub]\nconfirm = true"))
    done = world.rolehop("console", "hub", "--print")
    assert (done.code, console.asked, world.sts.calls) == (8, [], [])


def test_reason_and_read_only_hold_here_too(world: World, console: ConsoleDouble) -> None:
    world.config(CONFIG.replace("[chains.hub]", '[chains.hub]\nreason = "required"'))
    assert world.rolehop("console", "hub", "--print").code == 8
    assert world.sts.calls == []
    link(world.rolehop("console", "hub", "--print", "--read-only", "--reason", "invoices"))
    (token,) = console.tokens.values()
    assert token.key.policies is not None
    assert "invoices" in token.key.arn
    assert '"reason":"invoices"' in world.rolehop("history", "--format", "json").out.replace(
        ": ", ":"
    )


def test_an_mfa_code_is_asked_for_as_everywhere(world: World, console: ConsoleDouble) -> None:
    world.sts.world.role(HUB, trusts=[world.alice.arn], mfa=True)
    mfa = f'type = "environment"\nmfa_serial = "{MFA_SERIAL}"'
    world.config(CONFIG.replace('type = "environment"', mfa))
    assert world.rolehop("console", "hub", "--print").code == 8
    assert console.asked == []
    with OnTerminal(world, SCRIPT, "console", "hub", "--print") as person:
        person.expect("MFA code", 60)
        person.types(mfa_code(world))
        link(person.ended())


def test_the_services_are_listed(world: World) -> None:
    done = world.rolehop("console", "--list")
    assert done.code == 0
    assert "cloudformation   /cloudformation" in done.out


def test_what_a_session_is_signed_in_with(world: World, console: ConsoleDouble) -> None:
    """It goes in a body: addresses are logged."""
    link(world.rolehop("console", "hub", "--print"))
    (asked,) = console.asked
    assert (asked.method, asked.query) == ("POST", {})
    session = json.loads(asked.form()["Session"])
    assert sorted(session) == ["sessionId", "sessionKey", "sessionToken"]
    assert HUB.split(":")[4] == "222222222222"
