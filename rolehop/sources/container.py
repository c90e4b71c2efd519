"""The role of a container: ECS, EKS Pod Identity, and whatever else speaks their protocol."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rolehop.config.schema import Table
from rolehop.credentials import Credentials, Secret
from rolehop.errors import ConfigError, SourceError
from rolehop.files import NotRegular, read_regular
from rolehop.plan import Stamp
from rolehop.sources.shared.metadata_timeouts import named, patience
from rolehop.sources.source_type import Finding, SourceType, problem_of
from rolehop.startup.dataclass import dataclass
from rolehop.text import quoted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.metadata import ContainerEndpoint
    from rolehop.config.model import SourceConfig
    from rolehop.ports import Source
    from rolehop.sources.context import SourceContext

TABLE = Table(
    "sources.NAME (container)",
    "the role of an ECS task, an EKS pod, or whatever the AWS_CONTAINER_… variables point at",
    (),
)

RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - the name of a variable
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - the name of a variable

# ECS, EKS (AWS SDKs and Tools reference, "Container credential provider"): the hosts besides
# loopback that may be asked without TLS.
_ECS = "169.254.170.2"
_PLAIN_HOSTS = frozenset(map(ip_address, (_ECS, "169.254.170.23", "fd00:ec2::23")))
_LONGEST_TOKEN = 100_000  # bytes
_ABSENT = f"neither {RELATIVE} nor {FULL} is set"


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return that nothing is known before the endpoint was asked."""
    del source
    if not (inputs.environ.get(RELATIVE) or inputs.environ.get(FULL)):
        return Stamp(None, long_lived=False, problem=_ABSENT)
    try:
        address(inputs.environ)
        named(inputs.environ)
    except (ConfigError, SourceError) as error:
        return Stamp(None, long_lived=False, problem=problem_of(error))
    return Stamp(None, long_lived=False)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; nothing is asked before it is loaded."""
    del source
    return _Container(inputs)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say which variables lead where."""
    del source
    environ = inputs.environ
    looked_for = f"the variables {RELATIVE}, {FULL}"
    try:
        where = address(environ)
        named(environ)
    except (ConfigError, SourceError) as error:
        return [Finding(looked_for, problem_of(error), good=False)]
    if where is None:
        return [Finding(looked_for, "neither is set", good=False)]
    return [Finding(looked_for, f"asked at {_shown(where)}"), _token_found(environ)]


def _token_found(environ: Mapping[str, str]) -> Finding:
    looked_for = f"the variables {TOKEN_FILE}, {TOKEN}"
    try:
        token = _token(environ)
    except SourceError as error:
        return Finding(looked_for, problem_of(error), good=False)
    if token is None:
        return Finding(looked_for, "neither is set: asked without a token")
    file = environ.get(TOKEN_FILE)
    return Finding(looked_for, f"a token in {file}" if file else f"a token in {TOKEN}", good=True)


@dataclass(frozen=True, slots=True)
class _Container:
    inputs: SourceContext

    def load(self) -> Credentials | None:
        """Return the container's session; ``None``: no variable names an endpoint.

        Raises:
            SourceError: the variables or the token file are broken, or the endpoint refuses.
            ServiceError: the endpoint does not answer.
        """
        endpoint = _endpoint(self.inputs.environ)
        if endpoint is None:
            return None
        from rolehop.aws.metadata import container_session

        wait = patience(self.inputs.environ)
        set_by = RELATIVE if self.inputs.environ.get(RELATIVE) else FULL
        with wait.client(self.inputs.sleep, set_by) as http:
            return container_session(endpoint, http, wait.attempts, self.inputs.now())


def address(environ: Mapping[str, str]) -> str | None:
    """Return where the session is asked for; the relative one wins, as in botocore.

    Raises:
        SourceError: the variable names no address, or one that must not be told a token.
    """
    relative = environ.get(RELATIVE)
    if relative:
        if not relative.startswith("/"):
            raise _broken(RELATIVE, relative, "it must be a path that begins with /")
        return f"http://{_ECS}{relative}"
    full = environ.get(FULL)
    if not full:
        return None
    try:
        parts = urlsplit(full)
        host = parts.hostname or ""
        _ = parts.port  # read for its check
    except ValueError:
        parts, host = urlsplit(""), ""
    if parts.scheme not in ("http", "https") or not host:
        raise _broken(FULL, full, "it is no http:// or https:// address")
    if "@" in parts.netloc:
        raise _broken(
            FULL, full, f"a user name or password does not belong there; {TOKEN} tells who asks"
        )
    if parts.scheme == "http" and not _may_be_plain(host):
        raise _broken(
            FULL, full, "without TLS only this machine and the ECS and EKS endpoints may be asked"
        )
    return full


def _may_be_plain(host: str) -> bool:
    """Tell whether a host may be asked over http; names are not resolved, as in botocore."""
    if host == "localhost":
        return True
    try:
        found = ip_address(host)
    except ValueError:
        return False
    return found.is_loopback or found in _PLAIN_HOSTS


def _endpoint(environ: Mapping[str, str]) -> ContainerEndpoint | None:
    url = address(environ)
    if url is None:
        return None
    from rolehop.aws.metadata import ContainerEndpoint

    return ContainerEndpoint(url, _token(environ))


def _token(environ: Mapping[str, str]) -> Secret | None:
    """Return the authorization token; its file is read anew each time, since it is rotated."""
    file = environ.get(TOKEN_FILE)
    if not file:
        token = environ.get(TOKEN)
        return Secret(token) if token else None
    try:
        text = read_regular(Path(file), _LONGEST_TOKEN).decode("utf-8").rstrip("\r\n")
    except NotRegular as error:
        raise _unread(file, error.strerror, f"name a file, or put the token in {TOKEN}") from None
    except OSError as error:
        raise _unread(file, error.strerror) from None
    except UnicodeDecodeError:
        raise _unread(file, "it is not UTF-8 text") from None
    if not text:
        raise _unread(file, "it is empty")
    return Secret(text)


def _unread(file: str, cause: str | None, fix: str | None = None) -> SourceError:
    return SourceError(
        f"the container's token file cannot be read: {file}",
        cause=f"{TOKEN_FILE} names it: {(cause or 'the system does not say why').lower()}",
        fix=fix or "check the variable, and that the token is mounted",
    )


def _broken(name: str, value: str, cause: str) -> SourceError:
    return SourceError(
        f"{name} cannot be followed: {quoted(_shown(value))}",
        cause=cause,
        fix=f"correct or unset {name}",
    )


def _shown(url: str) -> str:
    """Return an address for messages: who knows the whole path of ECS's gets the credentials.

    Neither a user name or password nor more than the path's first part is left.
    """
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    first, more, _ = path.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{first}{'/…' if more else ''}"


TYPE = SourceType(TABLE, stamp, build, findings)
