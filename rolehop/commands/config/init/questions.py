"""What is asked for a first config, of whom, and how each answer is checked: at once, with an example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rolehop.base.dataclass import dataclass
from rolehop.base.files import expand_home, is_plain_file
from rolehop.base.text import nearest, quoted
from rolehop.commands.keys.access_keys import key_id_problem, secret_problem
from rolehop.config import sts_limits, value_types
from rolehop.config.model import SAMPLE, HopConfig
from rolehop.sources.programs import why_not_startable

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.app.ports import Choice, Progress
    from rolehop.awsconfig import AwsConfig
    from rolehop.base.errors import RolehopError
    from rolehop.config.schema import Table
    from rolehop.config.value_types import Check

Answer = Callable[[str], str]
"""Returns an answer in its final form; raises ``ValueError``, saying what is wrong with it."""


@dataclass(frozen=True, slots=True)
class LineQuestion:
    """One question that is answered by a line of text."""

    text: str
    hint: str
    """An example, and what an empty answer means."""

    check: Answer
    initial: str = ""
    hidden: bool = False


def of_check(check: Check) -> Answer:
    """Return a config key's own check, for text; what it returns is what is written."""

    def run(text: str) -> str:
        check.run(text)
        return text

    return run


def or_empty(check: Answer) -> Answer:
    """Return a check that takes an empty answer, too."""
    return lambda text: check(text) if text else ""


role = of_check(sts_limits.ROLE)
external_id = of_check(sts_limits.EXTERNAL_ID)
mfa_serial = of_check(sts_limits.MFA_SERIAL)
chain_name = of_check(value_types.NAME)
text = of_check(value_types.TEXT)
_url = of_check(value_types.URL)
_region = of_check(value_types.REGION)
_duration = of_check(sts_limits.HOP_DURATION)


def region(answer: str) -> str:
    """Return a region's name.

    Raises:
        ValueError: it is none.
    """
    try:
        return _region(answer)
    except ValueError as error:
        raise ValueError(_with_example(str(error), "eu-west-1")) from None


def duration(answer: str) -> str:
    """Return a duration that a hop may have.

    Raises:
        ValueError: it is none, or STS does not give a session that long or short.
    """
    try:
        return _duration(answer)
    except ValueError as error:
        raise ValueError(_with_example(str(error), "1h30m")) from None


def start_url(answer: str) -> str:
    """Return the address of an access portal, without what a browser adds to it.

    Raises:
        ValueError: it is not an https address.
    """
    plain = answer.rstrip("#/")
    if plain and "://" not in plain and "." in plain:
        raise ValueError(f'not an https address: {quoted(plain)}; did you mean "https://{plain}"?')
    try:
        return _url(plain)
    except ValueError as error:
        example = "https://corp.awsapps.com/start"
        raise ValueError(_with_example(str(error), example)) from None


def aws_profile(aws: AwsConfig) -> Answer:
    """Return a check for the name of a profile of the AWS files."""

    def run(answer: str) -> str:
        text(answer)
        if answer in aws.profiles:
            return answer
        near = [quoted(each) for each in nearest(answer, aws.profiles)]
        known = f"did you mean {' or '.join(near)}?" if near else _listed(aws)
        raise ValueError(f"there is no AWS profile {quoted(answer)}; {known}")

    return run


def _listed(aws: AwsConfig) -> str:
    names = [quoted(each) for each in aws.profiles]
    if not names:
        return f"{aws.config_file} has none"
    more = f" and {len(names) - 5} more" if len(names) > 5 else ""
    return f"there are {', '.join(names[:5])}{more}"


def access_key_id(answer: str) -> str:
    """Return the ID of a user's access key.

    Raises:
        ValueError: it is none, or that of a session's key.
    """
    problem = key_id_problem(answer)
    if problem is not None:
        raise ValueError(f"{problem}: {quoted(answer)}")
    return answer


def secret_key(answer: str) -> str:
    """Return the secret of an access key.

    Raises:
        ValueError: it cannot be one; the error does not quote it.
    """
    problem = secret_problem(answer)
    if problem is not None:
        raise ValueError(problem)
    return answer


def _with_example(said: str, example: str) -> str:
    return said if "did you mean" in said or "it may be" in said else f'{said}; as in "{example}"'


# ---- the questions of each source type, in their order

ROLE_HINT = "its ARN, or 222222222222:role/NAME"

START_URL = LineQuestion(
    "Start URL?", "of the access portal, as in https://corp.awsapps.com/start", start_url
)

SSO_REGION = LineQuestion(
    "Region of the Identity Center?", "where it was set up, as in eu-west-1", region
)

ACCESS_KEY_ID = LineQuestion(
    "Access key ID?",
    "of an IAM user, as AKIAIOSFODNN7EXAMPLE; empty: later",
    or_empty(access_key_id),
)

SECRET_KEY = LineQuestion("Secret access key?", "it is not shown", secret_key, hidden=True)

EXTERNAL_ID = LineQuestion(
    "External ID?", "what the role's trust policy asks for; empty: none", or_empty(external_id)
)

DURATION = LineQuestion(
    "How long should its session last?",
    "as in 1h or 30m; 15 min to 12 h, 1 h at most once chained; empty: 1h",
    or_empty(duration),
)

MFA_DEVICE = LineQuestion(
    "MFA device?",
    "its ARN, arn:aws:iam::111111111111:mfa/NAME, or auto: IAM is asked; empty: none",
    or_empty(mfa_serial),
)

NAME = LineQuestion("What should the chain be called?", "letters, digits and _.@+-", chain_name)

REGION = LineQuestion(
    "In which region?", "as in eu-west-1; empty: as your other AWS tools", or_empty(region)
)


def _fleet_role(answer: str) -> str:
    """Return the role of each account: a name, or an ARN with ``{account}``."""
    written = answer if ":" in answer or not answer else f"{{account}}:role/{answer}"
    if "{account}" not in written:
        raise ValueError("it is one role for all: write a name, or {account} for the account")
    role(written.replace("{account}", SAMPLE))
    return written


def _account_list(answer: str) -> str:
    """Return account IDs with blanks between them."""
    found = answer.replace(",", " ").split()
    if not found:
        raise ValueError("at least one; 12 digits each")
    value_types.ACCOUNTS.run(found)
    return " ".join(found)


FLEET_ROLE = LineQuestion(
    "Which role in each account?", "its name, or {account}:role/PATH/NAME", _fleet_role
)

ACCOUNTS = LineQuestion("In which accounts?", "their numbers, with blanks between", _account_list)

FLEET_NAME = LineQuestion(
    "What should the fleet be called?", "letters, digits and _.@+-", chain_name
)


class SourceKey(NamedTuple):
    """A key of a source's table, and how it is asked for; its check is the table's own."""

    name: str
    text: str
    hint: str
    is_file: bool = False
    is_command: bool = False
    may_be_empty: bool = False


_ROLE = SourceKey("role", "Which role does it get?", ROLE_HINT)

KEYS_ASKED: Mapping[str, tuple[SourceKey, ...]] = {
    "web-identity": (
        _ROLE,
        SourceKey("token_file", "Which file has the token?", "it is read each time", is_file=True),
    ),
    "web-identity sign-in": (
        _ROLE,
        SourceKey("issuer", "Issuer?", "its address, as in https://login.example.com"),
        SourceKey("client_id", "Client ID?", "rolehop's own at the issuer"),
    ),
    "saml": (
        SourceKey(
            "assertion_command",
            "Which command prints the assertion?",
            "empty: none; rolehop source login saml --stdin reads one",
            is_command=True,
            may_be_empty=True,
        ),
    ),
    "roles-anywhere": (
        SourceKey(
            "trust_anchor",
            "Trust anchor?",
            "arn:aws:rolesanywhere:REGION:ACCOUNT:trust-anchor/ID",
        ),
        SourceKey(
            "profile",
            "Roles Anywhere profile?",
            "arn:aws:rolesanywhere:REGION:ACCOUNT:profile/ID",
        ),
        _ROLE,
        SourceKey("certificate", "Certificate?", "a PEM file", is_file=True),
        SourceKey("private_key", "Its private key?", "a PEM file", is_file=True),
    ),
    "process": (
        SourceKey(
            "command",
            "Which command?",
            "it prints one JSON object (credential_process)",
            is_command=True,
        ),
    ),
}
"""``web-identity sign-in`` is of the type ``web-identity``, too."""


def of_source(key: SourceKey, table: Table, app: App, last: str) -> LineQuestion:
    """Return the question for a key of a source type's table.

    Args:
        key: the key.
        table: the table of the source's type.
        app: whose home and PATH a file and a program are looked for in.
        last: what was answered before, or an empty text.
    """
    found = next(each for each in table.keys if each.name == key.name)
    if key.is_file:
        check = existing_file(app.home)
    elif key.is_command:
        check = startable(found.check, app.environ)
    else:
        check = of_check(found.check)
    return LineQuestion(
        key.text, key.hint, or_empty(check) if key.may_be_empty else check, initial=last
    )


def startable(check: Check, environ: Mapping[str, str]) -> Answer:
    """Return a check for a command line whose program is there; nothing is run."""

    def run(answer: str) -> str:
        words = check.run(answer)
        program = str(words[0]) if isinstance(words, tuple) else answer
        problem = why_not_startable(program, environ)
        if problem is not None:
            raise ValueError(f"{quoted(program)} cannot be started: {problem}")
        return answer

    return run


def existing_file(home: Path) -> Answer:
    """Return a check for the path of a file; it becomes absolute: the config expands no ``~``."""

    def run(answer: str) -> str:
        path = expand_home(text(answer), home)
        if not is_plain_file(path):
            raise ValueError(f"there is no file {quoted(str(path.absolute()))}")
        return str(path.absolute())

    return run


def next_role(origin: str) -> LineQuestion:
    """Return the question for the role that is assumed with the session of ``origin``."""
    hint = f"from {origin}: {ROLE_HINT}; empty: none"
    return LineQuestion("Role to assume?", hint, or_empty(role))


def hop(answer: str) -> HopConfig:
    """Return a hop to a role."""
    return HopConfig(answer)


class Interviewer(Protocol):
    """The person who is asked, and what they are shown; whoever leaves raises KeyboardInterrupt."""

    def say(self, *lines: str) -> None:
        """Show lines of text."""
        ...

    def show(self, lines: Sequence[tuple[str, str]]) -> None:
        """Show lines of a label, as it is, and a text, whose further lines stand below it."""
        ...

    def report(self, error: RolehopError) -> None:
        """Show an error; the conversation goes on."""
        ...

    def ask(self, question: LineQuestion) -> str:
        """Return the answer in its final form: it is asked until the question's check accepts it.

        Raises:
            KeyboardInterrupt: the person left.
        """
        ...

    def pick(self, question: str, choices: Sequence[Choice], noun: str) -> Choice:
        """Return one of ``choices``; ``noun`` is what one of them is.

        Raises:
            KeyboardInterrupt: the person left.
        """
        ...

    def pick_many(self, question: str, choices: Sequence[Choice], noun: str) -> tuple[Choice, ...]:
        """Return one or more of ``choices``.

        Raises:
            KeyboardInterrupt: the person left.
        """
        ...

    def counting(self) -> AbstractContextManager[Callable[[int], object]]:
        """Return a context whose value shows of how many accounts the roles are known."""
        ...

    def walking(self) -> AbstractContextManager[Progress]:
        """Return a context whose value watches one walk, whether it succeeds or fails."""
        ...
