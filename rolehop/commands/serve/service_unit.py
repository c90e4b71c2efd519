"""A definition that has systemd or launchd run a server for as long as somebody is logged in."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.base.advice import is_plain
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import UsageError
from rolehop.base.text import is_visible, pluralize, visible
from rolehop.commands.serve.loop import ADDRESS, address_of
from rolehop.commands.serve.rules import metadata_of, path_of
from rolehop.commands.serve.token_file import runtime_variable
from rolehop.handover.environment import FULL_URI
from rolehop.handover.formats import METADATA, TOKEN, TOKEN_FILE

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.commands.serve.server import ServerSettings

SYSTEMD, SYSTEMD_SOCKET, LAUNCHD = "systemd", "systemd-socket", "launchd"

SERVICE_PORT = 51680
"""A port for programs to remember; ``--port`` names another."""

_TOKEN = "rolehop.token"  # noqa: S105 - the name of a file

_VARIABLES = (
    "ROLEHOP_CONFIG",
    "XDG_CONFIG_HOME",
    "XDG_STATE_HOME",
    "PYTHON_KEYRING_BACKEND",
    "PASSWORD_STORE_DIR",
    "GNUPGHOME",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_CA_BUNDLE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
)
"""What the server is to have as it is here: no secret, and no proxy, whose address may hold one."""

# Of rolehop's exit codes those that trying again does not change: usage, config, credentials or a
# sign-in, a refusal, a question.
_LASTING = "2 3 4 5 8"
_MOST_NAMES = 3
_NO_PROGRAM = frozenset("\"'\\")  # string_is_safe() of systemd


@dataclass(frozen=True, slots=True)
class Service:
    """A server as a program that somebody else starts."""

    chains: Sequence[str]
    command: Sequence[str]
    """``rolehop serve``, with options of its own."""
    arguments: Sequence[str]
    """What was typed."""
    folder: str
    """Where it was typed."""
    has_token_file: bool = False
    """Whether what was typed names one."""
    port: int = SERVICE_PORT


def unit_text(manager: str, service: Service, app: App) -> str:
    """Return the definition for `SYSTEMD`, `SYSTEMD_SOCKET` or `LAUNCHD`; the token is in memory there.

    Raises:
        UsageError: it cannot be.
    """
    environ = {name: app.environ[name] for name in _VARIABLES if app.environ.get(name)}
    words = (*service.chains, *service.command, *service.arguments)
    for each in (service.folder, *words, *environ.values()):
        if not is_visible(each):
            raise UsageError(f"a unit cannot hold this: {visible(each)}")
    if manager == SYSTEMD_SOCKET:
        return systemd_socket(service)
    if manager == SYSTEMD:
        _check_paths(service)
        return systemd_unit(service, environ)
    variable = runtime_variable(app.environ)
    if variable is None:
        raise UsageError(
            "launchd gives a server no place for its token",
            cause="neither TMPDIR nor XDG_RUNTIME_DIR names a folder of yours",
            fix="set one to a folder that only you can change",
        )
    folder = app.environ[variable]
    path = app.environ.get("PATH", "")
    if path and is_visible(
        path
    ):  # launchd's own lacks Homebrew's folders, where sources find programs
        environ["PATH"] = path
    return _launchd_plist(service, {**environ, variable: folder}, f"{folder.rstrip('/')}/{_TOKEN}")


def _check_paths(service: Service) -> None:
    """Refuse what systemd takes in no spelling.

    Raises:
        UsageError: there is such a path.
    """
    if service.folder.endswith(("\\", " ")):  # the end of a line, and what is cut off there
        raise UsageError("a unit cannot name this folder", fix="go to another one")
    if not _NO_PROGRAM.isdisjoint(service.command[0]):
        raise UsageError(
            f"systemd starts no program with this path: {service.command[0]}",
            fix="install rolehop in a folder without quotes and backslashes in its path",
        )


def systemd_unit(service: Service, environ: Mapping[str, str]) -> str:
    """Return a user unit (systemd.service(5)), where ``%t`` is ``XDG_RUNTIME_DIR``."""
    program, *words = service.command
    token = () if service.has_token_file else ("--token-file", f"%t/{_TOKEN}")
    # No variable is looked for in the program's path, so a dollar there is one.
    command = [_word(program, dollar="$"), *map(_word, words), *token]
    variables = (_word(f"{name}={value}", dollar="$") for name, value in environ.items())
    return "\n".join(
        [
            "[Unit]",
            # A name may end with a backslash, which continues a line.
            f"Description={_chains_of(service)}, served by rolehop",
            "Requires=%N.socket",
            "After=%N.socket",
            # Else the socket is closed once the service was started too often.
            "StartLimitIntervalSec=0",
            "",
            "[Service]",
            f"ExecStart={' '.join([*command, *map(_word, service.arguments)])}",
            f"WorkingDirectory={service.folder.replace('%', '%%')}",
            *(f"Environment={each}" for each in variables),
            "Restart=on-failure",
            "RestartSec=10",
            f"RestartPreventExitStatus={_LASTING}",
            "",
            "[Install]",
            "WantedBy=default.target",
            "Also=%N.socket",
            "",
        ]
    )


def systemd_socket(service: Service) -> str:
    """Return the unit of the service's port (systemd.socket(5)).

    systemd listens there also while the service is not there, be it killed: what holds its token
    sends that to nobody else.
    """
    return "\n".join(
        [
            "[Unit]",
            f"Description=The port of {_chains_of(service)}, served by rolehop",
            "",
            "[Socket]",
            f"ListenStream={ADDRESS}:{service.port}",
            # A service that cannot start would be started for ever for one waiting client.
            "FlushPending=yes",
            # Else the socket is closed after many requests that found no service.
            "TriggerLimitIntervalSec=0",
            "",
            "[Install]",
            "WantedBy=sockets.target",
            "",
        ]
    )


def _chains_of(service: Service) -> str:
    many = len(service.chains) > _MOST_NAMES
    chains = pluralize(len(service.chains), "chain") if many else " ".join(service.chains)
    return chains.replace("%", "%%")


def _launchd_plist(service: Service, environ: Mapping[str, str], token_file: str) -> str:
    """Return an agent's property list (launchd.plist(5)).

    It is started once: launchd cannot tell a failure that lasts from another.
    """
    token = () if service.has_token_file else ("--token-file", token_file)
    content = {
        "Label": "rolehop",
        "ProgramArguments": [*service.command, *token, *service.arguments],
        "WorkingDirectory": service.folder,
        "EnvironmentVariables": dict(environ),
        "RunAtLoad": True,
        "ProcessType": "Background",
    }
    return plistlib.dumps(content, sort_keys=False).decode()


def usage_lines(
    manager: str, chains: Sequence[str], settings: ServerSettings, environ: Mapping[str, str]
) -> list[str]:
    """Say how the service is started, and which variables a program then needs."""
    if manager == SYSTEMD_SOCKET:
        return ["it is ~/.config/systemd/user/rolehop.socket, beside that of --unit systemd"]
    start = (
        "systemctl --user enable --now rolehop  (~/.config/systemd/user/rolehop.service, and"
        " rolehop.socket of --unit systemd-socket)"
        if manager == SYSTEMD
        else "launchctl bootstrap gui/$UID ~/Library/LaunchAgents/rolehop.plist"
    )
    variable = runtime_variable(environ) if manager == LAUNCHD else None
    address = _address(settings)
    token = settings.token_file or f"${variable or 'XDG_RUNTIME_DIR'}/{_TOKEN}"
    lines = [
        f"to start it: {start}",
        "programs then need:",
        *(f"  {FULL_URI}={address}{path_of(each)}" for each in chains),
        f"  {TOKEN_FILE}={token}",
        f'  {TOKEN}="$(cat "{token}")"  (some SDKs read no file)',
    ]
    if settings.imds:
        lines.append(f"  {METADATA}={metadata_of_service(settings)}, in place of these")
    return lines


def metadata_of_service(settings: ServerSettings) -> str:
    """Return where SDKs find the service's metadata service."""
    return metadata_of(_address(settings))


def _address(settings: ServerSettings) -> str:
    return address_of(settings.port or SERVICE_PORT)


def _word(text: str, *, dollar: str = "$$") -> str:
    """Return one word of a command line (systemd.service(5), "Command lines")."""
    if is_plain(text.lstrip("-")):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{text.replace("$", dollar)}"'
