"""The assertion of a ``saml`` source: where it comes from, whose it is, and what it offers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.arn import RoleArn, partition_of
from rolehop.credentials import Secret
from rolehop.digest import digest_of
from rolehop.errors import NoTerminal, SignInExpired, SourceError, SourceWithdrawn
from rolehop.files import NotRegular, read_regular
from rolehop.sources.shared import choosing
from rolehop.sources.shared.subprocesses import source_command_output
from rolehop.sources.source_type import one_line

if TYPE_CHECKING:
    from rolehop.aws.saml_assertion import Assertion, SamlRole
    from rolehop.config.model import SourceConfig
    from rolehop.sources.context import SourceContext

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
        text = read_regular(path, _LONGEST).decode("utf-8")
    except FileNotFoundError:
        raise _absent(
            source, f"there is no file {path}", "sign in with the tool that writes it"
        ) from None
    except UnicodeDecodeError:
        raise _unreadable(source, f"{path}: it is not UTF-8 text") from None
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


def choose(source: SourceConfig, context: SourceContext, assertion: Assertion) -> SamlRole:
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
            return offered[choosing.choose(context, question, shown, of, shown)]
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
