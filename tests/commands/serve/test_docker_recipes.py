"""What is printed for containers: paths, addresses, and the token by its name only."""

from __future__ import annotations

import json
import re
import shlex
import subprocess

import pytest

from rolehop.base.dataclass import replace
from rolehop.commands.serve.containers import RECIPES, DockerServer, recipe

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
)
DESKTOP = replace(LINUX, chains=["admin"], region=None, folder=None, token_file=None)


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
        *("-v", "/run/user/1000/1.token:/run/rolehop-token:ro"),
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


def test_a_devcontainer_has_them_as_its_properties() -> None:
    lines = recipe("devcontainer", LINUX).splitlines()
    text = "".join(each for each in lines if not each.startswith("//"))
    assert json.loads(f"{{{text.removesuffix(',')}}}") == {
        "runArgs": ["--network=rolehop", f"--env={TOKEN}"],
        "mounts": ["type=bind,readonly,source=/run/user/1000/1.token,target=/run/rolehop-token"],
        "containerEnv": {
            "AWS_REGION": "eu-west-1",
            URI: SPOKE,
            TOKEN_FILE: "/run/rolehop-token",
            **dict.fromkeys(
                ("NO_PROXY", "no_proxy"), "${localEnv:NO_PROXY:localhost},169.254.170.2"
            ),
        },
    }


@pytest.mark.parametrize("name", RECIPES)
def test_a_path_stays_one_word(name: str) -> None:
    odd = replace(LINUX, token_file="/run/a b;$(id)")
    assert "/run/rolehop-token" not in recipe(name, odd)  # Docker cannot be given its path
    assert """$(cat '/run/a b;$(id)')""" in recipe(name, odd)
    hidden = replace(LINUX, token_file="/run/a\nid")
    assert "$(cat NAME)" in recipe(name, hidden)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_is_filled_in(name: str) -> None:
    assert not re.search("<[A-Z_]+>", recipe(name, LINUX) + recipe(name, DESKTOP))
    assert "Other chains are at /chains/admin\n" in recipe(name, LINUX)
    assert "Other chains" not in recipe(name, DESKTOP)
