"""``serve``: sessions for programs that ask again and again, and nothing for anybody else."""

from __future__ import annotations

import json
import re
import signal
import socket
import stat
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.commands.serve.server import NO_OTHERS, TOKEN, TOKEN_FILE, URI, Server, serving
from tests.support.aws_cli import aws_cli, node_modules
from tests.support.pseudo_terminal import OnTerminal
from tests.support.world import CONFIG, SCRIPT, World, ended

ARN = "arn:aws:sts::333333333333:assumed-role/Admin/me"


@pytest.fixture(scope="module")
def served(shared_world: World) -> Iterator[Server]:
    (shared_world.folder / "run").mkdir(mode=0o700)
    with serving(shared_world, "admin", "spokes/*", "--socket", "sock") as server:
        yield server


def test_a_client_gets_the_session_of_its_chain(shared_world: World, served: Server) -> None:
    for block in served.blocks:
        status, body = served.get(urlsplit(block[URI]).path)
        session = json.loads(body)
        assert status == 200
        key = shared_world.sts.world.keys[session["AccessKeyId"]]
        assert (session["SecretAccessKey"], session["Token"]) == (key.secret, key.token)
        assert datetime.fromisoformat(session["Expiration"]) == key.expires_at
        assert session["Expiration"].endswith("Z")
        assert session["AccountId"] == key.arn.split(":")[4]
    assert [each[URI].rpartition("/chains/")[2] for each in served.blocks] == [
        "admin",
        "spokes/444444444444",
        "spokes/555555555555",
    ]


def test_a_block_leads_to_the_endpoint_and_to_nothing_else(served: Server) -> None:
    first = served.printed.split("\n\n")[0]
    unset = set(re.findall(r"^unset (\w+);$", first, re.MULTILINE))
    assert {"AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} <= unset
    block = served.blocks[0]
    assert block["AWS_REGION"] == block["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert len(block[TOKEN]) >= 43
    file = Path(block[TOKEN_FILE])
    assert file.read_text() == block[TOKEN]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_only_the_token_opens_it(served: Server) -> None:
    assert served.get(token="wrong")[0] == 401
    assert served.get("/chains/own")[0] == 404
    assert served.get("/health", token="")[0] == 200


def test_the_unix_socket_is_this_users_alone(shared_world: World, served: Server) -> None:
    path = shared_world.home / "sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))
        token = served.blocks[0][TOKEN]
        head = f"GET /chains/admin HTTP/1.0\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n"
        client.sendall(head.encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.connect(str(path))  # as a container asks; only with --docker
        client.sendall(head.replace("localhost", "169.254.170.2").encode())
        assert client.recv(4096).startswith(b"HTTP/1.1 403 ")


_BOTO3 = """
import boto3
session = boto3.Session()
print(session.get_credentials().method, session.client("sts").get_caller_identity()["Arn"])
"""

_JAVASCRIPT = """
import { STSClient, GetCallerIdentityCommand } from "@aws-sdk/client-sts";
const who = await new STSClient({ region: "eu-west-1" }).send(new GetCallerIdentityCommand({}));
console.log("container-role", who.Arn);
"""


def test_boto3_uses_it(shared_world: World, served: Server) -> None:
    done = shared_world.run(sys.executable, "-c", _BOTO3, env=served.environ)
    assert done.out == f"container-role {ARN}\n", done.err


def test_the_aws_cli_uses_it(shared_world: World, served: Server) -> None:
    call = (aws_cli(), "sts", "get-caller-identity", "--output", "json")
    done = shared_world.run(*call, env=served.environ)
    assert done.code == 0, done.err
    assert done.json["Arn"] == ARN


def test_the_aws_sdk_for_javascript_uses_it(shared_world: World, served: Server) -> None:
    (shared_world.home / "node_modules").symlink_to(node_modules(shared_world))
    script = shared_world.home / "who.mjs"
    script.write_text(_JAVASCRIPT)
    done = shared_world.run("node", str(script), env=served.environ)
    assert done.out == f"container-role {ARN}\n", done.err


def test_the_metadata_service_of_an_instance_is_served_on_request(world: World) -> None:
    with serving(world, "admin", "--imds") as server:
        block = server.blocks[0]
        assert block["AWS_EC2_METADATA_V1_DISABLED"] == "true"
        assert server.get("/latest/api/token")[0] == 401
        given = {name: text for name, text in block.items() if "CONTAINER" not in name}
        more = {
            "AWS_EC2_METADATA_DISABLED": None,
            "AWS_METADATA_SERVICE_TIMEOUT": "60",  # botocore gives up after a second
            **given,
        }
        done = world.run(sys.executable, "-c", _BOTO3, env={**NO_OTHERS, **more})
        assert done.out == f"iam-role {ARN}\n", done.err
        assert block["AWS_EC2_METADATA_SERVICE_ENDPOINT"].endswith("/")  # else the AWS CLI fails
        assert "every user of this machine can get the session of admin" in server.stop().err
    for more_arguments in (("hub",), ("--docker", "run")):
        assert world.rolehop("serve", "admin", "--imds", *more_arguments).code == 2


def test_what_becomes_of_a_chain_is_said_and_answered(world: World) -> None:
    world.sts.now -= timedelta(hours=1, seconds=-6)
    with serving(world, "admin") as server:
        world.config(CONFIG.replace("333333333333:role/Admin", "444444444444:role/Audit"))
        assert server.process.stderr is not None
        line = next(each for each in server.process.stderr if "admin: " in each)
        arn = "arn:aws:sts::444444444444:assumed-role/Audit/me"
        assert line == f"rolehop: admin: its sessions are {arn} from now on\n"
        world.sts.world.refused_with["arn:aws:iam::444444444444:role/Audit"] = "because"
        line = next(each for each in server.process.stderr if "admin: " in each)
        assert line.startswith("rolehop: admin: AWS refused hop 2 of admin, ")
        status, body = server.get()
        assert status == 403
        assert "AWS refused hop 2 of admin" in json.loads(body)["message"]
        shown = world.rolehop("status", "--format", "json").json["servers"][0]["chains"][0]
        assert (shown["expires_at"], shown["next_renewal"]) == (None, None)
        assert "AWS refused" in shown["problem"]


def test_a_chain_that_asks_since_a_while_is_served_no_more(world: World) -> None:
    """The config is read again at each renewal; a server that runs asks nobody."""
    world.sts.now -= timedelta(hours=1, seconds=-6)
    with serving(world, "hub") as server:
        world.config(CONFIG.replace("[chains.hub]\n", "[chains.hub]\nconfirm = true\n"))
        assert server.process.stderr is not None
        line = next(each for each in server.process.stderr if "hub: " in each)
        assert "a confirmation is needed, and a server asks nobody" in line
        while (answer := server.get())[0] == 200:  # until the session ends
            time.sleep(0.05)
        assert answer[0] == 400
        assert "chain 'hub' has confirm = true" in json.loads(answer[1])["message"]


def test_a_server_leaves_nothing_behind(world: World) -> None:
    (world.folder / "run").mkdir(mode=0o700)
    token = world.folder / "run" / "token"
    arguments = ("own", "--token-file", str(token), "--socket", "sock")
    with serving(world, *arguments) as server:
        assert token.read_text() == server.blocks[0][TOKEN]
        assert world.rolehop("status", "--format", "json").json["servers"][0]["pid"] == (
            server.process.pid
        )
        done = server.stop(signal.SIGINT)
        assert (done.code, done.out) == (0, "")
        assert "token" not in done.err
    left = [each for each in (token, world.home / "sock") if each.exists()]
    assert left + list((world.state / "servers").iterdir()) == []


def test_what_a_killed_server_left_is_removed_by_the_next_look(world: World) -> None:
    (world.folder / "run").mkdir(mode=0o700)
    with serving(world, "own", "--socket", "sock") as server:
        token = Path(server.blocks[0][TOKEN_FILE])
        server.stop(signal.SIGKILL)
    assert token.exists()
    assert world.rolehop("status", "--format", "json").json["servers"] == []
    left = [each for each in (token, world.home / "sock") if each.exists()]
    assert left + list((world.state / "servers").iterdir()) == []


def test_one_that_is_killed_while_it_asks_leaves_no_token(world: World) -> None:
    """Nothing notes it yet, so nothing would remove that."""
    (world.folder / "run").mkdir(mode=0o700)
    world.config(CONFIG.replace("[chains.hub]\n", "[chains.hub]\nconfirm = true\n"))
    with OnTerminal(world, SCRIPT, "serve", "hub") as person:
        person.expect("hub")
        person.process.kill()
    assert list((world.folder / "run").iterdir()) == []


def test_status_shows_servers_and_stop_ends_them(world: World) -> None:
    with serving(world, "own", "hub") as server, serving(world, "admin") as other:
        server.get()
        shown = world.rolehop("status").out
        assert re.search(rf"serve server {server.process.pid}  http://127.0.0.1:\d+", shown)
        assert re.search(
            r"hub  222222222222:assumed-role/Hub/\S+  1 h left  renewed in [34]\d min", shown
        )
        found = world.rolehop("status", "--format", "json").json["servers"]
        assert [[row["chain"] for row in each["chains"]] for each in found] == [
            ["own", "hub"],
            ["admin"],
        ]
        assert list(found[0]) == [
            *("pid", "command", "started_at", "address", "socket", "requests", "clients", "chains")
        ]
        of_server = f"the server of own, hub (process {server.process.pid})"
        said = f"{of_server} goes on: rolehop serve --stop ends it"
        assert said in world.rolehop("logout", "hub").err.replace("\n ", "")
        done = world.rolehop("serve", "--stop", "admin")
        assert done.err == f"rolehop: the server of admin (process {other.process.pid}) has ended\n"
        assert (ended(other.process).code, server.get()[0]) == (0, 200)
        world.rolehop("serve", "--stop")
        assert ended(server.process).code == 0
    assert world.rolehop("serve", "--stop").err == "rolehop: no server runs\n"


def test_a_port_in_use_is_refused_before_anything_is_asked(
    shared_world: World, served: Server
) -> None:
    port = served.blocks[0][URI].split(":")[2].split("/")[0]
    before = list(shared_world.sts.calls)
    done = shared_world.rolehop("serve", "hub", "--port", port)
    assert (done.code, done.out) == (2, "")
    assert f"rolehop serve, process {served.process.pid}, serves admin, " in done.err
    with socket.create_server(("127.0.0.1", 0)) as other:
        done = shared_world.rolehop("serve", "hub", "--port", str(other.getsockname()[1]))
        assert done.code == 2
        if sys.platform == "linux":
            assert re.search(r"\S+, process \d+, has it", done.err)
    assert shared_world.sts.calls == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("hub", "--token-file", "token"), "would be on a disk"),
        (("hub", "--socket", "no/such/folder/sock"), "cannot listen on"),
        (("hub", "--socket", "/tmp/sock"), "/tmp/sock would not be safe"),  # noqa: S108
        (("hub", "--idle-timeout", "0"), "would end it at once"),
        (("hub", "--print-env", "--shell", "no-such-shell"), "no-such-shell"),
        ((), "no chain is named"),
    ],
)
def test_what_makes_no_sense_is_refused_at_once(
    shared_world: World, arguments: tuple[str, ...], words: str
) -> None:
    done = shared_world.rolehop("serve", *arguments)
    assert done.code == 2
    assert words in done.err


def test_a_socket_is_refused_below_a_folder_where_others_could_put_another_one(
    shared_world: World,
) -> None:
    above = shared_world.home / "open"
    (above / "mine").mkdir(parents=True, mode=0o700)
    above.chmod(0o777)
    done = shared_world.rolehop("serve", "hub", "--socket", "open/mine/sock")
    assert done.code == 2
    assert f"{above}: everybody on this machine can write it" in done.err


def test_a_chain_that_asks_is_asked_before_it_is_served(world: World) -> None:
    world.config(CONFIG.replace("[chains.hub]\n", "[chains.hub]\nconfirm = true\n"))
    done = world.rolehop("serve", "hub", "--print-env")
    assert (done.code, done.out) == (8, "false\n")
    assert world.sts.calls == []


def test_addresses_are_shown_without_the_token(world: World) -> None:
    with world.start(SCRIPT, "serve", "own") as process:
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(4)]
        shown = next(each for each in lines if URI in each)
        assert re.search(r"FULL_URI=http://127.0.0.1:\d+/chains/own$", shown.strip())
        process.send_signal(signal.SIGTERM)
        done = ended(process)
    assert (done.code, done.out) == (0, "")
    assert "AUTHORIZATION_TOKEN=" not in "".join(lines) + done.err


_AT_A_PROMPT = """\
eval "$(rolehop serve own --print-env -q &)"
trap : INT
kill -INT 0
rolehop serve --stop
exit
"""


def test_ctrl_c_at_the_prompt_does_not_end_a_server_in_the_background(world: World) -> None:
    """There it is in the shell's own group, which gets the signal."""
    with OnTerminal(world, "bash", "--norc", "-i", input=_AT_A_PROMPT) as shell:
        assert re.search(r"rolehop: the server of own \(process \d+\) has ended", shell.ended().err)
