"""A role by SAML: an assertion from a file, a variable, a command, or standard input.

Identity providers post assertions to AWS's own URL, so rolehop cannot receive them: another tool
signs in and passes the assertion on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, Argument
from rolehop.base.arn import RoleArn, account_of, partition_of
from rolehop.base.credentials import Credentials, Secret
from rolehop.base.dataclass import dataclass
from rolehop.base.digest import digest_of
from rolehop.base.durations import CLOCK_TOLERANCE, end_by_new_clock
from rolehop.base.errors import (
    NoTerminal,
    RolehopError,
    SignInExpired,
    SourceError,
    SourceWithdrawn,
)
from rolehop.base.files import NotRegular, Untrusted, read_deciding
from rolehop.base.startup import Pattern
from rolehop.config import sts_limits, value_types
from rolehop.config.schema import Key, Table
from rolehop.hotpath.record import started_at
from rolehop.plan.model import Stamp
from rolehop.sources.context import FederatedIdentity, SourceChanged, choose
from rolehop.sources.program_state import program_state, sign_in_endpoints
from rolehop.sources.programs import diagnose_program, source_command_output
from rolehop.sources.source_type import Diagnosis, Login, LoginSupport, SourceType, one_line
from rolehop.walk.ports import Source, StsRefusal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.saml_assertion import Assertion, SamlRole
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import Document, SourceContext

ASSERTION_SOURCES = ("assertion_file", "assertion_env", "assertion_command")
_LONGEST = 400_000  # bytes; STS accepts 100,000 characters, and form encoding makes it longer


def origin_of(source: SourceConfig) -> str | None:
    """Return the config key that names the assertion's origin, or ``None`` if it is ``--stdin``."""
    return next((key for key in ASSERTION_SOURCES if key in source.settings), None)


def read_text(source: SourceConfig, context: SourceContext) -> Secret:
    """Return the assertion's text from its file, variable or command.

    Raises:
        SourceError: there is none, or it cannot be read.
    """
    if "assertion_file" in source.settings:
        return _from_file(source, context.watched(Path(str(source.settings["assertion_file"]))))
    if "assertion_env" in source.settings:
        return _from_variable(source, context, str(source.settings["assertion_env"]))
    command = source.settings.get("assertion_command")
    output = source_command_output(
        command if isinstance(command, tuple) else (),
        context,
        what=f"the assertion_command of source '{source.name}'",
        secret=True,
    )
    if not output.strip():
        raise SourceError(
            f"the assertion_command of source '{source.name}' printed nothing",
            cause="it succeeded, but its stdout is empty",
            fix="run it by hand: it must print the SAML response in base64",
        )
    return Secret(output.decode("utf-8", "replace"))


def _from_file(source: SourceConfig, path: Path) -> Secret:
    try:
        text = read_deciding(path, _LONGEST).decode("utf-8")
    except FileNotFoundError:
        raise _absent(
            source, f"there is no file {path}", "sign in with the tool that writes it"
        ) from None
    except UnicodeDecodeError:
        raise _unreadable(source, f"{path}: it is not UTF-8 text") from None
    except Untrusted as error:
        raise _unreadable(source, f"{path} is not followed: {error.strerror}", error.fix) from None
    except OSError as error:
        cause = f"{path}: {(error.strerror or 'no reason was given').lower()}"
        special = isinstance(error, NotRegular)
        fix = "name a file, or use assertion_command" if special else "check its owner and mode"
        raise _unreadable(source, cause, fix) from None
    return Secret(text)


def _from_variable(source: SourceConfig, context: SourceContext, name: str) -> Secret:
    text = context.secret_variable(name)
    if not text:
        state = "not set" if text is None else "empty"
        raise _absent(source, f"the variable {name} is {state}", f"sign in, then export {name}")
    return Secret(text)


def parsed(source: SourceConfig, text: Secret) -> Assertion:
    """Read the assertion in ``text``.

    Raises:
        SourceError: it is not an assertion.
    """
    from rolehop.aws.saml_assertion import read_assertion

    try:
        return read_assertion(text)
    except ValueError as error:
        cause = str(error)
    raise _unreadable(source, cause)


def principal_of(source: SourceConfig, assertion: Assertion) -> str:
    """Return what tells an assertion from those of other people or with other roles.

    A person's choice among several roles is not part of it: it holds while all else is the same.
    """
    offered = sorted([each.role, each.provider] for each in offered_of(source, assertion))
    return digest_of(assertion.digest, offered)


def problem_with(source: SourceConfig, context: SourceContext, assertion: Assertion) -> str | None:
    """Return why ``assertion`` cannot give a session now, if that is already certain."""
    try:
        check_times(source, assertion, context.now())
        choices = choices_of(source, assertion)
    except SourceError as error:
        return one_line(error)
    if len(choices) == 1 or context.person.can_ask:
        return None
    missing = "provider" if "role" in source.settings else "role"
    shown = ", ".join(_shown(choices))
    return f"source '{source.name}' names no {missing}, and nobody can choose one here: {shown}"


def check_times(source: SourceConfig, assertion: Assertion, now: datetime) -> None:
    """Check that ``now`` is within the assertion's lifetime.

    Raises:
        SourceError: it has expired, or is not valid yet.
    """
    if assertion.ends is not None and assertion.ends <= now:
        raise SignInExpired(
            f"the assertion of source '{source.name}' has expired",
            cause=f"it was valid until {assertion.ends:%Y-%m-%dT%H:%M:%SZ}: assertions last minutes",
            fix=how_to_sign_in(source),
        )
    if assertion.begins is not None and assertion.begins > now + timedelta(minutes=5):
        raise SourceError(
            f"the assertion of source '{source.name}' is not valid yet",
            cause=f"it is valid from {assertion.begins:%Y-%m-%dT%H:%M:%SZ}",
            fix="check this machine's clock",
        )


def choose_role(source: SourceConfig, context: SourceContext, assertion: Assertion) -> SamlRole:
    """Return the role that the config names, or the only one, or the one that a person chooses.

    Raises:
        SourceError: there is none to choose.
        NoTerminal: there are several, and nobody can be asked.
    """
    offered = choices_of(source, assertion)
    if len(offered) == 1:
        return offered[0]
    shown = _shown(offered)
    try:
        with context.locks.waiting_for_person():
            question, of = f"which role of source '{source.name}'?", f"role of saml {source.name}"
            return offered[choose(context, question, shown, of, shown)]
    except NoTerminal as nobody:
        nobody.cause = f"the assertion offers {', '.join(shown)}"
        nobody.fix = "name one of them as role (and provider) in the config"
        raise


def _shown(offered: list[SamlRole]) -> list[str]:
    """Return the roles, with their providers if the names alone are ambiguous."""
    names = [each.role for each in offered]
    if len(set(names)) == len(names):
        return names
    return [f"{each.role} by {each.provider}" for each in offered]


def choices_of(source: SourceConfig, assertion: Assertion) -> list[SamlRole]:
    """Return the roles that can be assumed, at least one.

    Raises:
        SourceError: there are none, or only AWS can read which roles the assertion offers.
    """
    from rolehop.aws.saml_assertion import SamlRole

    if assertion.encrypted:
        role, provider = _role(source, assertion), source.settings.get("provider")
        if role and isinstance(provider, str):
            return [SamlRole(role, provider)]
        raise SourceError(
            f"the assertion of source '{source.name}' is encrypted",
            cause="only AWS can read which roles it offers",
            fix="name role and provider in the config",
        )
    offered = offered_of(source, assertion)
    if not offered:
        raise _none_offered(source, assertion)
    return offered


def offered_of(source: SourceConfig, assertion: Assertion) -> list[SamlRole]:
    """Return the assertion's roles that match the config."""
    return [each for each in assertion.roles if is_wanted(source, each)]


def is_wanted(source: SourceConfig, found: SamlRole) -> bool:
    """True if the config names ``found``, or names no role and provider."""
    role, provider = (source.settings.get(name) for name in ("role", "provider"))
    if isinstance(role, str):
        role = str(RoleArn.parse_in(role, partition_of(found.role) or "aws"))
    return role in (None, found.role) and provider in (None, found.provider)


def _role(source: SourceConfig, assertion: Assertion) -> str | None:
    """Return the ARN of the config's role, a short form in the assertion's partition."""
    named = source.settings.get("role")
    if not isinstance(named, str):
        return None
    provider = source.settings.get("provider")
    others = [each.role for each in assertion.roles]
    partition = partition_of(provider if isinstance(provider, str) else next(iter(others), ""))
    return str(RoleArn.parse_in(named, partition or "aws"))


def _none_offered(source: SourceConfig, assertion: Assertion) -> SourceError:
    if not assertion.roles:
        return SourceWithdrawn(
            f"the assertion of source '{source.name}' offers no role",
            cause="it has no attribute https://aws.amazon.com/SAML/Attributes/Role that pairs a "
            "role with a provider",
            fix="check the identity provider's AWS application, and that you are assigned to it",
        )
    role, provider = _role(source, assertion), source.settings.get("provider")
    by = f" by {provider}" if provider else ""
    offers = (f"{each.role} by {each.provider}" if by else each.role for each in assertion.roles)
    return SourceWithdrawn(
        f"the assertion of source '{source.name}' does not offer {role or 'any role'}{by}",
        cause=f"it offers {', '.join(offers)}",
        fix="correct role and provider in the config, or have the role assigned to you",
    )


SIGN_IN = "sign in at the identity provider again"


def how_to_sign_in(source: SourceConfig) -> str:
    """Return how to get a new assertion."""
    if origin_of(source) is None:
        return Advice("TOOL | rolehop source login ", Argument(source.name), " --stdin")
    return SIGN_IN


def not_signed_in(source: SourceConfig, cause: str | None = None) -> SourceError:
    """Return the error for a missing sign-in; ``cause`` says why the last one cannot be used."""
    cause = cause or "nobody has signed in, and the source has no assertion_… key"
    return SourceError(
        Advice(
            f"source '{source.name}' needs a sign-in (rolehop source login ",
            Argument(source.name),
            " --stdin)",
        ),
        cause=cause,
        fix=how_to_sign_in(source),
    )


def _absent(source: SourceConfig, cause: str, fix: str) -> SourceError:
    return SourceError(f"source '{source.name}' has no assertion", cause=cause, fix=fix)


_FORM = "it must be the SAML response in base64, as the identity provider posts it"


def _unreadable(source: SourceConfig, cause: str, fix: str = _FORM) -> SourceError:
    return SourceError(
        f"the assertion of source '{source.name}' cannot be read", cause=cause, fix=fix
    )


_PROVIDER = Pattern(r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:saml-provider/[\w._-]{1,128}")
_VARIABLE = Pattern(r"[A-Za-z_][A-Za-z0-9_]*")

_FRESH = timedelta(minutes=16)
"""A stored sign-in with less life left is replaced, if no person is needed for that."""

_COMMAND = "command"


def _check_origin(values: Mapping[str, object]) -> None:
    named = [f'"{key}"' for key in ASSERTION_SOURCES if key in values]
    if len(named) > 1:
        raise ValueError(f"{' and '.join(named)} both name an assertion; keep one")
    role, provider = str(values.get("role", "")), str(values.get("provider", ""))
    account = role.partition(":")[0] if role[:12].isdecimal() else account_of(role)
    if role and provider and "{" not in role and account != account_of(provider):
        raise ValueError("the provider must be in the role's account")


TABLE = Table(
    "sources.NAME (saml)",
    "a role obtained with an identity provider's SAML assertion",
    (
        Key("role", sts_limits.ROLE, "the role", "chosen from those in the assertion"),
        Key(
            "provider",
            value_types.text("the ARN of a SAML provider", _PROVIDER, kind="ARN"),
            "the SAML provider in the role's account",
            "as the assertion says",
        ),
        Key("assertion_file", value_types.PATH, "a file with the assertion, read each time"),
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
    rule=_check_origin,
)


def stamp(source: SourceConfig, context: SourceContext) -> Stamp:
    """Return the principal of a file's or variable's assertion, or the sign-in's generation.

    A command prints a new assertion each time, and running it is the sign-in itself: what can be
    seen of it is in the stamp, as for a process, with the generation of a ``source login``.
    """
    if origin_of(source) is None:
        value = _state(source, context)
        problem = None if value else not_signed_in(source).what
        return Stamp(value, long_lived=False, problem=problem, stored=True)
    if origin_of(source) == "assertion_command":
        value = digest_of(_state(source, context), _program_state(source, context))
        endpoints = sign_in_endpoints(context)
        return Stamp(value, long_lived=False, endpoints=endpoints, stored=True)
    try:
        assertion = parsed(source, read_text(source, context))
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=one_line(error))
    return Stamp(
        principal_of(source, assertion),
        long_lived=False,
        problem=problem_with(source, context, assertion),
        stored=True,
    )


def build(source: SourceConfig, context: SourceContext) -> Source:
    """Build the source, which remembers the state that the walk is planned with."""
    return _Saml(source, context, _state(source, context))


def _state(source: SourceConfig, context: SourceContext) -> str | None:
    """Return what tells the sign-in from others, without opening the keyring."""
    origin = origin_of(source)
    if origin is None or origin == "assertion_command":
        generation = context.tokens.generation(_token_name(source))
        return generation or (_COMMAND if origin else None)
    try:
        return principal_of(source, parsed(source, read_text(source, context)))
    except SourceError:
        return None


def _program_state(source: SourceConfig, context: SourceContext) -> str:
    """Return what can be seen of whom ``assertion_command`` signs in as; empty without one."""
    command = source.settings.get("assertion_command")
    if not isinstance(command, tuple):
        return ""
    return digest_of(command, program_state(command, context), sign_in_endpoints(context))


def login(source: SourceConfig, context: SourceContext, how: Login) -> str:
    """Sign in with the assertion from ``--stdin``, or else from the source's own origin.

    Raises:
        SourceError: there is no assertion, it is invalid or expired, or AWS refused it.
    """
    if how.text is None and origin_of(source) is None:
        raise not_signed_in(source)
    return login_with(source, context, read_text(source, context) if how.text is None else how.text)


def login_with(source: SourceConfig, context: SourceContext, text: Secret) -> str:
    """Exchange the assertion ``text`` now, because it lasts minutes, and store the session.

    Returns:
        One line that names the role.
    """
    chosen, credentials = _exchanged(source, context, parsed(source, text))
    now = context.now()
    times = {"issued_at": now.isoformat(), "started_at": str(started_at(now.timestamp()))}
    document = {**_as_document(credentials), **_made_for(source, chosen, context), **times}
    context.tokens.begin(_token_name(source), document)
    return f"source '{source.name}' is signed in as {chosen.role}"


def logout(source: SourceConfig, context: SourceContext) -> bool:
    """Forget the sign-in; ``False`` if there was none."""
    return context.tokens.remove(_token_name(source))


def diagnose(source: SourceConfig, context: SourceContext) -> Sequence[Diagnosis]:
    """Return where the assertion is looked for, what it offers, and when it expires."""
    origin = origin_of(source)
    if origin == "assertion_command":
        value = source.settings[origin]
        command = value if isinstance(value, tuple) else ()
        return [diagnose_program(command, context, f"the program of {origin}")]
    if origin is None:
        stored = context.tokens.generation(_token_name(source))
        sign_in = Advice("a sign-in by rolehop source login ", Argument(source.name), " --stdin")
        return [Diagnosis(sign_in, "there" if stored else "none", good=bool(stored))]
    looked_for = f"the assertion in {source.settings[origin]} ({origin})"
    try:
        found = parsed(source, read_text(source, context))
    except SourceError as error:
        return [Diagnosis(looked_for, one_line(error), good=False)]
    offers = ", ".join(each.role for each in found.roles) or "no role that can be read"
    ends = f", until {found.ends:%Y-%m-%dT%H:%M:%SZ}" if found.ends else ""
    problem = problem_with(source, context, found)
    text = f"it offers {offers}{ends}"
    return [Diagnosis(looked_for, f"{text}; {problem}" if problem else text, good=problem is None)]


def federated_identity(source: SourceConfig, context: SourceContext) -> FederatedIdentity:
    """Return the role and the provider in the config, or else in a local assertion."""
    role, provider = (source.settings.get(key) for key in ("role", "provider"))
    named = FederatedIdentity(
        role if isinstance(role, str) else None, provider if isinstance(provider, str) else None
    )
    if (named.role and named.provider) or origin_of(source) in (None, "assertion_command"):
        return named
    try:
        assertion = parsed(source, read_text(source, context))
        offered = offered_of(source, assertion)
    except SourceError:
        return named
    return FederatedIdentity(offered[0].role, offered[0].provider) if len(offered) == 1 else named


@dataclass(frozen=True, slots=True)
class _Saml:
    source: SourceConfig
    context: SourceContext
    state: str | None

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceChanged: it is not the sign-in of the plan, so the caller must plan again.
            SourceError: there is no assertion, or it is invalid, expired, or offers another role.
            HopRefused: AWS does not accept it.
            ServiceError: the network or AWS failed.
        """
        origin = origin_of(self.source)
        if origin is None or origin == "assertion_command":
            stored = self._stored()
            if stored is not None:
                return stored
        assertion = parsed(self.source, read_text(self.source, self.context))
        if origin != "assertion_command" and principal_of(self.source, assertion) != self.state:
            raise SourceChanged
        return _exchanged(self.source, self.context, assertion)[1]

    def _stored(self) -> Credentials | None:
        """Return the session of the ``source login`` that the walk was planned with.

        ``None`` if there was none and the command must be run.
        """
        if self.state == _COMMAND:
            return None
        name = _token_name(self.source)
        document = self.context.tokens.get(name) or {}
        if document and self.state is not None and document.get("generation") != self.state:
            raise SourceChanged
        found = _from_document(document, self.context.now())
        by_command = origin_of(self.source) is not None
        unusable = self._why_unusable(document, found, _FRESH if by_command else timedelta())
        if found is not None and unusable is None:
            return found
        if by_command:
            # The command may sign in as somebody else, who must not get sessions of that sign-in.
            self.context.tokens.remove(name)
            raise SourceChanged
        raise not_signed_in(self.source, unusable)

    def _why_unusable(
        self, document: Document, found: Credentials | None, least: timedelta
    ) -> str | None:
        """Return why a stored sign-in cannot be used, or ``None`` if it can."""
        from rolehop.aws.saml_assertion import SamlRole

        stored = SamlRole(str(document.get("role")), str(document.get("provider")))
        if found is None or found.expires_at is None or found.local_expires_at is None:
            return None
        if not is_wanted(self.source, stored):
            return f"the last sign-in was for {stored.role} by {stored.provider}"
        made_for = _made_for(self.source, stored, self.context)
        if document.get("endpoint") != made_for["endpoint"]:
            return "the last sign-in was made at another STS endpoint"
        if document.get("program") != made_for["program"]:
            return "the last sign-in was made by another command, or with other variables"
        issued_at = _time_in(document, "issued_at")
        if issued_at is not None and issued_at - self.context.now() > CLOCK_TOLERANCE:
            return "the clock was set back since the last sign-in"
        if found.local_expires_at - self.context.now() <= least:
            ended = f"{found.expires_at:%Y-%m-%dT%H:%M:%SZ}"
            return f"the session of the last sign-in ended at {ended}"
        return None


def _exchanged(
    source: SourceConfig, context: SourceContext, assertion: Assertion
) -> tuple[SamlRole, Credentials]:
    """Return the chosen role and its session from STS."""
    from rolehop.sources.aws_clients import region_for, sts_client

    check_times(source, assertion, context.now())
    chosen = choose_role(source, context, assertion)
    role = RoleArn.parse(chosen.role)
    sts = sts_client(context, region_for(source, context, role.partition))
    wanted = source.settings.get("duration", assertion.duration_seconds)
    seconds = wanted if isinstance(wanted, int) else None
    try:
        try:
            found = sts.assume_role_with_saml(role, chosen.provider, assertion.encoded, seconds)
        except StsRefusal as refusal:
            if not (seconds and seconds > 3600 and "MaxSessionDuration" in refusal.message):
                raise
            # As for hops: the role's own maximum is lower, and every role allows an hour.
            context.note(f"source '{source.name}': {chosen.role} allows 1 h at most")
            found = sts.assume_role_with_saml(role, chosen.provider, assertion.encoded, 3600)
    except StsRefusal as refusal:
        raise _refused(source, chosen, refusal) from None
    return chosen, found.credentials


_FIXES = {
    "InvalidIdentityToken": "check that AWS has the metadata of this identity provider, and that the"
    " assertion's audience and recipient are AWS",
    "IDPRejectedClaim": SIGN_IN,
    "AccessDenied": "let the role's trust policy allow sts:AssumeRoleWithSAML to this provider",
    "": "check role, provider and duration in the config",
}


def _refused(source: SourceConfig, chosen: SamlRole, refusal: StsRefusal) -> RolehopError:
    from rolehop.sources.aws_clients import token_rejected

    what = f"AWS refused the assertion of source '{source.name}' for {chosen.role}"
    return token_rejected(what, refusal, _FIXES, sign_in=how_to_sign_in(source))


def _token_name(source: SourceConfig) -> str:
    return f"saml/{source.name}"


def _made_for(source: SourceConfig, chosen: SamlRole, context: SourceContext) -> Document:
    """Return what a sign-in was made for; an emulator's session must never pass for a real one.

    Nor a session of STS's global endpoint for one of a regional endpoint.
    """
    from rolehop.sources.aws_clients import region_for, settings_for

    region = region_for(source, context, partition_of(chosen.role) or "aws")
    endpoint = settings_for(context, region).session_endpoint or ""
    return {
        "role": chosen.role,
        "provider": chosen.provider,
        "endpoint": endpoint,
        "program": _program_state(source, context),
    }


def _as_document(credentials: Credentials) -> Document:
    expires_at, local = credentials.expires_at, credentials.local_expires_at
    return {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
        "session_token": credentials.session_token or Secret(""),
        "expires_at": expires_at.isoformat() if expires_at else "",
        "local_expires_at": local.isoformat() if local else "",
    }


def _from_document(document: Document, now: datetime) -> Credentials | None:
    key_id = document.get("access_key_id")
    expires_at, ends_at = (_time_in(document, each) for each in ("expires_at", "local_expires_at"))
    secret, token = document.get("secret_access_key"), document.get("session_token")
    if not isinstance(key_id, str) or expires_at is None or ends_at is None:
        return None
    if not (isinstance(secret, Secret) and isinstance(token, Secret)):
        return None
    started = str(document.get("started_at"))
    if not started.isdecimal():
        return None
    shift = timedelta(seconds=started_at(now.timestamp()) - int(started))
    ends_at = end_by_new_clock(ends_at, expires_at, shift)
    return Credentials(key_id, secret, token, expires_at, expires_at - ends_at)


def _time_in(document: Document, name: str) -> datetime | None:
    try:
        return datetime.fromisoformat(str(document.get(name)))
    except ValueError:
        return None


def _takes_text(source: SourceConfig) -> bool:
    return origin_of(source) is None


_SIGN_IN = LoginSupport(login, logout, _takes_text, lambda source, _: _token_name(source))

TYPE = SourceType(
    TABLE,
    stamp,
    build,
    diagnose,
    _SIGN_IN,
    federated_identity=federated_identity,
    console_user=lambda source, context: "session",
    federated_action="sts:AssumeRoleWithSAML",
)
