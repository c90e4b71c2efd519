"""``exec --server`` and ``shell --server``: a command with an endpoint of its own, and no key."""

from __future__ import annotations

import os
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rolehop.handover.formats import past_proxies
from tests.commands.serve.server import TOKEN, TOKEN_FILE, URI
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import SCRIPT, World, ended

SERVED = ("exec", "admin", "--server", "--")
PYTHON = (sys.executable, "-W", "ignore", "-c")


@pytest.fixture(scope="module")
def walked(shared_world: World) -> Iterator[World]:
    (shared_world.folder / "run").mkdir(mode=0o700)
    assert shared_world.rolehop("credential-process", "admin").code == 0
    yield shared_world
    assert servers_left(shared_world) == []


def servers(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.rolehop("status", "--format", "json").json["servers"]
    return found


def servers_left(world: World) -> list[Path]:
    """Wait until no server runs; return what they left.

    One whose command has ended while it started is not listed yet, and its files are there.
    """
    deadline = time.monotonic() + 60
    while True:
        running = servers(world)
        left = [*(world.folder / "run").iterdir(), *(world.state / "servers").iterdir()]
        if (not running and not left) or time.monotonic() > deadline:
            return left
        time.sleep(0.02)


_LOOKS_AROUND = f"""
import boto3, json, os
try:
    stranger = os.waitpid(-1, os.WNOHANG)
except ChildProcessError:
    stranger = None
session = boto3.Session()
print(json.dumps({{
    "method": session.get_credentials().method,
    "arn": session.client("sts").get_caller_identity()["Arn"],
    "stranger": stranger,
    "environ": dict(os.environ),
    "token": open(os.environ["{TOKEN_FILE}"]).read(),
}}))
"""


def test_the_command_has_an_endpoint_and_no_key_and_no_child(walked: World) -> None:
    done = walked.rolehop(*SERVED, *PYTHON, _LOOKS_AROUND, env={"AWS_PROFILE": "other"})
    assert (done.code, done.err) == (0, "")
    found = done.json
    environ = found["environ"]
    assert found["arn"] == "arn:aws:sts::333333333333:assumed-role/Admin/me"
    assert (found["method"], found["stranger"]) == ("container-role", None)
    assert (environ["ROLEHOP_CHAIN"], environ["AWS_REGION"]) == ("admin", "eu-west-1")
    assert environ[URI].endswith("/chains/admin")
    assert found["token"] == environ[TOKEN]
    gone = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"}
    assert not environ.keys() & (gone | {"ROLEHOP_EXPIRATION", "ROLEHOP_EXPIRES_AT"})


def test_rolehop_itself_knows_the_endpoint_of_its_command(walked: World) -> None:
    done = walked.rolehop(*SERVED, SCRIPT, "whoami", "--format", "json")
    assert done.json["arn"] == "arn:aws:sts::333333333333:assumed-role/Admin/me", done.err


_FILES = """
import os
print([os.environ.get(each) for each in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")])
"""


def test_the_endpoint_of_a_command_is_no_source_of_another_chain(walked: World) -> None:
    """A chain that starts from the machine's own role would start from that of the command."""
    before = walked.config_file.read_text()
    source, chain = '[sources.task]\ntype = "container"\n', '[chains.task]\nsource = "task"\n'
    walked.config(f"{before}\n{source}{chain}")
    done = walked.rolehop(*SERVED, SCRIPT, "export", "task", "--format", "json")
    walked.config(before)
    assert (done.code, done.out) == (4, "")
    assert "rolehop's own, of chain 'admin'" in done.err
    assert "a chain must not start from what another chain hands out" in done.err


def test_with_only_a_program_sees_no_aws_file(world: World) -> None:
    """polars signs with the first keys of the credentials file, whatever the profile."""
    keys = "aws_access_key_id = AKIA1\naws_secret_access_key = x\n"
    (world.home / ".aws").mkdir(exist_ok=True)
    (world.home / ".aws" / "credentials").write_text(f"[old]\n{keys}[older]\n{keys}")
    seen = world.rolehop(*SERVED, *PYTHON, _FILES)
    assert seen.out == "[None, None]\n"
    assert "/.aws/credentials has keys of old, older; polars takes the first ones" in seen.err
    assert "--only hides the file" in seen.err
    hidden = world.rolehop("exec", "admin", "--server", "--only", "--", *PYTHON, _FILES)
    assert (hidden.out, hidden.err) == ("['/dev/null', '/dev/null']\n", "")
    refused = world.rolehop("exec", "admin", "--only", "--", "true")
    assert refused.code == 2
    assert "--only goes with --server" in refused.err


_ASKS_AS_RUST_DOES = f"""
import os, socket, urllib.request
asked = urllib.request.Request(os.environ["{URI}"], headers={{"Authorization": os.environ["{TOKEN}"]}})
print(urllib.request.urlopen(asked).status, os.environ["NO_PROXY"], os.environ["no_proxy"])
"""


def test_a_program_sends_nothing_of_its_server_to_a_proxy(walked: World) -> None:
    """What takes ``http_proxy`` for every host, as Python's own client and AWS's SDK for Rust."""
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        address = f"http://127.0.0.1:{proxy.getsockname()[1]}"
        env = {"http_proxy": address, "NO_PROXY": "a.example", "no_proxy": None}
        done = walked.rolehop(*SERVED, *PYTHON, _ASKS_AS_RUST_DOES, env=env)
        assert done.out == "200 a.example,127.0.0.1 a.example,127.0.0.1\n", done.err
        proxy.settimeout(0)
        with pytest.raises(BlockingIOError):
            proxy.accept()


@pytest.mark.parametrize(
    ("before", "upper", "lower"),
    [
        ({}, "127.0.0.1", "127.0.0.1"),
        ({"NO_PROXY": "", "no_proxy": ""}, "127.0.0.1", "127.0.0.1"),
        ({"NO_PROXY": "*"}, "*", "*"),
        ({"no_proxy": "a, b,"}, "a,b,127.0.0.1", "a,b,127.0.0.1"),
        ({"NO_PROXY": "a", "no_proxy": "b"}, "a,127.0.0.1", "b,127.0.0.1"),
        ({"NO_PROXY": "a", "no_proxy": ""}, "a,127.0.0.1", "a,127.0.0.1"),
        ({"no_proxy": "127.0.0.1,a"}, "127.0.0.1,a", "127.0.0.1,a"),
        ({"no_proxy": "127.0.0.10"}, "127.0.0.10,127.0.0.1", "127.0.0.10,127.0.0.1"),
    ],
)
def test_what_goes_past_proxies_already_still_does(
    before: dict[str, str], upper: str, lower: str
) -> None:
    assert dict(past_proxies("127.0.0.1", before)) == {"NO_PROXY": upper, "no_proxy": lower}


def test_a_pipe_behind_the_command_ends_with_it(walked: World) -> None:
    done = walked.run("sh", "-c", f"{SCRIPT} {' '.join(SERVED)} echo through 2>&1 | cat")
    assert done.out == "through\n"


@pytest.mark.parametrize("code", [0, 1, 255])
def test_the_exit_code_is_the_commands(walked: World, code: int) -> None:
    assert walked.rolehop(*SERVED, "sh", "-c", f"exit {code}").code == code


def test_a_command_that_is_not_there_has_no_server(walked: World) -> None:
    done = walked.rolehop(*SERVED, "no-such-command")
    assert (done.code, done.err) == (127, "rolehop: no-such-command: no such command\n")
    assert servers_left(walked) == []


def test_signals_reach_the_command_as_without_a_server(walked: World) -> None:
    with walked.start(SCRIPT, *SERVED, "sh", "-c", "echo $$; exec sleep 600") as child:
        assert child.stdout is not None
        assert int(child.stdout.readline()) == child.pid
        child.send_signal(signal.SIGINT)
        assert ended(child).code == -signal.SIGINT


def test_a_server_ends_with_its_command_however_that_ends(walked: World) -> None:
    assert servers_left(walked) == []  # no other test's
    with walked.start(SCRIPT, *SERVED, "sh", "-c", "echo; exec sleep 600") as child:
        assert child.stdout is not None
        child.stdout.readline()
        while not (found := servers(walked)):
            time.sleep(0.02)
        assert [each["command"] for each in found] == ["exec"]
        assert os.getsid(found[0]["pid"]) not in (found[0]["pid"], os.getsid(child.pid))
        said = f"the server of admin (process {found[0]['pid']}) ends with its command"
        assert walked.rolehop("serve", "--stop").err == f"rolehop: {said}\n"
        child.kill()
        ended(child)
    assert servers_left(walked) == []


def test_credentials_of_the_default_profile_are_hidden_from_it(walked: World) -> None:
    walked.aws_credentials("[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n")
    done = walked.rolehop(*SERVED, *PYTHON, _LOOKS_AROUND)
    walked.aws_credentials("")
    assert done.json["method"] == "container-role"
    assert done.json["environ"]["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_CONFIG_FILE" not in done.json["environ"]
    assert re.search(r"the command does not see \S+/\.aws/credentials: SDKs prefer", done.err)


@pytest.mark.parametrize("arguments", [SERVED, (*SERVED[:-1], "--only", "--")])
def test_keys_of_the_first_boto_are_hidden_from_it(
    walked: World, arguments: tuple[str, ...]
) -> None:
    """gsutil writes such a file, and boto3 takes keys from it before it asks an endpoint."""
    boto, ec2 = walked.home / ".boto", walked.home / "ec2"
    boto.write_text("[Credentials]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = x\n")
    ec2.write_text("AWSAccessKeyId=AKIAOTHER\nAWSSecretKey=x\n")
    others = {"AWS_CREDENTIAL_FILE": str(ec2), "AMAZON_ACCESS_KEY_ID": "AKIAOTHER"}
    done = walked.rolehop(*arguments, *PYTHON, _LOOKS_AROUND, env=others)
    boto.unlink()
    assert done.json["method"] == "container-role"
    assert done.json["environ"]["BOTO_CONFIG"] == os.devnull
    assert not others.keys() & done.json["environ"].keys()
    noted = f"the command does not see {boto}: boto3 prefers its keys" in done.err
    assert noted != ("--only" in arguments)


_POLL = """
import boto3, time
client, keys = boto3.client("sts"), set()
while len(keys) < 2:
    client.get_caller_identity()
    keys.add(client._request_signer._credentials.get_frozen_credentials().access_key)
    time.sleep(0.05)
"""


def test_a_command_outlives_its_sessions_and_hears_on_its_terminal_what_ends_that(
    world: World,
) -> None:
    (world.folder / "run").mkdir(mode=0o700)
    world.sts.now -= timedelta(hours=1, seconds=-6)
    script = f"{_POLL}\nprint('renewed', flush=True)\ninput()"
    with OnTerminal(world, SCRIPT, *SERVED, *PYTHON, script, stderr_too=True) as person:
        assert person.process.stdout is not None
        assert person.process.stdout.readline() == "renewed\n"
        world.sts.world.refused_with["arn:aws:iam::333333333333:role/Admin"] = "because"
        person.expect("rolehop: admin: AWS refused hop 2 of admin, ")
        problem = servers(world)[0]["chains"][0]["problem"]
        assert problem.startswith("AWS refused hop 2 of admin, ")
        person.process.kill()
    assert servers_left(world) == []


def test_a_shell_has_an_endpoint_too(walked: World) -> None:
    done = walked.rolehop("shell", "admin", "--server", "--shell", "sh", input="env\nexit 3\n")
    environ = dict(re.findall(r"^(\w+)=(.*)$", done.out, re.MULTILINE))
    assert done.code == 3
    assert environ.keys() >= {URI, TOKEN, "ROLEHOP_SHELL_LEVEL"}
    assert "AWS_ACCESS_KEY_ID" not in environ


def test_a_shell_with_an_endpoint_gets_no_key_by_a_refresh(walked: World) -> None:
    """It would have no flags: what was read-only must not come back able to write."""
    commands = "rolehop refresh --shell sh; echo $?\n"
    shell = ("shell", "admin", "--server", "--read-only", "--shell", "sh")
    done = walked.rolehop(*shell, input=commands)
    assert done.out == "false\n2\n"
    assert "a server gives it the sessions of 'admin', and renews them" in done.err
