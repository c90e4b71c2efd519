"""A role by SAML: an assertion from a file, a variable, a command, or a pipe.

Identity providers post to AWS's own address, so there is no page of ours to catch it: another
tool signs in, and hands the assertion on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.arn import RoleArn, account_of, partition_of
from rolehop.config import checks, limits
from rolehop.config.schema import Key, Table
from rolehop.credentials import Credentials, Secret
from rolehop.errors import NoTerminal, SourceError
from rolehop.patterns import Pattern
from rolehop.plan import Stamp
from rolehop.ports import Source, StsRefusal
from rolehop.sources.programs import environment_of_program, output_of
from rolehop.sources.source_type import Finding, Login, SignIn, SourceType
from rolehop.values import dataclass

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rolehop.aws.saml import Assertion, SamlRole
    from rolehop.config.model import SourceConfig
    from rolehop.sources.inputs import Document, Inputs

_WAYS = ("assertion_file", "assertion_env", "assertion_command")
_PROVIDER = Pattern(r"arn:aws(?:-[a-z]+)*:iam::[0-9]{12}:saml-provider/[\w._-]{1,128}")
_VARIABLE = Pattern(r"[A-Za-z_][A-Za-z0-9_]*")
_LONGEST = 400_000  # characters; STS takes 100,000, and a form's encoding makes it longer
_FRESH = timedelta(minutes=16)
"""A kept sign-in with less life is got anew where nobody must be asked for it."""


def _check_ways(values: Mapping[str, object]) -> None:
    named = [f'"{way}"' for way in _WAYS if way in values]
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
        Key("role", limits.ROLE, "the role", "picked from those in the assertion"),
        Key(
            "provider",
            checks.text("the ARN of a SAML provider", _PROVIDER, kind="ARN"),
            "the SAML provider in the role's account",
            "as the assertion says",
        ),
        Key("assertion_file", checks.PATH, "a file with the assertion, read anew each time"),
        Key(
            "assertion_env",
            checks.text("the name of a variable", _VARIABLE, kind="name"),
            "the environment variable that holds the assertion",
        ),
        Key(
            "assertion_command",
            checks.COMMAND,
            "a command that signs in and prints the assertion",
            "rolehop source login NAME --stdin reads one",
        ),
        Key(
            "duration",
            checks.HOP_DURATION,
            "how long the role's session should last",
            "the assertion's SessionDuration, else 1 h",
        ),
    ),
    rule=_check_ways,
)


def stamp(source: SourceConfig, inputs: Inputs) -> Stamp:
    """Return who a file or variable speaks for, else the generation of the sign-in.

    A command's assertion is another one each time, and running it is the sign-in itself: until
    ``source login`` its definition stands for it, as for a process.
    """
    generation = inputs.tokens.generation(_kept_as(source))
    if "assertion_command" in source.settings:
        return Stamp(generation or "command", long_lived=False, kept=True)
    if _way(source) is None:
        problem = None if generation else _not_signed_in(source).what
        return Stamp(generation, long_lived=False, problem=problem, kept=True)
    try:
        who = _parsed(source, _given(source, inputs)).who
    except SourceError as error:
        return Stamp(None, long_lived=False, problem=f"{error.what}: {error.cause}")
    return Stamp(who, long_lived=False, kept=True)


def build(source: SourceConfig, inputs: Inputs) -> Source:
    """Make the source; no assertion is asked for before it is loaded."""
    return _Saml(source, inputs)


def login(source: SourceConfig, inputs: Inputs, how: Login) -> str:
    """Sign in with the assertion that ``--stdin`` gave, else with the source's own.

    Raises:
        SourceError: there is no assertion, it is broken or expired, or AWS refused it.
    """
    if how.text is None and _way(source) is None:
        raise _not_signed_in(source)
    return login_with(source, inputs, _given(source, inputs) if how.text is None else how.text)


def login_with(source: SourceConfig, inputs: Inputs, text: Secret) -> str:
    """Exchange the assertion ``text`` now, since it lasts minutes, and keep the session.

    Returns:
        One line that says what was reached.
    """
    role, credentials = _exchanged(source, inputs, _parsed(source, text))
    inputs.tokens.begin(_kept_as(source), _as_document(credentials))
    return f"source '{source.name}' is signed in as {role}"


def logout(source: SourceConfig, inputs: Inputs) -> bool:
    """Forget the sign-in; ``False``: there was none."""
    return inputs.tokens.remove(_kept_as(source))


def findings(source: SourceConfig, inputs: Inputs) -> Sequence[Finding]:
    """Say where the assertion is looked for, what it offers, and until when it lasts."""
    way = _way(source)
    if way == "assertion_command":
        command = source.settings[way]
        program = command[0] if isinstance(command, tuple) else ""
        return [Finding("the assertion that assertion_command prints", f"runs {program}")]
    if way is None:
        kept = inputs.tokens.generation(_kept_as(source))
        looked_for = f"a sign-in by rolehop source login {source.name} --stdin"
        return [Finding(looked_for, "there" if kept else "none", good=bool(kept))]
    looked_for = f"the assertion in {source.settings[way]} ({way})"
    try:
        found = _parsed(source, _given(source, inputs))
    except SourceError as error:
        return [Finding(looked_for, f"{error.what}: {error.cause}", good=False)]
    offers = ", ".join(each.role for each in found.roles) or "no role that can be read"
    ends = f", until {found.ends:%Y-%m-%dT%H:%M:%SZ}" if found.ends else ""
    alive = found.ends is None or found.ends > inputs.now()
    return [Finding(looked_for, f"it offers {offers}{ends}", good=alive and bool(found.roles))]


@dataclass(frozen=True, slots=True)
class _Saml:
    source: SourceConfig
    inputs: Inputs

    def load(self) -> Credentials:
        """Return the role's session.

        Raises:
            SourceError: there is no assertion, it is broken, expired, or offers another role, or
                AWS refused it.
            ServiceError: the network or AWS failed.
        """
        kept = self._kept()
        if kept is not None:
            return kept
        if _way(self.source) is None:
            raise _not_signed_in(self.source)
        assertion = _parsed(self.source, _given(self.source, self.inputs))
        return _exchanged(self.source, self.inputs, assertion)[1]

    def _kept(self) -> Credentials | None:
        """Return the session of ``source login``, as long as it is of use.

        What a file or a variable says counts more: it is there to be read.
        """
        if _way(self.source) not in (None, "assertion_command"):
            return None
        document = self.inputs.tokens.get(_kept_as(self.source))
        found = None if document is None else _from_document(document)
        if found is None or found.expires_at is None:
            return None
        least = timedelta() if _way(self.source) is None else _FRESH
        return found if found.expires_at - self.inputs.now() > least else None


def _way(source: SourceConfig) -> str | None:
    return next((way for way in _WAYS if way in source.settings), None)


def _given(source: SourceConfig, inputs: Inputs) -> Secret:
    """Return the text that the source's own way gives."""
    if "assertion_file" in source.settings:
        return _from_file(source, inputs.watched(Path(str(source.settings["assertion_file"]))))
    if "assertion_env" in source.settings:
        return _from_variable(source, inputs, str(source.settings["assertion_env"]))
    command = source.settings.get("assertion_command")
    with inputs.locks.waiting_for_person():
        output = output_of(
            command if isinstance(command, tuple) else (),
            environment_of_program(inputs.environ),
            what=f"the assertion_command of source '{source.name}'",
            say=inputs.note,
        )
    if not output.strip():
        raise SourceError(
            f"the assertion_command of source '{source.name}' printed nothing",
            cause="it ended well, but its stdout is empty",
            fix="run it by hand: it must print the SAML response in base64",
        )
    return Secret(output.decode("utf-8", "replace"))


def _from_file(source: SourceConfig, path: Path) -> Secret:
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LONGEST + 1)
    except FileNotFoundError:
        raise _absent(
            source, f"there is no file {path}", "sign in with the tool that writes it"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise _broken(source, f"{path}: {(cause or 'cannot be read').lower()}") from None
    return Secret(text)


def _from_variable(source: SourceConfig, inputs: Inputs, name: str) -> Secret:
    text = inputs.environ.get(name)
    if not text:
        raise _absent(source, f"the variable {name} is not set", f"sign in, then export {name}")
    return Secret(text)


def _parsed(source: SourceConfig, text: Secret) -> Assertion:
    from rolehop.aws.saml import read_assertion

    try:
        return read_assertion(text)
    except ValueError as error:
        cause = str(error)
    raise _broken(source, cause)


def _exchanged(
    source: SourceConfig, inputs: Inputs, assertion: Assertion
) -> tuple[str, Credentials]:
    """Return the chosen role and its session from STS."""
    from rolehop.sources.calls import region_for, sts_of

    _check_times(source, assertion, inputs.now())
    chosen = _chosen(source, inputs, assertion)
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
    return chosen.role, found.credentials


def _check_times(source: SourceConfig, assertion: Assertion, now: datetime) -> None:
    if assertion.ends is not None and assertion.ends <= now:
        raise SourceError(
            f"the assertion of source '{source.name}' has expired",
            cause=f"it was good until {assertion.ends:%Y-%m-%dT%H:%M:%SZ}: they last minutes",
            fix="sign in at the identity provider anew",
        )
    if assertion.begins is not None and assertion.begins > now + timedelta(minutes=5):
        raise SourceError(
            f"the assertion of source '{source.name}' is not valid yet",
            cause=f"it is good from {assertion.begins:%Y-%m-%dT%H:%M:%SZ} on",
            fix="check this machine's clock",
        )


def _chosen(source: SourceConfig, inputs: Inputs, assertion: Assertion) -> SamlRole:
    """Return the role that the config names, or the only one, or the one that a person picks."""
    from rolehop.aws.saml import SamlRole

    role, provider = _role(source, assertion), source.settings.get("provider")
    if assertion.encrypted:
        if role and isinstance(provider, str):
            return SamlRole(role, provider)
        raise SourceError(
            f"the assertion of source '{source.name}' is encrypted",
            cause="only AWS can read which roles it offers",
            fix="name role and provider in the config",
        )
    offered = [
        each
        for each in assertion.roles
        if role in (None, each.role) and provider in (None, each.provider)
    ]
    if not offered:
        raise _none_offered(source, assertion, role)
    if len(offered) == 1:
        return offered[0]
    try:
        with inputs.locks.waiting_for_person():
            names = [each.role for each in offered]
            same = len(set(names)) < len(names)
            shown = [f"{each.role} by {each.provider}" for each in offered] if same else names
            return offered[inputs.person.choose(f"role of source '{source.name}'", shown)]
    except NoTerminal as nobody:
        nobody.cause = f"the assertion offers {', '.join(each.role for each in offered)}"
        nobody.fix = "name one of them as role in the config"
        raise


def _role(source: SourceConfig, assertion: Assertion) -> str | None:
    """Return the whole ARN of the role in the config, the short form in the assertion's partition."""
    named = source.settings.get("role")
    if not isinstance(named, str):
        return None
    provider = source.settings.get("provider")
    others = [each.role for each in assertion.roles]
    partition = partition_of(provider if isinstance(provider, str) else next(iter(others), ""))
    return str(RoleArn.parse_in(named, partition or "aws"))


def _none_offered(source: SourceConfig, assertion: Assertion, role: str | None) -> SourceError:
    offers = ", ".join(each.role for each in assertion.roles)
    if not offers:
        return SourceError(
            f"the assertion of source '{source.name}' offers no role",
            cause="it has no attribute https://aws.amazon.com/SAML/Attributes/Role that pairs a "
            "role with a provider",
            fix="check the identity provider's AWS application, and that you are assigned to it",
        )
    return SourceError(
        f"the assertion of source '{source.name}' does not offer {role or 'that provider'}",
        cause=f"it offers {offers}",
        fix="correct role and provider in the config, or have the role assigned to you",
    )


_FIXES = {
    "ExpiredTokenException": "sign in at the identity provider anew",
    "InvalidIdentityToken": "check that the provider in AWS holds the metadata of this identity "
    "provider, and that the assertion is meant for AWS (its audience and recipient)",
    "IDPRejectedClaim": "sign in at the identity provider anew",
    "AccessDenied": "let the role's trust policy allow sts:AssumeRoleWithSAML to this provider",
}


def _refused(source: SourceConfig, chosen: SamlRole, refusal: StsRefusal) -> SourceError:
    return SourceError(
        f"AWS refused the assertion of source '{source.name}' for {chosen.role}",
        cause=f"{refusal.code}: {refusal.message}",
        fix=_FIXES.get(refusal.code, "check role, provider and duration in the config"),
    )


def _not_signed_in(source: SourceConfig) -> SourceError:
    return SourceError(
        f"source '{source.name}' wants a sign-in (rolehop source login {source.name} --stdin)",
        cause="it has no assertion_… key, and nobody has signed in, or the session has ended",
        fix=f"TOOL | rolehop source login {source.name} --stdin",
    )


def _absent(source: SourceConfig, cause: str, fix: str) -> SourceError:
    return SourceError(f"source '{source.name}' has no assertion", cause=cause, fix=fix)


def _broken(source: SourceConfig, cause: str) -> SourceError:
    return SourceError(
        f"the assertion of source '{source.name}' cannot be read",
        cause=cause,
        fix="it must be the SAML response in base64, as the identity provider posts it",
    )


def _kept_as(source: SourceConfig) -> str:
    return f"saml/{source.name}"


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


TYPE = SourceType(TABLE, stamp, build, findings, SignIn(login, logout))
