"""What to type or write so that containers get sessions from a server.

Over http, SDKs ask no other machine than 169.254.170.2 (and addresses of EKS), so a forwarder has
that address in a network of its own. The token is named, never written: whoever runs Docker has it
in the environment.
"""

from __future__ import annotations

from collections.abc import Sequence

from rolehop.advice import posix_argument
from rolehop.endpoint.rules import SessionForm, path_of
from rolehop.startup.dataclass import dataclass

# A line whose <FIELD> has no value is left out.
_FORWARDER = """\
# The forwarder's image is a setting. To pin what it is today, by its digest:
#   docker pull alpine/socat
#   export ROLEHOP_FORWARDER_IMAGE="$(docker image inspect -f '{{index .RepoDigests 0}}' alpine/socat)"
"""

_RUN = f"""\
# In another shell. Once: a network with the address that AWS SDKs ask, and a forwarder there.
docker network create --subnet 169.254.170.0/24 rolehop
docker run -d --rm --name rolehop --network rolehop --ip 169.254.170.2 \\
  -v <MOUNT> \\
  "${{ROLEHOP_FORWARDER_IMAGE:-alpine/socat}}" TCP-LISTEN:80,fork,max-children=64,reuseaddr <FORWARD>
# Then each container.
export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
docker run --rm -it --network rolehop \\
  -e AWS_REGION=<REGION> \\
  -e AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=<PATH> \\
  -e AWS_CONTAINER_AUTHORIZATION_TOKEN IMAGE
# Other chains are at <OTHERS>
{_FORWARDER}"""

_COMPOSE = f"""\
# compose.rolehop.yaml. In another shell:
#   export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
#   docker compose -f compose.yaml -f compose.rolehop.yaml up
services:
  app: # your service
    depends_on: [rolehop]
    networks: [default, rolehop]
    environment:
      AWS_REGION: <REGION>
      AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: <PATH>
      AWS_CONTAINER_AUTHORIZATION_TOKEN: ${{AWS_CONTAINER_AUTHORIZATION_TOKEN:?}}
  rolehop:
    image: ${{ROLEHOP_FORWARDER_IMAGE:-alpine/socat}}
    command: TCP-LISTEN:80,fork,max-children=64,reuseaddr <FORWARD>
    volumes: [<MOUNT>]
    networks: {{ rolehop: {{ ipv4_address: 169.254.170.2 }} }}
networks:
  rolehop: {{ ipam: {{ config: [{{ subnet: 169.254.170.0/24 }}] }} }}
# Other chains are at <OTHERS>
{_FORWARDER}"""

_DEVCONTAINER = """\
// Of devcontainer.json. Network and forwarder: rolehop serve --docker run. The editor has to be
// started where the token is in the environment:
//   export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
"runArgs": ["--network=rolehop", "--env=AWS_CONTAINER_AUTHORIZATION_TOKEN"],
"containerEnv": {
  "AWS_REGION": "<REGION>",
  "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "<PATH>"
},
// Other chains are at <OTHERS>
"""

_PROCESS = """\
# Without a forwarder, for a container with curl. Its ~/.aws/config:
[default]
region = <REGION>
credential_process = sh -c 'printf "Authorization: %s" "$AWS_CONTAINER_AUTHORIZATION_TOKEN" | curl -sSf -H @- <CURL>'
# In another shell, as root in the container or under your own user ID:
#   export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
#   docker run --rm -it -e AWS_CONTAINER_AUTHORIZATION_TOKEN<VOLUME> IMAGE
# Other chains are at <OTHERS>
"""

RECIPES = {"run": _RUN, "compose": _COMPOSE, "devcontainer": _DEVCONTAINER, "process": _PROCESS}
"""By their names on the command line."""


@dataclass(frozen=True, slots=True)
class DockerServer:
    """A server as containers reach it."""

    chains: Sequence[str]
    region: str | None
    """Of the first chain."""
    port: int
    """On 127.0.0.1; in Docker Desktop, that machine is ``host.docker.internal``."""
    folder: str | None
    """The socket's, as it is written within double quotes; ``None``: no socket can be mounted."""
    socket: str
    """Its name in there."""
    token_file: str | None


def recipe(name: str, server: DockerServer) -> str:
    """Return one of `RECIPES` for a server."""
    first, *others = server.chains
    by_port = f"host.docker.internal:{server.port}"
    process = path_of(first, SessionForm.PROCESS)
    mount = None if server.folder is None else f'"{server.folder}:/run/rolehop:ro"'
    fields = {
        "PATH": path_of(first),
        "OTHERS": " ".join(map(path_of, others)) or None,
        "REGION": server.region,
        "MOUNT": mount,
        "VOLUME": f" -v {mount}" if mount else "",
        "FORWARD": f"UNIX-CONNECT:/run/rolehop/{server.socket}" if mount else f"TCP:{by_port}",
        "CURL": (
            f"--unix-socket /run/rolehop/{server.socket} http://localhost{process}"
            if mount
            else f'-H "Host: 169.254.170.2" http://{by_port}{process}'
        ),
        "TOKEN_FILE": posix_argument(server.token_file) if server.token_file else None,
    }
    return "".join(_filled(line, fields) for line in RECIPES[name].splitlines(keepends=True))


def _filled(line: str, fields: dict[str, str | None]) -> str:
    for name, value in fields.items():
        if f"<{name}>" in line:
            if value is None:
                return ""
            line = line.replace(f"<{name}>", value)
    return line
