"""Let containers ask a server: where it listens for them, and the recipes by which they get there."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument, is_plain, posix_argument
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import UsageError
from rolehop.base.files import make_private_folder
from rolehop.commands.serve.loop import FORWARDED_PORT
from rolehop.commands.serve.rules import SessionForm, path_of
from rolehop.commands.serve.running import SERVE, ServerRow, running_servers
from rolehop.commands.serve.token_file import runtime_folder

if TYPE_CHECKING:
    from rolehop.app.context import App

_SOCKET = "sock"
_RUNTIME = "${XDG_RUNTIME_DIR}"
_TOKEN_TARGET = "/run/rolehop-token"  # noqa: S105 - a path


def listens_on_socket() -> bool:
    """True if containers of this system can use a Unix socket of it: elsewhere they are in a VM."""
    return sys.platform == "linux"


def socket_for_containers(app: App, named: Path | None, token_file: Path | None) -> Path:
    """Return the socket to listen on, whose folder is mounted in the forwarder.

    A forwarder goes on with the next server: that makes a new socket in the same folder. The token
    is to be in ``token_file``, if that was named.

    Raises:
        UsageError: there is a server already, or the folder is not fit to be mounted.
    """
    path = named or _usual_socket(app)
    for server in running_servers(app):
        if server.socket == str(path):
            served = ", ".join(each.chain for each in server.chains)
            raise UsageError(
                "a server for containers runs already",
                cause=f"process {server.process} serves {served}",
                fix="for another recipe of it, rolehop serve CHAIN --docker HOW, without more options",
            )
    if named is None:
        with suppress(OSError):  # then it cannot be listened on either
            make_private_folder(path.parent)
    _check_folder(path)
    if token_file is not None and token_file.resolve().is_relative_to(path.parent.resolve()):
        raise UsageError(
            f"{token_file} would be in the folder that containers see",
            fix="name a file in another folder",
        )
    return path


def _usual_socket(app: App) -> Path:
    return (runtime_folder(app.environ) or app.state_folder) / "rolehop" / _SOCKET


def server_of_containers(app: App, names: Sequence[str]) -> ServerRow | None:
    """Return the server that containers reach, if one runs: any number of recipes are for that.

    Raises:
        UsageError: it has not all chains of ``names``.
    """
    usual = str(_usual_socket(app))
    for server in running_servers(app):
        by_port = server.socket is None and server.address.endswith(f":{FORWARDED_PORT}")
        is_found = server.socket == usual or by_port
        if is_found and server.for_containers and server.command == SERVE:
            served = [each.chain for each in server.chains]
            lacking = [name for name in names if name not in served]
            if lacking:
                raise UsageError(
                    f"the server for containers does not have {', '.join(lacking)}",
                    cause=f"process {server.process} serves {', '.join(served)}",
                    fix=Advice(
                        "rolehop serve --add",
                        *(part for each in lacking for part in (" ", Argument(each))),
                    ),
                )
            return server
    return None


def is_mountable(path: str | None) -> bool:
    """True if Docker can be given a path as the source of a mount, quoted or not."""
    return path is not None and is_plain(path) and ":" not in path


def _check_folder(path: Path) -> None:
    """Refuse a folder that is not this user's alone, or has more in it than the socket."""
    problem = None
    try:
        if stat.S_IMODE(path.parent.stat().st_mode) & 0o077:
            problem = "others can look into it (chmod 700)"
        elif any(each.name != path.name for each in path.parent.iterdir()):
            problem = "there is something else in it"
        elif not is_mountable(str(path)):
            problem = "Docker cannot be given its path"
    except OSError as error:
        problem = error.strerror or str(error)
    if problem is not None:
        raise UsageError(
            f"{path.parent} cannot be mounted in a container",
            cause=problem,
            fix="name a socket in a folder of its own: --socket FOLDER/sock",
        )


# A line whose <FIELD> has no value is left out.
_FORWARDER = """\
# The forwarder's image sees every token and every session that passes. So it is named by the digest
# of one that you trust, for example:
#   docker pull alpine/socat
#   export ROLEHOP_FORWARDER_IMAGE="$(docker image inspect -f '{{index .RepoDigests 0}}' alpine/socat)"
"""

_IMAGE = "${ROLEHOP_FORWARDER_IMAGE:?an image and its digest}"

_FILE = """\
# Some programs read only <TOKEN_TARGET>, and fail if they cannot: run them as root of the container
# or under your own user ID, or leave out what names <TOKEN_TARGET>. AWS's SDK for JavaScript, version
# 2, wants AWS_CONTAINER_CREDENTIALS_RELATIVE_URI=<PATH> instead of the FULL_URI.
"""

_FORWARD_SCRIPT = "/usr/local/bin/rolehop-forward"
_NO_PROXY = "${NO_PROXY:-localhost},169.254.170.2"

_RUN = f"""\
# In another shell. Once: a network with the address that AWS SDKs ask, and a forwarder there.
{_FORWARDER}docker network create --subnet 169.254.170.0/24 --ip-range 169.254.170.128/25 rolehop
docker run -d --rm --name rolehop --network rolehop --ip 169.254.170.2 \\
  -v <MOUNT> \\
  "{_IMAGE}" TCP-LISTEN:80,fork,max-children=64,reuseaddr <FORWARD>
# Then each container.
{_FILE}export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
docker run --rm -it --network rolehop \\
  -e AWS_REGION=<REGION> \\
  -e AWS_CONTAINER_CREDENTIALS_FULL_URI=http://169.254.170.2<PATH> \\
  -v <TOKEN_MOUNT> -e AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=<TOKEN_TARGET> \\
  -e NO_PROXY="{_NO_PROXY}" -e no_proxy="{_NO_PROXY}" \\
  -e AWS_CONTAINER_AUTHORIZATION_TOKEN IMAGE
# Other chains are at <OTHERS>
"""

_COMPOSE = f"""\
# compose.rolehop.yaml.
{_FORWARDER}{_FILE}# In another shell:
#   export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
#   docker compose -f compose.yaml -f compose.rolehop.yaml up
services:
  app: # your service
    depends_on: [rolehop]
    networks: [default, rolehop]
    environment:
      AWS_REGION: <REGION>
      AWS_CONTAINER_CREDENTIALS_FULL_URI: http://169.254.170.2<PATH>
      AWS_CONTAINER_AUTHORIZATION_TOKEN: ${{AWS_CONTAINER_AUTHORIZATION_TOKEN:?}}
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: <TOKEN_TARGET>
      NO_PROXY: "{_NO_PROXY}"
      no_proxy: "{_NO_PROXY}"
    volumes: [<TOKEN_MOUNT>]
  rolehop:
    image: {_IMAGE}
    command: TCP-LISTEN:80,fork,max-children=64,reuseaddr <FORWARD>
    volumes: [<MOUNT>]
    networks: {{ rolehop: {{ ipv4_address: 169.254.170.2 }} }}
networks:
  default: {{}} # podman-compose takes none for granted
  rolehop: {{ ipam: {{ config: [{{ subnet: 169.254.170.0/24, ip_range: 169.254.170.128/25 }}] }} }}
# Other chains are at <OTHERS>
"""

# What is within the feature's folder is read by a shell and as JSON: no field has a quote in it.
_DEVCONTAINER = f"""\
# In the project's folder: a feature for its devcontainer, which then has a forwarder of its own.
mkdir -p .devcontainer/rolehop
cat >.devcontainer/rolehop/devcontainer-feature.json <<'END'
{{
  "id": "rolehop",
  "version": "1.0.0",
  "name": "AWS sessions of rolehop, on the host",
  "mounts": <MOUNTS>,
  "containerEnv": {{
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1:<OWN_PORT><PATH>",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "<TOKEN_TARGET>",
    "AWS_REGION": "<REGION>",
    "no_proxy": "${{NO_PROXY:-localhost}},127.0.0.1",
    "NO_PROXY": "${{NO_PROXY:-localhost}},127.0.0.1"
  }},
  "entrypoint": "{_FORWARD_SCRIPT}"
}}
END
cat >.devcontainer/rolehop/install.sh <<'END'
#!/bin/sh
set -eu
if ! command -v socat >/dev/null; then
  if command -v apt-get >/dev/null; then
    apt-get update
    apt-get install -y --no-install-recommends socat
    rm -rf /var/lib/apt/lists/*
  elif command -v apk >/dev/null; then
    apk add --no-cache socat
  else
    dnf install -y socat
  fi
fi
cat >{_FORWARD_SCRIPT} <<'EOF'
#!/bin/sh
socat TCP-LISTEN:<OWN_PORT>,bind=127.0.0.1,fork,max-children=64,reuseaddr <FORWARD> &
exec "$@"
EOF
chmod 755 {_FORWARD_SCRIPT}
END
# Then add to .devcontainer/devcontainer.json, and rebuild the container:
#   "features": {{ "./rolehop": {{}} }}
# The folder is good for the next server, too, if that has the same --token-file. Some programs do
# not read the token's file. For them start the editor where the token is in the environment:
#   export AWS_CONTAINER_AUTHORIZATION_TOKEN="$(cat <TOKEN_FILE>)"
# and add:
#   "remoteEnv": {{ "AWS_CONTAINER_AUTHORIZATION_TOKEN": "${{localEnv:AWS_CONTAINER_AUTHORIZATION_TOKEN}}" }}
# Other chains are at <OTHERS>
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
    token_mount: str | None
    """The same as it is written within double quotes; ``None``: it cannot be mounted."""


def docker_server(
    environ: Mapping[str, str],
    chains: Sequence[str],
    region: str | None,
    address: str,
    socket: str | None,
    token_file: str | None,
) -> DockerServer:
    """Return a server at ``address`` that listens on ``socket``, too, as containers reach it.

    ``region`` is that of the first of ``chains``.
    """
    runtime = runtime_folder(environ)

    def written(path: Path) -> str:
        if runtime is not None and path.is_relative_to(runtime):
            return f"{_RUNTIME}/{path.relative_to(runtime)}"
        return str(path)

    path = None if socket is None else Path(socket)
    token = Path(token_file) if token_file is not None and is_mountable(token_file) else None
    return DockerServer(
        chains=chains,
        region=region,
        port=int(address.rpartition(":")[2]),
        folder=written(path.parent) if path is not None and listens_on_socket() else None,
        socket="" if path is None else path.name,
        token_file=token_file,
        token_mount=None if token is None else written(token),
    )


def recipe(name: str, server: DockerServer) -> str:
    """Return one of `RECIPES` for a server."""
    first, *others = server.chains
    by_port = f"host.docker.internal:{server.port}"
    process = path_of(first, SessionForm.PROCESS)
    mount = None if server.folder is None else f'"{server.folder}:/run/rolehop:ro"'
    token = server.token_mount
    mounts = ((token, _TOKEN_TARGET), (server.folder, "/run/rolehop"))
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
        "TOKEN_MOUNT": f'"{token}:{_TOKEN_TARGET}:ro"' if token else None,
        "MOUNTS": json.dumps(
            [
                f"type=bind,readonly,source={_for_editor(source)},target={target}"
                for source, target in mounts
                if source
            ]
        ),
        "OWN_PORT": str(FORWARDED_PORT if mount else server.port),
        "TOKEN_TARGET": _TOKEN_TARGET if token else None,
    }
    return "".join(_filled(line, fields) for line in RECIPES[name].splitlines(keepends=True))


def _for_editor(path: str) -> str:
    """Return a path as a devcontainer's properties have it."""
    return path.replace(_RUNTIME, "${localEnv:XDG_RUNTIME_DIR}")


def _filled(line: str, fields: dict[str, str | None]) -> str:
    for name, value in fields.items():
        if f"<{name}>" in line:
            if value is None:
                return ""
            line = line.replace(f"<{name}>", value)
    return line
