"""The config, its sources, AWS's variables, and how `credential-process` failed for SDKs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.app.sdk_problems import alike_problems, sdk_failures
from rolehop.aws.net.addresses import certain_host, is_exposed
from rolehop.base.advice import Advice, Argument, ShellCommand
from rolehop.base.durations import show_span
from rolehop.base.errors import RolehopError
from rolehop.base.files import expand_home, is_there
from rolehop.base.text import clean, nearest, pluralize
from rolehop.commands.doctor.finding import NAMES, DoctorFinding, broken, fine, from_error, look
from rolehop.commands.profile.run import take_over_command
from rolehop.handover.environment import CHAIN
from rolehop.sources import diagnose, expand, is_expanded_to_another, own_problem

if TYPE_CHECKING:
    from datetime import datetime

    from rolehop.app.context import App
    from rolehop.app.sdk_problems import SdkProblem

TOPIC = "config"
_CALLS_ROLEHOP = "rolehop"


def check_rolehop_config(app: App) -> Iterator[DoctorFinding]:
    """Yield what is wrong with the config files, or how many chains they have."""
    from rolehop.app.config_files import first_step
    from rolehop.commands.config.check import check_config

    try:
        summary = check_config(app)
    except RolehopError as error:
        yield from_error(TOPIC, error)
        return
    doubts = [str(each) for each in summary.suspicious]
    if doubts:
        what = doubts[0] if len(doubts) == 1 else f"{len(doubts)} values may not be what was meant"
        why = "it may not be what was meant" if len(doubts) == 1 else doubts[0]
        yield look(TOPIC, what, why, "rolehop config check")
    if not summary.chains:
        yield look(TOPIC, "there is no chain yet", "so there is nothing to walk", first_step(app))
        return
    counts = f"{pluralize(summary.chains, 'chain')}, {pluralize(summary.sources, 'source')}"
    yield fine(TOPIC, f"{counts} in {', '.join(summary.files)}")


def check_shadows(app: App) -> Iterator[DoctorFinding]:
    """Yield AWS profiles with the name of a chain, unless they call rolehop for it, as one finding.

    There are many where chains were made of the profiles by ``config import``.
    """
    try:
        chains, profiles = app.config.chains, app.aws_config.profiles
    except RolehopError:
        return  # the check of that file says it
    both = [name for name in sorted(chains.keys() & profiles.keys()) if not _runs(profiles[name])]
    if not both:
        return
    first, is_one = both[0], len(both) == 1
    yield look(
        TOPIC,
        f"'{first}' is a chain and an AWS profile"
        if is_one
        else f"{len(both)} chains have the name of an AWS profile",
        f"rolehop assume {first} walks the chain, and aws --profile {first} uses the profile",
        take_over_command(both),
        names=() if is_one else both,
    )


def _runs(profile: Mapping[str, object]) -> bool:
    command = profile.get("credential_process")
    return isinstance(command, str) and _CALLS_ROLEHOP in command


SOURCES = "sources"


def check_sources(app: App) -> Iterator[DoctorFinding]:
    """Yield the sources that cannot be used now, as far as this machine tells; one finding a cause."""
    try:
        sources = app.config.sources
    except RolehopError:
        return  # the config's own check says it
    unusable: dict[str, list[str]] = {}
    for name, source in sources.items():
        try:
            # A broken AWS config is no problem of the other sources.
            is_profile = is_expanded_to_another(source)
            base = expand(source, app.aws_config)[0] if is_profile else source
            problem = own_problem(diagnose(base, app.source_context))
        except RolehopError as error:
            problem = error.what
        if problem is not None:
            unusable.setdefault(problem, []).append(name)
    for problem, names in unusable.items():
        yield look(
            SOURCES,
            f"source {names[0]}: {problem}" if len(names) == 1 else f"{NAMES}: {problem}",
            "rolehop cannot walk the chains that begin with it now",
            Advice("rolehop source test ", Argument(names[0])),
            names=names if len(names) > 1 else (),
        )
    if sources and not unusable:
        yield fine(SOURCES, f"{pluralize(len(sources), 'source')}: nothing is missing here")


def check_sdk_problems(app: App) -> Iterator[DoctorFinding]:
    """Yield what SDKs met when they asked for a session: most of them hide it."""
    for same in alike_problems(sdk_failures(app)):
        first, many = same[0], len(same) > 1
        yield look(
            SOURCES,
            f"credential-process of {len(same)} chains failed: {first.what_of_any}"
            if many
            else _when(first, app.now()),
            first.cause or "the SDK that asked does not show it",
            "rolehop status" if many else first.fix or "rolehop status",
            names=[each.chain for each in same] if many else (),
        )


def _when(problem: SdkProblem, now: datetime) -> str:
    """Return what an SDK met, and how long ago; an answer that it may not have read has code 0."""
    failed = " failed" if problem.exit_code else ""
    ago = show_span(max(0, int((now - problem.at).total_seconds())))
    return f"credential-process {problem.chain}{failed}, {ago} ago: {problem.what}"


VARIABLES = "environment"
_KEY, _SECRET = "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"
_OLD_TOKEN = "AWS_SECURITY_TOKEN"  # noqa: S105 - a name
_PROFILES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_ENDPOINT = "AWS_ENDPOINT_URL"


def check_variables(app: App) -> Iterator[DoctorFinding]:
    """Yield what is odd about the variables; a line that they are fine if nothing is."""
    environ = app.variables
    found = [
        *_credentials(environ),
        *_session(app, environ),
        *_profiles(app, environ),
        *_regions(environ),
        *_files(app, environ),
        *_endpoints(environ),
    ]
    yield from found or [fine(VARIABLES, "AWS variables agree")]


def _credentials(environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Half a key pair; and what botocore prefers to the variables that people know."""
    if environ.get(_KEY) and not environ.get(_SECRET):
        yield broken(
            VARIABLES,
            f"{_KEY} is set and {_SECRET} is not",
            "boto3 and the AWS CLI stop with partial credentials instead of looking elsewhere",
            Advice(ShellCommand(f"unset {_KEY}")),
        )
    if environ.get(_SECRET) and not environ.get(_KEY):
        yield look(
            VARIABLES,
            f"{_SECRET} is set and {_KEY} is not",
            "boto3 and the AWS CLI pass over it, and use other credentials or none",
            f"unset {_SECRET}, or set {_KEY}",
        )
    if environ.get(_OLD_TOKEN):
        yield look(
            VARIABLES,
            f"{_OLD_TOKEN} is set",
            "botocore prefers this old name to AWS_SESSION_TOKEN, so a stale one signs every call",
            Advice(ShellCommand(f"unset {_OLD_TOKEN}")),
        )
    named = next((each for each in _PROFILES if environ.get(each)), None)
    if named and environ.get(_KEY) and environ.get(_SECRET):
        yield look(
            VARIABLES,
            f"{named} and {_KEY} are both set",
            "most SDKs use the keys and pass over the profile, without a word",
            f"unset {named}, or the keys",
        )


def _session(app: App, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """A session of rolehop in this shell that has ended."""
    name, end = environ.get(CHAIN), environ.get("ROLEHOP_EXPIRES_AT", "")
    if name and end.isascii() and end.isdecimal() and int(end) <= app.now().timestamp():
        yield broken(
            VARIABLES,
            f"this shell's session of '{clean(name)}' has ended",
            "every AWS program started here is refused with ExpiredToken",
            "rolehop refresh, or rolehop leave",
        )


def _profiles(app: App, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    for variable in _PROFILES:
        name = environ.get(variable)
        if not name or name == "default":
            continue
        try:
            known = app.aws_config.profiles
        except RolehopError:
            return  # the check of that file says it
        if name not in known:
            near = nearest(name, known, n=1)
            meant = f"did you mean {near[0]}? " if near else ""
            yield broken(
                VARIABLES,
                f"{variable} names '{clean(name)}', which is no AWS profile",
                "every AWS program stops with: the config profile could not be found",
                Advice(meant, ShellCommand(f"unset {variable}")),
            )


def _regions(environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    first, second = (environ.get(each) for each in _REGIONS)
    if first and second and first != second:
        yield look(
            VARIABLES,
            f"AWS_REGION is {clean(first)}, and AWS_DEFAULT_REGION {clean(second)}",
            "boto3 follows AWS_DEFAULT_REGION, version 2 of the AWS CLI and most SDKs the other",
            "give both the same value, or unset AWS_DEFAULT_REGION",
        )


def _files(app: App, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    for variable in _FILES:
        named = environ.get(variable)
        if (
            named
            and named not in ("/dev/null", os.devnull)
            and not is_there(expand_home(named, app.home))
        ):
            yield look(
                VARIABLES,
                f"{variable} names a file that is not there: {clean(named)}",
                "AWS programs read nothing in its place, not even the usual file",
                Advice("write ", Argument(named), f", or unset {variable}"),
            )


def _endpoints(environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Addresses that cannot be called, or that anybody on the way can listen to."""
    for variable, url in sorted(environ.items()):
        if not variable.startswith(_ENDPOINT) or not url:
            continue
        host = certain_host(url)
        if host is None:  # which may have a password in it, so it is not shown
            yield broken(
                VARIABLES,
                f"{variable} is not an http:// or https:// URL with a host",
                "AWS programs cannot call the service there",
                f"correct it, or unset {variable}",
            )
        elif is_exposed(url):
            yield look(
                VARIABLES,
                f"{variable} is a plain http address: {host}",
                "everybody on the way can read and change what is exchanged with it",
                f"unset {variable}, or use https",
            )
