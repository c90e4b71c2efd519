"""The services that walks and sign-ins call: whether they answer, through what, and by which clock."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.errors import RolehopError
from rolehop.show.doctor.finding import DoctorFinding, broken, fine, from_error, look
from rolehop.startup.dataclass import dataclass

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.net.client_settings import ClientSettings
    from rolehop.net.transport import HttpResponse

TOPIC = "network"
_MOST_OFFSET = timedelta(minutes=5)
"""A request signed by a clock that is further off is refused (IAM user guide, "Troubleshooting
Signature Version 4": the signature has expired, or is not yet current)."""
_WORTH_A_LOOK = timedelta(minutes=1)
_SET_CLOCK = {
    "linux": "sudo timedatectl set-ntp true",
    "darwin": "sudo sntp -sS time.apple.com",
    "win32": "w32tm /resync",
}
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class _Place:
    """A service at one address."""

    name: str
    url: str
    settings: ClientSettings
    overridden: bool


def check_network(app: App) -> Iterator[DoctorFinding]:
    """Yield whether each service answers; nothing is signed, and no credentials are sent."""
    from rolehop.daemon_threads import parallel_map, result_of

    if not _can_be_read(lambda: app.aws_config):
        yield _not_examined("it was not examined", "an AWS file, which may say how it is reached,")
        return
    has_config = _can_be_read(lambda: app.config)
    if not has_config:
        yield _not_examined("STS alone was examined", "the config, which names Identity Centers,")
    try:
        places = [_sts(app), *(_identity_centers(app) if has_config else ())]
    except RolehopError as error:
        yield from_error(TOPIC, error)
        return
    answers = parallel_map(places, lambda place: _ask(app, place), len(places))
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, RolehopError):
            yield from_error(TOPIC, answer)
        else:
            yield from _answered(app, place, result_of(answer))


def _can_be_read(read: Callable[[], object]) -> bool:
    """True if nothing is wrong with a file; else its own check says what."""
    try:
        read()
    except RolehopError:
        return False
    return True


def _not_examined(what: str, broken_part: str) -> DoctorFinding:
    return look(TOPIC, what, f"{broken_part} cannot be read", "correct that file, and run it again")


def _sts(app: App) -> _Place:
    from rolehop.app.planning import sts_of_shell
    from rolehop.aws.endpoint import find_endpoint

    settings = sts_of_shell(app).settings
    overridden = settings.override("sts") is not None
    return _Place("STS", find_endpoint("sts", settings).url, settings, overridden)


def _identity_centers(app: App) -> Iterator[_Place]:
    """Yield the sign-in service of each Identity Center that a source uses, once."""
    from rolehop.aws.endpoint import public_url
    from rolehop.sources import names_permission_set
    from rolehop.sources.identity_center.settings import center_of
    from rolehop.sources.shared.aws_clients import settings_for
    from rolehop.sources.sign_ins import base_of

    seen: set[str] = set()
    for source in (base_of(each, lambda: app.aws_config) for each in app.config.sources.values()):
        if not names_permission_set(source):
            continue
        center = center_of(source, app.source_context)
        settings = settings_for(app.source_context, center.region)
        own = center.endpoint("sso-oidc")
        url = own or public_url("sso-oidc", settings)
        if url not in seen:
            seen.add(url)
            yield _Place(f"Identity Center in {center.region}", url, settings, own is not None)


def _ask(app: App, place: _Place) -> tuple[HttpResponse, str | None]:
    """Return the answer to a request for nothing, and the proxy it came through.

    Raises:
        RolehopError: there was none.
    """
    from rolehop.net.http import HttpClient, HttpRequest

    with HttpClient(place.settings, overridden=place.overridden) as client:
        answer = client.send(HttpRequest("GET", place.url), attempts=_ATTEMPTS)
        return answer, client.proxy_of(place.url)


def _answered(
    app: App, place: _Place, found: tuple[HttpResponse, str | None]
) -> Iterator[DoctorFinding]:
    from rolehop.net.addresses import host_of

    answer, proxy = found
    through = f", through the proxy {proxy}" if proxy else ""
    trusts = f", trusting {place.settings.ca_bundle}" if place.settings.ca_bundle else ""
    host = host_of(place.url)
    if answer.wants_network_sign_in:
        yield broken(
            TOPIC,
            f"{host} did not answer: the network wants you to sign in to it (HTTP 511)",
            "a page of the network stands between",
            "open any web page, sign in there, then run it again",
        )
        return
    yield fine(TOPIC, f"{place.name} answers at {host}{through}{trusts}")
    offset = answer.clock_offset(app.now())
    if abs(offset) >= _WORTH_A_LOOK:
        yield _clock(offset)


def _clock(offset: timedelta) -> DoctorFinding:
    minutes = round(abs(offset).total_seconds() / 60)
    way = "slow" if offset > timedelta() else "fast"
    what = f"this machine's clock is {minutes} min {way}"
    fix = _SET_CLOCK.get(sys.platform, "set the clock")
    if abs(offset) >= _MOST_OFFSET:
        return broken(TOPIC, what, "AWS refuses requests that are signed 5 min off", fix)
    return look(TOPIC, what, "from 5 min on AWS refuses what it signs", fix)
