"""A role by an OpenID Connect token: AssumeRoleWithWebIdentity, whoever issued the token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rolehop.arn import RoleArn, partition_of_region
from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key, Table
from rolehop.errors import ConfigError, RolehopError, SourceError
from rolehop.plan import Stamp
from rolehop.plan.resolve import clean_name
from rolehop.ports import Source, StsRefusal
from rolehop.sources.context import SourceChanged
from rolehop.sources.federation import FederatedIdentity
from rolehop.sources.shared.aws_clients import region_for, sts_of, token_rejected
from rolehop.sources.shared.subprocesses import program_found
from rolehop.sources.source_type import Finding, Login, LoginSupport, SourceType, problem_of
from rolehop.sources.web_identity.ci_tokens import CI
from rolehop.sources.web_identity.oidc_login import OidcSignIn, provider_of
from rolehop.sources.web_identity.token import FILE_VARIABLE, TOKEN_SOURCES, Token
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.config.model import SourceConfig
    from rolehop.credentials import Credentials
    from rolehop.oauth.jwt import Claims
    from rolehop.sources.context import SourceContext

_ROLE_VARIABLE = "AWS_ROLE_ARN"
_NAME_VARIABLE = "AWS_ROLE_SESSION_NAME"


def _check_ways(values: Mapping[str, object]) -> None:
    ways = [way for way in TOKEN_SOURCES if way in values]
    if len(ways) > 1:
        raise ValueError(f"keep one of {' and '.join(ways)}")
    if ("issuer" in values) is not ("client_id" in values):
        raise ValueError("issuer and client_id go together")
    for key in ("scopes", "redirect_port"):
        if key in values and "issuer" not in values:
            raise ValueError(f"{key} goes with issuer")
    if ways and "role" not in values:
        raise ValueError("needs the role; only the EKS variables name one themselves")


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
    "a role by an OpenID Connect token; with no keys at all, by the variables of EKS (IRSA)",
    (
        Key(
            "role",
            sts_limits.ROLE,
            "the role that trusts the token's issuer",
            _ROLE_VARIABLE,
            template=True,
        ),
        Key(
            "token_file",
            value_types.PATH,
            "a file with the token, read anew each time",
            FILE_VARIABLE,
        ),
        Key("token_env", value_types.TEXT, "a variable with the token, as in GitLab's id_tokens"),
        Key("token_command", value_types.COMMAND, "a command that prints the token"),
        Key(
            "ci",
            value_types.Check("choice", f"one of {', '.join(CI)}", _ci),
            "takes the token of this CI service's job",
        ),
        Key("issuer", value_types.URL, "signs in there: OpenID Connect by PKCE on loopback"),
        Key("client_id", value_types.TEXT, "rolehop's client ID at the issuer"),
        Key(
            "scopes",
            value_types.TEXTS,
            "what is asked of the issuer",
            '["openid"], and offline_access',
        ),
        Key(
            "redirect_port",
            value_types.Check("integer", "1024 to 65535", _port),
            "the loopback port, for issuers that want it registered",
            "any",
        ),
        Key(
            "audience",
            value_types.TEXT,
            "whom the token must be for; asked of the CI service, checked of all others",
            '"sts.amazonaws.com" of a CI service, else any',
        ),
        Key("provider_id", value_types.TEXT, "for OAuth 2.0 access tokens: www.amazon.com"),
        Key(
            "session_name", sts_limits.SESSION_NAME, "the role session name", "the token's subject"
        ),
        Key("duration", sts_limits.HOP_DURATION, "how long the session should last", '"1h"'),
        Key("policy_arns", sts_limits.POLICY_ARNS, "managed policies as session policies"),
        Key("policy", sts_limits.POLICY, "a session policy"),
    ),
    _check_ways,
    fields=("account",),
)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return whose token it is, as far as that can be known without a call.

    A file's or variable's token: its issuer and subject. A sign-in: its generation. A CI job: what
    tells it from others. A command: its definition, as with ``process``.
    """
    given = Token.of(source, inputs)
    try:
        token = given.state()
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=problem_of(error))
    role = given.text("role") or inputs.environ.get(_ROLE_VARIABLE, "")
    return Stamp(f"{role} {token}", long_lived=False, problem=_problem(given), kept=True)


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; its state now is what it is planned by."""
    given = Token.of(source, inputs)
    try:
        state = given.state() if given.lies_here else None
    except SourceError:
        state = None
    return _WebIdentity(source, inputs, given, state)


def _problem(given: Token) -> str | None:
    """Return why no session can be got now, where that is plain already."""
    try:
        _role_of(given)
        claims = given.at_hand()
        if claims is not None:
            _check(given, claims)
    except (SourceError, ConfigError) as error:
        return problem_of(error)
    return None


@dataclass(frozen=True, slots=True, repr=False)
class _WebIdentity:
    source: SourceConfig
    inputs: SourceContext
    given: Token
    state: str | None
    """Whose the token was, where it lies in a file or a variable."""

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceChanged: it is another one's than it was planned with; plan again.
            SourceError: there is no token, or it is broken, expired or another audience's.
            HopRefused: STS does not take it.
            ServiceError: STS or the token's giver cannot be reached.
        """
        from rolehop.aws.sts import WebIdentity

        role = _role_of(self.given)
        token = self.given.token()
        if self.given.lies_here and self.given.speaks_for(token) != self.state:
            raise SourceChanged
        claims = self.given.claims(token)
        if claims is not None:
            _check(self.given, claims)
        settings = self.source.settings
        duration, arns = settings.get("duration"), settings.get("policy_arns")
        wish = WebIdentity(
            role,
            self._session_name(claims),
            duration if isinstance(duration, int) else None,
            self.given.text("policy"),
            arns if isinstance(arns, tuple) else (),
            self.given.text("provider_id"),
        )
        region = region_for(self.source, self.inputs, role.partition)
        try:
            session = sts_of(self.inputs, region).assume_role_with_web_identity(wish, token)
        except StsRefusal as refusal:
            raise self._refused(refusal, role, claims) from None
        return session.credentials

    def _session_name(self, claims: Claims | None) -> str:
        named = self.given.text("session_name") or self.inputs.environ.get(_NAME_VARIABLE)
        return clean_name(named or (claims.subject if claims else "") or "rolehop")

    def _refused(self, refusal: StsRefusal, role: RoleArn, claims: Claims | None) -> RolehopError:
        whose = ""
        if claims is not None:
            whose = f"; the token is {claims.issuer}'s, for {', '.join(claims.audiences)}"
            whose += f", subject {claims.subject}"
        what = f"source '{self.source.name}' was refused: {role}"
        fixes = {**_FIXES, "": f"rolehop source test {self.source.name} shows what was sent"}
        for words, fix in _FIXES_BY_WORDS.items():
            if refusal.code == "InvalidIdentityToken" and words in refusal.message:
                fixes[refusal.code] = fix
        return token_rejected(what, refusal, fixes, anew=_anew(self.given), whose=whose)


def _role_of(given: Token) -> RoleArn:
    """Return the role that the config, else the variable of EKS, names.

    Raises:
        SourceError: neither does.
        ConfigError: what is named is no role.
    """
    named = given.text("role")
    text = named or given.inputs.environ.get(_ROLE_VARIABLE)
    if not text:
        raise SourceError(
            f"source '{given.source.name}' knows no role",
            cause=f"neither its config nor {_ROLE_VARIABLE} names one",
            fix='add role = "arn:aws:iam::…:role/…"',
        )
    try:
        return RoleArn.parse_in(text, partition_of_region(region_for(given.source, given.inputs)))
    except ValueError as error:
        raise ConfigError(
            f"the role of source '{given.source.name}' is no role",
            cause=str(error),
            fix=f"correct {'role' if named else _ROLE_VARIABLE}: arn:aws:iam::ACCOUNT:role/NAME",
        ) from None


def _check(given: Token, claims: Claims) -> None:
    """Refuse what STS would refuse with fewer words.

    Raises:
        SourceError: the token is past its end, of tomorrow, or another audience's.
    """
    now, wanted = given.inputs.now(), given.text("audience")
    name = f"the token of source '{given.source.name}'"
    if claims.expires_at is not None and claims.expires_at <= now:
        raise SourceError(
            f"{name} expired at {claims.expires_at:%Y-%m-%dT%H:%M:%SZ}",
            cause=f"{claims.issuer} gave it for {claims.subject}",
            fix=_anew(given),
        )
    if claims.not_before is not None and (claims.not_before - now).total_seconds() > 300:
        raise SourceError(
            f"{name} is not valid before {claims.not_before:%Y-%m-%dT%H:%M:%SZ}",
            cause="this machine's clock is behind, or the issuer's is ahead",
            fix="set the clock",
        )
    asked_of_ci = given.text("ci") in ("github", "circleci", "buildkite")
    if wanted is not None and wanted not in claims.audiences and not asked_of_ci:
        raise SourceError(
            f"{name} is for another audience: {', '.join(claims.audiences) or 'none'}",
            cause=f"the config says it must be {wanted}",
            fix="have the token made for that audience, or correct audience",
        )


def _anew(given: Token) -> str:
    """Say how a token that is too old is replaced."""
    if provider_of(given.source) is not None:
        return f"rolehop source login {given.source.name}"
    return "get a new token where it comes from, and check this machine's clock"


_FIXES = {
    "AccessDenied": "the role's trust policy must allow sts:AssumeRoleWithWebIdentity to that "
    "issuer's provider, with conditions that this subject and audience meet",
    "InvalidIdentityToken": "check the token, and that issuer's OIDC provider in the role's account",
    "IDPRejectedClaim": "the issuer does not vouch for the token any more: get a new one",
}
# What AWS says under InvalidIdentityToken, seen in its answers; the code alone tells none apart.
_FIXES_BY_WORDS = {
    "retrieve verification key": "AWS must reach the issuer's keys (jwks_uri): try again in a moment",
    "No OpenIDConnect provider": "the role's account needs an OIDC provider for that issuer in IAM, "
    "with this audience",
    "audience": "add that audience to the issuer's OIDC provider in the role's account, or have the "
    "token made for another one",
    "signature": "get a new token: the issuer's keys (jwks_uri) must be those that signed it",
}


def login(source: SourceConfig, inputs: SourceContext, how: Login) -> str:
    """Let a person sign in at the issuer.

    Raises:
        SourceError: the token does not come from a sign-in, or it was refused.
    """
    return _sign_in(source, inputs).login(how)


def logout(source: SourceConfig, inputs: SourceContext) -> bool:
    """Forget the sign-in at the issuer.

    Raises:
        SourceError: the token does not come from a sign-in.
    """
    return _sign_in(source, inputs).logout()


def _sign_in(source: SourceConfig, inputs: SourceContext) -> OidcSignIn:
    provider = provider_of(source)
    if provider is None:
        raise SourceError(
            f"nobody signs in to source '{source.name}'",
            cause="its token comes from elsewhere; only issuer and client_id make a sign-in",
            fix=f"rolehop source test {source.name}",
        )
    return OidcSignIn(source, inputs, provider)


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Return where the token is looked for and what it says of itself, without a call."""
    made = Token.of(source, inputs)
    role = source.settings.get("role") or inputs.environ.get(_ROLE_VARIABLE)
    found = [Finding(f"the role (config, {_ROLE_VARIABLE})", str(role or "none"), bool(role))]
    provider = provider_of(source)
    if provider is not None:
        kept = made.generation is not None
        found.append(Finding(f"a sign-in to {provider.issuer}", "kept" if kept else "none", kept))
        return found
    command = source.settings.get("token_command")
    if isinstance(command, tuple):
        return [*found, program_found(command, inputs, "the program of token_command")]
    place = next(
        (f"{way} {source.settings[way]}" for way in TOKEN_SOURCES if way in source.settings), ""
    )
    where = place or f"{FILE_VARIABLE} {inputs.environ.get(FILE_VARIABLE, '')}".strip()
    try:
        made.state()
        if not made.lies_here:
            found.append(Finding(f"a token: {where}", "asked for when it is needed"))
            return found
        claims = made.claims(made.token())
    except SourceError as error:
        found.append(Finding(f"a token: {where}", problem_of(error), good=False))
        return found
    said = "there" if claims is None else _told(claims)
    problem = _problem(made)
    said = f"{said}; {problem}" if problem else said
    found.append(Finding(f"a token: {where}", said, good=problem is None))
    return found


def facts(source: SourceConfig, inputs: SourceContext) -> FederatedIdentity:
    """Return what config, variables and a token at hand say of the role's session."""
    made = Token.of(source, inputs)
    named = made.text("session_name") or inputs.environ.get(_NAME_VARIABLE)
    role = made.text("role") or inputs.environ.get(_ROLE_VARIABLE)
    claims = made.at_hand()
    if claims is None or not claims.issuer:
        return FederatedIdentity(role, session_name=named)
    host = claims.issuer.removeprefix("https://").rstrip("/")
    keys = {f"{host}:sub": (claims.subject,)}
    # Of several audiences, or with an authorised party, AWS's key may have another value.
    if len(claims.audiences) == 1 and claims.party in ("", *claims.audiences):
        keys[f"{host}:aud"] = claims.audiences
    return FederatedIdentity(
        role,
        issuer=host,
        session_name=clean_name(named or claims.subject or "rolehop"),
        keys=keys,
        tags=claims.tags,
        transitive=claims.transitive,
        source_identity=claims.source_identity,
        unread=claims.unread,
    )


def _told(claims: Claims) -> str:
    ends = f"{claims.expires_at:%Y-%m-%dT%H:%M:%SZ}" if claims.expires_at else "not said"
    return (
        f"issuer {claims.issuer}, subject {claims.subject}, "
        f"audience {', '.join(claims.audiences) or 'none'}, expires {ends}"
    )


TYPE = SourceType(TABLE, stamp, build, findings, LoginSupport(login, logout), facts=facts)
