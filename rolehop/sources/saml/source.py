"""A role by SAML: an assertion from a file, a variable, a command, or a pipe.

Identity providers post to AWS's own address, so there is no page of ours to catch it: another
tool signs in, and hands the assertion on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from rolehop.arn import RoleArn, account_of
from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key, Table
from rolehop.credentials import Credentials, Secret
from rolehop.errors import RolehopError, SourceError
from rolehop.plan import Stamp
from rolehop.ports import Source, StsRefusal
from rolehop.sources.context import SourceChanged
from rolehop.sources.federation import FederatedIdentity
from rolehop.sources.saml.assertion import (
    ANEW,
    ASSERTION_SOURCES,
    check_times,
    choose,
    given,
    is_wanted,
    not_signed_in,
    offered_of,
    parsed,
    principal_of,
    problem_with,
    sign_in_anew,
    way_of,
)
from rolehop.sources.shared.subprocesses import program_found
from rolehop.sources.source_type import Finding, Login, LoginSupport, SourceType, problem_of
from rolehop.startup.dataclass import dataclass
from rolehop.startup.lazy_regex import Pattern

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.saml_assertion import Assertion, SamlRole
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import Document, SourceContext

_PROVIDER = Pattern(r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:saml-provider/[\w._-]{1,128}")
_VARIABLE = Pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_FRESH = timedelta(minutes=16)
"""A kept sign-in with less life is got anew where nobody must be asked for it."""
_COMMAND = "command"


def _check_ways(values: Mapping[str, object]) -> None:
    named = [f'"{way}"' for way in ASSERTION_SOURCES if way in values]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)} are two ways to an assertion; keep one")
    role, provider = str(values.get("role", "")), str(values.get("provider", ""))
    account = role.partition(":")[0] if role[:12].isdecimal() else account_of(role)
    if role and provider and "{" not in role and account != account_of(provider):
        raise ValueError("the provider must be one of the role's account")


TABLE = Table(
    "sources.NAME (saml)",
    "a role by the SAML assertion of an identity provider",
    (
        Key("role", sts_limits.ROLE, "the role", "picked from those in the assertion"),
        Key(
            "provider",
            value_types.text("the ARN of a SAML provider", _PROVIDER, kind="ARN"),
            "the SAML provider in the role's account",
            "as the assertion says",
        ),
        Key("assertion_file", value_types.PATH, "a file with the assertion, read anew each time"),
        Key(
            "assertion_env",
            value_types.text("the name of a variable", _VARIABLE, kind="name"),
            "the environment variable that holds the assertion",
        ),
        Key(
            "assertion_command",
            value_types.COMMAND,
            "a command that signs in and prints the assertion",
            "rolehop source login NAME --stdin reads one",
        ),
        Key(
            "duration",
            sts_limits.HOP_DURATION,
            "how long the role's session should last",
            "the assertion's SessionDuration, else 1 h",
        ),
    ),
    rule=_check_ways,
)


def stamp(source: SourceConfig, inputs: SourceContext) -> Stamp:
    """Return who a file or variable speaks for and what it offers, else the sign-in's generation.

    A command's assertion is another one each time, and running it is the sign-in itself: without a
    ``source login`` its definition stands for it, as for a process.
    """
    if way_of(source) is None:
        value = _state(source, inputs)
        problem = None if value else not_signed_in(source).what
        return Stamp(value, long_lived=False, problem=problem, kept=True)
    if way_of(source) == "assertion_command":
        return Stamp(_state(source, inputs), long_lived=False, kept=True)
    try:
        assertion = parsed(source, given(source, inputs))
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=problem_of(error))
    return Stamp(
        principal_of(source, assertion),
        long_lived=False,
        problem=problem_with(source, inputs, assertion),
        kept=True,
    )


def build(source: SourceConfig, inputs: SourceContext) -> Source:
    """Make the source; its state now is what it is planned by."""
    return _Saml(source, inputs, _state(source, inputs))


def _state(source: SourceConfig, inputs: SourceContext) -> str | None:
    """Return what tells the sign-in from others, as far as that is known without the keyring."""
    way = way_of(source)
    if way is None or way == "assertion_command":
        generation = inputs.tokens.generation(_kept_as(source))
        return generation or (_COMMAND if way else None)
    try:
        return principal_of(source, parsed(source, given(source, inputs)))
    except SourceError:
        return None


def login(source: SourceConfig, inputs: SourceContext, how: Login) -> str:
    """Sign in with the assertion that ``--stdin`` gave, else with the source's own.

    Raises:
        SourceError: there is no assertion, it is broken or expired, or AWS refused it.
    """
    if how.text is None and way_of(source) is None:
        raise not_signed_in(source)
    return login_with(source, inputs, given(source, inputs) if how.text is None else how.text)


def login_with(source: SourceConfig, inputs: SourceContext, text: Secret) -> str:
    """Exchange the assertion ``text`` now, since it lasts minutes, and keep the session.

    Returns:
        One line that says what was reached.
    """
    chosen, credentials = _exchanged(source, inputs, parsed(source, text))
    document = {**_as_document(credentials), **_made_for(chosen, inputs)}
    inputs.tokens.begin(_kept_as(source), document)
    return f"source '{source.name}' is signed in as {chosen.role}"


def logout(source: SourceConfig, inputs: SourceContext) -> bool:
    """Forget the sign-in; ``False``: there was none."""
    return inputs.tokens.remove(_kept_as(source))


def findings(source: SourceConfig, inputs: SourceContext) -> Sequence[Finding]:
    """Say where the assertion is looked for, what it offers, and until when it lasts."""
    way = way_of(source)
    if way == "assertion_command":
        value = source.settings[way]
        command = value if isinstance(value, tuple) else ()
        return [program_found(command, inputs, f"the program of {way}")]
    if way is None:
        kept = inputs.tokens.generation(_kept_as(source))
        looked_for = f"a sign-in by rolehop source login {source.name} --stdin"
        return [Finding(looked_for, "there" if kept else "none", good=bool(kept))]
    looked_for = f"the assertion in {source.settings[way]} ({way})"
    try:
        found = parsed(source, given(source, inputs))
    except SourceError as error:
        return [Finding(looked_for, problem_of(error), good=False)]
    offers = ", ".join(each.role for each in found.roles) or "no role that can be read"
    ends = f", until {found.ends:%Y-%m-%dT%H:%M:%SZ}" if found.ends else ""
    problem = problem_with(source, inputs, found)
    said = f"it offers {offers}{ends}"
    return [Finding(looked_for, f"{said}; {problem}" if problem else said, good=problem is None)]


def facts(source: SourceConfig, inputs: SourceContext) -> FederatedIdentity:
    """Return the role and the provider that the config names, or else an assertion at hand."""
    role, provider = (source.settings.get(key) for key in ("role", "provider"))
    named = FederatedIdentity(
        role if isinstance(role, str) else None, provider if isinstance(provider, str) else None
    )
    if (named.role and named.provider) or way_of(source) in (None, "assertion_command"):
        return named
    try:
        assertion = parsed(source, given(source, inputs))
        offered = offered_of(source, assertion)
    except SourceError:
        return named
    return FederatedIdentity(offered[0].role, offered[0].provider) if len(offered) == 1 else named


@dataclass(frozen=True, slots=True)
class _Saml:
    source: SourceConfig
    inputs: SourceContext
    state: str | None

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceChanged: it is another one's than it was planned with; plan again.
            SourceError: there is no assertion, it is broken, expired, or offers another role.
            HopRefused: AWS does not take it.
            ServiceError: the network or AWS failed.
        """
        way = way_of(self.source)
        if way is None or way == "assertion_command":
            kept = self._kept()
            if kept is not None:
                return kept
        assertion = parsed(self.source, given(self.source, self.inputs))
        if way != "assertion_command" and principal_of(self.source, assertion) != self.state:
            raise SourceChanged
        return _exchanged(self.source, self.inputs, assertion)[1]

    def _kept(self) -> Credentials | None:
        """Return the session of the ``source login`` that was planned with, while it is of use.

        ``None``: the command speaks for itself.
        """
        if self.state == _COMMAND:
            return None
        name = _kept_as(self.source)
        document = self.inputs.tokens.get(name) or {}
        if document and self.state is not None and document.get("generation") != self.state:
            raise SourceChanged
        found, by_command = _from_document(document), way_of(self.source) is not None
        useless = self._useless(document, found, _FRESH if by_command else timedelta())
        if found is not None and useless is None:
            return found
        if by_command:
            # Whoever the command signs in as must not get what hangs on that sign-in.
            self.inputs.tokens.remove(name)
            raise SourceChanged
        raise not_signed_in(self.source, useless)

    def _useless(
        self, document: Document, found: Credentials | None, least: timedelta
    ) -> str | None:
        """Return why a kept sign-in does not serve (any more)."""
        from rolehop.aws.saml_assertion import SamlRole

        kept = SamlRole(str(document.get("role")), str(document.get("provider")))
        if found is None or found.expires_at is None:
            return None
        if not is_wanted(self.source, kept):
            return f"the last sign-in was for {kept.role} by {kept.provider}"
        if document.get("endpoint") != _made_for(kept, self.inputs)["endpoint"]:
            return "the last sign-in was made at another STS endpoint"
        if found.expires_at - self.inputs.now() <= least:
            ended = f"{found.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            return f"the session of the last sign-in ended at {ended}"
        return None


def _exchanged(
    source: SourceConfig, inputs: SourceContext, assertion: Assertion
) -> tuple[SamlRole, Credentials]:
    """Return what was chosen, and its session from STS."""
    from rolehop.sources.shared.aws_clients import region_for, sts_of

    check_times(source, assertion, inputs.now())
    chosen = choose(source, inputs, assertion)
    role = RoleArn.parse(chosen.role)
    sts = sts_of(inputs, region_for(source, inputs, role.partition))
    wish = source.settings.get("duration", assertion.duration_seconds)
    seconds = wish if isinstance(wish, int) else None
    try:
        try:
            found = sts.assume_role_with_saml(role, chosen.provider, assertion.encoded, seconds)
        except StsRefusal as refusal:
            if not (seconds and seconds > 3600 and "MaxSessionDuration" in refusal.message):
                raise
            # As with hops: the role's own limit is lower, and an hour is what every role allows.
            inputs.note(f"source '{source.name}': {chosen.role} allows 1 h at most")
            found = sts.assume_role_with_saml(role, chosen.provider, assertion.encoded, 3600)
    except StsRefusal as refusal:
        raise _refused(source, chosen, refusal) from None
    return chosen, found.credentials


_FIXES = {
    "InvalidIdentityToken": "check that the provider in AWS holds the metadata of this identity "
    "provider, and that the assertion is meant for AWS (its audience and recipient)",
    "IDPRejectedClaim": ANEW,
    "AccessDenied": "let the role's trust policy allow sts:AssumeRoleWithSAML to this provider",
    "": "check role, provider and duration in the config",
}


def _refused(source: SourceConfig, chosen: SamlRole, refusal: StsRefusal) -> RolehopError:
    from rolehop.sources.shared.aws_clients import token_rejected

    what = f"AWS refused the assertion of source '{source.name}' for {chosen.role}"
    return token_rejected(what, refusal, _FIXES, anew=sign_in_anew(source))


def _kept_as(source: SourceConfig) -> str:
    return f"saml/{source.name}"


def _made_for(chosen: SamlRole, inputs: SourceContext) -> Document:
    """Return what a sign-in is of: an emulator's session must never be taken for a real one."""
    from rolehop.sources.shared.aws_clients import endpoint_of

    endpoint = endpoint_of(inputs, "sts") or ""
    return {"role": chosen.role, "provider": chosen.provider, "endpoint": endpoint}


def _as_document(credentials: Credentials) -> Document:
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token or Secret(""),
        "expires_at": credentials.expires_at.isoformat() if credentials.expires_at else "",
    }


def _from_document(document: Document) -> Credentials | None:
    key_id, ends = document.get("access_key_id"), document.get("expires_at")
    secret, token = document.get("secret_access_key"), document.get("session_token")
    if not (isinstance(key_id, str) and isinstance(ends, str)):
        return None
    if not (isinstance(secret, Secret) and isinstance(token, Secret)):
        return None
    try:
        return Credentials(key_id, secret, token, datetime.fromisoformat(ends))
    except ValueError:
        return None


def _takes_text(source: SourceConfig) -> bool:
    return way_of(source) is None


_SIGN_IN = LoginSupport(login, logout, _takes_text)
TYPE = SourceType(TABLE, stamp, build, findings, _SIGN_IN, facts=facts)
