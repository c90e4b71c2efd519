"""The role of a container: ECS, EKS Pod Identity, or any endpoint with their protocol."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from rolehop.aws.net.addresses import certain_host, host_of, is_private
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import ConfigError, SourceError
from rolehop.base.files import NotRegular, Untrusted, read_deciding
from rolehop.config.schema import Table
from rolehop.plan.model import Stamp
from rolehop.sources.source_type import Diagnosis, SourceType, one_line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.metadata import ContainerEndpoint, Timeouts
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext
    from rolehop.walk.ports import Source

_SECONDS = "AWS_METADATA_SERVICE_TIMEOUT"
_ATTEMPTS = "AWS_METADATA_SERVICE_NUM_ATTEMPTS"


def metadata_timeouts(environ: Mapping[str, str]) -> Timeouts:
    """Return the seconds and attempts to wait for. This imports botocore.

    Raises:
        ConfigError: a variable is not a number.
    """
    from rolehop.aws.metadata import Timeouts

    default = Timeouts()
    seconds, attempts = check_timeouts(environ)
    return Timeouts(seconds or default.seconds, max(1, int(attempts or default.attempts)))


def check_timeouts(environ: Mapping[str, str]) -> tuple[float | None, float | None]:
    """Return the seconds and the attempts in the variables, ``None`` for one that is not set.

    Raises:
        ConfigError: a variable is not a number.
    """
    return _number(environ, _SECONDS), _number(environ, _ATTEMPTS)


def _number(environ: Mapping[str, str], name: str) -> float | None:
    text = environ.get(name)
    if not text:
        return None
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1_000:
        raise ConfigError(
            f"{name} is invalid: {text!r}",
            cause="it is not a number between 0 and 1000",
            fix="set it to a number, e.g. 2, or unset it",
        )
    return found


TABLE = Table(
    "sources.NAME (container)",
    "the role of an ECS task or an EKS pod, or of the endpoint in the AWS_CONTAINER_… variables",
    (),
)

RELATIVE = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
FULL = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - the name of a variable
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - the name of a variable

# The hosts besides loopback that may be called without TLS: ECS and EKS (AWS SDKs and Tools
# reference, "Container credential provider").
_ECS = "169.254.170.2"
_PLAIN_HOSTS = (_ECS, "169.254.170.23", "fd00:ec2::23")
_LONGEST_TOKEN = 100_000  # bytes
_ABSENT = f"neither {RELATIVE} nor {FULL} is set"


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return an unknown stamp: only the endpoint can say whose session it is."""
    del source
    if not (context.environ.get(RELATIVE) or context.environ.get(FULL)):
        return Stamp(None, long_lived=False, problem=_ABSENT)
    try:
        endpoint_url(context.environ)
        check_timeouts(context.environ)
    except (ConfigError, SourceError) as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    return Stamp(None, long_lived=False)


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source; nothing is called before it is loaded."""
    del source
    return _Container(context)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return the endpoint and the token that the variables name."""
    del source
    environ = context.environ
    looked_for = f"the variables {RELATIVE}, {FULL}"
    try:
        url = endpoint_url(environ)
        check_timeouts(environ)
    except (ConfigError, SourceError) as error:
        return [Diagnosis(looked_for, one_line(error), good=False)]
    if url is None:
        return [Diagnosis(looked_for, "neither is set", good=False)]
    return [Diagnosis(looked_for, f"called at {_shown(url)}"), _diagnose_token(environ)]


def _diagnose_token(environ: Mapping[str, str]) -> Diagnosis:
    looked_for = f"the variables {TOKEN_FILE}, {TOKEN}"
    try:
        token = _token(environ)
    except SourceError as error:
        return Diagnosis(looked_for, one_line(error), good=False)
    if token is None:
        return Diagnosis(looked_for, "neither is set: called without a token")
    file = environ.get(TOKEN_FILE)
    return Diagnosis(looked_for, f"a token in {file}" if file else f"a token in {TOKEN}", good=True)


@dataclass(frozen=True, slots=True)
class _Container:
    context: SourceContext

    def load(self) -> Credentials | None:
        """Return the container's session, or ``None`` if no variable names an endpoint.

        Raises:
            SourceError: a variable or the token file is invalid, or the endpoint refuses.
            ServiceError: the endpoint does not answer.
        """
        endpoint = _endpoint(self.context.environ)
        if endpoint is None:
            return None
        from rolehop.aws.metadata import container_session

        timeouts = metadata_timeouts(self.context.environ)
        set_by = RELATIVE if self.context.environ.get(RELATIVE) else FULL
        with timeouts.client(self.context.sleep, set_by) as http:
            return container_session(endpoint, http, timeouts.attempts, self.context.now)


def endpoint_url(environ: Mapping[str, str]) -> str | None:
    """Return the endpoint's URL; the relative one wins, as in botocore.

    Raises:
        SourceError: the variable holds no URL, or one that must not be sent a token, or rolehop's own.
    """
    relative = environ.get(RELATIVE)
    if relative:
        if not relative.startswith("/"):
            raise _invalid(RELATIVE, relative, "it must be a path that starts with /")
        return f"http://{_ECS}{relative}"
    full = environ.get(FULL)
    if not full:
        return None
    host = certain_host(full)
    if host is None:
        raise _invalid(FULL, full, "it is not an http:// or https:// URL")
    if "@" in urlsplit(full).netloc:
        raise _invalid(
            FULL, full, f"it must not hold a user name or password; {TOKEN} holds the token"
        )
    if not is_private(full) and host not in _PLAIN_HOSTS:
        raise _invalid(
            FULL, full, "only this machine and the ECS and EKS endpoints may be called without TLS"
        )
    _refuse_own_endpoint(environ, full)
    return full


def _refuse_own_endpoint(environ: Mapping[str, str], url: str) -> None:
    """Refuse the endpoint of ``exec --server``: like a session that assume exported, it is no source."""
    chain = environ.get("ROLEHOP_CHAIN")
    if chain and urlsplit(url).path == f"/chains/{quote(chain, safe='/')}":
        raise SourceError(
            f"the endpoint in {FULL} is rolehop's own, of chain '{chain}'",
            cause="a chain must not start from what another chain hands out",
            fix="run it outside of exec --server, or continue the other chain with from = …",
        )


def _endpoint(environ: Mapping[str, str]) -> ContainerEndpoint | None:
    url = endpoint_url(environ)
    if url is None:
        return None
    from rolehop.aws.metadata import ContainerEndpoint

    return ContainerEndpoint(url, _token(environ))


def _token(environ: Mapping[str, str]) -> Secret | None:
    """Return the authorization token; its file is read each time, because it is rotated."""
    file = environ.get(TOKEN_FILE)
    if not file:
        token = environ.get(TOKEN)
        return Secret(token) if token else None
    try:
        text = read_deciding(Path(file), _LONGEST_TOKEN).decode("utf-8").rstrip("\r\n")
    except NotRegular as error:
        raise _unreadable(
            file, error.strerror, f"name a file, or put the token in {TOKEN}"
        ) from None
    except Untrusted as error:
        raise SourceError(
            f"the container's token file is not followed: {file}",
            cause=f"{TOKEN_FILE} names it: {error.strerror}",
            fix=error.fix,
        ) from None
    except OSError as error:
        raise _unreadable(file, error.strerror) from None
    except UnicodeDecodeError:
        raise _unreadable(file, "it is not UTF-8 text") from None
    if not text:
        raise _unreadable(file, "it is empty")
    return Secret(text)


def _unreadable(file: str, cause: str | None, fix: str | None = None) -> SourceError:
    return SourceError(
        f"the container's token file cannot be read: {file}",
        cause=f"{TOKEN_FILE} names it: {(cause or 'the system does not say why').lower()}",
        fix=fix or "check the variable, and that the token is mounted",
    )


def _invalid(name: str, value: str, cause: str) -> SourceError:
    host = "" if certain_host(value) is None else f" (it leads to {host_of(value)})"
    return SourceError(
        f"{name} cannot be used{host}",  # its path may be a secret
        cause=cause,
        fix=f"correct or unset {name}",
    )


def _shown(url: str) -> str:
    """Return a URL for messages, without user name, password and most of the path.

    Whoever knows the whole path of the ECS endpoint can get the credentials.
    """
    scheme, mark, rest = url.partition("?")[0].partition("#")[0].rpartition("://")
    host, slash, path = rest.partition("/")
    first, more, _ = path.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{first}{'/…' if more else ''}"


TYPE = SourceType(TABLE, stamp, build, diagnose)
