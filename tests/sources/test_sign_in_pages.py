"""What a sign-in page needs to be told is in no argument, log or pipe, and nobody else answers it."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.doubles import browser
from tests.doubles.oidc import Issuer
from tests.doubles.sso import Center
from tests.doubles.web import Service
from tests.sources.identity_center.corp import CONFIG, Corp
from tests.sources.web_identity.federated import Federated
from tests.support.other_users import AS_ROOT, SOMEBODY
from tests.support.pseudo_terminal import OnTerminal
from tests.support.secrets import Watch, watched
from tests.support.world import SCRIPT, World, temporary_world

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
LOGIN = ("source", "login")
CODE = "ABCD-EFGH"
_PAGE = r"http://127\.0\.0\.1:\d+/[\w-]{43}"


class SignIn:
    """One way to sign in, in a world of its own."""

    def __init__(self, world: World, service: Service) -> None:
        self.world = world
        self.service = service

    def told(self) -> list[str]:
        """Return what the browser told the provider, and nobody else may know."""
        names = ("state", "nonce", "code_challenge", "user_code")
        queries = [asked.query for asked in self.service.asked if asked.method == "GET"]
        return [query[name] for query in queries for name in names if name in query]

    def browser(self, script: str) -> None:
        """Let a script of a shell be the browser; its first argument is what is opened."""
        path = self.world.folder / "a-browser"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o700)
        self.world.more["BROWSER"] = f"{path} %s"

    @property
    def log(self) -> Path:
        return self.world.folder / "browser"


def _signing_in(kind: str, stack: ExitStack) -> SignIn:
    world = stack.enter_context(temporary_world())
    if kind == "oidc":
        issuer = stack.enter_context(Issuer())
        Federated(world, issuer).source(
            f'issuer = "{issuer.url}"', f'client_id = "{issuer.client_id}"'
        )
        return SignIn(world, issuer)
    center = stack.enter_context(Center(world.sts))
    Corp(world, center)
    if kind == "device":
        center.answered = lambda asked: center.approve() if asked.path == "/device" else None
        world.config(CONFIG.replace('role = "Developer"', 'role = "Developer"\nflow = "device"'))
    return SignIn(world, center)


@pytest.fixture(params=["oidc", "pkce", "device"])
def sign_in(request: pytest.FixtureRequest) -> Iterator[SignIn]:
    with ExitStack() as stack:
        yield _signing_in(request.param, stack)


@pytest.fixture(params=["oidc", "pkce"])
def by_code(request: pytest.FixtureRequest) -> Iterator[SignIn]:
    with ExitStack() as stack:
        yield _signing_in(request.param, stack)


def test_no_argument_log_or_pipe_holds_what_the_page_is_told(sign_in: SignIn) -> None:
    done, watch = watched(sign_in.world, *LOGIN, "--debug", env={})
    assert done.code == 0, done.err
    browser.seen(sign_in.log)
    told = [*sign_in.told(), CODE]
    assert len(told) > 1
    watch.look()
    arguments = b"\n".join(watch.seen).decode("latin-1")
    assert re.search(_PAGE, arguments), "the watch saw no browser"
    files = "".join(
        path.read_text("latin-1") for path in sign_in.world.files() if path != sign_in.log
    )
    for text in (arguments, done.out, done.err, files):
        assert [each for each in told if each in text] == []
        assert "user_code=" not in text


def test_a_printed_address_is_on_the_terminal_alone_and_signs_in(by_code: SignIn) -> None:
    """Of two browsers, the first is in the wrong profile: nobody signs in there."""
    by_code.world.more["BROWSER"], log = browser.noting(by_code.world.folder)
    with OnTerminal(by_code.world, SCRIPT, *LOGIN) as person:
        person.expect("if none opens, open this address in a browser on this machine:")
        person.expect_match(_PAGE)
        printed = re.findall(_PAGE, person.shown)[-1]
        assert browser.arguments(log) != [printed]
        follow = browser.as_variable(by_code.log).replace("%s", printed)
        subprocess.run(shlex.split(follow), check=True, timeout=60)
        done = person.ended()
    assert done.code == 0, done.err
    ((_, status, page),) = browser.seen(by_code.log)
    assert (status, "Signed in" in page) == (200, True)
    assert not re.search(_PAGE, done.err + done.out)


def test_without_a_browser_and_a_terminal_nothing_is_waited_for(sign_in: SignIn) -> None:
    sign_in.world.more["BROWSER"] = ""
    done = sign_in.world.rolehop(*LOGIN, "--no-browser")
    assert done.code == 8
    assert "needs a browser or a terminal" in done.err
    assert CODE not in done.err


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (apt: chromium)")
def test_chromium_signs_in_through_the_page(sign_in: SignIn) -> None:
    folder = sign_in.world.folder
    sign_in.browser(
        f"{CHROMIUM} --headless --no-sandbox --disable-gpu --no-proxy-server --dump-dom"
        f' --user-data-dir={folder}/profile "$1" >{folder}/dom.new 2>/dev/null\n'
        f"mv {folder}/dom.new {folder}/dom"
    )
    done = sign_in.world.rolehop(*LOGIN)
    assert done.code == 0, done.err
    dom = folder / "dom"
    ends_at = time.monotonic() + 60
    while not dom.exists() and time.monotonic() < ends_at:
        time.sleep(0.05)
    signed_in = "<title>Signed in · rolehop</title>" in dom.read_text()
    assert signed_in or sign_in.told() == [CODE]


# Somebody who reads every argument in /proc, and opens what is for this machine, as the browser would.
_READS_ALL = r"""
import encodings.idna, os, re, sys, time, urllib.request
from pathlib import Path
os.setgroups([]); os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
found, ends_at = set(), time.monotonic() + 60
while not found and time.monotonic() < ends_at:
    for process in os.listdir("/proc"):
        try: line = Path("/proc", process, "cmdline").read_bytes().decode()
        except OSError: continue
        if process.isdigit() and sys.argv[2] in line:
            found |= set(re.findall(r"https?://127\.0\.0\.1:[^\0]+", line))
for url in found:
    try: answer = opener.open(url); print(answer.status, answer.url, answer.read().decode())
    except OSError: print("nothing")
"""


@AS_ROOT
def test_who_reads_all_of_proc_gets_nothing_and_the_sign_in_still_ends(by_code: SignIn) -> None:
    go_on = by_code.world.folder / "go-on"
    follow = browser.as_variable(by_code.log).replace("%s", '"$1"')
    by_code.browser(f"until test -e {go_on}; do sleep 0.05; done\nexec {follow}")
    script = str(by_code.world.folder / "a-browser")
    with Watch() as watch, by_code.world.start(SCRIPT, *LOGIN) as process:
        command = [sys.executable, "-I", "-c", _READS_ALL, str(SOMEBODY), script]
        theirs = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert theirs.stdout == "nothing\n", theirs
        assert by_code.told() == []
        go_on.touch()
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, (out, err, watch.seen)
    ((_, status, page),) = browser.seen(by_code.log)
    assert (status, "Signed in" in page) == (200, True)
