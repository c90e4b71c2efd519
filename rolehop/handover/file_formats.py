"""The formats of files that other programs read: dotenv, Docker's env file, an AWS section.

Each is read by several programs, which disagree on unusual characters. Values that all of them
read alike are written, others are refused; credentials from AWS are never refused.
"""

from __future__ import annotations

import re

from rolehop.credentials import Session
from rolehop.errors import UsageError
from rolehop.handover.environment import aws_variables, plain_token
from rolehop.startup.lazy_regex import Pattern

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
