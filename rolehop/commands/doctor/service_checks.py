"""What answers rolehop: the keyring, and AWS over the network; if it works, and how quickly."""

from __future__ import annotations

import secrets
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING

from rolehop.base.advice import Advice, ShellCommand
from rolehop.base.dataclass import dataclass
from rolehop.base.errors import RolehopError, VaultBroken
from rolehop.commands.doctor.finding import DoctorFinding, broken, fine, from_error, look
from rolehop.vault import (
    FREEDESKTOP,
    GPG_STORE,
    KERNEL,
    KWALLET,
    MACOS,
    WINDOWS,
    backend_label,
)
from rolehop.vault.chunks import IncompleteItem
from rolehop.vault.storage import TRIAL, BackendHandle, Storage

if TYPE_CHECKING:
    from rolehop.app.context import App
    from rolehop.aws.net.client_settings import ClientSettings
    from rolehop.aws.net.transport import HttpResponse
    from rolehop.vault.backend_selection import Chosen

TOPIC = "keyring"

_TRIALS = 3
"""Another doctor, at the same moment, may put its own text in the place of this one's."""

_SLOW = 1.0  # seconds of a round trip; every walk makes several

PROTECTION = {
    FREEDESKTOP: "on disk, the login password encrypts it; unlocked, every program of yours can read it",
    KWALLET: "on disk, the wallet's password encrypts it; open, programs that you allowed can read it",
    KERNEL: "nothing is on disk; every program of yours can read it, and a reboot empties it",
    GPG_STORE: "on disk, your GnuPG key encrypts it; once its agent has the passphrase, all can read it",
    MACOS: "on disk it is encrypted with the login password; it asks before another program reads it",
    WINDOWS: "on disk it is encrypted with your Windows login; every program of yours can read it",
}
"""What each back end protects."""

_UNKNOWN = "its own documentation says what it protects"


def check_keyring(app: App) -> Iterator[DoctorFinding]:
    """Yield what is to be said of the keyring, after one item was written, read and deleted."""
    from rolehop.vault.backend_selection import choose_backend, import_ahead

    try:
        named = app.config.vault_backend
    except RolehopError:  # the config's own check says it
        named = None
    try:
        found = _try_keyring(
            lambda: choose_backend(named, app.environ, sys.platform),
            lambda: import_ahead(named, app.environ, sys.platform),
        )
    except RolehopError as error:
        yield from_error(TOPIC, error, "rolehop cannot store sessions, nor use stored keys")
        return
    what = f"{backend_label(found.backend)}, {found.seconds * 1000:.0f} ms"
    protects = PROTECTION.get(found.backend, _UNKNOWN)
    used = _used(found.backend)
    what = what if used is None else f"{what} · {used} % full"
    what = what if found.lasting else f"{what} · a reboot empties it"
    if found.warning is not None:
        yield look(
            TOPIC, what, found.warning, f'name another: [vault] backend = "{_own_keyring()}"'
        )
    elif used is not None and used >= _NEARLY_FULL:
        why = "a full keyring takes no session, so every command asks AWS again"
        yield look(TOPIC, what, why, Advice(ShellCommand(_MORE_KEYS)))
    elif found.seconds > _SLOW:
        yield look(TOPIC, what, f"it is slow; {protects}", "see what else uses the keyring")
    else:
        yield fine(TOPIC, what, protects)


_NEARLY_FULL = 80  # percent

_MORE_KEYS = "sudo sysctl kernel.keys.maxbytes=200000 kernel.keys.maxkeys=2000"
"""Ten times of what an ordinary user has; root has more from the start."""


def _used(backend: str) -> int | None:
    """Return how full a back end is in percent; ``None``: only the kernel says how much it takes."""
    if backend != KERNEL:
        return None
    from rolehop.vault.kernel import quota

    found = quota()
    return None if found is None else found.percent


def _own_keyring() -> str:
    """Return what the system's own keyring is called in the config."""
    return {"darwin": "keychain", "win32": "wincred"}.get(sys.platform, "secret-service")


@dataclass(frozen=True, slots=True)
class _RoundTrip:
    """How the keyring did."""

    backend: str
    """``module.Class``."""

    seconds: float
    """For writing, reading and deleting one item."""

    lasting: bool
    """Its items survive a reboot."""

    warning: str | None
    """One line for the user, e.g. that it may keep plain text."""


def _try_keyring(choose: Callable[[], Chosen], prepare: Callable[[], None]) -> _RoundTrip:
    """Choose the back end as `KeyringVault` does, and use it once.

    Raises:
        VaultError: there is none, it is locked, it fails, or gives back something else.
    """
    storage = BackendHandle(choose, lambda line: None, prepare=prepare).open()
    for _ in range(_TRIALS):
        begun = time.monotonic()
        works = _gives_back(storage, secrets.token_hex(32))
        seconds = time.monotonic() - begun
        if works:
            break
    else:
        raise VaultBroken(
            "the keyring does not give back what it was given",
            cause=f"{backend_label(storage.chosen.name)} stored an item and then had another, or none",
            fix=f'name another: [vault] backend = "{_own_keyring()}"',
        )
    return _RoundTrip(storage.chosen.name, seconds, storage.chosen.lasting, storage.chosen.warning)


def _gives_back(storage: Storage, text: str) -> bool:
    storage.put(TRIAL, text, 60)
    try:
        return storage.get(TRIAL) == text
    except IncompleteItem:
        return False
    finally:
        storage.delete(TRIAL)


NETWORK = "network"

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
    from rolehop.base.threads import parallel_map, result_of

    if not _can_be_read(lambda: app.aws_config):
        yield _not_examined(
            "doctor did not examine it", "an AWS file, which may say how it is reached,"
        )
        return
    has_config = _can_be_read(lambda: app.config)
    if not has_config:
        yield _not_examined(
            "doctor examined STS alone", "the config, which names Identity Centers,"
        )
    try:
        places = [_sts(app), *(_identity_centers(app) if has_config else ())]
    except RolehopError as error:
        yield from_error(NETWORK, error)
        return
    answers = parallel_map(places, lambda place: _ask(app, place), len(places))
    good, rest = list[_Place](), list[DoctorFinding]()
    where = list[str]()
    for place, answer in zip(places, answers, strict=True):
        if isinstance(answer, RolehopError):
            rest.append(from_error(NETWORK, answer))
            continue
        found = result_of(answer)
        if found[0].wants_network_sign_in:
            rest.append(_network_sign_in(place))
            continue
        good.append(place)
        where.append(_where(place, found[1]))
        rest += _clock(found[0].clock_offset)
    if good:
        yield fine(NETWORK, " · ".join(each.name for each in good), "; ".join(where))
    yield from dict.fromkeys(rest)  # two places at one address fail alike


def _can_be_read(read: Callable[[], object]) -> bool:
    """True if nothing is wrong with a file; else its own check says what."""
    try:
        read()
    except RolehopError:
        return False
    return True


def _not_examined(what: str, broken_part: str) -> DoctorFinding:
    return look(
        NETWORK, what, f"{broken_part} cannot be read", "correct that file, and run it again"
    )


def _sts(app: App) -> _Place:
    from rolehop.app.planning import sts_of_shell
    from rolehop.aws.endpoint import find_endpoint

    settings = sts_of_shell(app).settings
    overridden = settings.override("sts") is not None
    return _Place("STS", find_endpoint("sts", settings).url, settings, overridden)


def _identity_centers(app: App) -> Iterator[_Place]:
    """Yield the sign-in service of each Identity Center that a source uses, once."""
    from rolehop.aws.endpoint import public_url
    from rolehop.sources import base_of, names_permission_set
    from rolehop.sources.aws_clients import settings_for
    from rolehop.sources.center_client import center_of

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
    from rolehop.aws.net.http import HttpClient, HttpRequest

    with HttpClient(place.settings, overridden=place.overridden) as client:
        answer = client.send(HttpRequest("GET", place.url), attempts=_ATTEMPTS)
        return answer, client.proxy_of(place.url)


def _network_sign_in(place: _Place) -> DoctorFinding:
    from rolehop.aws.net.addresses import host_of

    return broken(
        NETWORK,
        f"{host_of(place.url)} did not answer: the network wants you to sign in to it (HTTP 511)",
        "a page of the network stands between",
        "open any web page, sign in there, then run it again",
    )


def _where(place: _Place, proxy: str | None) -> str:
    """Return where a place answered, and how it was reached."""
    from rolehop.aws.net.addresses import host_of

    through = f", through the proxy {proxy}" if proxy else ""
    trusts = f", trusting {place.settings.ca_bundle}" if place.settings.ca_bundle else ""
    return f"{place.name} answers at {host_of(place.url)}{through}{trusts}"


def _clock(offset: timedelta) -> Iterator[DoctorFinding]:
    """Yield what is to be said of this machine's clock, if anything."""
    if abs(offset) < _WORTH_A_LOOK:
        return
    minutes = round(abs(offset).total_seconds() / 60)
    way = "slow" if offset > timedelta() else "fast"
    what = f"this machine's clock is {minutes} min {way}"
    command = _SET_CLOCK.get(sys.platform)
    fix = "set the clock" if command is None else Advice(ShellCommand(command))
    if abs(offset) >= _MOST_OFFSET:
        yield broken(NETWORK, what, "AWS refuses requests that are signed 5 min off", fix)
    else:
        yield look(NETWORK, what, "from 5 min on AWS refuses what it signs", fix)
