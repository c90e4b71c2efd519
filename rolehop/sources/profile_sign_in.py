"""The sign-in or token of an AWS profile that botocore resolves: whose it is, and if it fits.

botocore finds a sign-in to Identity Center by the name of its ``sso-session`` alone, and would send
it to whatever start URL and endpoint that has now.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.awsconfig import CredentialKind, endpoint_overrides, profile_setting
from rolehop.credentials import Secret
from rolehop.digest import digest_of
from rolehop.errors import SourceError
from rolehop.files import expand_home, is_there, read_regular
from rolehop.sources.shared.cli_sign_in import (
    ENDPOINTS_IN_USE,
    CliSignIn,
    Endpoints,
    cached_sign_in,
)
from rolehop.sources.source_type import Diagnosis, one_line
from rolehop.text import nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rolehop.sources.context import SourceContext


_LONGEST_TOKEN_FILE = 100_000  # bytes

# botocore renews a sign-in 15 minutes before it expires (`SSOTokenProvider`); a minute to spare.
_BOTOCORE_RENEWS = timedelta(minutes=16)
_UNNOTED = (
    "it is about to expire, and the AWS SDK would renew it without noting at which endpoint it"
    " was made"
)
_SHARE = (
    "sign in by a source of type identity-center with share_cli_cache = true: only rolehop notes"
    " the endpoint; or use AWS's own endpoints"
)


def sign_in_state(kind: CredentialKind, name: str, context: SourceContext) -> str:
    """Return what tells the sign-in or token of profile ``name`` from others.

    A session of ``aws login`` is told apart by its name, which is part of the profile itself.
    """
    if kind is CredentialKind.WEB_IDENTITY:
        return digest_of(_token_principal(name, context))
    found = None if _missing_session(name, context) else _sso_sign_in(name, context).sign_in
    return digest_of(found and found.digest)


def check_sign_in(kind: CredentialKind, name: str, context: SourceContext) -> None:
    """Check that botocore would not use a sign-in that was made elsewhere.

    Raises:
        SourceError: it would, or the profile's ``sso_session`` does not exist.
    """
    if kind is CredentialKind.LOGIN:
        _check_login_endpoint(name, context)
    if kind is not CredentialKind.SSO:
        return
    missing = _missing_session(name, context)
    if missing is not None:
        raise missing
    found = _sso_sign_in(name, context)
    overridden = bool(_sso_endpoints(name, context))
    if found.is_foreign or (overridden and _would_be_renewed(found, context)):
        raise SourceError(
            f"AWS profile '{name}' needs a sign-in",
            cause=found.problem if found.is_foreign else _UNNOTED,
            fix=_SHARE if overridden else Advice("aws sso login --profile ", Argument(name)),
        )


def _check_login_endpoint(name: str, context: SourceContext) -> None:
    """Refuse to send a session of ``aws login``, which notes no endpoint, to an overridden one."""
    if endpoint_overrides(context.aws, name, context.environ, ("signin",)):
        raise SourceError(
            f"the session of aws login is not used for AWS profile '{name}'",
            cause=f"it is not known to have been made at {ENDPOINTS_IN_USE}",
            fix="unset AWS_ENDPOINT_URL_SIGNIN, AWS_ENDPOINT_URL and endpoint_url",
        )


def _would_be_renewed(found: CliSignIn, context: SourceContext) -> bool:
    """True if botocore would renew the sign-in, and write it without its endpoints."""
    sign_in = found.sign_in
    if sign_in is None or sign_in.refresh is None:
        return False
    return sign_in.expires_at - context.now() <= _BOTOCORE_RENEWS


def diagnose_sign_in(
    kind: CredentialKind, name: str, context: SourceContext
) -> Sequence[Diagnosis]:
    """Return what is known of the sign-in or token; nothing is called."""
    if kind is CredentialKind.SSO:
        return [_diagnose_sso(name, context)]
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
    found = "there" if installed else 'not there: pip install "rolehop[aws-login]"'
    return Diagnosis("the AWS Common Runtime, which reads aws login's session", found, installed)


def _diagnose_sso(name: str, context: SourceContext) -> Diagnosis:
    """Return what is in the AWS CLI's cache, where botocore reads and refreshes the sign-in."""
    missing = _missing_session(name, context)
    if missing is not None:
        return Diagnosis("its sso_session", one_line(missing), good=False)
    found = _sso_sign_in(name, context)
    sign_in = found.sign_in
    good: bool | None = sign_in is not None and sign_in.expires_at > context.now()
    if not good and sign_in is not None and sign_in.refresh is not None:
        good = None
    return Diagnosis(f"the AWS CLI's sign-in, {found.path}", found.state, good)


def sso_portal(name: str, context: SourceContext) -> tuple[str, str]:
    """Return the access portal's address and its region, of a profile; empty if not said."""
    session = profile_setting(context.aws, name, "sso_session")
    section = context.aws.sso_sessions.get(session or "", {})
    start_url, region = (
        str(section.get(key) or profile_setting(context.aws, name, key) or "")
        for key in ("sso_start_url", "sso_region")
    )
    return start_url, region


def _sso_sign_in(name: str, context: SourceContext) -> CliSignIn:
    """Return the sign-in in the AWS CLI's cache that botocore would use for profile ``name``."""
    session = profile_setting(context.aws, name, "sso_session")
    start_url, region = sso_portal(name, context)
    return cached_sign_in(
        context,
        session or start_url,
        start_url=start_url,
        region=region,
        endpoints=_sso_endpoints(name, context),
    )


def _sso_endpoints(name: str, context: SourceContext) -> Endpoints:
    return endpoint_overrides(context.aws, name, context.environ, ("sso", "sso-oidc"))


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


def _missing_session(name: str, context: SourceContext) -> SourceError | None:
    """Return the error for an ``sso_session`` that names no section."""
    session = profile_setting(context.aws, name, "sso_session")
    if session is None or session in context.aws.sso_sessions:
        return None
    near = nearest(session, context.aws.sso_sessions)
    return SourceError(
        f"AWS profile '{name}' names the sso-session '{session}', which does not exist",
        cause=f"{context.aws.config_file} has no [sso-session {session}]",
        fix=f"did you mean {', '.join(near)}" if near else "aws configure sso-session",
    )
