"""What is printed for containers: paths, addresses, and the token by its name only."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from rolehop.base.dataclass import replace
from rolehop.commands.serve.containers import RECIPES, DockerServer, recipe
from tests.commands.serve.devcontainer import feature

TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"
URI = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
SPOKE = "http://169.254.170.2/chains/spokes/444444444444"
PROXY = "${NO_PROXY:-localhost},169.254.170.2"
NO_PROXY = ["-e", f"NO_PROXY={PROXY}", "-e", f"no_proxy={PROXY}"]
FORWARDER = "${ROLEHOP_FORWARDER_IMAGE:?an image and its digest}"
LINUX = DockerServer(
    chains=["spokes/444444444444", "admin"],
    region="eu-west-1",
    port=51679,
    folder="${XDG_RUNTIME_DIR}/rolehop",
    socket="sock",
    token_file="/run/user/1000/1.token",
    token_mount="${XDG_RUNTIME_DIR}/1.token",
)
DESKTOP = replace(
    LINUX, chains=["admin"], region=None, folder=None, token_file=None, token_mount=None
)


def commands(text: str) -> list[list[str]]:
    """Return the commands of a recipe, as a shell reads them."""
    joined = text.replace("\\\n", " ")
    return [shlex.split(each) for each in joined.splitlines() if not each.startswith("#")]


def test_docker_run_gets_the_token_from_the_environment() -> None:
    network, forwarder, export, app = commands(recipe("run", LINUX))
    assert network[-5:] == [
        *("--subnet", "169.254.170.0/24", "--ip-range", "169.254.170.128/25"),
        "rolehop",
    ]  # no container gets the forwarder's address
    assert forwarder[-5:] == [
        *("-v", "${XDG_RUNTIME_DIR}/rolehop:/run/rolehop:ro"),
        FORWARDER,
        *("TCP-LISTEN:80,fork,max-children=64,reuseaddr", "UNIX-CONNECT:/run/rolehop/sock"),
    ]
    assert forwarder[forwarder.index("--ip") + 1] == "169.254.170.2"
    assert export == ["export", f"{TOKEN}=$(cat /run/user/1000/1.token)"]
    assert app[app.index("--network") + 1 :] == [
        *("rolehop", "-e", "AWS_REGION=eu-west-1"),
        *("-e", f"{URI}={SPOKE}"),
        *("-v", "${XDG_RUNTIME_DIR}/1.token:/run/rolehop-token:ro"),
        *("-e", f"{TOKEN_FILE}=/run/rolehop-token", *NO_PROXY, "-e", TOKEN, "IMAGE"),
    ]


@pytest.mark.parametrize("name", ["run", "compose"])
def test_no_forwarder_starts_before_its_image_was_named_by_a_digest(name: str) -> None:
    """It sees every token and session; a name alone is whatever its owner makes of it tomorrow."""
    text = recipe(name, LINUX)
    assert "IMAGE:-" not in text
    told = text.index("sees every token and every session")
    assert told < text.index("{{index .RepoDigests 0}}") < text.index(FORWARDER)
    done = subprocess.run(
        ["sh", "-c", f'echo "{FORWARDER}"'], env={}, capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    assert "an image and its digest" in done.stderr


def test_docker_desktop_reaches_the_port() -> None:
    _, forwarder, app = commands(recipe("run", DESKTOP))
    assert forwarder[-1] == "TCP:host.docker.internal:51679"
    assert "-v" not in forwarder
    uri = f"{URI}=http://169.254.170.2/chains/admin"
    assert app[-9:] == ["-e", uri, *NO_PROXY, "-e", TOKEN, "IMAGE"]
    curl = 'curl -sSf -H @- -H "Host: 169.254.170.2" http://host.docker.internal:51679'
    assert f"{curl}/credential-process/admin'" in recipe("process", DESKTOP)


def test_a_devcontainer_has_a_feature_with_a_forwarder_of_its_own(tmp_path: Path) -> None:
    found = feature(recipe("devcontainer", LINUX), tmp_path)
    assert found["id"] == "rolehop" == Path(found["entrypoint"]).name.partition("-")[0]
    runtime = "type=bind,readonly,source=${localEnv:XDG_RUNTIME_DIR}"
    assert found["mounts"] == [
        f"{runtime}/1.token,target=/run/rolehop-token",
        f"{runtime}/rolehop,target=/run/rolehop",
    ]
    assert found["containerEnv"] == {
        URI: "http://127.0.0.1:51679/chains/spokes/444444444444",
        TOKEN_FILE: "/run/rolehop-token",
        "AWS_REGION": "eu-west-1",
        **dict.fromkeys(("NO_PROXY", "no_proxy"), "${NO_PROXY:-localhost},127.0.0.1"),
    }
    script = (tmp_path / ".devcontainer" / "rolehop" / "install.sh").read_text()
    assert "UNIX-CONNECT:/run/rolehop/sock &" in script


def test_a_devcontainer_in_a_vm_reaches_the_port(tmp_path: Path) -> None:
    found = feature(recipe("devcontainer", replace(DESKTOP, port=7)), tmp_path)
    assert found["mounts"] == []
    assert found["containerEnv"][URI] == "http://127.0.0.1:7/chains/admin"
    script = (tmp_path / ".devcontainer" / "rolehop" / "install.sh").read_text()
    assert "TCP-LISTEN:7,bind=127.0.0.1" in script
    assert "TCP:host.docker.internal:7 &" in script


@pytest.mark.parametrize("name", RECIPES)
def test_a_path_stays_one_word(name: str) -> None:
    odd = replace(LINUX, token_file="/run/a b;$(id)", token_mount=None)
    assert "/run/rolehop-token" not in recipe(name, odd)  # Docker cannot be given its path
    assert """$(cat '/run/a b;$(id)')""" in recipe(name, odd)
    hidden = replace(LINUX, token_file="/run/a\nid")
    assert "$(cat NAME)" in recipe(name, hidden)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_filled_in(name: str) -> None:
    assert not re.search("<[A-Z_]+>", recipe(name, LINUX) + recipe(name, DESKTOP))
    assert "Other chains are at /chains/admin\n" in recipe(name, LINUX)
    assert "Other chains" not in recipe(name, DESKTOP)
