"""What rolehop can see of whom a program will sign in as: it is in the key of the program's sessions.

What it leaves out stands in the guide (``guide/security.md``), each thing with its reason;
``tests/sources/test_program_state.py`` holds the guide and this file to each other.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.awsconfig import current_profile, endpoint_overrides
from rolehop.base.digest import digest_of
from rolehop.base.files import is_no_folder, is_there
from rolehop.base.programs import program_file
from rolehop.sources.programs import own_session

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from rolehop.sources.context import SourceContext

AWS_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
PATHS = (
    "AWS_CREDENTIAL_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE",
    "AWS_LOGIN_CACHE_DIRECTORY",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "BOTO_CONFIG",
    "ROLEHOP_CONFIG",
    "XDG_CONFIG_HOME",
)
"""Variables that say where it is written who signs in, besides the AWS files'."""

_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")

NAMES = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ACCESS_KEY_ID",
    "AWS_ACCESS_KEY",
    "AMAZON_ACCESS_KEY_ID",
    "AWS_SDK_LOAD_CONFIG",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    *_CONTAINER,
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
)
"""Variables by which the AWS CLI and the SDKs choose whose credentials they take.

Three are of single SDKs: ``AWS_ACCESS_KEY`` of those for Go, Java (version 1) and Ruby,
``AMAZON_ACCESS_KEY_ID`` of Ruby's, ``AWS_SDK_LOAD_CONFIG`` of Go's; so is, of `PATHS`,
``AWS_CREDENTIAL_PROFILES_FILE`` of Java's. An ID stands for the secret that belongs to it."""

CONTAINER_TOKEN = "AWS_CONTAINER_AUTHORIZATION_TOKEN"  # noqa: S105 - a variable's name

SIGN_IN_SERVICES = ("signin", "sso", "sso-oidc")
"""What a program may sign in through: it inherits the variables that say where that is."""


def program_state(
    command: Sequence[str], context: SourceContext, removed: Collection[str] = ()
) -> str:
    """Return what tells whom ``command`` signs in as from others, as far as it can be seen.

    The words themselves are in the key anyway. A record of the hot path depends on all the rest.
    Nothing is run.

    Args:
        command: the program and its arguments.
        context: has the variables; the program inherits all but rolehop's own session.
        removed: variables that the program is started without, besides.
    """
    environ, gone = context.environ, {*removed, *own_session(context.environ)}
    read = (name for name in (*NAMES, *AWS_FILES, *PATHS) if name not in gone)
    values = {name: value for name in read if (value := environ.get(name)) is not None}
    # Of a secret only this digest is kept. It tells the sessions of one address apart.
    takes_token = any(values.get(name) for name in _CONTAINER)
    return digest_of(
        _program(command[0], context) if command else None,
        _working_folder(command, [values.get(name) for name in PATHS], context),
        [os.path.abspath(path) for path in context.aws_files],  # noqa: PTH100 - keeps no `..`
        str(context.home),
        values,
        context.secret_variable(CONTAINER_TOKEN) if takes_token else None,
    )


def sign_in_endpoints(context: SourceContext) -> tuple[tuple[str, str], ...]:
    """Return service and URL of each overridden endpoint that a program may sign in through."""
    profile = current_profile(context.environ)
    return endpoint_overrides(context.aws, profile, context.environ, SIGN_IN_SERVICES)


def _program(name: str, context: SourceContext) -> str | None:
    """Return the path of the program that is started; ``None``: there is none on ``PATH``."""
    file = program_file(name, context.environ, lambda each: _watch(Path(each), context))
    context.programs[name] = file
    if file is None:
        return None
    path = Path(file)
    return str(path) if path.is_absolute() or not is_there(path) else f"{_here(context)}/{path}"


def _watch(path: Path, context: SourceContext) -> None:
    """Note ``path`` as one that a record depends on."""
    if path.is_absolute():
        context.watched(path)
    else:
        context.watched_here(str(path))


def _working_folder(
    command: Sequence[str], paths: Sequence[str | None], context: SourceContext
) -> str | None:
    """Return the working folder if an argument or one of ``paths`` leads to something in it.

    Else ``None``: sessions would be new in each folder, also of programs that do not care.
    """
    found = [_leads_here(word, context) for word in _relative(command[1:])]
    if any(found) or any(path and not Path(path).is_absolute() for path in paths):
        return _here(context)
    return None


def _here(context: SourceContext) -> str:
    """Return the working folder, which no record holds; empty if it was removed."""
    context.beyond_record()
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _relative(arguments: Sequence[str]) -> Iterator[str]:
    """Return the words that may be relative paths; what follows a first ``=`` may be one, too."""
    for argument in arguments:
        for word in (argument, argument.partition("=")[2]):
            if word and not word.startswith("-") and not Path(word).is_absolute():
                yield word


def _leads_here(word: str, context: SourceContext) -> bool:
    """True if ``word`` is the path of something in the working folder.

    A bare word must not be a folder's name: folders are called ``web`` or ``dev``, and so is much else.
    """
    if word.isprintable():
        context.watched_here(word)
    else:
        context.beyond_record()  # no line of it can hold the word
    is_path = {"/", os.sep} & set(word) or word in (".", "..")
    return is_there(word) if is_path else is_no_folder(word)
