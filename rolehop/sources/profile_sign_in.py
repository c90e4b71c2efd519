"""The token or sign-in of an AWS profile that botocore resolves: whose it is, and if it fits."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, install_extra
from rolehop.awsconfig import CredentialKind, endpoint_overrides, profile_setting
from rolehop.credentials import Secret
from rolehop.digest import digest_of
from rolehop.errors import SourceError
from rolehop.files import expand_home, is_there, read_regular
from rolehop.sources.shared.cli_sign_in import ENDPOINTS_IN_USE
from rolehop.sources.source_type import Diagnosis

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.sources.context import SourceContext


_LONGEST_TOKEN_FILE = 100_000  # bytes


def token_state(name: str, context: SourceContext) -> str:
    """Return what tells the web identity token of profile ``name`` from others."""
    return digest_of(_token_principal(name, context))


def check_login_endpoint(name: str, context: SourceContext) -> None:
    """Refuse to send a session of ``aws login``, which notes no endpoint, to an overridden one.

    Raises:
        SourceError: there is one.
    """
    if endpoint_overrides(context.aws, name, context.environ, ("signin",)):
        raise SourceError(
            f"the session of aws login is not used for AWS profile '{name}'",
            cause=f"it is not known to have been made at {ENDPOINTS_IN_USE}",
            fix="unset AWS_ENDPOINT_URL_SIGNIN, AWS_ENDPOINT_URL and endpoint_url",
        )


def diagnose_sign_in(
    kind: CredentialKind, name: str, context: SourceContext
) -> Sequence[Diagnosis]:
    """Return what is known of the sign-in or token; nothing is called."""
    if kind is CredentialKind.WEB_IDENTITY:
        path = _token_file(name, context)
        exists = is_there(path)
        found = "there" if exists else "not there"
        return [Diagnosis(f"its web_identity_token_file, {path}", found, exists)]
    return [_diagnose_aws_login()] if kind is CredentialKind.LOGIN else []


def _diagnose_aws_login() -> Diagnosis:
    """Return whether the library is installed with which botocore reads ``aws login`` sessions."""
    import importlib.util  # on this path only

    installed = importlib.util.find_spec("awscrt") is not None
    found = "there" if installed else Advice("not there: ", install_extra("aws-login"))
    return Diagnosis("the AWS Common Runtime, which reads aws login's session", found, installed)


def _token_principal(name: str, context: SourceContext) -> str | None:
    """Return whose token the profile's file holds; ``None`` if there is none that can be read."""
    from rolehop.oauth.jwt import token_principal

    try:
        raw = read_regular(_token_file(name, context), _LONGEST_TOKEN_FILE)
    except OSError:
        return None
    return token_principal(Secret(raw.decode("utf-8", "replace").strip()))


def _token_file(name: str, context: SourceContext) -> Path:
    named = profile_setting(context.aws, name, "web_identity_token_file") or ""
    return context.watched(expand_home(named, context.home))
