"""The Python API: a chain's plan, its session, and a boto3 session that refreshes by itself.

The same application layer as the command line, so a program gets the sessions that the command line
has stored, and the other way round. Import these names from ``rolehop``.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import timedelta
from textwrap import dedent, fill
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Literal,
    TypedDict,
    TypeVar,
    Unpack,
    get_type_hints,
)

from rolehop.app.asking import PROGRAM, SILENT
from rolehop.app.context import App
from rolehop.app.guard import ask, check_is_chain, is_chain
from rolehop.app.host import home_folder
from rolehop.app.ports import Nobody, Prompt, PromptedPerson
from rolehop.app.proof import UNASKED
from rolehop.app.walking import session_for_handover, session_of_chain
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import UsageError
from rolehop.base.text import nearest, reason_text
from rolehop.config import sts_limits, value_types
from rolehop.plan.walk_options import WalkOptions

if TYPE_CHECKING:
    from pathlib import Path

    import boto3

    from rolehop.app.ports import Person
    from rolehop.base.credentials import Session
    from rolehop.plan.model import Plan

Duration = int | str | timedelta
"""Seconds, ``"30m"`` as in the config, or a timedelta."""


@dataclass(frozen=True, slots=True)
class KeywordArgument:
    """What an argument means, and how its value is checked."""

    meaning: str
    check: Callable[[Any], Any] | None = None
    """Returns the value that `WalkOptions` takes; ``None``: the argument is none of its fields.

    Raises:
        ValueError, TypeError: the value breaks a limit.
    """


def _duration(run: Callable[[object], Any]) -> Callable[[object], Any]:
    def check(value: object) -> Any:
        return run(int(value.total_seconds()) if isinstance(value, timedelta) else value)

    return check


def _plain(value: Any) -> Any:
    """Return a text or a number without the type that a program gave it.

    A member of ``class Team(str, Enum)`` is ``blue`` when it is compared and ``Team.BLUE`` when it is sent.
    """
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _reason(value: object) -> str:
    return reason_text(str(value_types.PROSE.run(value)))


def _tags(value: object) -> Any:
    if not isinstance(value, Mapping):
        raise TypeError(f"must be a mapping such as a dict, not {value!r}")
    tags = {_plain(key): _plain(each) for key, each in value.items()}
    for key in tags:
        if not isinstance(key, str):
            raise TypeError(f"a tag's key must be text, not {key!r}")
    return sts_limits.TAGS.run(tags)


def _policy_arns(value: object) -> Any:
    if isinstance(value, str) or not isinstance(value, Collection):
        # An iterator is empty the second time, and nothing would limit the session.
        raise TypeError(f"must be a list of ARNs, not {value!r}")
    return sts_limits.POLICY_ARNS.run([_plain(each) for each in value])


class Options(TypedDict, total=False):
    """The keyword arguments of every function here; they mirror the flags of ``rolehop assume``."""

    region: Annotated[
        str | None,
        KeywordArgument(
            "Region for STS and for the boto3 session (--region).", value_types.REGION.run
        ),
    ]
    duration: Annotated[
        Duration | None,
        KeywordArgument(
            'How long the session should last: seconds, "30m" or a timedelta. 15 minutes'
            " to 12 hours, lowered to what STS grants.",
            _duration(sts_limits.HOP_DURATION.run),
        ),
    ]
    min_ttl: Annotated[
        Duration | None,
        KeywordArgument(
            "How long a cached session must still last, likewise; 16 minutes unless the config says"
            " more.",
            _duration(value_types.MIN_TTL.run),
        ),
    ]
    strict: Annotated[
        bool,
        KeywordArgument(
            "True: refuse a duration above a hop's ceiling instead of lowering it.",
            value_types.BOOLEAN.run,
        ),
    ]
    read_only: Annotated[
        bool,
        KeywordArgument(
            "True: limit the last hop's session by AWS's managed policy ReadOnlyAccess; without a hop,"
            " the source's session by a smaller policy.",
            value_types.BOOLEAN.run,
        ),
    ]
    tags: Annotated[
        Mapping[str, str],
        KeywordArgument(
            'Session tags of the last hop: {"team": "blue"}.',
            _tags,
        ),
    ]
    policy: Annotated[
        str | None,
        KeywordArgument("A policy that limits the session, as JSON text.", sts_limits.POLICY.run),
    ]
    policy_arns: Annotated[
        Collection[str],
        KeywordArgument(
            "ARNs of managed policies that are session policies of the last hop; at most 10.",
            _policy_arns,
        ),
    ]
    source_identity: Annotated[
        str | None,
        KeywordArgument("The last hop's source identity.", sts_limits.SOURCE_IDENTITY.run),
    ]
    reason: Annotated[
        str | None,
        KeywordArgument(
            'Why; chains with reason = "required" require it. CloudTrail logs it.', _reason
        ),
    ]
    config: Annotated[
        str | os.PathLike[str] | None,
        KeywordArgument("Path of the only config file to read (--config)."),
    ]
    prompt: Annotated[
        Prompt | Literal[False],
        KeywordArgument(
            "False (the default): never ask; a question raises NoTerminal. Or a callable that gets"
            " a question, also for a secret, and returns the answer, as input does.",
        ),
    ]


_ARGUMENTS: Mapping[str, KeywordArgument] = {
    name: hint.__metadata__[0]
    for name, hint in get_type_hints(Options, include_extras=True).items()
}

F = TypeVar("F", bound=Callable[..., object])


def _with_arguments(function: F) -> F:
    """Add what each argument means to the docstring, for ``help(rolehop)``."""
    if function.__doc__:  # none under python -OO
        rows = "".join(
            fill(f"{name}: {each.meaning}", 92, initial_indent=" " * 4, subsequent_indent=" " * 8)
            + "\n"
            for name, each in _ARGUMENTS.items()
        )
        chain = "    chain: Name of a chain of the config, or of an AWS profile.\n"
        first, end, rest = function.__doc__.partition("\n")
        before, raises, after = dedent(rest).partition("Raises:\n")  # Python 3.13 has dedented it
        function.__doc__ = f"{first}{end}{before}Args:\n{chain}{rows}\n{raises}{after}"
    return function


@_with_arguments
def get_plan(chain: str, **options: Unpack[Options]) -> Plan:
    """Plan a chain, or an AWS profile, without calling AWS.

    Raises:
        rolehop.base.errors.ConfigError: there is no such chain, or the config is broken.
        rolehop.base.errors.RolehopError: any other error that ``rolehop plan`` would show.
    """
    with _forgetful():
        return _plan(_app(options), _chain_name(chain), _walk_options(options))


@_with_arguments
def get_credentials(chain: str, **options: Unpack[Options]) -> Session:
    """Return the session of a chain's last hop, from the keyring or by walking the chain.

    Secrets in it hide from ``repr``; ``session.credentials.secret_access_key.reveal()`` returns
    the text. ``expires_at`` is aware, in UTC.

    Raises:
        rolehop.base.errors.HopRefused: AWS refused a hop.
        rolehop.base.errors.NoTerminal: something has to be asked (an MFA code, ``confirm``, a reason)
            and there is no ``prompt``.
        rolehop.base.errors.RolehopError: any other error that ``rolehop assume`` would show.
    """
    name = _chain_name(chain)
    with _forgetful(), closing(_app(options)) as app:
        return session_for_handover(
            app, name, _walk_options(options), SILENT, command="python"
        ).session


@_with_arguments
def session(chain: str, **options: Unpack[Options]) -> boto3.Session:
    """Return a ``boto3.Session`` with a chain's credentials, which refresh by themselves.

    Nothing is walked before the first client signs a call. The session is renewed through the
    same plan, walk and keyring when boto3 asks: below 15 minutes of remaining life (below half of
    its life if that is less). It may be used by many threads: they share one walk. ``confirm`` and
    a required reason are asked once, when the first client signs a call.

    Raises:
        rolehop.base.errors.ConfigError: there is no such chain, or the config is broken.
        rolehop.base.errors.UsageError: an argument that makes no sense.
    """
    from rolehop.aws.boto3_session import make_session

    with _forgetful():
        walk = _RepeatedWalk(_chain_name(chain), options)
        plan = walk.first_plan()
    return make_session(walk, plan.export_region or plan.region)


@contextmanager
def _forgetful() -> Iterator[None]:
    """Clear the local variables from an error's tracebacks: programs log them, and some are secret."""
    seen = {id(sys.exc_info()[1]), id(None)}  # what the program itself handles stays as it is
    try:
        yield
    except BaseException as error:
        todo: list[BaseException | None] = [error]
        while todo:
            each = todo.pop()
            if each is not None and id(each) not in seen:  # a program's may be equal to any
                seen.add(id(each))
                traceback.clear_frames(each.__traceback__)
                todo += (each.__cause__, each.__context__)
        raise


_FOLDERS = ("XDG_CONFIG_HOME", "XDG_CONFIG_DIRS")
"""A relative one is none (XDG base directory specification)."""

_OF_CONFIG = ("ROLEHOP_CONFIG", *_FOLDERS, "HOME")
"""Variables that say where the config is, besides the AWS files'."""


class _RepeatedWalk:
    """Walks a chain whenever its session has to be renewed; confirmed and explained only once.

    Where the config is, and what relative paths are relative to, stays as it was at first: another
    file could send the chain elsewhere.
    """

    def __init__(self, chain: str, options: Options) -> None:
        from rolehop.sources.program_state import AWS_FILES, PATHS

        config = _config_file(options.get("config"))
        self._chain = chain
        self._arguments: Options = {**options, "config": config and _full_path(config)}
        self._home = home_folder()
        self._variables = {name: os.environ.get(name) for name in (*AWS_FILES, *_OF_CONFIG)}
        for name in (*AWS_FILES, *PATHS):
            path = os.environ.get(name)
            if path and path[0] != os.sep and name not in _FOLDERS:
                self._variables[name] = _full_path(path)
        self._options = _walk_options(options)
        self._proof = UNASKED
        self._is_chain = False

    def first_plan(self) -> Plan:
        """Plan the chain before it is walked. Raises as `get_plan`."""
        app = self._app()
        self._is_chain = is_chain(app, self._chain)
        return _plan(app, self._chain, self._options)

    def __call__(self) -> Session:
        with _forgetful(), closing(self._app()) as app:
            if self._is_chain:
                check_is_chain(app, self._chain)
            options, proof = ask(app, self._chain, self._options, self._proof)
            self._options, self._proof = options, proof
            return session_of_chain(app, self._chain, options, proof, asked_by=PROGRAM)[1]

    def _app(self) -> App:
        variables = {**os.environ, **self._variables}
        set_ones = {name: value for name, value in variables.items() if value is not None}
        return _app(self._arguments, set_ones, self._home)


def _plan(app: App, name: str, options: WalkOptions) -> Plan:
    from rolehop.app.planning import Planning

    return Planning(app).plan(name, options, app.source_callers)


def _full_path(path: str) -> str:
    return path if path.startswith("~") else os.path.abspath(path)  # noqa: PTH100 - keeps no `..`


def _app(
    options: Options, variables: Mapping[str, str] = os.environ, home: Path | None = None
) -> App:
    return App(
        variables,
        home or home_folder(),
        config_file=_config_file(options.get("config")),
        person=_person(options.get("prompt", False)),
    )


def _config_file(config: object) -> str | None:
    if config is None:
        return None
    path = os.fspath(config) if isinstance(config, str | os.PathLike) else None
    if not isinstance(path, str):
        raise UsageError(f"config: must be a path as text, not {config!r}")
    return str(_plain(path))


def _chain_name(chain: object) -> str:
    if not isinstance(chain, str):
        raise UsageError(f"chain: must be a name, not {chain!r}", fix="rolehop list")
    return str(_plain(chain))


def _person(prompt: object) -> Person:
    if prompt is False:
        return Nobody("there is no prompt to ask with", fix=_how_to_answer)
    if not callable(prompt):
        raise UsageError(
            f"prompt={prompt!r} cannot ask anything",
            cause="prompt is False, or a callable that gets a question and returns the answer",
            fix="prompt=input",
        )
    return PromptedPerson(prompt)


def _how_to_answer(needed: str) -> str:
    return "pass reason=TEXT or prompt=input" if needed == "a reason" else "pass prompt=input"


def _walk_options(options: Options) -> WalkOptions:
    """Check the arguments as the config's keys are checked.

    Raises:
        UsageError: an argument is not known, or its value breaks a limit.
    """
    _refuse_unknown(options)
    values = {
        name: _checked(name, each.check, options[name])  # type: ignore[literal-required]
        for name, each in _ARGUMENTS.items()
        if each.check is not None and options.get(name) is not None
    }
    return WalkOptions(in_program=True, **values)


def _refuse_unknown(options: Options) -> None:
    unknown = sorted(options.keys() - _ARGUMENTS.keys())
    if unknown:
        near = nearest(unknown[0], _ARGUMENTS, n=1)
        raise UsageError(
            f"there is no argument {unknown[0]!r}",
            cause=f"the arguments are {', '.join(_ARGUMENTS)}",
            fix=f"did you mean {near[0]}?" if near else None,
        )


def _checked(name: str, check: Callable[[Any], Any], value: object) -> Any:
    """Return the checked value.

    Raises:
        UsageError: it breaks a limit; the error names the argument.
    """
    try:
        return check(_plain(value))
    except (ValueError, TypeError) as error:
        raise UsageError(f"{name}: {error}", fix=f"see {name} in help(rolehop.session)") from None
