"""A definition that has systemd or launchd run a server for as long as somebody is logged in."""

from __future__ import annotations

import plistlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rolehop.advice import is_plain
from rolehop.app.serving.token_file import runtime_folder
from rolehop.endpoint.listeners import ADDRESS
from rolehop.endpoint.rules import path_of
from rolehop.errors import UsageError
from rolehop.startup.dataclass import dataclass
from rolehop.text import clean, is_visible

if TYPE_CHECKING:
    from rolehop.app.context import App

SYSTEMD, LAUNCHD = "systemd", "launchd"
SERVICE_PORT = 51680
"""A port for programs to remember; ``--port`` names another."""

_TOKEN = "rolehop.token"  # noqa: S105 - the name of a file
TOKEN_OF_SERVICE = f"$XDG_RUNTIME_DIR/{_TOKEN}"
_VARIABLES = ("ROLEHOP_CONFIG", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
# Of rolehop's exit codes those that trying again does not change: usage, config, credentials or a
# sign-in, a refusal, a question.
_LASTING = "2 3 4 5 8"


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


def uri_of(chain: str, port: int) -> str:
    """Return where SDKs get the session of ``chain`` from a server on ``port``."""
    return f"http://{ADDRESS}:{port}{path_of(chain)}"


def unit_text(manager: str, service: Service, app: App) -> str:
    """Return the definition for `SYSTEMD` or `LAUNCHD`; the token is in memory there.

    Raises:
        UsageError: it cannot be.
    """
    if not is_visible(service.folder) or service.folder.endswith("\\"):
        raise UsageError("a unit cannot name this folder", fix="go to another one")
    environ = {name: app.environ[name] for name in _VARIABLES if app.environ.get(name)}
    if manager == SYSTEMD:
        return systemd_unit(service, environ)
    runtime = runtime_folder(app.environ)
    if runtime is None:
        raise UsageError(
            "launchd gives a server no place in memory for its token",
            cause="XDG_RUNTIME_DIR names no folder of yours",
            fix="set it to a folder on a RAM disk (hdiutil attach -nomount ram://8192, diskutil)",
        )
    return _launchd_plist(service, {**environ, "XDG_RUNTIME_DIR": str(runtime)})


def systemd_unit(service: Service, environ: Mapping[str, str]) -> str:
    """Return a user unit (systemd.service(5)), where ``%t`` is ``XDG_RUNTIME_DIR``."""
    before, after = (" ".join(map(_word, each)) for each in (service.command, service.arguments))
    variables = (_word(f"{name}={value}", dollar="$") for name, value in environ.items())
    return "\n".join(
        [
            "[Unit]",
            f"Description=rolehop serves {clean(' '.join(service.chains)).replace('%', '%%')}",
            "",
            "[Service]",
            f"ExecStart={before} --token-file %t/{_TOKEN} {after}",
            f"WorkingDirectory={service.folder.replace('%', '%%')}",
            *(f"Environment={each}" for each in variables),
            "Restart=on-failure",
            "RestartSec=10",
            f"RestartPreventExitStatus={_LASTING}",
            "",
            "[Install]",
            "WantedBy=default.target",
            "",
        ]
    )


def _launchd_plist(service: Service, environ: Mapping[str, str]) -> str:
    """Return an agent's property list (launchd.plist(5)).

    It is started once: launchd cannot tell a failure that lasts from another.
    """
    token = ["--token-file", f"{environ['XDG_RUNTIME_DIR']}/{_TOKEN}"]
    content = {
        "Label": "rolehop",
        "ProgramArguments": [*service.command, *token, *service.arguments],
        "WorkingDirectory": service.folder,
        "EnvironmentVariables": dict(environ),
        "RunAtLoad": True,
        "ProcessType": "Background",
    }
    return plistlib.dumps(content, sort_keys=False).decode()


def _word(text: str, *, dollar: str = "$$") -> str:
    """Return one word of a command line (systemd.service(5), "Command lines")."""
    if is_plain(text.lstrip("-")):
        return text
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    return '"' + "".join(each if each.isprintable() else _escaped(each) for each in text) + '"'


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x80 else f"\\U{code:08x}"
