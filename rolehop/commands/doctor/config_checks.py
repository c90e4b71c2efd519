"""Variables of the environment that contradict each other, or name what is not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from rolehop.advice import Advice, Argument
from rolehop.errors import RolehopError
from rolehop.files import expand_home, is_there
from rolehop.handover.environment import CHAIN
from rolehop.net.addresses import certain_host, is_exposed
from rolehop.show.doctor.finding import DoctorFinding, broken, fine, look
from rolehop.text import clean, nearest

if TYPE_CHECKING:
    from rolehop.app.context import App

TOPIC = "environment"
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
    yield from found or [fine(TOPIC, "no AWS variable contradicts another")]


def _credentials(environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """Half a key pair; and what botocore prefers to the variables that people know."""
    if environ.get(_KEY) and not environ.get(_SECRET):
        yield broken(
            TOPIC,
            f"{_KEY} is set and {_SECRET} is not",
            "boto3 and the AWS CLI stop with partial credentials instead of looking elsewhere",
            f"unset {_KEY}",
        )
    if environ.get(_SECRET) and not environ.get(_KEY):
        yield look(
            TOPIC,
            f"{_SECRET} is set and {_KEY} is not",
            "boto3 and the AWS CLI pass over it, and use other credentials or none",
            f"unset {_SECRET}, or set {_KEY}",
        )
    if environ.get(_OLD_TOKEN):
        yield look(
            TOPIC,
            f"{_OLD_TOKEN} is set",
            "botocore prefers this old name to AWS_SESSION_TOKEN, so a stale one signs every call",
            f"unset {_OLD_TOKEN}",
        )
    named = next((each for each in _PROFILES if environ.get(each)), None)
    if named and environ.get(_KEY) and environ.get(_SECRET):
        yield look(
            TOPIC,
            f"{named} and {_KEY} are both set",
            "most SDKs use the keys and pass over the profile, without a word",
            f"unset {named}, or the keys",
        )


def _session(app: App, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    """A session of rolehop in this shell that has ended."""
    name, end = environ.get(CHAIN), environ.get("ROLEHOP_EXPIRES_AT", "")
    if name and end.isascii() and end.isdecimal() and int(end) <= app.now().timestamp():
        yield broken(
            TOPIC,
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
                TOPIC,
                f"{variable} names '{clean(name)}', which is no AWS profile",
                "every AWS program stops with: the config profile could not be found",
                f"{meant}unset {variable}",
            )


def _regions(environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    first, second = (environ.get(each) for each in _REGIONS)
    if first and second and first != second:
        yield look(
            TOPIC,
            f"AWS_REGION is {clean(first)}, and AWS_DEFAULT_REGION {clean(second)}",
            "boto3 follows AWS_DEFAULT_REGION, version 2 of the AWS CLI and most SDKs the other",
            "give both the same value, or unset AWS_DEFAULT_REGION",
        )


def _files(app: App, environ: Mapping[str, str]) -> Iterator[DoctorFinding]:
    for variable in _FILES:
        named = environ.get(variable)
        if named and named != "/dev/null" and not is_there(expand_home(named, app.home)):
            yield look(
                TOPIC,
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
                TOPIC,
                f"{variable} is not an http:// or https:// URL with a host",
                "AWS programs cannot call the service there",
                f"correct it, or unset {variable}",
            )
        elif is_exposed(url):
            yield look(
                TOPIC,
                f"{variable} is a plain http address: {host}",
                "everybody on the way can read and change what is exchanged with it",
                f"unset {variable}, or use https",
            )
