"""``serve --docker``, ``exec --docker``: containers get sessions by what the recipes say."""

from __future__ import annotations

import re
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from rolehop.commands.serve.containers import DockerServer, recipe
from tests.commands.serve.devcontainer import feature
from tests.commands.serve.network_namespace import containers
from tests.commands.serve.server import NO_OTHERS, TOKEN, end, serving
from tests.support.world import World

FULL_URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"

_WHO = """
import boto3
found = boto3.Session().get_credentials()
print(found.method, found.access_key)
"""

_FIRST_ASK = """
import http.client, sys, time
while True:
    try:
        client = http.client.HTTPConnection("169.254.170.2", timeout=60)
        client.request("GET", "/chains/admin")
        break
    except ConnectionRefusedError:  # the forwarder does not listen yet
        time.sleep(0.01)
print(client.getresponse().status)
"""


class Printed:
    """What a server for containers printed, and the token that it names."""

    def __init__(self, world: World, text: str) -> None:
        self.text = text
        named = re.search(rf'export {TOKEN}="\$\(cat (\S+)\)"', text)
        assert named is not None, text
        self.token = Path(named[1]).read_text()
        self.folder = world.folder / "run" / "rolehop"

    @property
    def environ(self) -> dict[str, str | None]:
        """What a program of a container has: no credentials, and the token."""
        return {**NO_OTHERS, TOKEN: self.token}

    def on_host(self, text: str) -> str:
        """Return a part of it for here, where nothing is mounted."""
        return text.replace("/run/rolehop", str(self.folder))


@contextmanager
def printed(world: World, name: str, *chains: str) -> Iterator[Printed]:
    """Start a server that prints a recipe."""
    (world.folder / "run").mkdir(mode=0o700, exist_ok=True)
    arguments = ("serve", *(chains or ("admin",)), "--docker", name)
    with world.fork(*arguments) as process:
        assert process.stdout is not None
        text = process.stdout.read()
        try:
            assert text, process.stderr.read() if process.stderr else ""
            yield Printed(world, text)
        finally:
            end(process)


def key_of(world: World, role: str) -> str:
    """Return the access key ID of the last session of a role."""
    return [key for key, each in world.sts.world.keys.items() if f"/{role}/" in each.arn][-1]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
@pytest.mark.root("to make network namespaces")
def test_a_container_gets_its_session_through_the_forwarder(world: World) -> None:
    """The forwarder is the real one, the two containers are network namespaces."""
    with (
        containers("socat") as (forwarder, client),
        printed(world, "compose") as found,
    ):
        services = yaml.safe_load(found.text)["services"]
        command = found.on_host(services["rolehop"]["command"])
        socat = forwarder.command("socat", *command.split())
        with world.start(*socat, env=found.environ) as forwarding:
            try:
                without = client.command(sys.executable, "-c", _FIRST_ASK)
                assert world.run(*without, env=NO_OTHERS).out == "401\n"
                app = services["app"]
                file, target, _ = app["volumes"][0].split(":")
                assert app["environment"][TOKEN_FILE] == target
                file = file.replace("${XDG_RUNTIME_DIR}", str(world.folder / "run"))
                given = {FULL_URI: app["environment"][FULL_URI], TOKEN_FILE: file}
                assert app["environment"]["NO_PROXY"].endswith(",169.254.170.2")
                who = client.command(sys.executable, "-c", _WHO)
                done = world.run(*who, env={**found.environ, **given})
                assert done.out == f"container-role {key_of(world, 'Admin')}\n", done.err
            finally:
                forwarding.terminate()


def test_a_compose_override_mounts_the_folder_and_names_the_token(world: World) -> None:
    with printed(world, "compose", "spokes/444444444444", "admin") as found:
        assert found.token not in found.text
        override: dict[str, Any] = yaml.safe_load(found.text)
        app, forwarder = override["services"]["app"], override["services"]["rolehop"]
        assert app["environment"] == {
            FULL_URI: "http://169.254.170.2/chains/spokes/444444444444",
            TOKEN: f"${{{TOKEN}:?}}",
            TOKEN_FILE: "/run/rolehop-token",
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "${NO_PROXY:-localhost},169.254.170.2"),
        }
        assert "# Other chains are at /chains/admin\n" in found.text
        assert forwarder["volumes"] == ["${XDG_RUNTIME_DIR}/rolehop:/run/rolehop:ro"]
        assert forwarder["networks"] == {"rolehop": {"ipv4_address": "169.254.170.2"}}
        used = {*app["networks"], *forwarder["networks"]}
        assert used == set(override["networks"])  # podman-compose wants "default", too
        assert stat.S_IMODE(found.folder.stat().st_mode) == 0o700
        assert [each.name for each in found.folder.iterdir()] == ["sock"]
        again = world.rolehop("serve", "hub", "--docker", "run", "--read-only")
        assert again.code == 2
        assert re.search(r"process \d+ serves spokes/444444444444, admin", again.err)
    assert list((world.folder / "run").rglob("*")) == [found.folder]


def test_one_server_has_every_recipe(world: World) -> None:
    with printed(world, "compose", "own", "admin") as found:
        for name in ("run", "compose", "devcontainer", "process"):
            done = world.rolehop("serve", "admin", "--docker", name)
            assert (done.code, "serves this already" in done.err) == (0, True), done.err
            assert found.token not in done.out
            assert "Other chains are at /chains/own" in done.out
        assert world.rolehop("serve", "own", "admin", "--docker", "compose").out == found.text
        lacking = world.rolehop("serve", "hub", "--docker", "run")
        assert lacking.code == 2
        assert "does not have hub" in lacking.err
        assert "rolehop serve --add hub" in lacking.err
        assert world.rolehop("serve", "--add", "hub").code == 0
        assert "/chains/hub" in world.rolehop("serve", "hub", "--docker", "run").out
        unit = world.rolehop("serve", "admin", "--docker", "compose", "--unit", "systemd")
        assert "ExecStart=" in unit.out


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has network namespaces")
@pytest.mark.root("to make network namespaces")
def test_a_devcontainer_gets_its_session_through_its_feature(world: World) -> None:
    """Its container is a network namespace; `install.sh` finds socat there, and writes elsewhere."""
    with containers("socat") as (_, client), printed(world, "devcontainer") as found:
        made = feature(found.text, world.home)
        folder = world.home / ".devcontainer" / "rolehop"
        script = (folder / "install.sh").read_text().replace("/usr/local/bin", str(world.home))
        assert world.run("sh", "-c", found.on_host(script)).code == 0
        given = made["containerEnv"]
        source = re.search("source=(.*),target=/run/rolehop-token", made["mounts"][0])
        assert source is not None
        given[TOKEN_FILE] = source[1].replace(
            "${localEnv:XDG_RUNTIME_DIR}", str(world.folder / "run")
        )
        entrypoint = made["entrypoint"].replace("/usr/local/bin", str(world.home))
        waits = 'until ss -ltn | grep -q 51679; do sleep 0.02; done; "$@"; pkill -P $$'
        who = ("sh", "-c", waits, "sh", sys.executable, "-c", _WHO)
        command = client.command(entrypoint, *who)
        done = world.run(*command, env={**NO_OTHERS, **given})
        assert done.out == f"container-role {key_of(world, 'Admin')}\n", done.err


def test_a_container_without_a_forwarder_asks_by_curl(world: World) -> None:
    """Here for a command whose server ends with it."""
    if shutil.which("curl") is None:
        pytest.skip("not installed: curl")
    runtime = world.folder / "run"
    runtime.mkdir(mode=0o700)
    text = recipe("process", DockerServer(["admin"], None, 0, "folder", "sock", None, None))
    profile = text.replace("/run/rolehop", f"{runtime}/rolehop")
    (world.home / "container").write_text(profile)
    command = (sys.executable, "-c", _WHO)
    argv = ("env", f"AWS_CONFIG_FILE={world.home / 'container'}", *command)
    done = world.rolehop("exec", "admin", "--docker", "--", *argv, env={"PYTHONWARNINGS": None})
    assert done.out == f"custom-process {key_of(world, 'Admin')}\n", done.err


def test_no_container_sees_the_token_but_in_its_environment(world: World) -> None:
    """A shell that reads the variables has the token; what is to be typed is shown beside them."""
    (world.folder / "run").mkdir(mode=0o700)
    token = str(world.folder / "run" / "rolehop" / "token")
    done = world.rolehop("serve", "hub", "--docker", "run", "--token-file", token)
    assert (done.code, world.sts.calls) == (2, [])
    assert f"{token} would be in the folder that containers see" in done.err
    with serving(world, "hub", "--docker", "run") as server:
        assert server.process.stderr is not None
        shown = iter(server.process.stderr)
        assert any("-e AWS_CONTAINER_AUTHORIZATION_TOKEN IMAGE" in line for line in shown)


@pytest.mark.parametrize(
    ("folder", "mode", "words"),
    [
        ("run", 0o700, "there is something else in it"),
        ("open", 0o755, "others can look into it"),
        ("a:b", 0o700, "Docker cannot be given its path"),
    ],
)
def test_a_folder_that_is_not_for_containers_is_not_mounted(
    world: World, folder: str, mode: int, words: str
) -> None:
    path = world.folder / folder
    path.mkdir(mode=0o700)
    path.chmod(mode)
    if folder == "run":
        (path / "bus").touch()
    done = world.rolehop("serve", "hub", "--docker", "run", "--socket", str(path / "sock"))
    assert done.code == 2
    assert words in done.err
    assert world.sts.calls == []
