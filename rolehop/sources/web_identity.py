"""A role by an OpenID Connect token: AssumeRoleWithWebIdentity, whoever issued the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.aws.jwt import shown
from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import RoleArn, partition_of_region
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.errors import ConfigError, RolehopError, SignInExpired, SourceError
from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key, Table
from rolehop.plan.model import Stamp
from rolehop.plan.resolve import clean_name
from rolehop.sources.aws_clients import region_for, sts_client, token_rejected
from rolehop.sources.context import FederatedIdentity, SourceChanged
from rolehop.sources.oidc_login import OidcSignIn, provider_of
from rolehop.sources.program_state import sign_in_endpoints
from rolehop.sources.programs import diagnose_program
from rolehop.sources.source_type import Diagnosis, Login, LoginSupport, SourceType, one_line
from rolehop.sources.web_tokens import CI, FILE_VARIABLE, TOKEN_SOURCES, TokenOrigin
from rolehop.walk.ports import Source, StsRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.jwt import Claims
    from rolehop.base.credentials import Credentials
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

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
            'GitLab\'s token is in the variable that "id_tokens:" names: token_env = "THAT_VARIABLE"'
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

_NAME_VARIABLE = "AWS_ROLE_SESSION_NAME"


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return whose token it is, as far as that is known without a call, and what STS is asked.

    For a token in a file or a variable: what it says. For a sign-in: its generation. For a CI job:
    what tells it from other jobs. For a command: what can be seen of it, as for ``process``.
    """
    origin = TokenOrigin.of(source, context)
    try:
        state = origin.state()
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    # Settings are part of the key anyway; these two may come from a variable instead, or, as the
    # partition of a role in short form, from a region.
    role, _ = _role_or_problem(origin)
    value = digest_of(role, _configured_session_name(origin), state)
    endpoints = sign_in_endpoints(context) if "token_command" in source.settings else ()
    problem = _problem(origin)
    return Stamp(value, long_lived=False, problem=problem, endpoints=endpoints, stored=True)


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source, which remembers the state that the walk is planned with."""
    origin = TokenOrigin.of(source, context)
    try:
        state = origin.state() if origin.is_local else None
    except SourceError:
        state = None
    return _WebIdentity(source, context, origin, state)


def _role_or_problem(origin: TokenOrigin) -> tuple[str | None, str | None]:
    """Return the ARN of the role, or why there is none."""
    try:
        return str(_role_of(origin)), None
    except (SourceError, ConfigError) as error:
        return None, one_line(error)


def _problem(origin: TokenOrigin) -> str | None:
    """Return why the source cannot give a session now, if that is already certain."""
    _, problem = _role_or_problem(origin)
    if problem is not None:
        return problem
    try:
        claims = origin.local_claims()
        if claims is not None:
            _check(origin, claims)
    except (SourceError, ConfigError) as error:
        return one_line(error)
    return None


@dataclass(frozen=True, slots=True, repr=False)
class _WebIdentity:
    source: SourceConfig
    context: SourceContext
    origin: TokenOrigin
    state: str | None
    """The principal of a token in a file or a variable."""

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceChanged: it is not the token of the plan, so the caller must plan again.
            SourceError: there is no token, or it is invalid, expired or for another audience.
            HopRefused: STS does not accept it.
            ServiceError: STS or the service that issues the token cannot be reached.
        """
        from rolehop.aws.sts import WebIdentity

        role = _role_of(self.origin)
        token = self.origin.token()
        if self.origin.is_local and self.origin.principal_of(token) != self.state:
            raise SourceChanged
        claims = self.origin.claims(token)
        if claims is not None:
            _check(self.origin, claims)
        settings = self.source.settings
        duration, arns = settings.get("duration"), settings.get("policy_arns")
        request = WebIdentity(
            role,
            self._session_name(claims),
            duration if isinstance(duration, int) else None,
            self.origin.text("policy"),
            arns if isinstance(arns, tuple) else (),
            self.origin.text("provider_id"),
        )
        region = region_for(self.source, self.context, role.partition)
        try:
            session = sts_client(self.context, region).assume_role_with_web_identity(request, token)
        except StsRefusal as refusal:
            raise self._refused(refusal, role, claims) from None
        return session.credentials

    def _session_name(self, claims: Claims | None) -> str:
        named = _configured_session_name(self.origin)
        return clean_name(named or (claims.subject if claims else "") or "rolehop")

    def _refused(self, refusal: StsRefusal, role: RoleArn, claims: Claims | None) -> RolehopError:
        whose = ""
        if claims is not None:
            whose = f"; the token is {shown(claims.issuer)}'s, for {_audiences(claims)}"
            whose += f", subject {shown(claims.subject)}"
        what = f"source '{self.source.name}' was refused: {role}"
        fixes = {
            **_FIXES,
            "": Advice("rolehop source test ", Argument(self.source.name), " shows what was sent"),
        }
        for part, fix in _FIXES_BY_MESSAGE.items():
            if refusal.code == "InvalidIdentityToken" and part in refusal.message:
                fixes[refusal.code] = fix
        return token_rejected(
            what, refusal, fixes, sign_in=_how_to_replace(self.origin), whose=whose
        )


def _configured_session_name(origin: TokenOrigin) -> str | None:
    return origin.text("session_name") or origin.context.environ.get(_NAME_VARIABLE)


def _role_of(origin: TokenOrigin) -> RoleArn:
    """Return the role in the config, or else in the variable of EKS.

    Raises:
        SourceError: neither names one.
        ConfigError: it is not a role.
    """
    named = origin.text("role")
    text = named or origin.context.environ.get(ROLE_VARIABLE)
    if not text:
        raise SourceError(
            f"source '{origin.source.name}' knows no role",
            cause=f"neither its config nor {ROLE_VARIABLE} names one",
            fix='add role = "arn:aws:iam::…:role/…"',
        )
    try:
        return RoleArn.parse_in(
            text, partition_of_region(region_for(origin.source, origin.context))
        )
    except ValueError as error:
        raise ConfigError(
            f"the role of source '{origin.source.name}' is invalid",
            cause=str(error),
            fix=f"correct {'role' if named else ROLE_VARIABLE}: arn:aws:iam::ACCOUNT:role/NAME",
        ) from None


def _check(origin: TokenOrigin, claims: Claims) -> None:
    """Refuse what STS would refuse with a vaguer message.

    Raises:
        SourceError: the token has expired, is not valid yet, or is for another audience.
    """
    now, wanted = origin.context.now(), origin.text("audience")
    name = f"the token of source '{origin.source.name}'"
    if claims.expires_at is not None and claims.expires_at <= now:
        raise SignInExpired(
            f"{name} expired at {claims.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            cause=f"{shown(claims.issuer)} issued it for {shown(claims.subject)}",
            fix=_how_to_replace(origin),
        )
    if claims.not_before is not None and (claims.not_before - now).total_seconds() > 300:
        raise SourceError(
            f"{name} is not valid before {claims.not_before:%Y-%m-%dT%H:%M:%SZ}",
            cause="this machine's clock is behind, or the issuer's is ahead",
            fix="set the clock",
        )
    asked_of_ci = origin.text("ci") in ("github", "circleci", "buildkite")
    if wanted is not None and wanted not in claims.audiences and not asked_of_ci:
        raise SourceError(
            f"{name} is for another audience: {_audiences(claims)}",
            cause=f"the config says it must be {wanted}",
            fix="have the token made for that audience, or correct audience",
        )


def _audiences(claims: Claims) -> str:
    return ", ".join(map(shown, claims.audiences)) or "none"


def _how_to_replace(origin: TokenOrigin) -> str:
    """Return how to replace an expired token."""
    if provider_of(origin.source) is not None:
        return Advice("rolehop source login ", Argument(origin.source.name))
    return "get a new token where it comes from, and check this machine's clock"


_FIXES = {
    "AccessDenied": "the role's trust policy must allow sts:AssumeRoleWithWebIdentity to that"
    " provider, for this subject and audience",
    "InvalidIdentityToken": "check the token, and that issuer's OIDC provider in the role's account",
    "IDPRejectedClaim": "the issuer no longer accepts the token: get a new one",
}

# Parts of AWS's messages for InvalidIdentityToken, as observed: the code has several causes.
_FIXES_BY_MESSAGE = {
    "retrieve verification key": "AWS must reach the issuer's keys (jwks_uri): try again in a moment",
    "No OpenIDConnect provider": "the role's account needs an OIDC provider for that issuer in IAM, "
    "with this audience",
    "audience": "add that audience to the OIDC provider in the role's account, or ask for another",
    "signature": "get a new token: the issuer's keys (jwks_uri) must be those that signed it",
}


def login(source: SourceConfig, context: SourceContext, how: Login) -> str:
    """Let a person sign in at the issuer.

    Raises:
        SourceError: the token does not come from a sign-in, or the sign-in was refused.
    """
    return _sign_in(source, context).login(how)


def logout(source: SourceConfig, context: SourceContext) -> bool:
    """Forget the sign-in at the issuer.

    Raises:
        SourceError: the token does not come from a sign-in.
    """
    return _sign_in(source, context).logout()


def _sign_in(source: SourceConfig, context: SourceContext) -> OidcSignIn:
    provider = provider_of(source)
    if provider is None:
        raise SourceError(
            f"nobody signs in to source '{source.name}'",
            cause="its token comes from elsewhere; only issuer and client_id allow a sign-in",
            fix=Advice("rolehop source test ", Argument(source.name)),
        )
    return OidcSignIn(source, context, provider)


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return where the token is looked for and what it says, without a call."""
    origin = TokenOrigin.of(source, context)
    role = source.settings.get("role") or context.environ.get(ROLE_VARIABLE)
    found = [Diagnosis(f"the role (config, {ROLE_VARIABLE})", str(role or "none"), bool(role))]
    provider = provider_of(source)
    if provider is not None:
        stored = origin.generation is not None
        text = "stored" if stored else "none"
        found.append(Diagnosis(f"a sign-in to {provider.issuer}", text, stored))
        return found
    command = source.settings.get("token_command")
    if isinstance(command, tuple):
        return [*found, diagnose_program(command, context, "the program of token_command")]
    place = next(
        (f"{key} {source.settings[key]}" for key in TOKEN_SOURCES if key in source.settings), ""
    )
    where = place or f"{FILE_VARIABLE} {context.environ.get(FILE_VARIABLE, '')}".strip()
    try:
        origin.state()
        if not origin.is_local:
            found.append(Diagnosis(f"a token: {where}", "requested when it is needed"))
            return found
        claims = origin.claims(origin.token())
    except SourceError as error:
        found.append(Diagnosis(f"a token: {where}", one_line(error), good=False))
        return found
    text = "there" if claims is None else _described(claims)
    problem = _problem(origin)
    text = f"{text}; {problem}" if problem else text
    found.append(Diagnosis(f"a token: {where}", text, good=problem is None))
    return found


def federated_identity(source: SourceConfig, context: SourceContext) -> FederatedIdentity:
    """Return what config, variables and a local token say about the role's session."""
    origin = TokenOrigin.of(source, context)
    named = _configured_session_name(origin)
    role = origin.text("role") or context.environ.get(ROLE_VARIABLE)
    claims = origin.local_claims()
    if claims is None or not claims.issuer:
        return FederatedIdentity(role, session_name=named)
    host = claims.issuer.removeprefix("https://").rstrip("/")
    keys = {f"{host}:sub": (claims.subject,)}
    # With several audiences or an authorized party, AWS's key may have another value.
    if len(claims.audiences) == 1 and claims.party in ("", *claims.audiences):
        keys[f"{host}:aud"] = claims.audiences
    return FederatedIdentity(
        role,
        issuer=host,
        session_name=clean_name(named or claims.subject or "rolehop"),
        keys=keys,
        claims=claims.texts,
        tags=claims.tags,
        transitive=claims.transitive,
        source_identity=claims.source_identity,
        unread=claims.unread,
    )


def _described(claims: Claims) -> str:
    ends = f"{claims.expires_at:%Y-%m-%dT%H:%M:%SZ}" if claims.expires_at else "not stated"
    return (
        f"issuer {shown(claims.issuer)}, subject {shown(claims.subject)}, "
        f"audience {_audiences(claims)}, expires {ends}"
    )


def _token_name(source: SourceConfig, _context: SourceContext) -> str | None:
    provider = provider_of(source)
    return None if provider is None else provider.token_name


TYPE = SourceType(
    TABLE,
    stamp,
    build,
    diagnose,
    LoginSupport(login, logout, token_name=_token_name),
    federated_identity=federated_identity,
    console_user=lambda source, context: "session",
    federated_action="sts:AssumeRoleWithWebIdentity",
)
