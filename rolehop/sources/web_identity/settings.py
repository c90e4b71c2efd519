"""The config keys of a ``web-identity`` source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key, Table
from rolehop.sources.web_identity.ci_tokens import CI
from rolehop.sources.web_identity.token_origin import FILE_VARIABLE, TOKEN_SOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

ROLE_VARIABLE = "AWS_ROLE_ARN"


def _check_token_source(values: Mapping[str, object]) -> None:
    named = [key for key in TOKEN_SOURCES if key in values]
    if len(named) > 1:
        raise ValueError(f"keep one of {' and '.join(named)}")
    if ("issuer" in values) is not ("client_id" in values):
        raise ValueError("issuer and client_id go together")
    for key in ("scopes", "redirect_port"):
        if key in values and "issuer" not in values:
            raise ValueError(f"{key} goes with issuer")
    if named and "role" not in values:
        raise ValueError("needs the role; only the EKS variables name one")


def _ci(value: object) -> str:
    if value == "gitlab":
        raise ValueError(
            'GitLab puts a job\'s token into the variable that its "id_tokens:" names;'
            ' write token_env = "THAT_VARIABLE" instead'
        )
    found = value_types.choice(*CI).run(value)
    return str(found)


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1024 <= value <= 65535:
        raise ValueError("must be a port number from 1024 to 65535")
    return value


TABLE = Table(
    "sources.NAME (web-identity)",
    "a role obtained with an OpenID Connect token; without any keys, from the variables of EKS (IRSA)",
    (
        Key(
            "role",
            sts_limits.ROLE,
            "the role that trusts the token's issuer",
            ROLE_VARIABLE,
            template=True,
        ),
        Key(
            "token_file",
            value_types.PATH,
            "a file with the token, read each time",
            FILE_VARIABLE,
        ),
        Key("token_env", value_types.TEXT, "a variable with the token, as in GitLab's id_tokens"),
        Key("token_command", value_types.COMMAND, "a command that prints the token"),
        Key(
            "ci",
            value_types.Check("choice", f"one of {', '.join(CI)}", _ci),
            "uses the token of this CI service's job",
        ),
        Key(
            "issuer",
            value_types.URL,
            "the issuer to sign in to: OpenID Connect with PKCE on loopback",
        ),
        Key("client_id", value_types.TEXT, "rolehop's client ID at the issuer"),
        Key(
            "scopes",
            value_types.TEXTS,
            "the scopes to request",
            '["openid"], and offline_access',
        ),
        Key(
            "redirect_port",
            value_types.Check("integer", "1024 to 65535", _port),
            "the loopback port, for issuers that need it registered",
            "any",
        ),
        Key(
            "audience",
            value_types.TEXT,
            "the token's audience; requested from the CI service, checked for all other tokens",
            '"sts.amazonaws.com" for a CI service, else any',
        ),
        Key("provider_id", value_types.TEXT, "for OAuth 2.0 access tokens: www.amazon.com"),
        Key(
            "session_name", sts_limits.SESSION_NAME, "the role session name", "the token's subject"
        ),
        Key("duration", sts_limits.HOP_DURATION, "how long the session should last", '"1h"'),
        Key("policy_arns", sts_limits.POLICY_ARNS, "managed policies as session policies"),
        Key("policy", sts_limits.POLICY, "a session policy"),
    ),
    _check_token_source,
    fields=("account",),
)
