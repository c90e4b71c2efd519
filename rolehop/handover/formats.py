"""The formats of files that other programs read: dotenv, Docker's env file, an AWS section.

Each is read by several programs, which disagree on unusual characters. Values that all of them
read alike are written, others are refused; credentials from AWS are never refused.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from rolehop.base.credentials import Secret, Session
from rolehop.base.errors import UsageError
from rolehop.base.startup import Pattern
from rolehop.handover.environment import FULL_URI, Change, aws_variables, plain_token, timestamp
from rolehop.hotpath.writer import process_line

_BARE = Pattern(r"[A-Za-z0-9_./+=:@%,~-]+")

# Inside single quotes python-dotenv takes backslashes for escapes and node's does not; both end
# at a quote; python-dotenv fills in ${NAME} and dotenv-expand $NAME even there.
_UNQUOTABLE = Pattern(r"['\\$]")
_GRAPHIC = Pattern(r"[!-~]+")

# Control characters and line ends, Unicode's own included, and halves of surrogate pairs.
_UNPRINTABLE = Pattern(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def as_dotenv(session: Session, region: str | None) -> str:
    """Return the ``AWS_…`` variables as a ``.env`` file.

    Raises:
        UsageError: a value that python-dotenv and node's dotenv would not read alike.
        ValueError: ``session`` has no session token.
    """
    return "".join(f"{name}={_dotenv(name, value)}\n" for name, value in _values(session, region))


def as_docker_env(session: Session, region: str | None) -> str:
    """Return the ``AWS_…`` variables for ``docker run --env-file``: no quotes, no escapes.

    Raises:
        UsageError: a value with a line end or another control character.
        ValueError: ``session`` has no session token.
    """
    values = _values(session, region)
    return "".join(f"{name}={_docker(name, value)}\n" for name, value in values)


def as_ini(session: Session, *, chain: str, region: str | None) -> str:
    """Return a section ``[chain]`` for an AWS credentials file.

    Raises:
        UsageError: a chain name that cannot head a section, or a value with spaces in it.
        ValueError: ``session`` has no session token.
    """
    keys = {
        "aws_access_key_id": session.credentials.access_key_id,
        "aws_secret_access_key": session.credentials.secret_access_key.reveal(),
        "aws_session_token": plain_token(session),
    }
    if region:
        keys["region"] = region
    lines = (f"{key} = {_ini(key, value)}\n" for key, value in keys.items())
    return f"[{_section(chain)}]\n{''.join(lines)}"


def _values(session: Session, region: str | None) -> list[tuple[str, str]]:
    changes = aws_variables(session, region)
    return [(name, value) for name, value in changes if value is not None]


def _dotenv(name: str, value: str) -> str:
    if _BARE.fullmatch(value):
        return value
    if _UNPRINTABLE.search(value) or _UNQUOTABLE.search(value):
        raise _inexpressible(name, "dotenv")
    return f"'{value}'"


def _docker(name: str, value: str) -> str:
    if _UNPRINTABLE.search(value):
        raise _inexpressible(name, "docker-env")
    return value


def _ini(key: str, value: str) -> str:
    if _GRAPHIC.fullmatch(value) is None:
        raise _inexpressible(key, "ini")
    return value


def _section(chain: str) -> str:
    """Return ``chain`` if it can name a section; ``/`` is allowed, AWS profiles have it too.

    Names of rolehop's config always can, a profile of the AWS config may be called anything.
    ``DEFAULT`` is the section that Python's configparser takes the others' defaults from.
    """
    odd = re.search(r"[\[\]#;]", chain) or _UNPRINTABLE.search(chain) or chain != chain.strip()
    if odd or not chain or chain == "DEFAULT":
        raise UsageError(
            f"{chain!r} cannot be the name of a section",
            cause="an AWS credentials file has no way to quote a name",
            fix="use --format env or json",
        )
    return chain


def _inexpressible(name: str, kind: str) -> UsageError:
    # The value may be a secret: it is not shown.
    return UsageError(
        f"the value of {name} cannot be written as {kind}",
        cause=f"it has a character that programs which read {kind} do not agree on",
        fix="use --format env or json",
    )


def as_process(session: Session) -> str:
    """Return what ``credential-process`` and ``export --format json`` print, newline included.

    Raises:
        ValueError: ``session`` has no session token.
    """
    line = process_line(
        session.credentials.access_key_id,
        session.credentials.secret_access_key.reveal(),
        plain_token(session),
        timestamp(session.expires_at),
        session.account,
    )
    return f"{line}\n"


RELATIVE_URI = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"
TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - the name of a variable
TOKEN_FILE = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105 - likewise
METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"

_OTHERS = (
    RELATIVE_URI,
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    *("AWS_ACCESS_KEY", "AWS_SECRET_KEY"),  # Java, version 1
    *("AMAZON_ACCESS_KEY_ID", "AMAZON_SECRET_ACCESS_KEY", "AMAZON_SESSION_TOKEN"),  # Ruby
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ACCOUNT_ID",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CREDENTIAL_FILE",  # boto3
    "AWS_CREDENTIAL_PROFILES_FILE",  # Java, version 1
)
"""Variables that SDKs follow before they ask an endpoint, or that describe another session."""


def as_container(session: Session) -> bytes:
    """Return the answer of a credentials endpoint; every SDK needs the first four members.

    Raises:
        ValueError: ``session`` has no session token.
    """
    return json.dumps(_members(session)).encode()


def as_instance(session: Session) -> bytes:
    """Return what an EC2 instance's metadata service has as ``iam/security-credentials/ROLE``.

    Raises:
        ValueError: ``session`` has no session token.
    """
    made = {"Code": "Success", "LastUpdated": timestamp(session.issued_at), "Type": "AWS-HMAC"}
    return json.dumps({**made, **_members(session)}).encode()


def _members(session: Session) -> dict[str, str]:
    members = {
        "AccessKeyId": session.credentials.access_key_id,
        "SecretAccessKey": session.credentials.secret_access_key.reveal(),
        "Token": plain_token(session),
        "Expiration": timestamp(session.expires_at),
    }
    if session.account:
        members["AccountId"] = session.account
    return members


def metadata_changes(address: str) -> tuple[Change, ...]:
    """Return the changes that lead SDKs to a metadata service, version 2, at ``address``."""
    return (
        (METADATA, address),
        ("AWS_EC2_METADATA_V1_DISABLED", "true"),
        ("AWS_EC2_METADATA_DISABLED", None),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", None),
    )


_NO_PROXY = ("NO_PROXY", "no_proxy")


def past_proxies(host: str, before: Mapping[str, str]) -> tuple[Change, ...]:
    """Return the changes that keep what is sent to ``host`` from every proxy of the environment ``before``.

    AWS's SDKs for Rust and some others send request and token to the proxy that ``http_proxy``
    names. A program reads the one variable or the other, so both get what either had.
    """
    either = next((before[name] for name in _NO_PROXY if before.get(name)), "")

    def extended(value: str) -> str:
        hosts = [each.strip() for each in value.split(",")]
        return value if {"*", host} & set(hosts) else ",".join([*filter(None, hosts), host])

    return tuple((name, extended(before.get(name) or either)) for name in _NO_PROXY)


def endpoint_changes(
    uri: str,
    token: Secret,
    token_file: str | None,
    region: str | None,
    before: Mapping[str, str],
) -> tuple[Change, ...]:
    """Return the changes that lead SDKs to an endpoint and to nothing else.

    Both variables have the token: some SDKs read only the one, some only the other.
    ``token_file`` holds it, too; ``None``: there is no such file. ``before``: the environment that
    is changed.
    """
    regions = ((name, region) for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if region)
    return (
        *((name, None) for name in _OTHERS),
        (FULL_URI, uri),
        (TOKEN, token.reveal()),
        (TOKEN_FILE, token_file),
        *past_proxies(urlsplit(uri).hostname or "", before),
        *regions,
    )


def token_digest(token: Secret) -> str:
    """Return what a server keeps of its token: to compare with what requests have."""
    return digest_of_text(token.reveal().encode())


def digest_of_text(given: bytes) -> str:
    """Return what `token_digest` returns for the token whose text ``given`` is."""
    return sha256(given).hexdigest()


def token_check(token: Secret) -> Callable[[bytes], bool]:
    """Return a function that is true of the token only, in constant time."""
    digest = token_digest(token)
    return lambda given: hmac.compare_digest(digest_of_text(given), digest)


def token_text(token: Secret) -> str:
    """Return what a token's file holds: no line end, which SDKs would send, or refuse."""
    return token.reveal()
